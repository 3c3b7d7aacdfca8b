//! Two that want different things at the same time.

use std::{sync::Arc, time::Duration};

use livermore_core::{
    control::{
        Command, CommandBus, CommandInbox, CommandQuery, ControlPolicy, EmbeddedCommandLog, PauseLevel, Verdict,
    },
    exchange::SplitMix64,
    ids::Symbol,
    settings::HistoryQuery,
};
use tokio::{sync::Notify, task::yield_now, time::Instant};

use super::{
    runner::{Crash, start},
    support::{decision, holder, id, now, open, submission, user},
};

async fn race(log: &EmbeddedCommandLog, command: &Command, random: &mut SplitMix64) -> Verdict {
    let lease = log.acquire(&[user(1)], &holder("a"), Duration::from_mins(1)).await.unwrap().remove(0);
    let before = log.states(&lease).await.unwrap().0;
    let number = random.next_u64();
    log.submit(user(1), &submission(number, command)).await.unwrap();
    let (first, second, third) = (random.below(4), random.below(4), random.below(8));
    let pause = |times: u64| async move {
        for _ in 0..times {
            yield_now().await;
        }
    };
    let runner = async {
        pause(first).await;
        let next = log.next(&lease).await.unwrap()?;
        pause(second).await;
        Some(log.decide(&lease, next.record.seq, decision(&next)).await.unwrap())
    };
    let sender = async {
        pause(third).await;
        log.cancel(user(1), id(number)).await.unwrap()
    };
    let (decided, cancelled) = tokio::join!(runner, sender);
    let record = log.record(user(1), id(number)).await.unwrap().unwrap().record;
    let outcome = record.outcome.clone().unwrap();
    let after = log.states(&lease).await.unwrap().0;
    // Whoever was told of an outcome was told this one.
    if let Some(decided) = decided {
        assert_eq!(decided, record);
    }
    assert!(cancelled.is_open() || cancelled == record, "{cancelled:?} was told, {record:?} holds");
    assert!(!cancelled.is_open() || record.changes_settings(), "{cancelled:?}");
    match outcome.verdict {
        Verdict::Applied => assert_eq!(after.generation, outcome.generation),
        Verdict::Cancelled => assert_eq!(after, before),
        other => panic!("{other:?}"),
    }
    outcome.verdict
}

/// In memory and in a folder; commands that change the settings and others.
#[tokio::test]
async fn w17_of_a_cancellation_and_a_decision_one_wins() {
    const SEED: u64 = 17;
    let folder = tempfile::tempdir().unwrap();
    let logs =
        [(400, EmbeddedCommandLog::in_memory(ControlPolicy::default(), now)), (100, open(folder.path()).await.0)];
    for (rounds, log) in logs {
        let mut random = SplitMix64::new(SEED);
        let (mut applied, mut cancelled) = (0, 0);
        for round in 0..rounds {
            let command = match round % 3 {
                0 => Command::Pause { level: PauseLevel::Hold },
                1 => Command::Resume,
                _ => Command::AddSymbol { symbol: Symbol::new("SOL-USD").unwrap() },
            };
            match race(&log, &command, &mut random).await {
                Verdict::Applied => applied += 1,
                _ => cancelled += 1,
            }
        }
        assert!(applied > 9 && cancelled > 9, "seed {SEED}: {applied} applied, {cancelled} cancelled");
    }
}

/// A runner that is told to stop, or is dropped, leaves no command half decided; it stops soon.
#[tokio::test]
async fn case_12_a_stop_during_a_decision_leaves_it_decided_or_undecided() {
    const SEED: u64 = 12;
    const ROUNDS: u64 = 12;
    let folder = tempfile::tempdir().unwrap();
    let mut random = SplitMix64::new(SEED);
    let (mut decided, mut undecided) = (0, 0);
    for round in 1..=ROUNDS {
        let symbol = Symbol::new(&format!("S{round}-USD")).unwrap();
        let begun = Arc::new(Notify::new());
        let crash = Crash::tell(format!("after next {round}"), &begun);
        let runner = start(folder.path(), &[user(1)], &crash).await;
        let command = Command::AddSymbol { symbol };
        crash.sending(round, runner.log.submit(user(1), &submission(round, &command))).await.unwrap();
        begun.notified().await;
        let asked = Instant::now();
        if round % 2 == 0 {
            tokio::time::sleep(Duration::from_micros(random.below(5_000))).await;
            runner.executor.stop().await;
        } else {
            drop(runner.executor);
        }
        assert!(asked.elapsed() < Duration::from_secs(10), "stopping took {:?}", asked.elapsed());
        let record = runner.log.record(user(1), id(round)).await.unwrap().unwrap().record;
        CommandBus::close(&runner.log).await;
        runner.settings.store().close().await;

        let (log, _) = open(folder.path()).await;
        assert_eq!(log.record(user(1), id(round)).await.unwrap().unwrap().record, record, "round {round}");
        // Given back, or ended where giving it back took too long.
        let lease = loop {
            if let Some(lease) = log.acquire(&[user(1)], &holder("looks"), Duration::from_secs(9)).await.unwrap().pop()
            {
                break lease;
            }
            assert!(asked.elapsed() < Duration::from_secs(10), "round {round}: the lease does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let desired = log.states(&lease).await.unwrap().0;
        if let Some(outcome) = &record.outcome {
            decided += 1;
            assert_eq!((desired.generation, desired.made_by), (outcome.generation, Some(id(round))));
        } else {
            undecided += 1;
            assert_ne!(desired.made_by, Some(id(round)));
        }
        log.release(&[lease]).await.unwrap();
        CommandBus::close(&log).await;
    }
    // A slow disk may keep those that were told to stop from ending it in time; those that were dropped never end it.
    assert!(undecided > 0, "seed {SEED}: {decided} decided, {undecided} undecided");
    // Whoever comes next finishes it; each change was made once.
    let runner = start(folder.path(), &[user(1)], &Crash::at(None)).await;
    let deadline = Instant::now() + Duration::from_mins(1);
    while !runner.log.waiting(&[user(1)]).await.unwrap().is_empty() {
        assert!(Instant::now() < deadline, "not decided in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    runner.executor.stop().await;
    let all = runner.log.history(user(1), CommandQuery::newest(100)).await.unwrap();
    assert_eq!(all.len() as u64, ROUNDS);
    let applied = all.iter().filter(|status| status.record.outcome.as_ref().unwrap().verdict == Verdict::Applied);
    assert_eq!(applied.count() as u64, ROUNDS);
    let history = runner.settings.store().history(user(1), HistoryQuery::newest(100)).await.unwrap();
    let causes: Vec<_> = history.iter().rev().map(|entry| entry.cause.clone().unwrap().as_str().to_owned()).collect();
    assert_eq!(causes, (1..=ROUNDS).map(|round| id(round).to_string()).collect::<Vec<_>>());
}
