//! REST bodies, with values of our own.

use livermore_coinbase::wire::{Aliases, Flaw, rest};
use livermore_core::{
    ids::{Timeframe, Timestamp},
    market::{Candle, Finality, ProductStatus},
};

const LATER: Timestamp = Timestamp::MAX;

fn candles(rows: &str) -> Result<Vec<Candle>, livermore_coinbase::wire::Malformed> {
    rest::candles(format!(r#"{{"candles":[{rows}]}}"#).as_bytes(), Timeframe::M1, LATER)
}

fn row(start: i64, close: &str) -> String {
    format!(r#"{{"start":"{start}","low":"1","high":"9","open":"2","close":"{close}","volume":"0.5"}}"#)
}

#[test]
fn candles_come_ascending_and_a_flawed_one_spoils_the_page() {
    let page = candles(&[row(120, "3"), row(60, "4"), row(0, "5")].join(",")).unwrap();
    assert_eq!(page.iter().map(Candle::close).collect::<Vec<_>>(), [5.0, 4.0, 3.0]);
    assert!(page.iter().all(|candle| candle.finality() == Finality::Closed));
    assert_eq!(candles("").unwrap(), []);
    assert_eq!(candles(&[row(60, "4"), row(60, "4")].join(",")).unwrap().len(), 1);
    let error = candles(&[row(60, "4"), row(60, "5")].join(",")).unwrap_err();
    assert_eq!(error.flaw(), Flaw::Contradiction);
    let error = candles(&[row(60, "4"), row(0, "-4")].join(",")).unwrap_err();
    assert_eq!(error.to_string(), "candles[1].close: is negative");
    assert_eq!(candles(&[row(60, "4"), "3".into()].join(",")).unwrap_err().place(), "candles[1].item");
    for (body, flaw) in [("{}", Flaw::Missing), (r#"{"candles":4}"#, Flaw::WrongType), ("<html>", Flaw::NotJson)] {
        assert_eq!(rest::candles(body.as_bytes(), Timeframe::M1, LATER).unwrap_err().flaw(), flaw, "{body}");
    }
}

#[test]
fn products_say_what_can_be_watched() {
    let product = |id: &str, more: &str| {
        format!(
            r#"{{"product_id":"{id}","price":"2","product_type":"SPOT","status":"online","price_increment":"0.01"{more}}}"#
        )
    };
    for (more, tradable, status) in [
        ("", true, ProductStatus::Online),
        (r#","limit_only":true"#, true, ProductStatus::Online),
        (r#","post_only":true"#, false, ProductStatus::Halted),
        (r#","trading_disabled":true"#, false, ProductStatus::Halted),
        (r#","is_disabled":true"#, false, ProductStatus::Halted),
        (r#","cancel_only":true"#, false, ProductStatus::Halted),
        (r#","view_only":true"#, false, ProductStatus::Halted),
        (r#","auction_mode":true"#, false, ProductStatus::Halted),
        (r#","auction_mode":null"#, true, ProductStatus::Online),
        (r#","alias":"BTC-USD""#, false, ProductStatus::Online),
        (r#","status":"delisted""#, false, ProductStatus::Delisted),
        (r#","status":"offline""#, false, ProductStatus::Halted),
        (r#","product_type":"FUTURE""#, false, ProductStatus::Online),
    ] {
        let listed = rest::product(product("X-USDC", more).as_bytes()).unwrap();
        assert_eq!((listed.is_tradable_spot(), listed.product.status), (tradable, status), "{more}");
    }
    let listed = rest::product(product("X-EUR", r#","price":"","price_percentage_change_24h":"-2.5%""#).as_bytes());
    let listed = listed.unwrap();
    assert_eq!((listed.product.price, listed.change_24h_percent), (None, Some(-2.5)));
    assert_eq!((&*listed.product.base, &*listed.product.quote), ("X", "EUR"));

    let list = [product("A-USD", r#","volume_24h":"x""#), product("ä-USD", ""), "null".to_owned()].join(",");
    let page = format!(r#"{{"products":[{list}],"pagination":{{"has_next":true,"next_cursor":"c2"}}}}"#);
    let page = rest::products(page.as_bytes()).unwrap();
    assert_eq!((page.products.len(), page.next.as_deref()), (1, Some("c2")));
    let told: Vec<String> = page.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "products[0].volume_24h of A-USD: is not a number",
            "products[1].product_id of ä-USD: is not the name of a product",
            "products[2].item: is of the wrong type"
        ]
    );
    assert!(Aliases::of(&page.products).is_empty());
}

#[test]
fn other_bodies() {
    let time = |body: &str| rest::server_time(body.as_bytes()).map(Timestamp::as_millis);
    assert_eq!(time(r#"{"epochMillis":"1500"}"#), Ok(1500));
    assert_eq!(time(r#"{"epochSeconds":2}"#), Ok(2000));
    assert_eq!(time(r#"{"iso":"1970-01-01T00:00:03Z"}"#), Ok(3000));
    assert_eq!(time("{}").unwrap_err().flaw(), Flaw::Missing);

    let trades = r#"{"trades":[{"trade_id":"9","product_id":"A-USD","price":"1","size":"1","time":"2026-01-01T00:00:00Z","side":"?"},{"trade_id":"8","product_id":"A-USD","price":"1","size":"NaN","time":"2026-01-01T00:00:00Z"}],"best_bid":"","best_ask":"-1"}"#;
    let recent = rest::market_trades(trades.as_bytes()).unwrap();
    assert_eq!((recent.trades.len(), recent.trades[0].value.trade.taker), (1, None));
    assert_eq!((recent.problems.len(), recent.best_bid, recent.best_ask), (3, None, None));

    let book = r#"{"pricebook":{"product_id":"A-USD","bids":[{"price":"1","size":"x"}],"asks":[]}}"#;
    let error = rest::product_book(book.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "bids[0].size of A-USD: is not a number");

    let permissions = rest::key_permissions(br#"{"can_view":true}"#).unwrap();
    assert!(permissions.can_view && !permissions.can_trade && !permissions.can_transfer);

    let positions = r#"{"positions":[{"product_id":"BIT-24APR26-CDE","side":"SHORT","number_of_contracts":"3","avg_entry_price":"7","unrealized_pnl":"-1"}]}"#;
    let positions = rest::futures_positions(positions.as_bytes()).unwrap();
    assert_eq!((positions[0].contracts, positions[0].entry_price), (Some(3.0), Some(7.0)));
}

#[test]
fn errors_are_short_whatever_they_come_as() {
    for (body, said) in [
        (&b""[..], ""),
        (b"Unauthorized\n", "Unauthorized"),
        (br#"{"error":"NOT_FOUND","message":"no such product"}"#, "NOT_FOUND: no such product"),
        (br#"{"error":"X","message":"a","error_details":"b"}"#, "X: a (b)"),
        (br#"{"error":"X","error_details":"b"}"#, "X: b"),
        (br#"{"errors":[{"id":"rate_limit_exceeded","message":"slow down"}]}"#, "rate_limit_exceeded: slow down"),
        (br#"{"error":7,"message":null,"errors":"x"}"#, ""),
        (b"<!DOCTYPE html><title> Busy </title>", "a page of HTML: Busy"),
        (b"<html>", "a page of HTML: without a title"),
        (b"\xff\x00\x1b[2Jx", "\u{fffd}[2Jx"),
    ] {
        assert_eq!(rest::error_body(body).to_string(), said);
    }
    let long = format!(r#"{{"error":"{0}","message":"{0}"}}"#, "é".repeat(5_000));
    let error = rest::error_body(long.as_bytes());
    assert_eq!((error.code.unwrap().chars().count(), error.message.chars().count()), (64, 200));
    assert!(rest::error_body("x".repeat(1 << 20).as_bytes()).message.len() <= 200);
}
