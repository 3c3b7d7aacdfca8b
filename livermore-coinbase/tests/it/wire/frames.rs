//! Every channel, as documented.

use livermore_coinbase::wire::{Aliases, Body, BookSide, Channel, Decoder, Frame, Kind};
use livermore_core::{
    ids::{Symbol, Timeframe, Timestamp},
    market::{CandleSource, Finality, Side},
};

use super::samples;

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

fn head(frame: &Frame<'_>) -> (Option<Channel>, Option<String>, Option<u64>) {
    assert_eq!((frame.problems, frame.flaws), (&[][..], 0));
    (frame.channel, frame.time.map(|time| time.to_string()), frame.seq)
}

#[test]
fn heartbeats_count_whether_as_a_number_or_as_a_text() {
    for text in [samples::HEARTBEAT.to_owned(), samples::HEARTBEAT.replace("4711}", "\"4711\"}")] {
        let mut decoder = Decoder::new();
        let frame = decoder.decode(&text).unwrap();
        assert_eq!(head(&frame), (Some(Channel::Heartbeats), Some("2026-05-04T03:02:01.123Z".into()), Some(7)));
        let Body::Heartbeat(beat) = frame.body else { panic!("{frame:?}") };
        assert_eq!((beat.counter, beat.time.unwrap().as_millis()), (Some(4711), 1_777_863_721_100));
    }
    let mut decoder = Decoder::new();
    let odd = samples::HEARTBEAT.replace("2026-05-04 03:02:01.1 +0000 UTC m=+4711.08", "yesterday");
    let frame = decoder.decode(&odd).unwrap();
    assert!(matches!(frame.body, Body::Heartbeat(beat) if beat.counter == Some(4711) && beat.time.is_none()));
}

#[test]
fn candles_come_forming_and_ascending() {
    let mut decoder = Decoder::new();
    let frame = decoder.decode(samples::SNAPSHOT).unwrap();
    assert_eq!(head(&frame), (Some(Channel::Candles), Some("2026-05-04T03:02:01Z".into()), Some(3)));
    let Body::Candles([older, newer]) = frame.body else { panic!("{frame:?}") };
    assert_eq!((older.kind, &older.symbol), (Kind::Snapshot, &symbol("ETH-USD")));
    assert!(older.value.open_time() < newer.value.open_time());
    let candle = newer.value;
    assert_eq!(
        (candle.open(), candle.high(), candle.low(), candle.close(), candle.volume()),
        (2.0, 3.0, 1.0, 2.5, 7.0)
    );
    assert_eq!(
        (candle.timeframe(), candle.finality(), candle.source()),
        (Timeframe::M5, Finality::Forming, CandleSource::Ws)
    );
    let frame = decoder.decode(samples::CANDLE).unwrap();
    assert!(matches!(frame.body, Body::Candles([only]) if only.kind == Kind::Update));
}

#[test]
fn tickers_have_the_frames_time() {
    let mut decoder = Decoder::new();
    let frame = decoder.decode(samples::TICKER).unwrap();
    let Body::Tickers([ticker]) = frame.body else { panic!("{frame:?}") };
    assert_eq!(Some(ticker.value.time), frame.time);
    let value = ticker.value;
    assert_eq!((value.price, value.bid, value.ask), (101.0, Some(100.99), Some(101.01)));
    assert_eq!((value.volume_24h, value.change_24h_percent), (Some(4000.5), Some(-1.25)));
    let frame = decoder.decode(samples::TICKER_BATCH).unwrap();
    assert_eq!(frame.channel, Some(Channel::TickerBatch));
    let Body::Tickers([ticker]) = frame.body else { panic!("{frame:?}") };
    assert_eq!((ticker.kind, ticker.value.bid, ticker.value.ask), (Kind::Snapshot, None, None));
}

#[test]
fn trades_come_ascending_with_the_takers_side() {
    let mut decoder = Decoder::new();
    let frame = decoder.decode(samples::TRADES).unwrap();
    let Body::Trades([first, second]) = frame.body else { panic!("{frame:?}") };
    assert_eq!((first.value.number, second.value.number), (501, 502));
    let trade = &second.value.trade;
    assert_eq!((trade.id.to_string(), trade.price, trade.size), ("502".to_owned(), 101.0, 0.5));
    assert_eq!(trade.taker, Some(Side::Sell), "the maker bought");
    assert_eq!(trade.time, Timestamp::from_millis(1_777_863_721_700).unwrap());
}

#[test]
fn books_status_orders_and_balances() {
    let mut decoder = Decoder::new();
    let Body::Book([bid, ask]) = decoder.decode(samples::BOOK).unwrap().body else { panic!() };
    assert_eq!((bid.value.side, bid.value.price, bid.value.time), (BookSide::Bid, 100.99, None));
    assert_eq!((ask.value.side, ask.value.size, ask.value.time.is_some()), (BookSide::Ask, 0.0, true));

    let Body::Status([status]) = decoder.decode(samples::STATUS).unwrap().body else { panic!() };
    assert_eq!((&*status.value.status, status.value.quote_increment), ("online", Some(0.01)));

    let frame = decoder.decode(samples::USER).unwrap();
    assert_eq!(frame.problems, []);
    let Body::User { kind: Kind::Snapshot, orders: [order], positions: [perpetual, dated] } = frame.body else {
        panic!("{frame:?}")
    };
    assert_eq!((&order.symbol, order.side, &*order.status), (&symbol("BTC-USDC"), Some(Side::Sell), "OPEN"));
    assert_eq!((order.limit_price, order.avg_price, order.fees), (Some(120.0), None, Some(-0.01)));
    assert_eq!((perpetual.contracts, perpetual.entry_price), (Some(-2.0), Some(99.0)));
    assert_eq!((dated.contracts, dated.unrealized_pnl), (Some(1.0), Some(4.0)));

    let frame = decoder.decode(samples::BALANCE).unwrap();
    let Body::Balance([balance]) = frame.body else { panic!("{frame:?}") };
    assert_eq!((balance.futures_buying_power, balance.unrealized_pnl), (Some(10.5), Some(-6.0)));
}

#[test]
fn acknowledgements_and_errors() {
    let mut decoder = Decoder::new();
    let Body::Subscriptions(confirmed) = decoder.decode(samples::SUBSCRIPTIONS).unwrap().body else { panic!() };
    let said: Vec<_> = confirmed.iter().map(|confirmed| (confirmed.channel, confirmed.symbols.len())).collect();
    let expected = [(None, 0), (Some(Channel::Heartbeats), 0), (Some(Channel::Level2), 2), (Some(Channel::User), 0)];
    assert_eq!(said, expected);

    let frame = decoder.decode(samples::ERROR).unwrap();
    assert_eq!(head(&frame), (None, None, None));
    assert_eq!(frame.body, Body::Error { message: "authentication failure" });
    let long = samples::ERROR.replace("failure", &"é\\n".repeat(4_000));
    let Body::Error { message } = decoder.decode(&long).unwrap().body else { panic!() };
    assert!(message.chars().count() <= 200 && !message.contains('\n'), "{message}");
}

#[test]
fn case_91_data_arrives_under_the_name_that_was_subscribed() {
    let (usd, usdc) = (symbol("BTC-USD"), symbol("BTC-USDC"));
    let own = [("USDT-USDC", "USDT-USD"), ("EURC-USDC", "EURC-USD")].map(|(a, b)| (symbol(a), symbol(b)));
    let aliases = Aliases::new([(usdc.clone(), usd.clone())].into_iter().chain(own));
    for own in ["USDT-USDC", "EURC-USDC", "ETH-USD"].map(symbol) {
        assert_eq!(aliases.book(&own), &own);
    }
    for subscribed in [vec![&usdc], vec![&usd], vec![&usd, &usdc], vec![]] {
        let expected = if subscribed.is_empty() { vec![&usd] } else { subscribed.clone() };
        let mut decoder = Decoder::new();
        decoder.deliver(&aliases, subscribed);
        let Body::Candles(candles) = decoder.decode(samples::CANDLE).unwrap().body else { panic!() };
        assert_eq!(candles.iter().map(|candle| &candle.symbol).collect::<Vec<_>>(), expected);
        let Body::Book(changes) = decoder.decode(samples::BOOK).unwrap().body else { panic!() };
        assert_eq!(changes.len(), 2 * expected.len());
        let Body::Subscriptions(confirmed) = decoder.decode(samples::SUBSCRIPTIONS).unwrap().body else { panic!() };
        let level2 = confirmed.iter().find(|confirmed| confirmed.channel == Some(Channel::Level2)).unwrap();
        assert!(expected.iter().all(|symbol| level2.symbols.contains(symbol)), "{confirmed:?}");
    }
    // Orders keep their own name, and so does a server that answers by the subscribed one.
    let mut decoder = Decoder::new();
    decoder.deliver(&aliases, [&usdc]);
    let Body::User { orders: [order], .. } = decoder.decode(samples::USER).unwrap().body else { panic!() };
    assert_eq!(order.symbol, usdc);
    let usdc_candle = samples::CANDLE.replace("BTC-USD", "BTC-USDC");
    let Body::Candles([candle]) = decoder.decode(&usdc_candle).unwrap().body else { panic!() };
    assert_eq!(candle.symbol, usdc);
}
