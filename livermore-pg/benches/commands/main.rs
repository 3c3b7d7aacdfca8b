//! Commands on a PostgreSQL server of its own, with and without a Redis bell beside it, against the same statements on
//! held connections in the same run; and users of whom nothing is wanted.
//!
//! `taskset -c 0 cargo bench -p livermore-pg --bench commands`, with letters after `--` for some sections only: on one
//! core, because waking the other one takes longer than the work. What the rows mean is told in `docs/benchmarks.md`.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it cannot run")]

mod by_hand;
#[path = "../../../livermore-core/benches/common/calls.rs"]
mod calls;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../../../livermore-core/benches/common/control.rs"]
mod control;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../../../livermore-core/benches/common/process.rs"]
mod process;
mod statements;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../../../livermore-core/benches/common/table.rs"]
mod table;

use std::sync::Arc;

use livermore_core::control::{CommandBus, ControlPolicy, Doorbell};
use livermore_pg::{PgCommandLog, PgConfig, migrate};
use livermore_redis::{RedisBell, RedisConfig};
use livermore_tests::{postgres::Postgres, redis::Redis};
use tokio::runtime::{Builder, Runtime};

use crate::{
    by_hand::ByHand,
    calls::{Profile, senders},
    control::{Plane, users},
    table::Plan,
};

const DATABASE: &str = "bench";
/// One of its own for what is done by hand: notices go to everybody who listens in a database.
const BY_HAND: &str = "by_hand";
const APP: &str = "livermore_app";

fn main() {
    let plan = Plan::from_args();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut missed = 0;
    if plan.wants("Q") {
        let Some(server) = server(&runtime) else { return };
        missed += commands(&plan, &runtime, &server, None, "Q. Commands in PostgreSQL");
    }
    if plan.wants("R") {
        let Some(server) = server(&runtime) else { return };
        let Some(redis) = livermore_tests::redis::own(&[]) else { return };
        missed += commands(&plan, &runtime, &server, Some(&redis), "R. Commands in PostgreSQL, a Redis bell beside it");
    }
    if plan.wants("T") {
        let Some(server) = server(&runtime) else { return };
        runtime.block_on(idle(&plan, &server));
    }
    println!("\n{}", plan.summary(missed));
}

/// A server with migrated databases.
fn server(runtime: &Runtime) -> Option<Postgres> {
    let server = livermore_tests::postgres::own()?;
    runtime.block_on(async {
        server.run("postgres", "CREATE ROLE livermore_owner LOGIN; CREATE ROLE livermore_app LOGIN").await;
        for database in [DATABASE, BY_HAND] {
            server.run("postgres", &format!("CREATE DATABASE {database} OWNER livermore_owner")).await;
            let owner = PgConfig::from_url(server.url("livermore_owner", database));
            migrate(&owner, Some(APP)).await.expect("a migrated database");
        }
    });
    Some(server)
}

async fn log(server: &Postgres, redis: Option<&Redis>) -> PgCommandLog {
    let config = PgConfig::from_url(server.url(APP, DATABASE));
    let log = PgCommandLog::connect(&config, ControlPolicy::default()).await.expect("a log");
    let Some(redis) = redis else { return log };
    let bell = RedisBell::open(&RedisConfig::from_url(redis.url())).expect("a bell");
    log.with_doorbell(Arc::new(bell) as Arc<dyn Doorbell>)
}

fn commands(plan: &Plan, runtime: &Runtime, server: &Postgres, redis: Option<&Redis>, title: &str) -> usize {
    let (mut floor, bus, mut product) = runtime.block_on(async {
        let floor = ByHand::start(&server.url(APP, BY_HAND), senders(plan)).await;
        // Two processes would have connections of their own.
        let (bus, inbox) = (Arc::new(log(server, redis).await), log(server, redis).await);
        let product = Plane::start(bus.clone(), Arc::new(inbox), users(senders(plan))).await;
        (floor, bus, product)
    });
    let profile = Profile {
        title,
        calls: 1_000,
        crowd: 400,
        decided: Some(1.3),
        throughput: None,
        floor: &mut floor,
        product: &mut product,
    };
    let missed = profile.run(plan, runtime);
    runtime.block_on(async {
        // Its connections end in tasks of their own.
        drop(floor);
        product.stop().await;
        CommandBus::close(&*bus).await;
    });
    missed
}

async fn idle(plan: &Plan, server: &Postgres) {
    let log = log(server, None).await;
    let admin = tokio::sync::Mutex::new(server.admin("postgres").await);
    let asked = async || {
        let sql = "SELECT pid FROM pg_stat_activity WHERE usename = $1";
        let mut admin = admin.lock().await;
        let processes: Vec<i32> = sqlx::query_scalar(sql).bind(APP).fetch_all(&mut *admin).await.expect("an answer");
        let used = processes.iter().filter_map(|process| process::cpu_seconds(&process.to_string())).sum();
        (processes.len(), used)
    };
    control::idle(plan, "T. Idle users in PostgreSQL", Arc::new(log.clone()), Arc::new(log.clone()), asked).await;
    CommandBus::close(&log).await;
}
