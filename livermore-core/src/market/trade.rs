use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;

/// One trade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trade {
    /// The exchange's own id of the trade.
    pub id: String,
    /// Exchange time.
    pub time: Timestamp,
    /// Price in quote currency.
    pub price: f64,
    /// Size in base currency.
    pub size: f64,
    /// Which side took liquidity, where the exchange says.
    pub taker: Option<Side>,
}

/// A side of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Side {
    Buy,
    Sell,
}
