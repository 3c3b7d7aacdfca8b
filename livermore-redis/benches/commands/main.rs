//! Commands on a Redis server of its own, against the same scripts called by hand in the same run; and users of whom
//! nothing is wanted.
//!
//! `taskset -c 0 cargo bench -p livermore-redis --bench commands`, with letters after `--` for some sections only: on one
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
mod scripts;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../../../livermore-core/benches/common/table.rs"]
mod table;

use std::sync::Arc;

use livermore_core::control::{CommandBus, ControlPolicy};
use livermore_redis::{RedisCommandLog, RedisConfig};
use livermore_tests::redis::Redis;
use tokio::runtime::{Builder, Runtime};

use crate::{
    by_hand::ByHand,
    calls::{Profile, senders},
    control::{Plane, users},
    table::Plan,
};

fn main() {
    let plan = Plan::from_args();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut missed = 0;
    if plan.wants("S") {
        let Some(server) = livermore_tests::redis::durable() else { return };
        missed += commands(&plan, &runtime, &server);
    }
    if plan.wants("U") {
        let Some(server) = livermore_tests::redis::durable() else { return };
        runtime.block_on(idle(&plan, &server));
    }
    println!("\n{}", plan.summary(missed));
}

async fn log(server: &Redis) -> RedisCommandLog {
    RedisCommandLog::open(&RedisConfig::from_url(server.url()), ControlPolicy::default()).await.expect("a log")
}

fn commands(plan: &Plan, runtime: &Runtime, server: &Redis) -> usize {
    let (mut floor, bus, mut product) = runtime.block_on(async {
        let floor = ByHand::start(&server.url(), senders(plan)).await;
        // Two processes would have connections of their own.
        let (bus, inbox) = (Arc::new(log(server).await), log(server).await);
        let product = Plane::start(bus.clone(), Arc::new(inbox), users(senders(plan))).await;
        (floor, bus, product)
    });
    let profile = Profile {
        title: "S. Commands in Redis alone",
        calls: 2_000,
        crowd: 2_000,
        decided: Some(1.3),
        throughput: Some(0.6),
        floor: &mut floor,
        product: &mut product,
    };
    let missed = profile.run(plan, runtime);
    runtime.block_on(async {
        product.stop().await;
        CommandBus::close(&*bus).await;
    });
    missed
}

async fn idle(plan: &Plan, server: &Redis) {
    let log = log(server).await;
    let process = server.info("process_id").to_string();
    let asked = async || {
        let used = process::cpu_seconds(&process).unwrap_or_default();
        (server.clients("livermore"), used)
    };
    control::idle(plan, "U. Idle users in Redis", Arc::new(log.clone()), Arc::new(log.clone()), asked).await;
    CommandBus::close(&log).await;
}
