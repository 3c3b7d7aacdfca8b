use serde_json::{Map, Value, json};

use super::{
    SettingsFixture,
    fixture::{document, id, numbered, revision, save},
};
use crate::settings::{Document, Expect, HistoryQuery, Stored};

/// What the store promises is constant for its life.
pub async fn the_capability_is_constant(fixture: SettingsFixture) {
    let before = fixture.store.capability();
    fixture.save(1, save(1, Expect::Any)).await;
    assert_eq!(fixture.store.capability(), before, "after a save");
    fixture.within("close", fixture.store.close()).await;
    assert_eq!(fixture.store.capability(), before, "after close");
}

/// Every call names one user, and nothing of another user is read or written by it.
pub async fn nothing_of_another_user_is_read_or_written(fixture: SettingsFixture) {
    fixture.save(7, save(70, Expect::Absent)).await;
    assert_eq!(fixture.load(8).await, None, "user 8 after a save of user 7");
    assert_eq!(fixture.history(8, HistoryQuery::newest(10)).await, [], "history of user 8 after a save of user 7");
    for round in 1..=5 {
        fixture.save(8, save(80 + round, Expect::Any)).await;
        let kept = Stored { revision: revision(1), document: numbered(70) };
        assert_eq!(fixture.load(7).await, Some(kept), "user 7 after save {round} of user 8");
        assert_eq!(fixture.stored(8).await.document, numbered(80 + round));
    }
    assert_eq!(fixture.history(7, HistoryQuery::newest(10)).await.len(), 1, "history of user 7");
    assert_eq!(fixture.history(8, HistoryQuery::newest(10)).await.len(), 5, "history of user 8");
}

/// `users` lists every user with a stored document, ascending, in pages.
pub async fn users_are_listed_ascending_in_pages(fixture: SettingsFixture) {
    assert_eq!(fixture.users(None, 10).await, [0_u64; 0], "before any save");
    // The largest id, and ids whose order as text is not their order as numbers.
    let largest = 9_007_199_254_740_991;
    for user in [10, 2, largest, 1, 33, 100] {
        fixture.save(user, save(user % 100, Expect::Absent)).await;
        fixture.save(user, save(user % 100 + 1, Expect::Any)).await;
    }
    fixture.load(5).await; // being asked about does not make a user
    let all = [1, 2, 10, 33, 100, largest];
    assert_eq!(fixture.users(None, 10).await, all);
    assert_eq!(fixture.users(None, 6).await, all);
    assert_eq!(fixture.users(None, 4).await, all[..4]);
    assert_eq!(fixture.users(Some(33), 4).await, all[4..]);
    assert_eq!(fixture.users(Some(3), 2).await, all[2..4], "after a user who has nothing stored");
    assert_eq!(fixture.users(Some(largest), 4).await, [0_u64; 0]);
    assert_eq!(fixture.users(None, 0).await, [0_u64; 0]);
}

/// `load` returns the last saved document.
pub async fn a_load_returns_the_last_saved_document(fixture: SettingsFixture) {
    for number in 1..=3 {
        let saved = fixture.save(1, save(number, Expect::Any)).await;
        let expected = Stored { revision: saved, document: numbered(number) };
        assert_eq!(fixture.load(1).await, Some(expected.clone()), "after save {number}");
        assert_eq!(fixture.load(1).await, Some(expected), "loaded again after save {number}");
    }
}

/// `load` returns `None` for a user who never saved.
pub async fn a_user_who_never_saved_has_nothing(fixture: SettingsFixture) {
    assert_eq!(fixture.load(1).await, None);
    assert_eq!(fixture.history(1, HistoryQuery::newest(10)).await, []);
    let refused = fixture.try_save(1, save(1, Expect::Revision(revision(1)))).await;
    assert!(refused.is_err(), "saved over revision 1, which is not there");
    assert_eq!(fixture.load(1).await, None, "after a refused save");
}

/// After `save` has returned, a load from any handle of the same store sees it.
pub async fn a_save_that_returned_is_seen_by_every_handle(fixture: SettingsFixture) {
    let mut handles = vec![fixture.store.clone()];
    if fixture.store.capability().shared {
        handles.extend(fixture.reopened().await);
    }
    for number in 0..20 {
        let writer = &handles[usize::from(number % 3 == 0) % handles.len()];
        let saved = fixture.within("save", writer.save(id(1), save(number, Expect::Any))).await;
        let expected = Stored { revision: saved.expect("the save was refused"), document: numbered(number) };
        for (index, handle) in handles.iter().enumerate() {
            let seen = fixture.within("load", handle.load(id(1))).await.expect("the load failed");
            assert_eq!(seen, Some(expected.clone()), "handle {index} after save {number}");
        }
    }
}

/// A document is returned as it was saved: every key, every value.
pub async fn a_document_is_returned_as_it_was_saved(fixture: SettingsFixture) {
    let documents = [
        json!({ "version": 1 }),
        json!({ "version": 4_294_967_295_u32 }),
        json!({ "version": 3, "unknown": { "deeper": [{ "still": null }, [], {}, ""] }, "": "an empty name" }),
        json!({ "a/b": 1, "~": 2, "a.b": 3, "0": 4, "Größe": "漢字 🦀 e\u{301}", "'\"\\": "\u{1}\t\r\n\u{7f}\u{2028}" }),
        json!({ "whole": [0, 1, -1, 9_007_199_254_740_991_i64, -9_007_199_254_740_991_i64] }),
        json!({ "other": [0.1, -0.1, 0.0, -0.0, 1.0, 1e-7, 123_456.789_012_345_67, 2.225_073_858_507_201_4e-308, 5e-324] }),
        json!({ "flags": [true, false, null], "text": ["null", "1", "{}", "%s $1 ? :x"] }),
    ];
    for mut value in documents {
        if let Some(map) = value.as_object_mut() {
            map.entry("version").or_insert(json!(1));
        }
        let saved = document(value.clone());
        let mut with = save(1, Expect::Any);
        with.document = saved.clone();
        fixture.save(1, with).await;
        let stored = fixture.stored(1).await.document;
        assert_eq!(stored, saved, "{value}");
        assert_eq!(stored.to_json(), saved.to_json(), "to the last bit of a number");
        let newest = fixture.history(1, HistoryQuery::newest(1)).await;
        assert_eq!(newest.first().map(|entry| &entry.document), Some(&saved), "in the history: {value}");
    }
}

/// A document at the limits is kept as any other.
pub async fn a_document_at_the_limits_is_kept(fixture: SettingsFixture) {
    // Many short members: a store that writes spaces between them must not count those.
    let mut largest = Map::from_iter([("version".to_owned(), json!(1))]);
    for number in 0.. {
        let left = Document::MAX_BYTES - Value::Object(largest.clone()).to_string().len();
        if left < 40 {
            largest.insert("end".to_owned(), Value::String("e".repeat(left - r#","end":"""#.len())));
            break;
        }
        largest.extend((0..left / 40).map(|member| (format!("{number}.{member}"), Value::from(member % 10))));
    }
    let largest = document(Value::Object(largest));
    assert_eq!(largest.to_json().len(), Document::MAX_BYTES, "the suite is wrong");
    let deepest = (2..Document::MAX_DEPTH).fold(json!([]), |inner, level| match level % 2 {
        0 => json!([inner]),
        _ => json!({ "inner": inner }),
    });
    // A number that takes six bytes here, and three hundred where it is written out.
    let tiny = (Document::MAX_BYTES - 100) / 303;
    let tiny = json!({ "version": 1, "tiny": vec![1e-300; tiny] });
    for limit in [largest, document(tiny), document(json!({ "version": 1, "deep": deepest }))] {
        let mut with = save(1, Expect::Any);
        with.document = limit.clone();
        fixture.save(1, with).await;
        assert!(fixture.stored(1).await.document == limit, "a document at the limits came back changed");
    }
}
