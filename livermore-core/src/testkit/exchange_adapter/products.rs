use std::collections::BTreeSet;

use super::ExchangeFixture;

/// What an exchange can do is constant for the adapter's life; timeframes come shortest first.
pub async fn the_capability_is_constant_and_ordered(fixture: ExchangeFixture) {
    let before = fixture.adapter.capability();
    assert!(before.history.is_sorted() && before.live.is_sorted(), "timeframes are not shortest first: {before:?}");
    fixture.hear(&fixture.subscription).await;
    assert_eq!(fixture.adapter.capability(), before);
    fixture.adapter.close().await;
    assert_eq!(fixture.adapter.capability(), before, "after close");
}

/// `products` are ordered by 24-hour quote volume, largest first, then by symbol; each symbol once.
pub async fn products_are_ranked_and_listed_once(fixture: ExchangeFixture) {
    let answer = fixture.within("products", "nothing", fixture.adapter.products()).await;
    let products = answer.unwrap_or_else(|error| panic!("products were refused: {error}"));
    let ranked = products.is_sorted_by(|a, b| {
        a.quote_volume_24h > b.quote_volume_24h || (a.quote_volume_24h == b.quote_volume_24h && a.symbol < b.symbol)
    });
    let volumes: Vec<_> = products.iter().map(|product| (&product.symbol, product.quote_volume_24h)).collect();
    assert!(ranked, "not by volume, then symbol: {volumes:?}");
    let distinct: BTreeSet<_> = products.iter().map(|product| &product.symbol).collect();
    assert_eq!(distinct.len(), products.len(), "a symbol is listed twice: {volumes:?}");
    assert!(distinct.contains(&fixture.symbol), "{} is not listed", fixture.symbol);
    assert!(!distinct.contains(&fixture.unlisted), "{} is listed; the fixture says it is not", fixture.unlisted);
}
