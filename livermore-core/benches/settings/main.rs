//! Every speed target of the settings, measured in one run and printed beside its ratio.
//!
//! `cargo bench -p livermore-core --bench settings`, with letters after `--` for some sections only. What the rows mean
//! is told in `docs/benchmarks.md`. The sections with a server are in `livermore-pg`.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it cannot run")]

mod desk;
mod documents;
mod loading;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../common/process.rs"]
mod process;
mod reading;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../common/table.rs"]
mod table;
mod users;

use table::Plan;

/// A letter, and what measures and prints its rows; the answer is the number of missed targets.
type Section = (&'static str, fn(&Plan) -> usize);

fn main() {
    let plan = Plan::from_args();
    let sections: [Section; 4] =
        [("G", loading::user_settings), ("H", loading::desk), ("I", reading::snapshots), ("J", users::dry_run)];
    let missed: usize = sections.iter().filter(|(name, _)| plan.wants(name)).map(|(_, run)| run(&plan)).sum();
    println!("\n{}", plan.summary(missed));
}
