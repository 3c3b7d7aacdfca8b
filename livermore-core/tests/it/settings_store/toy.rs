//! A small type of settings, with a history of its own.

use std::sync::LazyLock;

use livermore_core::{
    ids::{Timestamp, UserId},
    settings::{Actor, Attribution, Document, Migrations, Problem, ProblemCode, Settings},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Toy {
    pub(super) color: String,
    pub(super) count: u64,
}

static MIGRATIONS: LazyLock<Migrations> = LazyLock::new(|| {
    let step = Migrations::builder().step(1, "colour becomes color", |document| {
        if let Some(color) = document.remove("colour") {
            document.insert("color".to_owned(), color);
        }
        Ok(())
    });
    step.build(2).unwrap()
});

impl Settings for Toy {
    fn migrations() -> &'static Migrations {
        &MIGRATIONS
    }

    fn validate(&self) -> Vec<Problem> {
        let refuse = |_: &u64| Problem::new("/count", ProblemCode::Range, "is more than 1000");
        Some(self.count).filter(|count| *count > 1_000).as_ref().map(refuse).into_iter().collect()
    }
}

pub(super) fn doc(value: Value) -> Document {
    Document::new(value).unwrap()
}

/// A document with one more `count`, everything else as it is.
pub(super) fn counted(document: &Document) -> Document {
    let mut value = document.to_value();
    value["count"] = json!(value["count"].as_u64().unwrap_or(0) + 1);
    doc(value)
}

pub(super) fn by() -> Attribution {
    Attribution::new(Actor::new("test").unwrap(), Timestamp::EPOCH)
}

pub(super) fn user() -> UserId {
    UserId::new(1).unwrap()
}
