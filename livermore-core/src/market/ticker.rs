use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;

/// The state of a product at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticker {
    /// Exchange time.
    pub time: Timestamp,
    /// Last traded price, in quote currency.
    pub price: f64,
    /// Best bid, in quote currency.
    pub bid: Option<f64>,
    /// Best ask, in quote currency.
    pub ask: Option<f64>,
    /// Volume of the last 24 hours, in base currency.
    pub volume_24h: Option<f64>,
    /// Price change of the last 24 hours, in percent.
    pub change_24h_percent: Option<f64>,
}
