//! The contract of every exchange adapter, over real sockets.

use std::{sync::Arc, time::Duration};

use livermore_coinbase::fake::FaultScript;
use livermore_core::{exchange::ExchangeAdapter, testkit::ExchangeFixture};

use super::{adapter, everything, fast, symbol};

async fn fixture(faults: FaultScript, live_events: usize) -> ExchangeFixture {
    let server = fast(600.0).faults(faults).start().await.unwrap();
    let coinbase: Arc<dyn ExchangeAdapter> = Arc::new(adapter(&server));
    let end = server.now();
    let begin = end.checked_add_millis(-2_000 * 60_000).unwrap();
    ExchangeFixture::new(coinbase, symbol("BTC-USD"), symbol("NOT-LISTED"), (begin, end))
        .with_subscription(everything(&["BTC-USD"]))
        .with_live_events(live_events)
        .with_patience(Duration::from_secs(20))
        .with_guard(server)
}

mod clean {
    use super::{ExchangeFixture, FaultScript, fixture};

    async fn fresh() -> ExchangeFixture {
        fixture(FaultScript::new(), 250).await
    }

    livermore_core::exchange_adapter_contract!(fresh, #[tokio::test]);
}

mod faulty {
    use livermore_coinbase::fake::{Fault, Target, When};
    use livermore_core::testkit::exchange_adapter as clauses;

    use super::{ExchangeFixture, FaultScript, fixture};

    /// Messages are lost, repeated and swapped, and a connection breaks.
    async fn fresh() -> ExchangeFixture {
        let target = Target::Any;
        let script = FaultScript::new()
            .at(When::Frame(20), Fault::Duplicate(target))
            .at(When::Frame(30), Fault::LoseFrames { target, frames: 3 })
            .at(When::Frame(45), Fault::Reorder(target))
            .at(When::Frame(60), Fault::Reset(target))
            .at(When::Frame(90), Fault::SkipHeartbeats { target, beats: 2 });
        fixture(script, 350).await
    }

    /// The clauses on which faults of a feed have a bearing.
    macro_rules! clauses {
        ($($clause:ident)+) => {$(
            #[tokio::test]
            async fn $clause() {
                clauses::$clause(fresh().await).await;
            }
        )+};
    }

    clauses! {
        every_epoch_begins_with_connected
        a_reconnect_does_not_end_the_stream
        the_epoch_rises_with_each_connection
        sequence_numbers_rise_by_one
        a_repeated_event_carries_its_old_number
        a_closed_candle_is_the_finished_bar
        closed_candles_ascend_and_come_once
        a_bucket_left_out_had_no_trades
    }
}
