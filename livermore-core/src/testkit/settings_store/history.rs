use super::{
    SettingsFixture,
    fixture::{cause, revision, save},
};
use crate::{
    ids::Revision,
    settings::{Actor, Expect, HistoryEntry, HistoryQuery, Save},
};

/// `history` returns entries newest first, each with document, actor, reason and cause.
pub async fn history_is_newest_first_and_complete(fixture: SettingsFixture) {
    let longest = "ä".repeat(Save::MAX_REASON);
    let widest = "€".repeat(100);
    let mut saves: Vec<Save> = vec![
        save(1, Expect::Absent),
        save(2, Expect::Any).with_reason("because"),
        save(3, Expect::Any).with_cause(cause("command 3")),
        save(4, Expect::Any).with_reason(&longest).with_cause(cause(&widest)),
        save(5, Expect::Any).with_reason(""),
        save(6, Expect::Any).with_reason("two\nlines, 'quotes' and \"more\""),
    ];
    saves[3].actor = Actor::new(&widest).expect("actors of the suite are valid");
    let mut expected = Vec::new();
    for with in saves {
        let Save { document, actor, reason, cause, at, .. } = with.clone();
        let revision = fixture.save(1, with).await;
        expected.insert(0, HistoryEntry { revision, document, actor, reason, cause, at });
    }
    assert_eq!(fixture.history(1, HistoryQuery::newest(100)).await, expected);
}

/// `history` returns at most `limit` entries, those before `before`.
pub async fn history_comes_in_pages(fixture: SettingsFixture) {
    for number in 1..=7 {
        fixture.save(1, save(number, Expect::Any)).await;
    }
    let page = |before: Option<u64>, limit| {
        let query = HistoryQuery { before: before.map(revision), limit };
        let fixture = &fixture;
        async move {
            let entries = fixture.history(1, query).await;
            entries.into_iter().map(|entry| entry.revision.get()).collect::<Vec<_>>()
        }
    };
    assert_eq!(page(None, 3).await, [7, 6, 5]);
    assert_eq!(page(Some(5), 3).await, [4, 3, 2]);
    assert_eq!(page(Some(2), 3).await, [1]);
    assert_eq!(page(Some(1), 3).await, [0_u64; 0]);
    assert_eq!(page(Some(Revision::ZERO.get()), 3).await, [0_u64; 0]);
    assert_eq!(page(Some(8), 2).await, [7, 6], "before a revision that is still to come");
    assert_eq!(page(Some(9_007_199_254_740_991), 1).await, [7]);
    assert_eq!(page(None, 0).await, [0_u64; 0]);
    assert_eq!(page(None, 100).await, [7, 6, 5, 4, 3, 2, 1]);
}
