//! `livermore scan`.

use serde_json::Value;

use super::Exchange;
use crate::settings_json::{check, json};

#[test]
fn the_most_traded_come_first_and_are_proposed_not_added() {
    let exchange = Exchange::standing();
    let ended = exchange.run(&["scan", "--top", "3"]);
    assert!(ended.stderr.contains("\nlivermore symbols add BTC-USD "), "{}", ended.stderr);
    let text = ended.success();
    let ranks: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(ranks, ["symbol", "1", "2", "3"], "{text}");
}

#[test]
fn json_has_the_documented_fields_of_what_is_really_traded() {
    let exchange = Exchange::standing();
    let scanned = json(&exchange.run(&["scan", "--json", "--top", "1000"]).success());
    check("A scan", &scanned);
    let products = scanned["products"].as_array().unwrap();
    assert!(products.len() >= 6, "{scanned}");
    assert_eq!(scanned["tradable"], products.len());
    let mut last = f64::INFINITY;
    for product in products {
        check("A scanned product", product);
        let volume = product["quoteVolume24h"].as_f64().unwrap();
        assert!(volume <= last, "{scanned}");
        last = volume;
        let symbol = product["symbol"].as_str().unwrap();
        assert!(symbol.ends_with("-USD"), "{symbol}: a second name of the same book, or another currency");
        let restrictions: Vec<&str> =
            product["restrictions"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(restrictions.is_empty() || restrictions == ["limit only"], "{symbol}: {restrictions:?}");
    }
}

#[test]
fn a_currency_nothing_is_traded_for_is_told_with_those_that_are() {
    let ended = Exchange::standing().run(&["scan", "--quote", "XYZ"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("nothing is traded for XYZ; things are traded for "), "{}", ended.stderr);
    assert!(ended.stderr.contains("USD"), "{}", ended.stderr);
}
