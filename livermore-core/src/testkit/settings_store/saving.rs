use serde_json::json;
use tokio::task::JoinSet;

use super::{
    SettingsFixture,
    fixture::{cause, document, id, numbered, revision, save},
};
use crate::{
    ids::Revision,
    settings::{Expect, HistoryQuery, Save, SettingsError, Stored},
};

pub(super) const WRITERS: u64 = 8;

/// A save replaces the whole document.
pub async fn a_save_replaces_the_whole_document(fixture: SettingsFixture) {
    let mut first = save(1, Expect::Any);
    first.document = document(json!({ "version": 1, "old": { "a": 1 }, "list": [1, 2, 3], "gone": true }));
    fixture.save(1, first).await;
    let mut second = save(2, Expect::Any);
    second.document = document(json!({ "version": 1, "old": {}, "list": [4] }));
    fixture.save(1, second.clone()).await;
    assert_eq!(fixture.stored(1).await.document.to_json(), second.document.to_json());
}

/// A save raises the revision by one, from 1 on; revisions are never used again.
pub async fn revisions_rise_by_one_from_one(fixture: SettingsFixture) {
    for number in 1..=10 {
        // The same document again is a save like any other; a refused one uses no revision up.
        let saved = fixture.save(1, save(number / 2, Expect::Any)).await;
        assert_eq!(saved, revision(number), "save {number}");
        assert_eq!(fixture.stored(1).await.revision, saved);
        let refused = fixture.try_save(1, save(99, Expect::Absent)).await;
        assert!(refused.is_err(), "a second first save gave {refused:?}");
    }
}

/// `Expect::Revision` saves only over exactly that revision.
pub async fn an_expected_revision_must_be_the_stored_one(fixture: SettingsFixture) {
    expect_conflict(&fixture, save(1, Expect::Revision(revision(1)))).await;
    expect_conflict(&fixture, save(1, Expect::Revision(Revision::ZERO))).await;
    fixture.save(1, save(1, Expect::Any)).await;
    fixture.save(1, save(2, Expect::Revision(revision(1)))).await;
    for wrong in [0, 1, 3, 9_007_199_254_740_991] {
        expect_conflict(&fixture, save(3, Expect::Revision(revision(wrong)))).await;
    }
    assert_eq!(fixture.save(1, save(3, Expect::Revision(revision(2)))).await, revision(3));
}

/// `Expect::Absent` saves only where nothing is stored.
pub async fn absent_saves_only_where_nothing_is_stored(fixture: SettingsFixture) {
    assert_eq!(fixture.save(1, save(1, Expect::Absent)).await, revision(1));
    expect_conflict(&fixture, save(2, Expect::Absent)).await;
    assert_eq!(fixture.save(2, save(2, Expect::Absent)).await, revision(1), "another user");
}

/// `Expect::Any` saves always.
pub async fn any_saves_always(fixture: SettingsFixture) {
    for number in 1..=3 {
        assert_eq!(fixture.save(1, save(number, Expect::Any)).await, revision(number));
    }
}

/// A refused save answers with what is stored, and nothing has changed.
pub async fn a_conflict_changes_nothing(fixture: SettingsFixture) {
    expect_conflict(&fixture, save(1, Expect::Revision(revision(3)))).await;
    assert_eq!(fixture.users(None, 10).await, [0_u64; 0], "after a refused first save");
    fixture.save(1, save(1, Expect::Any)).await;
    fixture.save(1, save(2, Expect::Any)).await;
    for expect in [Expect::Absent, Expect::Revision(revision(1)), Expect::Revision(revision(3))] {
        expect_conflict(&fixture, save(3, expect).with_cause(cause("refused"))).await;
    }
    // A refused save has not used its cause up.
    let later = save(4, Expect::Revision(revision(2))).with_cause(cause("refused"));
    assert_eq!(fixture.save(1, later).await, revision(3));
    assert_eq!(fixture.stored(1).await.document, numbered(4));
}

/// Of any number of saves on one revision at once, one wins; the others are told what it stored.
pub async fn of_many_saves_on_one_revision_one_wins(fixture: SettingsFixture) {
    fixture.save(1, save(0, Expect::Absent)).await;
    for round in 1..=5 {
        one_of_many_wins(&fixture, Expect::Revision(revision(round)), revision(round + 1)).await;
    }
}

/// Of any number of first saves at once, one wins.
pub async fn of_many_first_saves_one_wins(fixture: SettingsFixture) {
    one_of_many_wins(&fixture, Expect::Absent, revision(1)).await;
}

/// A save whose cause is already in the user's history changes nothing and returns the revision that cause made,
/// whatever is expected.
pub async fn a_known_cause_changes_nothing_and_returns_its_revision(fixture: SettingsFixture) {
    fixture.save(1, save(1, Expect::Any)).await;
    let made = fixture.save(1, save(2, Expect::Any).with_cause(cause("command 2"))).await;
    fixture.save(1, save(3, Expect::Any).with_cause(cause("command 3"))).await;
    let before = (fixture.load(1).await, fixture.history(1, HistoryQuery::newest(100)).await);
    for expect in [Expect::Any, Expect::Absent, Expect::Revision(revision(1)), Expect::Revision(revision(3))] {
        let again = fixture.save(1, save(4, expect).with_cause(cause("command 2"))).await;
        assert_eq!(again, made, "expecting {expect:?}");
        let after = (fixture.load(1).await, fixture.history(1, HistoryQuery::newest(100)).await);
        assert_eq!(after, before, "expecting {expect:?}");
    }
    let other = fixture.save(2, save(5, Expect::Absent).with_cause(cause("command 2"))).await;
    assert_eq!(other, revision(1), "the same cause of another user");
    assert_eq!(fixture.stored(2).await.document, numbered(5));
    assert_eq!(fixture.save(1, save(6, Expect::Any).with_cause(cause("Command 2"))).await, revision(4));
}

/// The same cause never saves twice, also when it comes many times at once.
pub async fn many_saves_of_one_cause_save_once(fixture: SettingsFixture) {
    let answers = at_once(&fixture, |writer| save(writer, Expect::Any).with_cause(cause("once"))).await;
    for (writer, answer) in answers {
        assert_eq!(answer.expect("a save was refused"), revision(1), "writer {writer}");
    }
    assert_eq!(fixture.history(1, HistoryQuery::newest(100)).await.len(), 1);
}

/// Document and history are written together: both or neither.
pub async fn document_and_history_are_written_together(fixture: SettingsFixture) {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = fixture.store.clone();
        writers.spawn(async move {
            for number in 0..5 {
                store.save(id(1), save(writer * 100 + number, Expect::Any)).await.expect("a save was refused");
            }
        });
    }
    loop {
        if let Some(stored) = fixture.load(1).await {
            let before = stored.revision.next();
            let entries = fixture.history(1, HistoryQuery { before, limit: 1 }).await;
            let entry = entries.first().map(|entry| (entry.revision, &entry.document));
            assert_eq!(entry, Some((stored.revision, &stored.document)), "the history of what is stored");
        }
        let done = fixture.within("the writers", async { writers.try_join_next() }).await;
        match done {
            Some(ended) => ended.expect("a writer failed"),
            None if writers.is_empty() => break,
            None => tokio::task::yield_now().await,
        }
    }
    let history = fixture.history(1, HistoryQuery::newest(1_000)).await;
    let revisions: Vec<u64> = history.iter().map(|entry| entry.revision.get()).collect();
    assert_eq!(revisions, (1..=WRITERS * 5).rev().collect::<Vec<_>>());
    assert_eq!(history.first().map(|entry| &entry.document), Some(&fixture.stored(1).await.document));
}

/// A document without a version, a whole number from 1, is refused with what is wrong, and nothing has changed.
pub async fn a_document_without_a_version_is_refused(fixture: SettingsFixture) {
    for stored in [None, Some(fixture.save(2, save(1, Expect::Any)).await)] {
        let user = if stored.is_some() { 2 } else { 1 };
        for value in [
            json!({}),
            json!({ "number": 1 }),
            json!({ "version": null }),
            json!({ "version": "1" }),
            json!({ "version": 1.0 }),
            json!({ "version": 1.5 }),
            json!({ "version": -1 }),
            json!({ "version": 0 }),
            json!({ "version": 4_294_967_296_u64 }),
            json!({ "version": [1] }),
        ] {
            let before = fixture.load(user).await;
            let mut with = save(2, Expect::Any).with_cause(cause("refused"));
            with.document = document(value.clone());
            let expected = with.document.version().expect_err("the suite is wrong");
            match fixture.try_save(user, with).await {
                Err(SettingsError::Invalid { problems }) => assert_eq!(problems, [expected], "{value}"),
                answer => panic!("saving {value} answered {answer:?}"),
            }
            assert_eq!(fixture.load(user).await, before, "after {value} was refused");
        }
        let history = fixture.history(user, HistoryQuery::newest(10)).await;
        assert_eq!(history.len(), usize::from(stored.is_some()), "after refused saves");
    }
    assert_eq!(fixture.users(None, 10).await, [2]);
}

/// A reason of more than 500 characters, or with a NUL character, is refused, and nothing has changed.
pub async fn a_reason_out_of_bounds_is_refused(fixture: SettingsFixture) {
    for reason in ["x".repeat(Save::MAX_REASON + 1), "a\0b".to_owned()] {
        let answer = fixture.try_save(1, save(1, Expect::Any).with_reason(&reason)).await;
        assert!(
            matches!(answer, Err(SettingsError::Invalid { .. })),
            "a reason of {} answered {answer:?}",
            reason.len()
        );
        assert_eq!(fixture.load(1).await, None, "after a refused reason");
    }
}

async fn one_of_many_wins(fixture: &SettingsFixture, expect: Expect, next: Revision) {
    let answers = at_once(fixture, |writer| save(next.get() * 100 + writer, expect)).await;
    let stored = fixture.stored(1).await;
    let mut winners = Vec::new();
    for (writer, answer) in answers {
        match answer {
            Ok(revision) => {
                assert_eq!(revision, next, "the winner, writer {writer}");
                winners.push(writer);
            }
            Err(SettingsError::Conflict { current }) => {
                assert_eq!(current.as_deref(), Some(&stored), "what writer {writer} was told is stored");
            }
            Err(error) => panic!("writer {writer} got {error:?}"),
        }
    }
    let [winner] = winners[..] else { panic!("the winners among {WRITERS} writers on {expect:?}: {winners:?}") };
    assert_eq!(stored, Stored { revision: next, document: numbered(next.get() * 100 + winner) });
}

/// Many saves of user 1 at once.
async fn at_once(
    fixture: &SettingsFixture,
    save_of: impl Fn(u64) -> Save,
) -> Vec<(u64, Result<Revision, SettingsError>)> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, save) = (fixture.store.clone(), save_of(writer));
        writers.spawn(async move { (writer, store.save(id(1), save).await) });
    }
    fixture.within("the writers", writers.join_all()).await
}

async fn expect_conflict(fixture: &SettingsFixture, save: Save) {
    let expect = save.expect;
    let before = (fixture.load(1).await, fixture.history(1, HistoryQuery::newest(100)).await);
    match fixture.try_save(1, save).await {
        Err(SettingsError::Conflict { current }) => {
            assert_eq!(current.map(|stored| *stored), before.0, "the conflict on {expect:?} tells what is stored");
        }
        answer => panic!("a save expecting {expect:?} answered {answer:?}"),
    }
    let after = (fixture.load(1).await, fixture.history(1, HistoryQuery::newest(100)).await);
    assert_eq!(after, before, "after a save that was refused on {expect:?}");
}
