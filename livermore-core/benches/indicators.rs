//! The product's own speed over time, by Criterion. Ratios and targets are the business of the benchmark `ratios`.
#![allow(clippy::expect_used, reason = "a benchmark stops when it cannot run")]

mod common;

use std::{hint::black_box, time::Duration};

use common::{
    data::{self, BARS, LANES},
    floor::{self, State},
    work,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use livermore_core::{
    ids::Timeframe,
    indicator::{MacdV, MacdVBank, MacdVConfig, MacdVSeries, macd_v_batch},
    market::{DEFAULT_MAX_FILL, NoTradeFill},
};

fn macd_v() -> MacdV {
    MacdV::new(MacdVConfig::default()).expect("the default parameters are right")
}

fn stream(criterion: &mut Criterion) {
    let (bars, rows) = data::bars(1, BARS, 1);
    let (forming, forming_rows) = data::bars(2, BARS, 0);
    let mut warm = macd_v();
    warm.update_all(&bars[..300], |_| ());
    let state = State::after(warm.latest(), bars[299].close()).expect("ready after the warm-up");
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(BARS as u64));
    let mut at = state;
    group.bench_function("floor_update", |b| b.iter(|| floor::update(&mut at, &rows)));
    let mut at = state;
    group.bench_function("floor_update_and_peek", |b| {
        b.iter(|| floor::update_and_peek(&mut at, &rows, &forming_rows));
    });
    let mut own = warm;
    group.bench_function("update", |b| b.iter(|| work::update(&mut own, &bars)));
    let mut own = warm;
    group.bench_function("update_and_peek", |b| b.iter(|| work::update_and_peek(&mut own, &bars, &forming)));
    let mut own = warm;
    group.bench_function("update_all", |b| b.iter(|| work::update_all(&mut own, &bars)));
    group.finish();
}

fn batch(criterion: &mut Criterion) {
    let (bars, _) = data::bars(1, BARS, 1);
    let mut group = criterion.benchmark_group("batch");
    group.throughput(Throughput::Elements(BARS as u64));
    group.bench_function("macd_v_batch", |b| b.iter(|| black_box(macd_v_batch(MacdVConfig::default(), &bars))));
    group.finish();
}

fn candles(criterion: &mut Criterion) {
    let candles = data::candles(1, BARS, 1);
    let text = data::csv(&candles);
    let mut group = criterion.benchmark_group("candles");
    group.throughput(Throughput::Elements(BARS as u64));
    let fill = NoTradeFill::new(Timeframe::M1, DEFAULT_MAX_FILL);
    let series = MacdVSeries::new(Timeframe::M1, MacdVConfig::default()).expect("the default parameters are right");
    group.bench_function("fill_and_series", |b| {
        b.iter(|| work::series(&mut fill.clone(), &mut series.clone(), &candles).expect("candles in order"));
    });
    group.bench_function("replay_csv", |b| b.iter(|| work::replay(&text).expect("a right file")));
    group.finish();
}

fn bank(criterion: &mut Criterion) {
    let [(one, _), (other, _)] = &data::lane_bars();
    let mut bank = MacdVBank::new(MacdVConfig::default(), LANES).expect("the default parameters are right");
    let mut warm = macd_v();
    warm.update_all(&data::bars(1, 300, 0).0, |_| ());
    for lane in 0..LANES {
        bank.replace(lane, warm).expect("a lane of the bank");
    }
    let mut group = criterion.benchmark_group("bank");
    group.throughput(Throughput::Elements(2 * LANES as u64));
    group.bench_function("two_steps_1024", |b| b.iter(|| work::bank(&mut bank, &[one, other])));
    group.finish();
}

criterion_group! {
    name = indicators;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = stream, batch, candles, bank
}
criterion_main!(indicators);
