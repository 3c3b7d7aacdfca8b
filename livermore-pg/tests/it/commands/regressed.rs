//! A database that has forgotten what a runner has seen.

use livermore_core::{
    control::{CommandBus, CommandInbox, ControlError, Phase},
    ids::Generation,
};

use super::support::{decide_next, id, lease, log, pause, report, resume};
use crate::support::{database, user};

#[tokio::test]
async fn w15_a_restored_backup_is_noticed_and_rebased() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let lease = lease(&log, 7).await;
    for number in 1..=3 {
        let command = if number % 2 == 1 { pause(number) } else { resume(number) };
        log.submit(user(7), &command).await.unwrap();
        decide_next(&log, &lease).await.unwrap().unwrap();
    }
    log.observe(&lease, report(3)).await.unwrap();
    // As it was before the second command.
    database
        .run(
            "SET session_replication_role = replica;
             DELETE FROM livermore.command WHERE seq > 1;
             UPDATE livermore.desired SET last_seq = 1,
                 state = state || '{\"generation\": 1, \"phase\": \"stopped\"}' WHERE user_id = 7;
             DELETE FROM livermore.observed",
        )
        .await;
    let told = |error: ControlError| {
        let ControlError::StoreRegressed { seen, found } = error else { panic!("{error:?}") };
        (seen.get(), found.get())
    };
    // The runner says what it has seen; from then on everybody knows.
    assert_eq!(told(log.observe(&lease, report(3)).await.unwrap_err()), (3, 1));
    assert_eq!(told(log.submit(user(7), &pause(4)).await.unwrap_err()), (3, 1));
    assert_eq!(told(log.next(&lease).await.unwrap_err()), (3, 1));
    log.submit(user(8), &pause(4)).await.unwrap();
    assert!(log.record(user(7), id(1)).await.unwrap().is_some(), "what is there can be read");
    log.submit(user(7), &pause(1)).await.unwrap();
    let rebased = log.rebase(user(7)).await.unwrap();
    assert_eq!((rebased.generation, rebased.phase), (Generation::new(4).unwrap(), Phase::Stopped));
    assert_eq!(log.rebase(user(7)).await.unwrap(), rebased, "once is enough");
    assert_eq!(log.submit(user(7), &resume(4)).await.unwrap().seq.get(), 2);
    let decided = decide_next(&log, &lease).await.unwrap().unwrap();
    assert_eq!(decided.outcome.unwrap().generation, Generation::new(5).unwrap());
    log.observe(&lease, report(5)).await.unwrap();
}
