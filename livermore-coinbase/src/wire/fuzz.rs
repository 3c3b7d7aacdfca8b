use livermore_core::ids::{Timeframe, Timestamp};

use super::{Decoder, rest};

/// Reads `data` as both, because a server may send one for the other.
///
/// For tests and fuzzers.
#[doc(hidden)]
pub fn fuzz_one(data: &[u8]) {
    fuzz_frame(data);
    fuzz_body(data);
}

/// Reads `data` as a frame. Nothing may panic; what is read must keep the order promised.
///
/// For tests and fuzzers.
#[doc(hidden)]
pub fn fuzz_frame(data: &[u8]) {
    let mut decoder = Decoder::new();
    for _ in 0..2 {
        // Twice, because the second frame meets the buffers and names of the first.
        if let Ok(frame) = decoder.decode_bytes(data) {
            match frame.body {
                super::Body::Candles(candles) => {
                    assert!(candles.is_sorted_by_key(|candle| candle.value.open_time()), "candles out of order");
                }
                super::Body::Trades(trades) => {
                    assert!(trades.is_sorted_by_key(|trade| trade.value.number), "trades out of order");
                }
                super::Body::Error { message } => assert!(message.chars().count() <= 200, "a long message"),
                _ => {}
            }
            assert!(frame.problems.len() <= super::Frame::MAX_PROBLEMS, "too many problems");
        }
    }
}

/// Reads `data` as every kind of body. Nothing may panic; what is read must keep the order promised.
///
/// For tests and fuzzers.
#[doc(hidden)]
pub fn fuzz_body(data: &[u8]) {
    if let Ok(candles) = rest::candles(data, Timeframe::M1, Timestamp::EPOCH) {
        assert!(candles.is_sorted_by_key(livermore_core::market::Candle::open_time), "candles out of order");
    }
    if let Ok(page) = rest::products(data) {
        let _ = super::Aliases::of(&page.products);
    }
    if let Ok(recent) = rest::market_trades(data) {
        assert!(recent.trades.is_sorted_by_key(|trade| trade.value.number), "trades out of order");
    }
    let _ = (rest::product(data), rest::product_book(data), rest::best_bid_ask(data), rest::accounts(data));
    let _ = (rest::futures_positions(data), rest::server_time(data), rest::key_permissions(data));
    let error = rest::error_body(data);
    assert!(error.message.chars().count() <= 200, "a long message");
}
