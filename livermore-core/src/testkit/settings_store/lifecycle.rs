use std::pin::pin;

use futures_util::StreamExt;
use tokio::task::{JoinSet, yield_now};

use super::{
    SettingsFixture,
    fixture::{cause, id, numbered, poll_once, revision, save},
};
use crate::settings::{Expect, HistoryQuery, SettingsError, Stored};

/// A call is dropped after none, one, two... polls, up to here.
const POLLS: u64 = 6;

/// A dropped future may or may not have saved: load, or save again with the same cause.
pub async fn a_dropped_save_has_saved_or_not(fixture: SettingsFixture) {
    let mut made = Vec::new();
    for round in 0..POLLS * 3 {
        let text = format!("round {round}");
        let with = save(round, Expect::Any).with_cause(cause(&text));
        poll_then_drop(round % POLLS, fixture.store.save(id(1), with.clone())).await;
        let again = fixture.save(1, with).await;
        made.push(again);
        let expected = Stored { revision: again, document: numbered(round) };
        assert_eq!(fixture.load(1).await, Some(expected), "in round {round}");
    }
    // Each round has saved once, no matter how often it was tried.
    let rounds: Vec<_> = (1..=POLLS * 3).map(revision).collect();
    assert_eq!(made, rounds);
}

/// A dropped call leaves nothing half done: afterwards every call answers as before.
pub async fn a_dropped_call_leaves_nothing_half_done(fixture: SettingsFixture) {
    fixture.save(1, save(1, Expect::Any)).await;
    let before = fixture.load(1).await;
    for polls in 0..POLLS {
        poll_then_drop(polls, fixture.store.load(id(1))).await;
        poll_then_drop(polls, fixture.store.history(id(1), HistoryQuery::newest(10))).await;
        poll_then_drop(polls, fixture.store.users(None, 10)).await;
        poll_then_drop(polls, fixture.store.watch(id(1))).await;
        assert_eq!(fixture.load(1).await, before, "after dropping calls at poll {polls}");
        assert_eq!(fixture.history(1, HistoryQuery::newest(10)).await.len(), 1);
        assert_eq!(fixture.users(None, 10).await, [1]);
    }
    drop(fixture.store.close()); // never polled, so nothing is closed
    assert_eq!(fixture.load(1).await, before, "after dropping a close that was not polled");
}

/// After `close` every call fails with `Closed`.
pub async fn after_close_every_call_fails(fixture: SettingsFixture) {
    fixture.save(1, save(1, Expect::Any)).await;
    fixture.within("close", fixture.store.close()).await;
    expect_closed(&fixture).await;
}

/// After `close` every watch ends: one that was not read yet, one that was, and one that is waited on.
pub async fn close_ends_every_watch(fixture: SettingsFixture) {
    let mut unread = fixture.watch(1).await;
    let mut begun = fixture.watch(1).await;
    fixture.save(1, save(1, Expect::Any)).await;
    fixture.next(&mut begun).await;
    let mut waited_on = fixture.watch(2).await;
    let mut reader = JoinSet::new(); // ends with the clause, also when that fails
    reader.spawn(async move { while waited_on.next().await.is_some() {} });
    yield_now().await;
    fixture.within("close", fixture.store.close()).await;
    for (which, watch) in [("not read before close", &mut unread), ("read before close", &mut begun)] {
        // What was told before close may still arrive, and no more than that.
        let mut told = 0;
        while fixture.next(watch).await.is_some() {
            told += 1;
            assert!(told <= 1, "a watch {which} has not ended");
        }
    }
    let ended = fixture.within("the end of a watch waited on during close", reader.join_next()).await;
    assert!(matches!(ended, Some(Ok(()))), "the watch waited on panicked: {ended:?}");
}

/// Closing twice is harmless.
pub async fn closing_twice_is_harmless(fixture: SettingsFixture) {
    fixture.within("close", fixture.store.close()).await;
    fixture.within("the second close", fixture.store.close()).await;
    expect_closed(&fixture).await;
}

/// What a durable store has saved is there when it is opened again: documents, history, causes and numbering.
pub async fn a_durable_store_remembers(mut fixture: SettingsFixture) {
    if !fixture.store.capability().durable {
        return;
    }
    fixture.save(1, save(1, Expect::Any).with_cause(cause("command 1"))).await;
    fixture.save(1, save(2, Expect::Any).with_reason("because")).await;
    fixture.save(2, save(3, Expect::Any)).await;
    let all = async |fixture: &SettingsFixture| {
        let mut all = Vec::new();
        for user in [1, 2, 3] {
            all.push((fixture.load(user).await, fixture.history(user, HistoryQuery::newest(100)).await));
        }
        (all, fixture.users(None, 100).await)
    };
    for round in 0..2 {
        let before = all(&fixture).await;
        fixture.within("close", fixture.store.close()).await;
        let Some(again) = fixture.reopened().await else { return };
        fixture.store = again;
        assert_eq!(all(&fixture).await, before, "after closing and opening again");
        let known = fixture.save(1, save(9, Expect::Any).with_cause(cause("command 1"))).await;
        assert_eq!(known, revision(1), "a cause from before");
        assert_eq!(fixture.save(1, save(4 + round, Expect::Revision(revision(2 + round)))).await, revision(3 + round));
    }
}

async fn expect_closed(fixture: &SettingsFixture) {
    let store = &fixture.store;
    let loaded = fixture.within("load", store.load(id(1))).await;
    assert!(is_closed(&loaded), "load answered {loaded:?}");
    let saved = fixture.within("save", store.save(id(1), save(2, Expect::Any))).await;
    assert!(is_closed(&saved), "save answered {saved:?}");
    let history = fixture.within("history", store.history(id(1), HistoryQuery::newest(1))).await;
    assert!(is_closed(&history), "history answered {history:?}");
    let watch = fixture.within("watch", store.watch(id(1))).await.map(|_| "a stream");
    assert!(is_closed(&watch), "watch answered {watch:?}");
    let users = fixture.within("users", store.users(None, 1)).await;
    assert!(is_closed(&users), "users answered {users:?}");
}

fn is_closed<T>(answer: &Result<T, SettingsError>) -> bool {
    matches!(answer, Err(SettingsError::Closed))
}

async fn poll_then_drop<T>(polls: u64, future: impl Future<Output = T>) {
    let mut future = pin!(future);
    for _ in 0..polls {
        if poll_once(future.as_mut()).await.is_ready() {
            return;
        }
        yield_now().await;
    }
}
