//! A warm decoder allocates nothing for the messages that come all the time.

use livermore_coinbase::wire::Decoder;

use super::samples;

#[test]
fn updates_cost_no_allocation_once_the_decoder_is_warm() {
    let mut decoder = Decoder::new();
    let frames = [
        samples::HEARTBEAT,
        samples::CANDLE,
        samples::SNAPSHOT,
        samples::TICKER,
        samples::TICKER_BATCH,
        samples::TRADES,
        samples::BOOK,
        // The general way, too: a key nobody knows.
        r#"{"channel":"candles","new":1,"timestamp":"2026-05-04T03:02:01.12Z","sequence_num":8,"events":[{"type":"update","candles":[{"start":"1777863600","high":"101.5","low":"99.25","open":"100","close":"101","volume":"12.5","product_id":"BTC-USD"}]}]}"#,
    ];
    for frame in frames {
        assert_eq!(decoder.decode(frame).unwrap().problems, []);
    }
    for frame in frames {
        let counted = allocation_counter::measure(|| {
            for _ in 0..100 {
                decoder.decode(frame).unwrap();
            }
        });
        assert_eq!((counted.count_total, counted.bytes_total), (0, 0), "{frame}");
    }
}
