//! MACD-V by livermore and by other libraries, in one run, on the same bars.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it cannot run")]

#[path = "../../../livermore-core/benches/common/mod.rs"]
mod common;
mod library;

use std::hint::black_box;

use livermore_core::indicator::{Bar, MacdV, MacdVConfig, macd_v_batch};

use common::{
    data::{self, BARS},
    floor::{self, Row, State},
    table::{Plan, Section},
    work,
};
use library::{Kand, Quantedge, Stream, TaLibBatch, TaLibStream, Yata};

const FLOOR: &str = "floor: register loop";
const TA_LIB: &str = "ta-lib 0.8.3 streams";
const TA_LIB_BATCH: &str = "ta-lib 0.8.3 batch";

fn main() {
    let plan = Plan::from_args();
    // Every bar is traded: none of the peers knows of bars without trades.
    let (bars, rows) = data::bars(1, BARS, 0);
    print_differences(&bars, &rows);
    let mut missed = 0;
    if plan.wants("B") {
        missed += streams(&plan, &bars, &rows);
    }
    if plan.wants("D") {
        missed += batch(&plan, &bars, &rows);
    }
    println!("\n{}", plan.summary(missed));
}

fn streams(plan: &Plan, bars: &[Bar], rows: &[Row]) -> usize {
    let (forming, forming_rows) = data::bars(2, BARS, 0);
    let n = bars.len() as u64;
    let mut macd_v = MacdV::new(MacdVConfig::default()).expect("the default parameters are right");
    macd_v.update_all(bars, |_| ());
    let state = State::after(macd_v.latest(), rows[rows.len() - 1].close).expect("ready after so many bars");
    let mut section = Section::new("B. One series, one call a bar, beside other libraries");
    let mut at = state;
    section.case(TA_LIB, n, &[], streaming::<TaLibStream>(rows));
    section.case(FLOOR, n, &[(TA_LIB, None)], move || floor::update(&mut at, rows));
    let mut own = macd_v;
    section.case("MacdV::update", n, &[(TA_LIB, Some(0.35)), (FLOOR, Some(2.0))], move || work::update(&mut own, bars));
    let mut own = macd_v;
    section
        .case("MacdV::update_all", n, &[(TA_LIB, Some(0.35)), (FLOOR, None)], move || work::update_all(&mut own, bars));
    let both = "ta-lib 0.8.3 streams, update and peek";
    let mut ta_lib = TaLibStream::warm(rows);
    let peeked = &forming_rows;
    section.case(both, n, &[], move || {
        for (row, forming) in rows.iter().zip(peeked) {
            black_box(ta_lib.update(row));
            black_box(ta_lib.peek(forming));
        }
    });
    let mut own = macd_v;
    section.case("MacdV::update and peek", n, &[(both, Some(0.35)), (TA_LIB, None), (FLOOR, None)], || {
        work::update_and_peek(&mut own, bars, &forming);
    });
    section.case("kand 0.2.2 *_inc", n, &[(TA_LIB, None)], streaming::<Kand>(rows));
    section.case("yata 0.7.0 methods", n, &[(TA_LIB, None)], streaming::<Yata>(rows));
    section.case("quantedge-ta 0.21.1", n, &[(TA_LIB, None)], streaming::<Quantedge>(rows));
    section.run(plan)
}

fn streaming<'a, S: Stream + 'a>(rows: &'a [Row]) -> impl FnMut() + 'a {
    let mut stream = S::warm(rows);
    move || {
        for row in rows {
            black_box(stream.update(row));
        }
    }
}

fn batch(plan: &Plan, bars: &[Bar], rows: &[Row]) -> usize {
    let n = bars.len() as u64;
    let mut ta_lib = TaLibBatch::new(rows);
    let mut section = Section::new("D. A whole history at once, beside TA-Lib");
    section.case(TA_LIB_BATCH, n, &[], || {
        black_box(ta_lib.run());
    });
    section.case("macd_v_batch", n, &[(TA_LIB_BATCH, Some(0.5))], || {
        black_box(macd_v_batch(MacdVConfig::default(), bars).expect("the default parameters are right"));
    });
    section.run(plan)
}

/// How far the peers' MACD-V is from ours: large where they seed otherwise, which fades, or compute something else,
/// which does not.
fn print_differences(bars: &[Bar], rows: &[Row]) {
    let ours: Vec<f64> = macd_v_batch(MacdVConfig::default(), bars)
        .expect("the default parameters are right")
        .iter()
        .map(|point| point.macd_v().unwrap_or(f64::NAN))
        .collect();
    println!("\nLargest difference to our MACD-V");
    println!("  {:<26} {:>14} {:>14}", "", "bars 300-1,000", "from bar 1,000");
    for (name, theirs) in [
        (TA_LIB, library::all::<TaLibStream>(rows)),
        (TA_LIB_BATCH, TaLibBatch::new(rows).run().to_vec()),
        ("kand 0.2.2 *_inc", library::all::<Kand>(rows)),
        ("yata 0.7.0 methods", library::all::<Yata>(rows)),
        ("quantedge-ta 0.21.1", library::all::<Quantedge>(rows)),
    ] {
        let largest =
            |range: std::ops::Range<usize>| range.map(|bar| (ours[bar] - theirs[bar]).abs()).fold(0.0_f64, f64::max);
        println!("  {name:<26} {:>14.1e} {:>14.1e}", largest(300..1_000), largest(1_000..ours.len()));
    }
}
