//! Who may decide, and for how long.

use std::{slice::from_ref, time::Duration};

use livermore_core::{
    control::{CommandBus, CommandInbox, Lease},
    ids::Epoch,
};
use sqlx::Executor;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::support::{HOUR, decide_next, holder, lease_for, log, pause};
use crate::support::{database, user};

#[tokio::test]
async fn two_holders_never_have_the_same_user() {
    let Some(database) = database().await else { return };
    let users: Vec<_> = (1..=50).map(user).collect();
    let mut tasks = JoinSet::new();
    for name in ["one", "two", "three", "four"] {
        let (log, users) = (log(&database).await, users.clone());
        tasks.spawn(async move { log.acquire(&users, &holder(name), HOUR).await.unwrap() });
    }
    let all: Vec<Lease> = tasks.join_all().await.into_iter().flatten().collect();
    let mut held: Vec<_> = all.iter().map(|lease| lease.user).collect();
    held.sort_unstable();
    held.dedup();
    assert_eq!(held.len(), all.len(), "a user has two holders");
    // Who met somebody at work was not kept waiting; nobody is left over once they are done.
    let log = log(&database).await;
    let rest = log.acquire(&users, &holder("five"), HOUR).await.unwrap();
    assert_eq!(rest.len() + all.len(), users.len());
}

#[tokio::test]
async fn a_lease_ends_by_the_servers_clock() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let ttl = Duration::from_millis(400);
    let begun = Instant::now();
    let first = lease_for(&log, 7, "one", ttl).await.unwrap();
    assert_eq!(first.epoch, Epoch::new(1).unwrap());
    assert_eq!(lease_for(&log, 7, "one", ttl).await.unwrap(), first, "a lost answer is given again");
    assert_eq!(log.renew(from_ref(&first), ttl).await.unwrap(), *from_ref(&first));
    let second = loop {
        if let Some(lease) = lease_for(&log, 7, "two", HOUR).await {
            break lease;
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
        sleep(Duration::from_millis(10)).await;
    };
    assert!(begun.elapsed() >= ttl, "{:?}", begun.elapsed());
    assert_eq!(second.epoch, Epoch::new(2).unwrap());
    assert!(log.renew(from_ref(&first), ttl).await.unwrap().is_empty());
    log.release(&[first]).await.unwrap();
    assert_eq!(lease_for(&log, 7, "three", HOUR).await, None, "the wrong lease gives nothing back");
    log.release(&[second]).await.unwrap();
    assert_eq!(lease_for(&log, 7, "three", HOUR).await.unwrap().epoch, Epoch::new(3).unwrap());
}

#[tokio::test]
async fn case_68_a_holder_frozen_in_a_transaction_is_freed() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let ttl = Duration::from_secs(1);
    let begun = Instant::now();
    let frozen = lease_for(&log, 7, "frozen", ttl).await.unwrap();
    log.submit(user(7), &pause(1)).await.unwrap();
    // What the library's own connections carry; the library itself never leaves a transaction open.
    let mut stopped = database.server.admin(&database.name).await;
    stopped.execute("SET idle_in_transaction_session_timeout = '5s'").await.unwrap();
    stopped.execute("BEGIN").await.unwrap();
    let sql = "SELECT set_config('app.user_id', '7', true);
        SELECT FROM livermore.lease WHERE user_id = 7 FOR SHARE;
        SELECT FROM livermore.command WHERE user_id = 7 FOR UPDATE;
        SELECT FROM livermore.desired WHERE user_id = 7 FOR UPDATE";
    stopped.execute(sql).await.unwrap();
    // Nobody waits for it: other users are given at once.
    let asked = Instant::now();
    assert_eq!(log.acquire(&[user(7), user(8)], &holder("heir"), HOUR).await.unwrap().len(), 1);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let heir = loop {
        if let Some(lease) = lease_for(&log, 7, "heir", HOUR).await {
            break lease;
        }
        assert!(begun.elapsed() < ttl + Duration::from_secs(6), "{:?}", begun.elapsed());
        sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(heir.epoch.get(), frozen.epoch.get() + 1);
    assert!(decide_next(&log, &heir).await.unwrap().is_some());
}

#[tokio::test]
async fn case_68_every_connection_of_the_log_carries_its_limits() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    log.submit(user(7), &pause(1)).await.unwrap();
    let lease = lease_for(&log, 7, "one", HOUR).await.unwrap();
    assert!(log.next(&lease).await.unwrap().is_some());
    let mut admin = database.server.admin(&database.name).await;
    // A connection shows its own limits only, so it is asked through a function of the log.
    admin
        .execute(
            "CREATE TABLE public.limits (of text, value text); GRANT INSERT ON public.limits TO livermore_app;
             CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO public.limits SELECT name, current_setting(name) FROM unnest(ARRAY['statement_timeout',
                     'lock_timeout', 'idle_in_transaction_session_timeout']) AS name;
                 RETURN NEW; END $$;
             CREATE TRIGGER note BEFORE INSERT OR UPDATE ON livermore.command FOR EACH ROW EXECUTE FUNCTION public.note()",
        )
        .await
        .unwrap();
    log.submit(user(7), &pause(2)).await.unwrap();
    assert!(log.next(&lease).await.unwrap().is_some());
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT of, value, count(*) FROM public.limits GROUP BY 1, 2 ORDER BY 1")
            .fetch_all(&mut admin)
            .await
            .unwrap();
    let expected = [("idle_in_transaction_session_timeout", "5s"), ("lock_timeout", "2s"), ("statement_timeout", "5s")];
    assert_eq!(rows, expected.map(|(name, value)| (name.to_owned(), value.to_owned(), 2)));
}
