//! How the items and events of each channel are kept by the decoder.

use livermore_core::{
    ids::{Timeframe, Timestamp},
    market::{CandleSource, Finality},
};

use super::{
    Channel, Confirmed, Decoder, Flaw, Kind, Listed,
    account::{BalanceEvent, HeartbeatEvent, StatusRow, SubscriptionsEvent, UserEvent},
    events::{Event, Items, kind_of},
    names::Names,
    rows::{BookRow, CandleRow, TickerRow, TradeRow},
    value::Text,
};

/// Puts a value into a list once for each name of its product.
#[inline]
fn keep<T: Clone>(names: &Names, list: &mut Vec<Listed<T>>, entry: usize, value: T) {
    if let [symbol] = names.symbols(entry) {
        list.push(Listed { kind: Kind::Update, symbol: symbol.clone(), value });
        return;
    }
    for symbol in names.symbols(entry) {
        list.push(Listed { kind: Kind::Update, symbol: symbol.clone(), value: value.clone() });
    }
}

fn set_kind<T>(items: &mut [Listed<T>], kind: Kind) {
    items.iter_mut().for_each(|item| item.kind = kind);
}

/// The item was no object; everything else about it is absent, too.
const NO_OBJECT: (&str, Flaw) = ("item", Flaw::WrongType);

/// The channel `candles`.
pub(super) struct Candles;

impl Items for Candles {
    const LIST: &'static str = "candles";
    type Row<'de> = CandleRow<'de>;

    #[inline]
    fn take(decoder: &mut Decoder, row: CandleRow<'_>) {
        let index = decoder.next_index();
        let mut read = || {
            if row.wrong {
                return Err(NO_OBJECT);
            }
            let candle = row.candle(Timeframe::M5, Finality::Forming, CandleSource::Ws)?;
            let product = row.product.required().map_err(|flaw| ("product_id", flaw))?;
            Ok((candle, decoder.names.find(product).map_err(|flaw| ("product_id", flaw))?))
        };
        match read() {
            Ok((candle, entry)) => keep(&decoder.names, &mut decoder.candles, entry, candle),
            Err(bad) => decoder.bad(Self::LIST, index, &row.product, bad),
        }
    }

    fn finish(decoder: &mut Decoder, start: usize, kind: Kind, _: &Text<'_>) {
        set_kind(&mut decoder.candles[start..], kind);
    }

    fn kept(decoder: &Decoder) -> usize {
        decoder.candles.len()
    }
}

/// The channels `ticker` and `ticker_batch`.
pub(super) struct Tickers;

impl Items for Tickers {
    const LIST: &'static str = "tickers";
    type Row<'de> = TickerRow<'de>;

    fn take(decoder: &mut Decoder, row: TickerRow<'_>) {
        let index = decoder.next_index();
        let mut read = || {
            if row.wrong {
                return Err(NO_OBJECT);
            }
            let ticker = row.ticker(Timestamp::EPOCH)?; // the frame's time is set at its end
            let product = row.product.required().map_err(|flaw| ("product_id", flaw))?;
            Ok((ticker, decoder.names.find(product).map_err(|flaw| ("product_id", flaw))?))
        };
        match read() {
            Ok(((ticker, flaws), entry)) => {
                keep(&decoder.names, &mut decoder.tickers, entry, ticker);
                flaws.into_iter().flatten().for_each(|bad| decoder.bad(Self::LIST, index, &row.product, bad));
            }
            Err(bad) => decoder.bad(Self::LIST, index, &row.product, bad),
        }
    }

    fn finish(decoder: &mut Decoder, start: usize, kind: Kind, _: &Text<'_>) {
        set_kind(&mut decoder.tickers[start..], kind);
    }

    fn kept(decoder: &Decoder) -> usize {
        decoder.tickers.len()
    }
}

/// The channel `market_trades`.
pub(super) struct Trades;

impl Items for Trades {
    const LIST: &'static str = "trades";
    type Row<'de> = TradeRow<'de>;

    fn take(decoder: &mut Decoder, row: TradeRow<'_>) {
        let index = decoder.next_index();
        let mut read = || {
            if row.wrong {
                return Err(NO_OBJECT);
            }
            let trade = row.trade()?;
            let product = row.product.required().map_err(|flaw| ("product_id", flaw))?;
            Ok((trade, decoder.names.find(product).map_err(|flaw| ("product_id", flaw))?))
        };
        match read() {
            Ok(((trade, flaw), entry)) => {
                keep(&decoder.names, &mut decoder.trades, entry, trade);
                flaw.into_iter().for_each(|bad| decoder.bad(Self::LIST, index, &row.product, bad));
            }
            Err(bad) => decoder.bad(Self::LIST, index, &row.product, bad),
        }
    }

    fn finish(decoder: &mut Decoder, start: usize, kind: Kind, _: &Text<'_>) {
        set_kind(&mut decoder.trades[start..], kind);
    }

    fn kept(decoder: &Decoder) -> usize {
        decoder.trades.len()
    }
}

/// The channel `l2_data`.
pub(super) struct BookChanges;

impl Items for BookChanges {
    const LIST: &'static str = "updates";
    type Row<'de> = BookRow<'de>;

    fn take(decoder: &mut Decoder, row: BookRow<'_>) {
        let index = decoder.next_index();
        match if row.wrong { Err(NO_OBJECT) } else { row.change() } {
            Ok(change) => decoder.changes.push(change),
            Err(bad) => decoder.bad(Self::LIST, index, &Text::Absent, bad),
        }
    }

    fn finish(decoder: &mut Decoder, _: usize, kind: Kind, product: &Text<'_>) {
        match product.required().and_then(|product| decoder.names.find(product)) {
            Ok(entry) => {
                for symbol in decoder.names.symbols(entry) {
                    let listed = |value: &_| Listed { kind, symbol: symbol.clone(), value: *value };
                    decoder.book.extend(decoder.changes.iter().map(listed));
                }
            }
            Err(flaw) => decoder.flaw("events[].product_id", flaw),
        }
        decoder.changes.clear();
    }

    fn kept(_: &Decoder) -> usize {
        0
    }
}

/// The channel `status`.
pub(super) struct States;

impl Items for States {
    const LIST: &'static str = "products";
    type Row<'de> = StatusRow<'de>;

    fn take(decoder: &mut Decoder, row: StatusRow<'_>) {
        let index = decoder.next_index();
        let entry = if row.wrong {
            Err(NO_OBJECT)
        } else {
            row.product.required().and_then(|product| decoder.names.find(product)).map_err(|flaw| ("id", flaw))
        };
        match entry {
            Ok(entry) => {
                let (product, flaws) = row.product();
                keep(&decoder.names, &mut decoder.states, entry, product);
                flaws.into_iter().flatten().for_each(|bad| decoder.bad(Self::LIST, index, &row.product, bad));
            }
            Err(bad) => decoder.bad(Self::LIST, index, &row.product, bad),
        }
    }

    fn finish(decoder: &mut Decoder, start: usize, kind: Kind, _: &Text<'_>) {
        set_kind(&mut decoder.states[start..], kind);
    }

    fn kept(decoder: &Decoder) -> usize {
        decoder.states.len()
    }
}

/// The channel `heartbeats`.
pub(super) struct Beats;

impl Event for Beats {
    type Row<'de> = HeartbeatEvent<'de>;

    fn take(decoder: &mut Decoder, event: HeartbeatEvent<'_>) {
        decoder.heartbeat = Some(event.heartbeat());
    }
}

/// The channel `user`.
pub(super) struct Users;

impl Event for Users {
    type Row<'de> = UserEvent<'de>;

    fn take(decoder: &mut Decoder, event: UserEvent<'_>) {
        decoder.user = kind_of(&event.kind);
        let UserEvent { orders, positions, .. } = &event;
        for (wrong, place) in [
            (orders.wrong, "orders"),
            (positions.wrong, "positions"),
            (positions.perpetual.wrong, "perpetual_futures_positions"),
            (positions.expiring.wrong, "expiring_futures_positions"),
        ] {
            if wrong {
                decoder.flaw(place, Flaw::WrongType);
            }
        }
        for (index, row) in orders.items.iter().enumerate() {
            match if row.wrong { Err(NO_OBJECT) } else { row.order() } {
                Ok((order, flaws)) => {
                    decoder.orders.push(order);
                    flaws.into_iter().flatten().for_each(|bad| decoder.bad("orders", index, &row.product, bad));
                }
                Err(bad) => decoder.bad("orders", index, &row.product, bad),
            }
        }
        let perpetual = positions.perpetual.items.iter().map(|row| (row.wrong, row.position(), &row.product));
        let expiring = positions.expiring.items.iter().map(|row| (row.wrong, row.position(), &row.product));
        for (index, (wrong, position, product)) in perpetual.chain(expiring).enumerate() {
            match if wrong { Err(NO_OBJECT) } else { position } {
                Ok((position, flaws)) => {
                    decoder.positions.push(position);
                    flaws.into_iter().flatten().for_each(|bad| decoder.bad("positions", index, product, bad));
                }
                Err(bad) => decoder.bad("positions", index, product, bad),
            }
        }
    }
}

/// The channel `futures_balance_summary`.
pub(super) struct Balances;

impl Event for Balances {
    type Row<'de> = BalanceEvent<'de>;

    fn take(decoder: &mut Decoder, event: BalanceEvent<'_>) {
        if event.summary.wrong {
            return decoder.flaw("fcm_balance_summary", Flaw::WrongType);
        }
        let (summary, flaws) = event.summary.summary();
        decoder.balances.push(summary);
        flaws.into_iter().for_each(|bad| decoder.bad("fcm_balance_summary", 0, &Text::Absent, bad));
    }
}

/// The channel `subscriptions`.
pub(super) struct Subscribed;

impl Event for Subscribed {
    type Row<'de> = SubscriptionsEvent<'de>;

    fn take(decoder: &mut Decoder, event: SubscriptionsEvent<'_>) {
        for (name, products) in &event.channels.0 {
            let channel = Channel::from_subscribe_name(name.as_str());
            let mut symbols = Vec::new();
            // Channels without products list themselves, and `user` the user's id.
            let products = if channel.is_some_and(Channel::has_products) { &*products.items } else { &[] };
            for product in products {
                if channel == Some(Channel::User) {
                    symbols.extend(product.symbol());
                } else if let Ok(entry) = decoder.names.find(product.as_str()) {
                    symbols.extend_from_slice(decoder.names.symbols(entry));
                }
            }
            symbols.sort();
            symbols.dedup();
            decoder.confirmed.push(Confirmed { channel, symbols });
        }
    }
}
