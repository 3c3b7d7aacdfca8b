//! Recording commands.

use std::sync::Arc;

use livermore_core::{
    control::{CommandBus, CommandQuery, ControlError, Expiry},
    ids::Seq,
};
use tokio::task::JoinSet;

use super::support::{id, lease, log, pause, resume};
use crate::support::{database, user};

#[tokio::test]
async fn case_01_a_hundred_submit_the_same() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let log = log.clone();
        tasks.spawn(async move { log.submit(user(7), &pause(1)).await });
    }
    let answers = tasks.join_all().await;
    let first = answers[0].as_ref().unwrap();
    assert_eq!(first.seq, Seq::new(1).unwrap());
    for answer in &answers {
        assert_eq!(answer.as_ref().unwrap(), first);
    }
    assert_eq!(log.history(user(7), CommandQuery::newest(10)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn case_02_an_id_is_used_once() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let first = log.submit(user(7), &pause(1)).await.unwrap();
    let error = log.submit(user(7), &resume(1)).await.unwrap_err();
    assert!(matches!(error, ControlError::IdReused { id: reused } if reused == id(1)), "{error:?}");
    assert_eq!(log.record(user(7), id(1)).await.unwrap().unwrap().record, first);
    log.submit(user(8), &resume(1)).await.unwrap();
}

#[tokio::test]
async fn case_17_the_101st_undecided_command_is_too_many() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    for number in 1..=100 {
        log.submit(user(7), &pause(number)).await.unwrap();
    }
    let error = log.submit(user(7), &pause(101)).await.unwrap_err();
    assert!(matches!(error, ControlError::Busy { .. }), "{error:?}");
    log.submit(user(8), &pause(101)).await.unwrap();
    log.cancel(user(7), id(1)).await.unwrap();
    let made = log.submit(user(7), &pause(101)).await.unwrap();
    assert_eq!(made.seq, Seq::new(101).unwrap(), "what was refused has taken no number");
}

#[tokio::test]
async fn case_70_a_reader_sees_every_command_in_order() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 25;
    let Some(database) = database().await else { return };
    let log = Arc::new(log(&database).await);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = Arc::clone(&log);
        writers.spawn(async move {
            for number in 0..EACH {
                // Over at once, so that there is always room for the next.
                let brief = resume(writer * 1_000 + number).with_expiry(Expiry::After(std::time::Duration::ZERO));
                log.submit(user(7), &brief).await.unwrap();
            }
        });
    }
    let mut seen = 0;
    while seen < WRITERS * EACH {
        let newest = log.history(user(7), CommandQuery::newest(1_000)).await.unwrap();
        let mut news: Vec<u64> =
            newest.iter().map(|status| status.record.seq.get()).filter(|number| *number > seen).collect();
        news.reverse();
        let expected: Vec<u64> = (seen + 1..=seen + news.len() as u64).collect();
        assert_eq!(news, expected, "a command was skipped or came late");
        seen += news.len() as u64;
    }
    writers.join_all().await;
}

#[tokio::test]
async fn a_log_beside_a_settings_store_uses_its_connections() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    let policy = livermore_core::control::ControlPolicy::default();
    let log = livermore_pg::PgCommandLog::beside(&store, &database.config(), policy).unwrap();
    log.submit(user(7), &pause(1)).await.unwrap();
    let lease = lease(&log, 7).await;
    assert!(super::support::decide_next(&log, &lease).await.unwrap().is_some());
    CommandBus::close(&log).await;
    let error = log.submit(user(7), &pause(2)).await.unwrap_err();
    assert!(matches!(error, ControlError::Closed), "{error:?}");
    assert_eq!(crate::support::number_of(&store, 7).await.unwrap(), None, "the store goes on");
}
