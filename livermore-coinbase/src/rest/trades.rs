use std::collections::BTreeMap;

use livermore_core::ids::{Symbol, Timestamp};

use super::{RestClient, call::Call};
use crate::{
    CoinbaseError,
    wire::{MarketTrade, rest},
};

/// Trades of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct TradeHistory {
    /// The trades, ascending by their number, each once.
    pub trades: Vec<MarketTrade>,
    /// How many between the first and the last are missing: a product's trades are numbered without holes. The exchange
    /// tells at most 100 trades of one second.
    pub missing: u64,
}

/// Trades the exchange tells at once.
const PAGE: usize = 100;

impl RestClient {
    /// The trades of `[from, to)`. The exchange tells the newest 100 of a range and has no pages, so the range is made
    /// shorter from its end until all of it was told.
    pub async fn trades(&self, symbol: &Symbol, from: Timestamp, to: Timestamp) -> Result<TradeHistory, CoinbaseError> {
        let step = format!("reading trades of {symbol}");
        if from > to {
            let reason = format!("the range ends ({to}) before it begins ({from})");
            return Err(CoinbaseError::InvalidRequest { step, reason });
        }
        let mut trades = BTreeMap::new();
        let start = from.as_secs();
        // Whether the end of a range is included is not documented: a second more is asked for than needed.
        let mut end = to.as_secs() + 1;
        while end > start {
            let call = Call::get(step.clone(), ["market", "products", symbol.as_str(), "ticker"])
                .with("limit", PAGE)
                .with("start", start)
                .with("end", end);
            let page = self.link.ask(self.priority, &call, rest::market_trades).await?;
            let told = page.trades.len() + page.problems.len();
            let oldest = page.trades.iter().map(|listed| listed.value.trade.time).min();
            trades.extend(page.trades.into_iter().map(|listed| (listed.value.number, listed.value)));
            match oldest {
                // When one second has more trades than are told at once, the rest of it cannot be had.
                Some(oldest) if told >= PAGE => end = (oldest.as_secs() + 1).min(end - 1),
                _ => break,
            }
        }
        trades.retain(|_, trade| (from..to).contains(&trade.trade.time));
        let trades: Vec<_> = trades.into_values().collect();
        let span = trades.first().zip(trades.last()).map_or(0, |(first, last)| last.number - first.number + 1);
        let missing = span.saturating_sub(u64::try_from(trades.len()).unwrap_or(u64::MAX));
        Ok(TradeHistory { trades, missing })
    }
}
