//! Commands flow while runners, Redis and PostgreSQL are killed in turn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    ALONE,
    arena::{Arena, Profile},
    judge,
    sender::{Told, send},
    setting, settle, users,
};

/// Longest time for a command to be recorded, and for the next of the commands to be begun.
const PATIENCE: Duration = Duration::from_mins(2);

/// Every command ends in one final record, and nothing that was told is not so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_107_runner_redis_and_postgresql_killed_in_turn() {
    let _alone = ALONE.lock().await;
    let commands: usize = setting("LIVERMORE_CHAOS_COMMANDS", 200);
    let seed: u64 = setting("LIVERMORE_CHAOS_SEED", 107);
    let rounds = (commands / 120).max(2);
    println!("{commands} commands, seed {seed}, each of three killed {rounds} times");
    let users = users();
    let Some(mut arena) = Arena::build(Profile::PostgresAndBell, &users).await else { return };
    let bus = arena.bus().await;
    let (begun, began) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let mut senders = JoinSet::new();
    for (user, number) in users.iter().cycle().zip(0..6) {
        let begun = Arc::clone(&begun);
        let more = move || begun.fetch_add(1, Ordering::Relaxed) < commands;
        senders.spawn(send(bus.clone(), *user, seed.wrapping_mul(1_000) + number, PATIENCE, more));
    }
    for kill in 0..3 * rounds {
        // Spread over all commands, the last of them included.
        let share = commands * (kill + 1) / (3 * rounds + 1);
        let deadline = Instant::now() + PATIENCE;
        while begun.load(Ordering::Relaxed) < share {
            assert!(Instant::now() < deadline, "no command is sent any more");
            sleep(Duration::from_millis(5)).await;
        }
        match kill % 3 {
            0 => arena.start_runner(kill / 3 % 2),
            1 => arena.kill_redis(),
            _ => arena.kill_postgres(),
        }
    }
    let told: Vec<Told> = senders.join_all().await.into_iter().flatten().collect();
    println!("sent within {:?}", began.elapsed());
    settle(&*bus, &users).await;
    drop(bus);
    assert_eq!(told.len(), commands);
    let lost = told.iter().find(|told| told.recorded.is_none());
    assert!(lost.is_none(), "not recorded within {PATIENCE:?}: {lost:?}");
    let ledgers = judge(&format!("{commands} commands, seed {seed}"), arena, &told).await;
    let recorded: usize = ledgers.iter().map(|ledger| ledger.commands.len()).sum();
    assert_eq!(recorded, commands + users.len(), "one record each, and one of each fresh command");
}
