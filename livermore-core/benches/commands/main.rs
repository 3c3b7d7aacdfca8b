//! The way of a command within one process: from its sender to the runner and back, and the throughput of many senders.
//!
//! `taskset -c 0 cargo bench -p livermore-core --bench commands`, with letters after `--` for some sections only: on one
//! core, because waking the other one takes longer than the work. What the rows mean is told in `docs/benchmarks.md`. The
//! sections with a server are in `livermore-pg` and `livermore-redis`.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it cannot run")]

mod by_hand;
#[path = "../common/calls.rs"]
mod calls;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../common/control.rs"]
mod control;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../common/process.rs"]
mod process;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../common/table.rs"]
mod table;

use std::sync::Arc;

use livermore_core::control::{ControlPolicy, EmbeddedCommandLog, FileLogConfig};
use tokio::runtime::{Builder, Runtime};

use crate::{
    by_hand::ByHand,
    calls::{Profile, senders},
    control::{Plane, now, users},
    table::Plan,
};

fn main() {
    let plan = Plan::from_args();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut missed = 0;
    if plan.wants("O") {
        let log = EmbeddedCommandLog::in_memory(ControlPolicy::default(), now);
        missed += run(&plan, &runtime, "O. Commands in memory", log, None);
    }
    if plan.wants("P") {
        let folder = tempfile::tempdir().expect("a folder");
        let opened = EmbeddedCommandLog::open(FileLogConfig::new(folder.path(), ControlPolicy::default()), now);
        let (log, _) = runtime.block_on(opened).expect("a log");
        let journal = tempfile::tempfile_in(folder.path()).expect("a file");
        missed += run(&plan, &runtime, "P. Commands in a folder", log, Some(journal));
    }
    println!("\n{}", plan.summary(missed));
}

fn run(plan: &Plan, runtime: &Runtime, title: &str, log: EmbeddedCommandLog, journal: Option<std::fs::File>) -> usize {
    let (calls, crowd) = if journal.is_some() { (300, 120) } else { (20_000, 10_000) };
    let _entered = runtime.enter();
    let mut floor = ByHand::start(senders(plan), journal);
    let mut product = runtime.block_on(Plane::start(Arc::new(log.clone()), Arc::new(log), users(senders(plan))));
    let profile =
        Profile { title, calls, crowd, decided: None, throughput: None, floor: &mut floor, product: &mut product };
    let missed = profile.run(plan, runtime);
    runtime.block_on(product.stop());
    missed
}
