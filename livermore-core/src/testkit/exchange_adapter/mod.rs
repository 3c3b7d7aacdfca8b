//! The contract of [`ExchangeAdapter`](crate::exchange::ExchangeAdapter), a function per sentence.

mod candles;
mod fixture;
mod lifecycle;
mod live;
mod products;

pub use candles::*;
pub use fixture::ExchangeFixture;
pub use lifecycle::*;
pub use live::*;
pub use products::*;

/// Tests an [`ExchangeAdapter`](crate::exchange::ExchangeAdapter) against its contract, a test per sentence.
///
/// `fresh` is an `async fn() -> ExchangeFixture` that makes a new adapter for each test; see
/// [`ExchangeFixture`](crate::testkit::ExchangeFixture). Put each use in a module of its own. The crate that uses it
/// needs tokio with the features `macros`, `rt` and `test-util`.
///
/// Time is paused: an adapter that waits on tokio's clock does not really wait. Where waiting is real (sockets), name
/// the test attribute: `exchange_adapter_contract!(fresh, #[tokio::test])`.
///
/// ```
/// mod simulator {
///     use std::sync::Arc;
///     use livermore_core::{exchange::*, ids::*, testkit::ExchangeFixture};
///
///     async fn fresh() -> ExchangeFixture {
///         let config = SimulatorConfig::default().with_history_minutes(600);
///         let (symbol, unlisted) = (Symbol::new("BTC-USD").unwrap(), Symbol::new("NOT-LISTED").unwrap());
///         let history = (config.start.checked_add_millis(-36_000_000).unwrap(), config.start);
///         ExchangeFixture::new(Arc::new(Simulator::new(config).unwrap()), symbol, unlisted, history)
///     }
///
///     livermore_core::exchange_adapter_contract!(fresh);
/// }
/// ```
#[macro_export]
macro_rules! exchange_adapter_contract {
    ($fresh:expr) => {
        $crate::exchange_adapter_contract!($fresh, #[tokio::test(start_paused = true)]);
    };
    ($fresh:expr, #[$test:meta]) => {
        $crate::exchange_adapter_contract! {
            @clauses $fresh, #[$test],
            the_capability_is_constant_and_ordered
            products_are_ranked_and_listed_once
            candles_lie_in_the_range_in_order_and_once
            candles_are_final_and_of_the_timeframe
            a_bucket_that_has_not_ended_is_left_out
            a_bucket_without_trades_is_left_out
            a_long_range_has_no_hole_at_page_edges
            an_unknown_symbol_is_refused
            an_unsupported_timeframe_is_refused
            a_range_that_ends_before_it_begins_is_refused
            a_subscription_to_the_unknown_is_refused
            every_epoch_begins_with_connected
            a_reconnect_does_not_end_the_stream
            the_epoch_rises_with_each_connection
            sequence_numbers_rise_by_one
            a_repeated_event_carries_its_old_number
            a_closed_candle_is_the_finished_bar
            closed_candles_ascend_and_come_once
            a_bucket_left_out_had_no_trades
            only_what_was_subscribed_to_arrives
            a_dropped_call_leaves_nothing_half_done
            a_dropped_wait_loses_nothing
            dropping_the_stream_unsubscribes
            after_close_every_call_fails
            close_ends_every_stream
            closing_twice_is_harmless
        }
    };
    (@clauses $fresh:expr, #[$test:meta], $($clause:ident)+) => {$(
        #[$test]
        async fn $clause() {
            $crate::testkit::exchange_adapter::$clause($fresh().await).await;
        }
    )+};
}
