//! Messages as the exchange documents them.
#![allow(clippy::expect_used, reason = "a benchmark stops when it cannot run")]

use std::fmt::Write;

/// A hundred candles, newest first, as the answer to a subscription has them.
pub(crate) fn snapshot() -> String {
    let mut text = String::from(
        r#"{"channel":"candles","timestamp":"2026-05-04T03:02:01.123456789Z","sequence_num":3,"events":[{"type":"snapshot","candles":["#,
    );
    for index in 0..100_u32 {
        let (start, cents) = (1_777_863_600 - index * 300, 10 + index % 90);
        let comma = if index == 0 { "" } else { "," };
        write!(
            text,
            r#"{comma}{{"start":"{start}","high":"66{cents}.17","low":"65{cents}.16","open":"66{cents}.01","close":"65{cents}.9","volume":"{cents}.97720{cents}","product_id":"BTC-USD"}}"#
        )
        .expect("a string takes any text");
    }
    text.push_str("]}]}");
    text
}

pub(crate) const UPDATE: &str = r#"{"channel":"candles","timestamp":"2026-05-04T03:02:01.123456789Z","sequence_num":87,"events":[{"type":"update","candles":[{"start":"1777863600","high":"97299.99","low":"97199.63","open":"97285.3","close":"97199.63","volume":"8.25478631","product_id":"BTC-USD"}]}]}"#;
pub(crate) const TICKER: &str = r#"{"channel":"ticker","timestamp":"2026-05-04T03:02:01.435813533Z","sequence_num":16,"events":[{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"64281.7","volume_24_h":"3974.98800786","low_24_h":"63454","high_24_h":"64727.27","low_52_w":"59073.01","high_52_w":"126296","price_percent_chg_24_h":"1.21471769193719","best_bid":"64281.7","best_ask":"64281.71","best_bid_quantity":"0.21558849","best_ask_quantity":"0.02287045"}]}]}"#;
pub(crate) const TRADES: &str = r#"{"channel":"market_trades","timestamp":"2026-05-04T03:02:01.158696693Z","sequence_num":2,"events":[{"type":"update","trades":[{"product_id":"ETH-USD","trade_id":"22381692","price":"2375.57","size":"0.25","time":"2026-05-04T03:02:01.098388Z","side":"SELL"},{"product_id":"ETH-USD","trade_id":"22381691","price":"2375.56","size":"0.5","time":"2026-05-04T03:02:01.088388Z","side":"BUY"},{"product_id":"ETH-USD","trade_id":"22381690","price":"2375.56","size":"0.5","time":"2026-05-04T03:02:01.084859Z","side":"BUY"}]}]}"#;
pub(crate) const HEARTBEAT: &str = r#"{"channel":"heartbeats","timestamp":"2026-05-04T03:02:01.057895263Z","sequence_num":3,"events":[{"current_time":"2026-05-04 03:02:01.057778606 +0000 UTC m=+21697.195984854","heartbeat_counter":21697}]}"#;
