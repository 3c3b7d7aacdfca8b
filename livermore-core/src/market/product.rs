use serde::{Deserialize, Serialize};

use crate::ids::Symbol;

/// A product an exchange lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// The exchange's name of the product.
    pub symbol: Symbol,
    /// What is traded, for example `BTC`.
    pub base: String,
    /// What it is priced in, for example `USD`.
    pub quote: String,
    /// Whether it can be watched.
    pub status: ProductStatus,
    /// Last price in quote currency; `None` where nothing was traded yet.
    pub price: Option<f64>,
    /// Volume of the last 24 hours in quote currency: the measure by which products are ranked.
    pub quote_volume_24h: f64,
    /// Smallest price step, in quote currency.
    pub price_increment: f64,
}

/// Whether a product can be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ProductStatus {
    /// Trading.
    Online,
    /// Listed, but not trading now.
    Halted,
    /// No longer listed.
    Delisted,
}
