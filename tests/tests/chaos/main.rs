//! Commands under faults: senders, two runners, cut and silent connections, killed and frozen processes; then a check of
//! everything that anybody was told against everything that was written down.
//!
//! A few seeds run by default. Another run, as long as one likes:
//!
//! ```text
//! LIVERMORE_CHAOS_SEED=4711 LIVERMORE_CHAOS_SECONDS=120 scripts/test -p livermore-tests --test chaos seed
//! LIVERMORE_CHAOS_COMMANDS=1000 scripts/test -p livermore-tests --test chaos killed
//! ```
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod arena;
mod killed;
mod oracle;
mod outage;
mod sender;

use std::{env, fmt::Debug, str::FromStr, time::Duration};

use livermore_core::{
    control::{Command, CommandBus, Stage, Submission, Waited},
    exchange::SplitMix64,
    ids::{CommandId, UserId},
    settings::Actor,
};
use rustix::process::Signal;
use tokio::{
    sync::Mutex,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use self::{
    arena::{Arena, Profile},
    oracle::Ledger,
    sender::{Told, send},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seed_1_on_postgresql() {
    run(Profile::Postgres, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seed_2_on_postgresql() {
    run(Profile::Postgres, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seed_3_on_redis() {
    run(Profile::Redis, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seed_4_on_postgresql_with_redis_as_its_bell() {
    run(Profile::PostgresAndBell, 4).await;
}

/// One run at a time: they are about faults, not about a machine that has too much to do.
static ALONE: Mutex<()> = Mutex::const_new(());

fn users() -> Vec<UserId> {
    [7, 70, 77].map(|user| UserId::new(user).unwrap()).to_vec()
}

fn setting<T: FromStr<Err: Debug>>(name: &str, default: T) -> T {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error:?}")))
}

async fn run(profile: Profile, seed: u64) {
    let _alone = ALONE.lock().await;
    let seed = setting("LIVERMORE_CHAOS_SEED", seed);
    let faults = Duration::from_secs(setting("LIVERMORE_CHAOS_SECONDS", 20));
    println!("{profile:?}, seed {seed}, {faults:?} of faults");
    let users = users();
    let Some(mut arena) = Arena::build(profile, &users).await else { return };
    let bus = arena.bus().await;
    let until = Instant::now() + faults;
    let mut senders = JoinSet::new();
    for (user, sender) in users.iter().zip([0, 1, 2]).flat_map(|(user, n)| [(*user, 2 * n), (*user, 2 * n + 1)]) {
        let seed = seed.wrapping_mul(1_000) + sender;
        senders.spawn(send(bus.clone(), user, seed, Duration::from_secs(6), move || Instant::now() < until));
    }
    break_things(&mut arena, seed, until).await;
    heal(&mut arena);
    let told: Vec<Told> = senders.join_all().await.into_iter().flatten().collect();
    settle(&*bus, &users).await;
    drop(bus);
    judge(&format!("{profile:?}, seed {seed}"), arena, &told).await;
}

/// Ends the run and checks what is left of it.
async fn judge(run: &str, arena: Arena, told: &[Told]) -> Vec<Ledger> {
    let (ledgers, logs) = arena.close().await;
    let mut failures = Vec::new();
    for ledger in &ledgers {
        match oracle::check(ledger, told) {
            Ok(tally) => println!("user {}: {tally:?}", ledger.user),
            Err(failure) => failures.push(format!("user {}: {failure}", ledger.user)),
        }
    }
    assert!(failures.is_empty(), "{run}: {}\nwhat the runners said is in {}", failures.join("\n"), logs.keep());
    ledgers
}

/// One fault after another, as the seed says.
async fn break_things(arena: &mut Arena, seed: u64, until: Instant) {
    let mut random = SplitMix64::new(seed);
    while Instant::now() < until {
        sleep(Duration::from_millis(200 + random.below(800))).await;
        let way = usize::try_from(random.below(arena.ways.len() as u64)).unwrap();
        let runner = usize::from(random.below(2) == 0);
        let pause = Duration::from_millis(300 + random.below(3_000));
        let fault = random.below(9);
        println!("  fault {fault} on way {way} or runner {runner}, for {pause:?}");
        match fault {
            0 | 1 => arena.ways[way].cut(),
            2 => arena.ways[way].abandon(),
            3 => {
                arena.ways[way].silence(true);
                sleep_until(until.min(Instant::now() + pause)).await;
                arena.ways[way].silence(false);
                // What was swallowed does not come back.
                arena.ways[way].cut();
            }
            4 => {
                arena.ways[way].refuse(true);
                sleep_until(until.min(Instant::now() + pause)).await;
                arena.ways[way].refuse(false);
            }
            5 => arena.ways[way].delay(Duration::from_millis(random.below(80))),
            6 => {
                arena.kill_runner(runner);
                sleep(pause / 3).await;
                arena.start_runner(runner);
            }
            7 => {
                arena.signal_runner(runner, Signal::STOP);
                sleep_until(until.min(Instant::now() + pause * 4)).await;
                arena.signal_runner(runner, Signal::CONT);
            }
            _ => arena.kill_server(runner == 0),
        }
    }
}

fn heal(arena: &mut Arena) {
    for way in &arena.ways {
        way.silence(false);
        way.refuse(false);
        way.delay(Duration::ZERO);
    }
    for runner in 0..2 {
        arena.signal_runner(runner, Signal::CONT);
    }
}

/// A healed system decides a fresh command soon, and with it everything before.
async fn settle(bus: &dyn CommandBus, users: &[UserId]) {
    for user in users {
        let id = CommandId::from_parts(sender::now(), [u8::try_from(user.get()).unwrap(); 10]);
        let fresh = Submission::new(id, &Command::Resume, Actor::new("chaos").unwrap()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(15);
        while let Err(error) = bus.submit(*user, &fresh).await {
            assert!(Instant::now() < deadline && error.is_retryable(), "a fresh command is not taken: {error}");
            sleep(Duration::from_millis(100)).await;
        }
        let waited = bus.wait(*user, id, Stage::Effective, Duration::from_secs(20)).await;
        assert!(matches!(waited, Ok(Waited::Reached(_))), "a fresh command of user {user} came to {waited:?}");
    }
}
