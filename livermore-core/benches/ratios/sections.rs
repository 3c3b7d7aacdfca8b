//! The sections that measure arithmetic. B, the comparison with other libraries, is in `benches-peers`.

use std::hint::black_box;

use livermore_core::{
    ids::Timeframe,
    indicator::{Bar, MacdV, MacdVBank, MacdVConfig, MacdVSeries, macd_v_batch},
    market::{DEFAULT_MAX_FILL, NoTradeFill},
};

use crate::common::{
    data::{self, BARS, LANES},
    floor::{self, Row, State, Values},
    lanes::Lanes,
    table::{Plan, Section},
    work,
};

const UPDATE: &str = "floor: update";
const BOTH: &str = "floor: update and peek";
const ARRAYS: &str = "floor: structure of arrays";
const WARM_UP: usize = 300;
/// Steps in one place, many enough to forget what was there before.
const STEPS: usize = 64;

/// A MACD-V past its seeding, and the floor's state at the same bar.
fn warm(bars: &[Bar]) -> (MacdV, State) {
    let mut macd_v = MacdV::new(MacdVConfig::default()).expect("the default parameters are right");
    macd_v.update_all(&bars[..WARM_UP], |_| ());
    let state = State::after(macd_v.latest(), bars[WARM_UP - 1].close()).expect("ready after the warm-up");
    (macd_v, state)
}

/// The floors are only worth comparing with if they give the product's values, bit for bit.
pub(crate) fn check_same_bits() {
    let (bars, rows) = data::bars(1, BARS, 1);
    let (mut macd_v, mut state) = warm(&bars);
    work::update(&mut macd_v, &bars[WARM_UP..]);
    floor::update(&mut state, &rows[WARM_UP..]);
    let expected = State::after(macd_v.latest(), macd_v_close(&bars)).expect("still ready");
    for (ours, floor) in [
        (expected.fast, state.fast),
        (expected.slow, state.slow),
        (expected.atr, state.atr),
        (expected.signal, state.signal),
    ] {
        assert_eq!(ours.to_bits(), floor.to_bits(), "the floor computes something else");
    }
    let (mut bank, mut lanes) = warm_lanes(&bars);
    for (bars, columns) in &data::lane_bars() {
        work::bank(&mut bank, &[bars]);
        lanes.steps(&[columns]);
    }
    for lane in 0..LANES {
        let point = bank.point(lane).expect("a lane of the bank");
        let ours = (point.macd_v().map(f64::to_bits), point.signal().map(f64::to_bits));
        assert_eq!(ours, (Some(lanes.macd_v(lane).to_bits()), Some(lanes.signal(lane).to_bits())), "lane {lane}");
    }
}

fn macd_v_close(bars: &[Bar]) -> f64 {
    bars.last().expect("there are bars").close()
}

/// Every lane at a different place of the walk, past its seeding.
fn warm_lanes(bars: &[Bar]) -> (MacdVBank, Lanes) {
    let mut bank = MacdVBank::new(MacdVConfig::default(), LANES).expect("the default parameters are right");
    let states: Vec<State> = (0..LANES)
        .map(|lane| {
            let (macd_v, state) = warm(&bars[lane..]);
            bank.replace(lane, macd_v).expect("a lane of the bank");
            state
        })
        .collect();
    (bank, Lanes::after(&states))
}

fn count<T>(items: &[T]) -> u64 {
    items.len() as u64
}

/// A: one series, one call a bar.
pub(crate) fn stream(plan: &Plan) -> usize {
    let (bars, rows) = data::bars(1, BARS, 1);
    let (forming, forming_rows) = data::bars(2, BARS, 0);
    let (macd_v, state) = warm(&bars);
    let (bars, rows, forming, forming_rows): (&[Bar], &[Row], &[Bar], &[Row]) = (&bars, &rows, &forming, &forming_rows);
    let n = count(bars);
    let mut section = Section::new("A. One series, one call a bar");
    let mut at = state;
    section.case(UPDATE, n, &[], move || floor::update(&mut at, rows));
    let mut at = state;
    section.case(BOTH, n, &[(UPDATE, None)], move || floor::update_and_peek(&mut at, rows, forming_rows));
    let mut own = macd_v;
    section.case("MacdV::update", n, &[(UPDATE, Some(2.0))], move || work::update(&mut own, bars));
    section.case("MacdV::peek", n, &[(UPDATE, Some(2.0))], move || work::peek(&macd_v, forming));
    let mut own = macd_v;
    section.case("MacdV::update and peek", n, &[(BOTH, Some(2.0)), (UPDATE, Some(2.0))], move || {
        work::update_and_peek(&mut own, bars, forming);
    });
    let mut own = macd_v;
    section.case("MacdV::update_all", n, &[(UPDATE, Some(2.0))], move || work::update_all(&mut own, bars));
    section.run(plan)
}

/// C: candles, with every check and quiet minutes filled in. Time is per bar, filled ones included.
pub(crate) fn candles(plan: &Plan) -> usize {
    let candles = data::candles(1, BARS, 1);
    let (bars, rows) = data::bars(1, BARS, 1);
    let (_, mut at) = warm(&bars);
    let (early, late) = candles.split_at(WARM_UP);
    let mut fill = NoTradeFill::new(Timeframe::M1, DEFAULT_MAX_FILL);
    let mut series = MacdVSeries::new(Timeframe::M1, MacdVConfig::default()).expect("the default parameters are right");
    work::series(&mut fill, &mut series, early).expect("candles in order");
    let filled = {
        let mut fill = fill.clone();
        work::series(&mut fill, &mut series.clone(), late).expect("candles in order");
        fill.filled()
    };
    let n = count(late) + filled;
    let mut section = Section::new(format!("C. Candles to values, all checks; {filled} of {n} bars filled in"));
    section.case(UPDATE, count(&rows), &[], || floor::update(&mut at, &rows));
    section.case("NoTradeFill::push, MacdVSeries::update", n, &[(UPDATE, Some(3.0))], || {
        // Time only goes forward, so every run begins anew where the warm-up ended.
        work::series(&mut fill.clone(), &mut series.clone(), late).expect("candles in order");
    });
    section.run(plan)
}

/// D: a whole history into memory. The target is against TA-Lib and so in `benches-peers`.
pub(crate) fn batch(plan: &Plan) -> usize {
    let (bars, rows) = data::bars(1, BARS, 1);
    let (_, state) = warm(&bars);
    let mut all = vec![Values::default(); BARS];
    let mut section = Section::new("D. A whole history at once");
    section.case("floor: batch", count(&rows), &[], || {
        floor::batch(&mut { state }, &rows, &mut all);
        black_box(&all);
    });
    section.case("macd_v_batch", count(&bars), &[("floor: batch", None)], || {
        black_box(macd_v_batch(MacdVConfig::default(), &bars).expect("the default parameters are right"));
    });
    section.run(plan)
}

/// E: many series that advance together. Time is per bar of one series.
///
/// How fast a loop over many columns is depends on where they happen to lie, so each run visits several places.
pub(crate) fn bank(plan: &Plan) -> usize {
    const PLACES: usize = 8;
    let bars = data::bars(1, BARS, 1).0;
    // What lies between the allocations of one place is different in each.
    let apart = |place: usize| Vec::<u8>::with_capacity(place * 1_240);
    let sets: Vec<_> = (0..PLACES).map(|place| (data::lane_bars(), apart(place))).collect();
    let warmed = (0..PLACES).map(|place| (warm_lanes(&bars), apart(place)));
    let ((mut banks, mut lanes), _apart): ((Vec<_>, Vec<_>), Vec<_>) = warmed.unzip();
    let steps: Vec<_> = sets.iter().map(|([(one, _), (other, _)], _)| [one, other].repeat(STEPS / 2)).collect();
    let columns: Vec<_> = sets.iter().map(|([(_, one), (_, other)], _)| [one, other].repeat(STEPS / 2)).collect();
    let n = (PLACES * STEPS * LANES) as u64;
    let mut section = Section::new(format!("E. {LANES} series a step"));
    section.case(ARRAYS, n, &[], || lanes.iter_mut().zip(&columns).for_each(|(lanes, bars)| lanes.steps(bars)));
    section.case("MacdVBank::step", n, &[(ARRAYS, Some(1.3))], || {
        banks.iter_mut().zip(&steps).for_each(|(bank, bars)| work::bank(bank, bars));
    });
    section.run(plan)
}
