//! Every speed target of the indicators, measured in one run and printed beside its ratio.
//!
//! `cargo bench -p livermore-core --bench ratios`, with letters after `--` for some sections only. What the rows mean
//! is told in `docs/benchmarks.md`.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it cannot run")]

#[path = "../common/mod.rs"]
mod common;
mod replay;
mod sections;

use common::table::Plan;

/// A letter, and what measures and prints its rows; the answer is the number of missed targets.
type Section = (&'static str, fn(&Plan) -> usize);

fn main() {
    let plan = Plan::from_args();
    sections::check_same_bits();
    let sections: [Section; 5] = [
        ("A", sections::stream),
        ("C", sections::candles),
        ("D", sections::batch),
        ("E", sections::bank),
        ("F", replay::replay),
    ];
    let missed: usize = sections.iter().filter(|(name, _)| plan.wants(name)).map(|(_, run)| run(&plan)).sum();
    println!("\n{}", plan.summary(missed));
}
