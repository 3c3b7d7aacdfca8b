use serde_json::{Map, Value};

use super::v1::{Members, V1};
use crate::settings::Problem;

/// Version 2: version 1 and a mode. Never changed.
pub(super) struct V2 {
    pub(super) v1: V1,
    pub(super) runtime_mode: Option<Value>,
}

impl V2 {
    pub(super) fn read(map: Map<String, Value>) -> Result<Self, Problem> {
        let mut members = Members::of_document(map);
        let runtime_mode = members.text("runtimeMode")?;
        Ok(Self { v1: V1::read(members)?, runtime_mode })
    }
}
