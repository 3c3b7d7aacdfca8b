use std::collections::{BTreeMap, BTreeSet};

use livermore_core::ids::Symbol;

/// Which products are silent, over all channels: a consumer hears of a product once, not once per channel.
#[derive(Debug, Default)]
pub(super) struct Staleness(BTreeMap<Symbol, BTreeSet<&'static str>>);

impl Staleness {
    /// A product is silent on a channel; whether it was on none before.
    pub(super) fn stale(&mut self, channel: &'static str, symbol: &Symbol) -> bool {
        let channels = self.0.entry(symbol.clone()).or_default();
        channels.insert(channel) && channels.len() == 1
    }

    /// It speaks again on a channel; whether it is silent on none now.
    pub(super) fn recovered(&mut self, channel: &str, symbol: &Symbol) -> bool {
        let Some(channels) = self.0.get_mut(symbol) else { return false };
        channels.remove(channel);
        let last = channels.is_empty();
        if last {
            self.0.remove(symbol);
        }
        last
    }

    /// A connection that is gone ends every silence.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_silent_until_its_last_channel_speaks() {
        let (mut staleness, symbol) = (Staleness::default(), Symbol::new("BTC-USD").unwrap());
        assert!(staleness.stale("candles", &symbol));
        assert!(!staleness.stale("ticker", &symbol));
        assert!(!staleness.stale("ticker", &symbol));
        assert!(!staleness.recovered("candles", &symbol));
        assert!(staleness.recovered("ticker", &symbol));
        assert!(!staleness.recovered("ticker", &symbol));
        assert!(staleness.stale("candles", &symbol));
        staleness.forget();
        assert!(staleness.stale("ticker", &symbol));
    }
}
