//! The typed service over a store.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use livermore_core::{
    ids::Revision,
    settings::{
        Cause, Document, Expect, FileSettingsStore, FileStoreConfig, HistoryQuery, MemorySettingsStore, Save,
        SettingsError, SettingsService, SettingsStore, UserSettings,
    },
};
use serde_json::{Value, json};

use super::toy::{Toy, by, counted, doc, user};

fn service() -> SettingsService<Toy> {
    SettingsService::new(Arc::new(MemorySettingsStore::new()))
}

fn revision(number: u64) -> Revision {
    Revision::new(number).unwrap()
}

/// Puts a document into the store behind the service's back.
async fn put(service: &SettingsService<Toy>, document: Value) {
    let save = Save::new(Expect::Any, doc(document), by().actor, by().at);
    service.store().save(user(), save).await.unwrap();
}

fn count_up(toy: &mut Toy) {
    toy.count += 1;
}

async fn raw(service: &SettingsService<Toy>) -> Value {
    service.store().load(user()).await.unwrap().unwrap().document.into_value()
}

#[tokio::test]
async fn nothing_stored_gives_the_defaults_and_revision_zero() {
    let loaded = service().load(user()).await.unwrap();
    assert_eq!((loaded.revision, loaded.loaded.settings), (Revision::ZERO, Toy::default()));
}

#[tokio::test]
async fn an_update_keeps_what_it_does_not_know_and_migrates_what_is_old() {
    let service = service();
    put(&service, json!({ "version": 1, "colour": "red", "theirs": { "deep": [1, { "kept": null }] } })).await;
    let saved = service.change(user(), &by(), count_up).await.unwrap();
    assert_eq!((saved.revision.get(), saved.loaded.settings.count), (2, 1));
    let expected = json!({ "version": 2, "color": "red", "count": 1, "theirs": { "deep": [1, { "kept": null }] } });
    assert_eq!(raw(&service).await, expected);
}

#[tokio::test]
async fn case_57_unknown_members_everywhere_survive_from_version_1_to_3_and_a_typed_change() {
    let old = Document::parse(include_bytes!("../../golden/settings/v1-strangers.json")).unwrap();
    let store = Arc::new(MemorySettingsStore::new());
    store.save(user(), Save::new(Expect::Any, old, by().actor, by().at)).await.unwrap();
    let service = SettingsService::<UserSettings>::new(store.clone());
    let migrated = service.load(user()).await.unwrap().loaded.document;
    // At the top, inside sections that are known, and inside arrays of both.
    for unknown in [
        "disabledSymbols",
        "runtime.nice",
        "dashboard.tiles.0.zoom",
        "exchanges.coinbase.limits.0.vendor",
        "extensions.v1_.mode",
    ] {
        assert!(migrated.get(&unknown.parse().unwrap()).is_some(), "{unknown}");
    }
    service.change(user(), &by(), |settings| settings.runtime.auto_start = true).await.unwrap();
    let stored = store.load(user()).await.unwrap().unwrap();
    let changed = json!([{ "op": "replace", "path": "/runtime/autoStart", "value": true }]);
    assert_eq!((stored.revision, migrated.patch_to(&stored.document)), (revision(2), changed));
}

#[tokio::test]
async fn the_usual_changes_each_save_one_revision() {
    let service = service();
    put(&service, json!({ "version": 1, "colour": "red", "theirs": { "deep": [1, { "kept": null }] } })).await;
    let path = |text: &str| text.parse().unwrap();
    service.patch(user(), &by(), &json!({ "count": 3, "theirs": { "more": true } })).await.unwrap();
    service.set(user(), &by(), &path("theirs.deep.1.kept"), json!(7)).await.unwrap();
    service.remove(user(), &by(), &path("theirs.more")).await.unwrap();
    let expected = json!({ "version": 2, "color": "red", "count": 3, "theirs": { "deep": [1, { "kept": 7 }] } });
    assert_eq!(raw(&service).await, expected);
    service.change(user(), &by(), |toy| toy.count += 1).await.unwrap();
    assert_eq!(raw(&service).await["count"], 4);
    let nothing = service.remove(user(), &by(), &path("not.there")).await.unwrap();
    assert_eq!((nothing.revision.get(), nothing.loaded.settings.count), (5, 4), "what changes nothing is not saved");
    for refused in [
        service.patch(user(), &by(), &json!({ "version": 1 })).await,
        service.patch(user(), &by(), &json!([])).await,
        service.set(user(), &by(), &path("color.of"), json!(1)).await,
        service.set(user(), &by(), &path("count"), json!(1_001)).await,
        service.change(user(), &by(), |toy| toy.count = 1_001).await,
    ] {
        assert!(matches!(refused, Err(SettingsError::Invalid { .. })), "{refused:?}");
    }
    service.reset(user(), &by()).await.unwrap();
    let fresh = json!({ "version": 2, "color": "", "count": 0, "theirs": { "deep": [1, { "kept": 7 }] } });
    assert_eq!(raw(&service).await, fresh);
    // Reset is also the way back from what cannot be read, migrated first where that is possible.
    put(&service, json!({ "version": 1, "colour": "red" })).await;
    assert_eq!(service.reset(user(), &by()).await.unwrap().loaded.document.as_map().len(), 3);
    put(&service, json!({ "version": 2, "count": "many", "theirs": 1 })).await;
    let reset = service.reset(user(), &by()).await.unwrap().loaded;
    assert_eq!((reset.settings, reset.document.as_map().get("theirs")), (Toy::default(), Some(&json!(1))));
}

#[tokio::test]
async fn an_invalid_change_is_refused_and_nothing_is_saved() {
    let service = service();
    put(&service, json!({ "version": 2, "count": 1000 })).await;
    let error = service.change(user(), &by(), count_up).await.unwrap_err();
    assert!(matches!(error, SettingsError::Invalid { .. }), "{error:?}");
    assert_eq!(service.load(user()).await.unwrap().revision.get(), 1);
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_not_saved() {
    let service = service();
    put(&service, json!({ "version": 2, "count": 1 })).await;
    let same = service.update(user(), &by(), |loaded| Ok(loaded.document.clone())).await.unwrap();
    assert_eq!(same.revision.get(), 1);
    assert_eq!(service.store().history(user(), HistoryQuery::newest(9)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_newer_document_does_not_come_in_from_outside() {
    let newer = doc(json!({ "version": 4, "count": 7 }));
    let import = service().import(user(), &by(), &newer).await;
    assert!(matches!(import, Err(SettingsError::Newer { found: 4, max: 2 })), "{import:?}");
}

#[tokio::test]
async fn settings_that_cannot_be_read_can_be_replaced() {
    let service = service();
    put(&service, json!({ "version": 2, "count": 1 })).await;
    put(&service, json!({ "version": 2, "count": "many" })).await;
    assert!(matches!(service.load(user()).await, Err(SettingsError::Invalid { .. })));
    let back = service.rollback(user(), &by(), revision(1)).await.unwrap();
    assert_eq!((back.revision.get(), back.loaded.settings.count), (3, 1));
}

#[tokio::test]
async fn a_rollback_brings_an_old_revision_up_to_date() {
    let service = service();
    put(&service, json!({ "version": 1, "colour": "red" })).await;
    service.change(user(), &by(), count_up).await.unwrap();
    let back = service.rollback(user(), &by().with_reason("red was better"), revision(1)).await.unwrap();
    assert_eq!(back.revision.get(), 3);
    assert_eq!(raw(&service).await, json!({ "version": 2, "color": "red" }));
    assert_eq!(service.revision(user(), revision(3)).await.unwrap().reason.as_deref(), Some("red was better"));
    let missing = service.rollback(user(), &by(), revision(9)).await;
    assert!(matches!(missing, Err(SettingsError::NoSuchRevision { .. })), "{missing:?}");
}

#[tokio::test]
async fn a_diff_names_what_changed_between_revisions() {
    let service = service();
    put(&service, json!({ "version": 2, "count": 1, "color": "red" })).await;
    put(&service, json!({ "version": 2, "count": 2, "color": "red" })).await;
    put(&service, json!({ "version": 2, "count": 2 })).await;
    let pointers = async |from, to| {
        let changes = service.diff(user(), revision(from), to).await.unwrap();
        changes.into_iter().map(|change| change.pointer).collect::<Vec<_>>()
    };
    assert_eq!(pointers(1, Some(revision(2))).await, ["/count"]);
    assert_eq!(pointers(1, None).await, ["/color", "/count"]);
    assert_eq!(pointers(3, None).await, [""; 0]);
}

#[tokio::test]
async fn a_change_with_a_known_cause_gives_what_it_made_then() {
    let service = service();
    let by = by().with_cause(Cause::new("command 1").unwrap());
    let made = service.change(user(), &by, count_up).await.unwrap();
    put(&service, json!({ "version": 2, "count": 50 })).await;
    let again = service.change(user(), &by, count_up).await.unwrap();
    assert_eq!((again.revision, again.loaded.settings), (made.revision, made.loaded.settings));
    assert_eq!(service.load(user()).await.unwrap().loaded.settings.count, 50);
}

#[tokio::test]
async fn case_50_two_editors_on_one_revision_one_is_told_what_the_other_saved() {
    let service = service();
    put(&service, json!({ "version": 2, "count": 1 })).await;
    let both_saw = service.load(user()).await.unwrap();
    let expect = Expect::Revision(both_saw.revision);
    let (mine, theirs) = (counted(&both_saw.loaded.document), doc(json!({ "version": 2, "color": "blue" })));
    service.save(user(), &by(), expect, &theirs).await.unwrap();
    match service.save(user(), &by(), expect, &mine).await {
        Err(SettingsError::Conflict { current: Some(current) }) => {
            assert_eq!((current.revision.get(), current.document), (2, theirs));
        }
        answer => panic!("the second editor got {answer:?}"),
    }
    assert_eq!(raw(&service).await, json!({ "version": 2, "color": "blue" }));
}

#[tokio::test]
async fn eight_writers_with_update_all_land() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = FileSettingsStore::open(FileStoreConfig::new(folder.path())).await.unwrap();
    let stores: [Arc<dyn SettingsStore>; 2] = [Arc::new(MemorySettingsStore::new()), Arc::new(files)];
    for store in stores {
        let service = SettingsService::<Toy>::new(store);
        let together = Barrier::new(8);
        let write = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            together.wait();
            runtime.block_on(service.change(user(), &by(), count_up)).unwrap().revision.get()
        };
        let mut revisions: Vec<u64> = thread::scope(|scope| {
            let writers: Vec<_> = (0..8).map(|_| scope.spawn(write)).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        revisions.sort_unstable();
        assert_eq!(revisions, (1..=8).collect::<Vec<_>>());
        assert_eq!(service.load(user()).await.unwrap().loaded.settings.count, 8);
    }
}
