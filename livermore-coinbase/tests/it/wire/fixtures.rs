//! Recorded and documented messages kept outside this repository, where they are present: beside it, or in the folder
//! that `LIVERMORE_COINBASE_FIXTURES` names.

use std::{collections::BTreeSet, path::PathBuf};

use livermore_coinbase::wire::{Aliases, Body, Decoder, rest};
use livermore_core::{
    ids::{Timeframe, Timestamp},
    market::Side,
};
use serde_json::Value;

fn folder() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/coinbase-fixtures");
    let folder = PathBuf::from(std::env::var("LIVERMORE_COINBASE_FIXTURES").unwrap_or_else(|_| beside.to_owned()));
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: {} is absent", folder.display());
    None
}

/// What the frames of a file are, in order: channel, items, and the first product or word.
fn frames(text: &str) -> Vec<String> {
    let mut decoder = Decoder::new();
    let frame = |line: &str| {
        let frame = decoder.decode(line).unwrap();
        assert_eq!(frame.problems, [], "{line}");
        if let Body::Error { message } = frame.body {
            return format!("error {message}");
        }
        let (seq, time) = (frame.seq.unwrap(), frame.time.unwrap());
        assert!(time > Timestamp::EPOCH);
        let first = |symbol: Option<&livermore_core::ids::Symbol>| symbol.map_or("-".to_owned(), ToString::to_string);
        match frame.body {
            Body::Heartbeat(beat) => format!("{seq} beat {} {}", beat.counter.unwrap(), beat.time.unwrap().as_secs()),
            Body::Candles(items) => {
                format!("{seq} candles {} {}", items.len(), first(items.first().map(|item| &item.symbol)))
            }
            Body::Tickers(items) => format!("{seq} tickers {} {}", items.len(), items[0].value.price),
            Body::Trades(items) => {
                format!(
                    "{seq} trades {} {} {:?}",
                    items.len(),
                    items[0].value.number,
                    items[0].value.trade.taker.unwrap()
                )
            }
            Body::Book(items) => {
                format!("{seq} book {} {}", items.len(), first(items.first().map(|item| &item.symbol)))
            }
            Body::Status(items) => format!("{seq} status {}", items[0].value.status),
            Body::User { orders, positions, .. } => format!("{seq} user {} {}", orders.len(), positions.len()),
            Body::Balance(items) => format!("{seq} balance {:?}", items[0].futures_buying_power),
            Body::Subscriptions(items) => {
                let channel = items.first().and_then(|item| item.channel);
                format!(
                    "{seq} subscriptions {} {channel:?} {}",
                    items.len(),
                    items.first().map_or(0, |item| item.symbols.len())
                )
            }
            other => panic!("{other:?}"),
        }
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(frame).collect()
}

/// Each file of frames and what it says; the long session is looked at by itself.
const FRAMES: [(&str, &[&str]); 19] = [
    ("candles_snapshot_doc.json", &["0 candles 1 ETH-USD"]),
    ("candles_update_live_2024.json", &["5 candles 1 BTC-USD"]),
    (
        "errors.jsonl",
        &[
            "error authentication failure",
            "error failure to subscribe",
            "error Failed to subscribe: level2, level3, and full channels now require authentication. https://docs.cloud.coinbase.com/exchange/docs/websocket-auth",
        ],
    ),
    ("futures_balance_summary_doc.json", &["0 balance Some(100.0)"]),
    (
        "heartbeats.jsonl",
        &["0 beat 3049 1687552316", "0 beat 3049 1687552316", "1 beat 66987 1728025480", "3 beat 21697 1790735835"],
    ),
    ("l2_snapshot_doc.json", &["0 book 2 BTC-USD"]),
    ("l2_snapshot_live.json", &["0 book 10 BTC-USD"]),
    ("l2_update_live.json", &["1 book 2 BTC-USD"]),
    ("market_trades_snapshot_doc.json", &["0 trades 1 0 Sell"]),
    ("market_trades_update_batch_live.json", &["2 trades 2 22381690 Sell"]),
    ("market_trades_update_live.json", &["2 trades 1 1042333849 Sell"]),
    (
        "session_level2_trades_live_head.jsonl",
        &["6 book 1 ETH-USD", "7 subscriptions 1 Some(Level2) 2", "8 trades 20 1100253468 Sell"],
    ),
    (
        "session_level2_trades_live_tail.jsonl",
        &["247 trades 1 846155167 Buy", "248 book 10 ETH-USD", "249 trades 1 1100253573 Buy"],
    ),
    ("status_snapshot_doc.json", &["0 status online"]),
    (
        "subscriptions.jsonl",
        &[
            "0 subscriptions 1 Some(Heartbeats) 0",
            "1 subscriptions 1 Some(Candles) 1",
            "7 subscriptions 1 Some(Level2) 2",
            "1 subscriptions 1 Some(User) 0",
            "17 subscriptions 0 None 0",
        ],
    ),
    ("ticker_batch_snapshot_doc.json", &["0 tickers 1 21932.98"]),
    ("ticker_snapshot_doc.json", &["0 tickers 1 21932.98"]),
    ("ticker_update_live.json", &["16 tickers 1 64281.7"]),
    ("user_snapshot_empty_live.json", &["0 user 0 0"]),
];

/// Files looked at by tests of their own, and files that are no messages of the server.
const OTHERS: [&str; 6] = [
    "candles_update_live.jsonl",
    "user_snapshot_doc.json",
    "session_candles_constructed.jsonl",
    "session_candles_constructed.expected.json",
    "candles_snapshot_stats_live.json",
    "client_requests.jsonl",
];

#[test]
fn every_recorded_frame_means_what_it_should() {
    let Some(folder) = folder().map(|folder| folder.join("ws")) else { return };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for (name, expected) in FRAMES {
        assert_eq!(frames(&read(name)), expected, "{name}");
    }
    let updates = frames(&read("candles_update_live.jsonl"));
    assert_eq!((updates.len(), &*updates[0], &*updates[9]), (10, "87 candles 1 ZEC-USD", "96 candles 1 FIL-USD"));
    assert_eq!(frames(&read("user_snapshot_doc.json")), ["0 user 1 2"]);
    let names: BTreeSet<String> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let known: BTreeSet<String> = FRAMES.iter().map(|(name, _)| *name).chain(OTHERS).map(str::to_owned).collect();
    assert_eq!(names, known);
}

#[test]
fn a_whole_session_ends_in_the_candles_it_should() {
    let Some(folder) = folder().map(|folder| folder.join("ws")) else { return };
    let text = std::fs::read_to_string(folder.join("session_candles_constructed.jsonl")).unwrap();
    let mut decoder = Decoder::new();
    let (mut next, mut candles) = (0, std::collections::BTreeMap::new());
    for line in text.lines() {
        let frame = decoder.decode(line).unwrap();
        assert_eq!((frame.problems, frame.seq), (&[][..], Some(next)));
        next += 1;
        if let Body::Candles(items) = frame.body {
            candles.extend(items.iter().map(|item| (item.value.open_time(), item.value.ohlcv())));
        }
    }
    let expected = std::fs::read(folder.join("session_candles_constructed.expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    for row in expected["final_5m"].as_array().unwrap() {
        let number = |key: &str| row[key].as_str().unwrap().parse::<f64>().unwrap();
        let start = Timestamp::from_secs(row["start"].as_str().unwrap().parse().unwrap()).unwrap();
        let ohlcv = candles[&start];
        assert_eq!((ohlcv.open, ohlcv.high, ohlcv.low), (number("open"), number("high"), number("low")));
        assert_eq!((ohlcv.close, ohlcv.volume), (number("close"), number("volume")));
    }
}

#[test]
fn every_recorded_body_means_what_it_should() {
    let Some(folder) = folder().map(|folder| folder.join("rest")) else { return };
    let mut seen = BTreeSet::new();
    for file in std::fs::read_dir(&folder).unwrap() {
        let file = file.unwrap();
        let (name, body) = (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap());
        check_body(&name, &body);
        seen.insert(name);
    }
    assert_eq!(seen.len(), 22, "{seen:?}");
}

#[allow(clippy::too_many_lines, reason = "a table: one arm per file")]
fn check_body(name: &str, body: &[u8]) {
    let candles = |timeframe| rest::candles(body, timeframe, Timestamp::MAX).unwrap();
    match name {
        "accounts_doc.json" => {
            let page = rest::accounts(body).unwrap();
            assert_eq!((page.accounts[0].available, page.next.as_deref()), (1.23, Some("789100")));
        }
        "accounts_live.json" => {
            let page = rest::accounts(body).unwrap();
            assert_eq!((page.accounts.len(), page.next, page.problems), (2, None, vec![]));
        }
        "accounts_two_wallets.json" => {
            let page = rest::accounts(body).unwrap();
            assert_eq!((page.accounts[0].available, page.accounts[1].hold), (1.234_567_89, Some(450.0)));
        }
        "best_bid_ask.json" => {
            let books = rest::best_bid_ask(body).unwrap();
            assert_eq!((books.len(), books[1].asks[0].price), (2, 2667.41));
        }
        "product_book.json" => {
            let book = rest::product_book(body).unwrap();
            assert_eq!((book.bids.len(), book.asks.len(), book.bids[0].size), (5, 5, 0.171_894_68));
        }
        "candles_empty.json" => assert_eq!(candles(Timeframe::M5), []),
        "candles_one_hour.json" => {
            let candles = candles(Timeframe::H1);
            assert_eq!(
                (candles.len(), candles[0].open_time().as_secs(), candles[1].high()),
                (2, 1_712_188_800, 66_331.99)
            );
        }
        "candles_five_minute_page.json" => {
            let candles = candles(Timeframe::M5);
            assert_eq!(candles.len(), 100);
            assert!(candles.is_sorted_by(|a, b| a.open_time() < b.open_time()));
        }
        "candles_one_minute_page_with_hole.json" => {
            let candles = candles(Timeframe::M1);
            let span = candles.last().unwrap().open_time().millis_since(candles[0].open_time()) / 60_000 + 1;
            assert!(i64::try_from(candles.len()).unwrap() < span, "a hole");
        }
        "errors.json" => {
            let errors: Value = serde_json::from_slice(body).unwrap();
            let said = |name: &str| rest::error_body(errors[name]["body"].as_str().unwrap().as_bytes()).to_string();
            for (name, expected) in [
                (
                    "400_candles_too_many",
                    "INVALID_ARGUMENT: start and end argument is invalid - number of candles requested should be less than 350",
                ),
                ("400_granularity", "INVALID_ARGUMENT: granularity argument is invalid"),
                ("401_unauthorized", "Unauthorized"),
                ("403_missing_scopes", "PERMISSION_DENIED: Missing required scopes"),
                ("404_product", "NOT_FOUND: Product NOPE-USD not supported"),
                ("429_html", "a page of HTML: Coinbase"),
                ("429_coinbase_app_json", "rate_limit_exceeded: Too many requests"),
                ("500_ticker_limit", "INTERNAL: internal server error"),
                ("default_schema", "<string>: <string>"),
            ] {
                assert_eq!(said(name), expected);
            }
            assert_eq!(errors.as_object().unwrap().len(), 9);
        }
        "key_permissions_doc.json" => assert!(rest::key_permissions(body).unwrap().can_transfer),
        "market_trades_ticker.json" => {
            let recent = rest::market_trades(body).unwrap();
            let first = &recent.trades[0].value;
            assert_eq!((recent.trades.len(), first.number, first.trade.taker), (3, 995_098_661, Some(Side::Sell)));
            assert_eq!((recent.best_bid, recent.best_ask, recent.problems), (Some(68_923.66), Some(68_923.67), vec![]));
        }
        "product_btc_usd_live.json" => {
            let listed = rest::product(body).unwrap();
            assert!(listed.is_tradable_spot());
            assert_eq!(
                (listed.product.price, listed.change_24h_percent),
                (Some(83_306.04), Some(0.454_629_754_457_49))
            );
            assert_eq!((listed.product.quote_volume_24h, listed.high_24h), (385_375_332.57, Some(84_557.01)));
        }
        "products_list.json" => {
            let page = rest::products(body).unwrap();
            assert_eq!(page.problems, []);
            let tradable: Vec<bool> = page.products.iter().map(rest::ListedProduct::is_tradable_spot).collect();
            assert_eq!(tradable, [true, false]);
            assert!(!Aliases::of(&page.products).is_empty());
        }
        "products_list_future.json" => {
            let page = rest::products(body).unwrap();
            assert_eq!(
                (page.problems, page.products.iter().any(rest::ListedProduct::is_tradable_spot)),
                (vec![], false)
            );
            assert_eq!((&*page.products[0].product.base, &*page.products[0].product_type), ("BIP", "FUTURE"));
        }
        "time_live.json" => assert_eq!(rest::server_time(body).unwrap().as_millis(), 1_790_735_849_298),
        // Answers that a monitor does not ask for, and notes about headers.
        "fills.json"
        | "order.json"
        | "orders_list.json"
        | "orders_list_empty_live.json"
        | "response_headers_live.json"
        | "transaction_summary_doc.json" => {}
        other => panic!("{other} is new: say what it means"),
    }
}
