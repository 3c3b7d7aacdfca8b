//! The contract of [`IndicatorEngine`](crate::indicator::IndicatorEngine), a function per sentence.
//!
//! Clauses take a function that makes a new engine: some compare two.

mod clauses;
mod material;
mod state;

pub use clauses::*;
pub use state::*;

/// Tests an [`IndicatorEngine`](crate::indicator::IndicatorEngine) against its contract, a test per sentence.
///
/// `fresh` is a `fn() -> Box<dyn IndicatorEngine>` that makes an engine that has seen nothing; engines it makes have
/// equal parameters. Put each use in a module of its own.
///
/// ```
/// mod engine {
///     use livermore_core::indicator::{IndicatorEngine, MacdVConfig, MacdVEngine};
///
///     fn fresh() -> Box<dyn IndicatorEngine> {
///         Box::new(MacdVEngine::new(MacdVConfig::default()).unwrap())
///     }
///
///     livermore_core::indicator_engine_contract!(fresh);
/// }
/// ```
#[macro_export]
macro_rules! indicator_engine_contract {
    ($fresh:expr) => {
        $crate::indicator_engine_contract! {
            @clauses $fresh,
            a_series_begins_with_its_first_candle
            series_do_not_affect_each_other
            series_are_listed_in_order
            a_forming_candle_is_refused
            a_repeated_candle_is_refused
            a_candle_out_of_order_is_refused
            a_candle_after_a_hole_is_refused
            peek_changes_nothing
            peek_gives_what_update_would
            latest_is_the_last_answer
            no_value_is_nan_or_infinite
            a_restored_engine_answers_bit_for_bit
            a_refused_snapshot_changes_nothing
            forget_ends_a_series
        }
    };
    (@clauses $fresh:expr, $($clause:ident)+) => {$(
        #[test]
        fn $clause() {
            $crate::testkit::indicator_engine::$clause(&$fresh);
        }
    )+};
}
