//! For every clause of the engine's contract an engine that breaks it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
};

use livermore_core::{
    ids::{Symbol, Timeframe},
    indicator::{EngineSnapshot, IndicatorEngine, IndicatorError, MacdVConfig, MacdVEngine, Reading},
    market::{Candle, Finality, SequenceError},
    testkit::indicator_engine as clauses,
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    None,
    ListsNothing,
    MixesSymbols,
    ListsBackwards,
    TakesForming,
    TakesRepeats,
    TakesLate,
    SkipsHoles,
    PeekUpdates,
    PeekShowsLatest,
    LatestLagsBehind,
    NanClose,
    RestoreDoesNothing,
    RefusalClears,
    ForgetDoesNothing,
}

#[derive(Debug)]
struct Broken {
    flaw: Flaw,
    engine: Mutex<MacdVEngine>,
    before: Option<Reading>,
}

fn broken(flaw: Flaw) -> Box<dyn IndicatorEngine> {
    Box::new(Broken { flaw, engine: Mutex::new(empty()), before: None })
}

fn empty() -> MacdVEngine {
    MacdVEngine::new(MacdVConfig::default()).unwrap()
}

impl Broken {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }
}

impl IndicatorEngine for Broken {
    fn update(&mut self, symbol: &Symbol, candle: &Candle) -> Result<Reading, IndicatorError> {
        let only = super::symbol("BTC-USD");
        let symbol = if self.has(Flaw::MixesSymbols) { &only } else { symbol };
        let takes_forming = self.has(Flaw::TakesForming) && !candle.is_final();
        let candle = if takes_forming { candle.with_finality(Finality::Closed) } else { *candle };
        let mut engine = self.engine.lock().unwrap();
        let latest = engine.latest(symbol, candle.timeframe());
        let answer = match (engine.update(symbol, &candle), latest) {
            (Err(IndicatorError::Sequence(SequenceError::Duplicate { .. })), Some(latest))
                if self.flaw == Flaw::TakesRepeats =>
            {
                Ok(latest)
            }
            (Err(IndicatorError::Sequence(SequenceError::OutOfOrder { .. })), Some(latest))
                if self.flaw == Flaw::TakesLate =>
            {
                Ok(latest)
            }
            (Err(IndicatorError::Sequence(SequenceError::Gap { .. })), _) if self.flaw == Flaw::SkipsHoles => {
                engine.forget(symbol, candle.timeframe());
                engine.update(symbol, &candle)
            }
            (answer, _) => answer,
        };
        drop(engine);
        if answer.is_ok() {
            self.before = latest;
        }
        let close = |reading: Reading| if self.has(Flaw::NanClose) { f64::NAN } else { reading.close };
        answer.map(|reading| Reading { close: close(reading), ..reading })
    }

    fn peek(&self, symbol: &Symbol, candle: &Candle) -> Result<Reading, IndicatorError> {
        let mut engine = self.engine.lock().unwrap();
        match (self.flaw, engine.latest(symbol, candle.timeframe())) {
            (Flaw::PeekUpdates, _) => engine.update(symbol, &candle.with_finality(Finality::Closed)),
            (Flaw::PeekShowsLatest, Some(latest)) => Ok(latest),
            _ => engine.peek(symbol, candle),
        }
    }

    fn latest(&self, symbol: &Symbol, timeframe: Timeframe) -> Option<Reading> {
        if self.has(Flaw::LatestLagsBehind) {
            return self.before;
        }
        self.engine.lock().unwrap().latest(symbol, timeframe)
    }

    fn forget(&mut self, symbol: &Symbol, timeframe: Timeframe) -> bool {
        self.has(Flaw::ForgetDoesNothing) || self.engine.lock().unwrap().forget(symbol, timeframe)
    }

    fn series(&self) -> Vec<(Symbol, Timeframe)> {
        let mut series = self.engine.lock().unwrap().series();
        match self.flaw {
            Flaw::ListsNothing => series.clear(),
            Flaw::ListsBackwards => series.reverse(),
            _ => {}
        }
        series
    }

    fn snapshot(&self) -> EngineSnapshot {
        self.engine.lock().unwrap().snapshot()
    }

    fn restore(&mut self, snapshot: &EngineSnapshot) -> Result<(), IndicatorError> {
        let mut engine = self.engine.lock().unwrap();
        match self.flaw {
            Flaw::RestoreDoesNothing => Ok(()),
            Flaw::RefusalClears => engine.restore(snapshot).inspect_err(|_| *engine = empty()),
            _ => engine.restore(snapshot),
        }
    }
}

/// The wrapper itself breaks nothing.
mod flawless {
    use super::*;

    fn fresh() -> Box<dyn IndicatorEngine> {
        broken(Flaw::None)
    }

    livermore_core::indicator_engine_contract!(fresh);
}

type Clause = fn(&dyn Fn() -> Box<dyn IndicatorEngine>);

#[test]
fn every_clause_can_fail() {
    let cases: [(Flaw, Clause); 14] = [
        (Flaw::ListsNothing, clauses::a_series_begins_with_its_first_candle),
        (Flaw::MixesSymbols, clauses::series_do_not_affect_each_other),
        (Flaw::ListsBackwards, clauses::series_are_listed_in_order),
        (Flaw::TakesForming, clauses::a_forming_candle_is_refused),
        (Flaw::TakesRepeats, clauses::a_repeated_candle_is_refused),
        (Flaw::TakesLate, clauses::a_candle_out_of_order_is_refused),
        (Flaw::SkipsHoles, clauses::a_candle_after_a_hole_is_refused),
        (Flaw::PeekUpdates, clauses::peek_changes_nothing),
        (Flaw::PeekShowsLatest, clauses::peek_gives_what_update_would),
        (Flaw::LatestLagsBehind, clauses::latest_is_the_last_answer),
        (Flaw::NanClose, clauses::no_value_is_nan_or_infinite),
        (Flaw::RestoreDoesNothing, clauses::a_restored_engine_answers_bit_for_bit),
        (Flaw::RefusalClears, clauses::a_refused_snapshot_changes_nothing),
        (Flaw::ForgetDoesNothing, clauses::forget_ends_a_series),
    ];
    for (flaw, clause) in cases {
        let outcome = catch_unwind(AssertUnwindSafe(|| clause(&|| broken(flaw))));
        assert!(outcome.is_err(), "the clause for {flaw:?} did not notice it");
    }
}
