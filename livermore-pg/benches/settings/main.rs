//! The settings store on a PostgreSQL server of its own, against the same statements written by hand in the same run.
//!
//! `taskset -c 0 cargo bench -p livermore-pg --bench settings`, with letters after `--` for some sections only: on one
//! core, because waking the other one takes longer than the work. What the rows mean is told in `docs/benchmarks.md`.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it cannot run")]

mod database;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../../../livermore-core/benches/settings/documents.rs"]
mod documents;
mod loads;
mod saves;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../../../livermore-core/benches/common/table.rs"]
mod table;
mod users;

use crate::{database::Database, table::Plan};

fn main() {
    let plan = Plan::from_args();
    let mut missed = 0;
    if ["K", "L", "N"].iter().any(|section| plan.wants(section)) {
        let Some(server) = livermore_tests::postgres::own() else { return };
        let database = Database::new(&server);
        missed += if plan.wants("K") { loads::loads(&plan, &database) } else { 0 };
        missed += if plan.wants("L") { saves::saves(&plan, &database, "L. A save, fsync off") } else { 0 };
        missed += if plan.wants("N") { users::dry_run(&plan, &database) } else { 0 };
    }
    if plan.wants("M") {
        let Some(server) = livermore_tests::postgres::own_durable() else { return };
        missed += saves::saves(
            &plan.with_rounds(if plan.is_smoke_test() { 1 } else { 41 }),
            &Database::new(&server),
            "M. A save, fsync on",
        );
    }
    println!("\n{}", plan.summary(missed));
}
