use livermore_coinbase::RestClient;
use livermore_core::{
    exchange::SplitMix64,
    ids::{Symbol, Timestamp},
};
use serde_json::json;

use super::server::{Reply, Seen, Server};

/// Where the trades of the tests begin, in milliseconds.
const BEGIN: i64 = 1_790_000_000_000;

fn symbol() -> Symbol {
    Symbol::new("BTC-USD").unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

#[tokio::test]
async fn a_list_in_pages_is_read_to_its_end_and_no_further() {
    let product = |name: &str, volume: &str| {
        json!({"product_id": name, "price": "1", "approximate_quote_24h_volume": volume, "status": "online",
               "product_type": "SPOT", "base_currency_id": "A", "quote_currency_id": "USD", "price_increment": "0.01"})
    };
    let server = Server::start(move |seen| {
        let (products, next) = match seen.target.split_once("cursor=").map(|(_, cursor)| cursor) {
            None => (vec![product("AA-USD", "5"), product("BB-USD", "9")], "two%26"),
            Some("two%2526") => (vec![product("CC-USD", "9"), product("AA-USD", "5")], "three"),
            // The list leads back to where it was.
            Some(_) => (vec![product("DD-USD", "7")], "two%26"),
        };
        Reply::json(json!({"products": products, "pagination": {"next_cursor": next, "has_next": true}}).to_string())
    })
    .await;
    let products = RestClient::new(&server.config()).unwrap().products().await.unwrap();
    let names: Vec<_> = products.iter().map(|listed| listed.product.symbol.as_str()).collect();
    assert_eq!(names, ["BB-USD", "CC-USD", "DD-USD", "AA-USD"]);
    assert_eq!(server.seen("/products").len(), 3);
}

/// Answers like the exchange: the newest 100 trades of the range, newest first.
fn trades(times: &[i64], seen: &Seen) -> Reply {
    let (start, end) = (seen.number("start") * 1_000, seen.number("end") * 1_000);
    let inside = times.iter().enumerate().filter(|(_, time)| (start..=end).contains(*time));
    let row = |(number, time): (usize, &i64)| {
        json!({"trade_id": (number + 1).to_string(), "product_id": "BTC-USD", "price": "1.5", "size": "2",
               "time": at(*time).to_string(), "side": "BUY", "bid": "", "ask": "", "exchange": "coinbase"})
    };
    let rows: Vec<_> = inside.map(row).rev().take(100).collect();
    Reply::json(json!({"trades": rows, "best_bid": "1", "best_ask": "2"}).to_string())
}

#[tokio::test]
async fn trades_of_any_range_are_read_whole() {
    let mut rng = SplitMix64::new(7);
    let mut times: Vec<i64> = (0..1_200).map(|_| BEGIN + rng.between(0, 60_000)).collect();
    times.sort_unstable();
    let all = times.clone();
    let server = Server::start(move |seen| trades(&all, seen)).await;
    let client = RestClient::new(&server.config()).unwrap();
    for _ in 0..12 {
        let from = BEGIN + rng.between(-1_000, 61_000);
        let to = from + rng.between(0, 40_000);
        let told = client.trades(&symbol(), at(from), at(to)).await.unwrap();
        let got: Vec<_> = told.trades.iter().map(|trade| trade.trade.time.as_millis()).collect();
        let wanted: Vec<_> = times.iter().copied().filter(|time| (from..to).contains(time)).collect();
        assert_eq!((got, told.missing), (wanted, 0), "{from}..{to}");
    }
}

#[tokio::test]
async fn trades_that_cannot_be_had_are_counted() {
    let mut times: Vec<i64> = (0..10).map(|second| BEGIN + second * 1_000).collect();
    times.extend((0..250).map(|millis| BEGIN + 5_100 + millis));
    times.sort_unstable();
    let server = Server::start(move |seen| trades(&times, seen)).await;
    let client = RestClient::new(&server.config()).unwrap();
    let told = client.trades(&symbol(), at(BEGIN), at(BEGIN + 20_000)).await.unwrap();
    // 250 in one second: of them a hundred are told, less one place taken by the first of the next second.
    assert_eq!((told.trades.len(), told.missing), (109, 151));
    assert!(server.seen("/ticker").len() < 10);
}

#[tokio::test]
async fn private_data_is_asked_for_with_a_token_each() {
    let wallet =
        |name: &str| json!({"uuid": name, "currency": "BTC", "available_balance": {"value": "1", "currency": "BTC"}});
    let server = Server::start(move |seen| {
        let is_first = !seen.target.contains("cursor=");
        let body = json!({"accounts": [wallet(if is_first { "a" } else { "b" })], "has_next": is_first, "cursor": "c"});
        Reply::json(body.to_string())
    })
    .await;
    let accounts = RestClient::new(&server.config_with_key()).unwrap().accounts().await.unwrap();
    assert_eq!(accounts.iter().map(|account| account.uuid.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let seen = server.seen("/accounts");
    assert_eq!(seen.len(), 2);
    for seen in &seen {
        let uri = seen.claims().unwrap()["uri"].as_str().unwrap().to_owned();
        assert!(uri.ends_with("/api/accounts"), "no query: {uri}");
    }
    assert_ne!(seen[0].token, seen[1].token);
}
