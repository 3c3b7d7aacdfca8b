use std::hint::black_box;

use nautilus_coinbase::{
    http::parse::parse_rfc3339_timestamp,
    websocket::{
        messages::CoinbaseWsMessage,
        parse::{parse_ws_candle, parse_ws_ticker, parse_ws_trade},
    },
};
use nautilus_core::UnixNanos;
use nautilus_model::{
    data::{BarType, bar::BarSpecification},
    enums::{AggregationSource, BarAggregation, PriceType},
    identifiers::{InstrumentId, Symbol, Venue},
    instruments::{CurrencyPair, Instrument, InstrumentAny},
    types::{Currency, Price, Quantity},
};

/// What nautilus-coinbase does with a message: its text to a message, that to the trading engine's types.
pub(crate) struct Nautilus {
    instrument: InstrumentAny,
    bar_type: BarType,
}

impl Nautilus {
    pub(crate) fn new() -> Self {
        let symbol = Symbol::new("BTC-USD");
        let instrument = InstrumentAny::CurrencyPair(CurrencyPair::new(
            InstrumentId::new(symbol, Venue::new("COINBASE")),
            symbol,
            Currency::get_or_create_crypto("BTC"),
            Currency::get_or_create_crypto("USD"),
            2,
            8,
            Price::from("0.01"),
            Quantity::from("0.00000001"),
            None,
            None,
            None,
            Some(Quantity::from("0.00000001")),
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            UnixNanos::default(),
            UnixNanos::default(),
        ));
        let specification = BarSpecification::new(5, BarAggregation::Minute, PriceType::Last);
        let bar_type = BarType::new(instrument.id(), specification, AggregationSource::External);
        Self { instrument, bar_type }
    }

    pub(crate) fn read(&self, text: &str) {
        let now = UnixNanos::default();
        match serde_json::from_str(text).expect("a good message") {
            CoinbaseWsMessage::Candles { events, .. } => {
                for candle in events.iter().flat_map(|event| &event.candles) {
                    black_box(parse_ws_candle(candle, self.bar_type, &self.instrument, now).expect("a good candle"));
                }
            }
            CoinbaseWsMessage::Ticker { timestamp, events, .. } => {
                let time = parse_rfc3339_timestamp(&timestamp).expect("a good time");
                for ticker in events.iter().flat_map(|event| &event.tickers) {
                    black_box(parse_ws_ticker(ticker, &self.instrument, time, now).expect("a good ticker"));
                }
            }
            CoinbaseWsMessage::MarketTrades { events, .. } => {
                for trade in events.iter().flat_map(|event| &event.trades) {
                    black_box(parse_ws_trade(trade, &self.instrument, now).expect("a good trade"));
                }
            }
            message => drop(black_box(message)),
        }
    }
}
