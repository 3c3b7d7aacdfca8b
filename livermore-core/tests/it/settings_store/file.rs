//! The store in files.

use std::{fs, io, path::Path, pin::pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use livermore_core::{
    ErrorKind,
    ids::{Timestamp, UserId},
    settings::{
        Actor, Cause, Document, Expect, FileFinding, FileReport, FileSettingsStore, FileStoreConfig, HistoryQuery,
        Save, SettingsError, SettingsStore, WriteStep,
    },
    testkit::SettingsFixture,
};
use tempfile::TempDir;

async fn fixture() -> SettingsFixture {
    let folder = tempfile::tempdir().unwrap();
    let config = FileStoreConfig::new(folder.path().join("not/there/yet"));
    let (store, _) = FileSettingsStore::open(config.clone()).await.unwrap();
    let reopen = move || {
        let config = config.clone();
        async {
            let (store, report) = FileSettingsStore::open(config).await.unwrap();
            assert_eq!(report.warnings, []);
            Arc::new(store) as Arc<dyn SettingsStore>
        }
    };
    SettingsFixture::new(Arc::new(store)).with_reopen(reopen).with_guard(folder)
}

mod file_suite {
    use super::*;

    async fn fresh() -> SettingsFixture {
        fixture().await
    }

    livermore_core::settings_store_contract!(fresh, #[tokio::test]);
}

mod file_suite_in_paused_time {
    use super::*;

    async fn fresh() -> SettingsFixture {
        fixture().await
    }

    livermore_core::settings_store_contract!(fresh);
}

pub(super) fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

pub(super) fn numbered(number: u64) -> Save {
    let document = Document::new(serde_json::json!({ "version": 1, "number": number })).unwrap();
    let cause = Cause::new(&format!("save {number}")).unwrap();
    Save::new(Expect::Any, document, Actor::new("test").unwrap(), Timestamp::EPOCH).with_cause(cause)
}

pub(super) async fn open(folder: &Path) -> (FileSettingsStore, FileReport) {
    FileSettingsStore::open(FileStoreConfig::new(folder)).await.unwrap()
}

/// A folder in which user 1 has saved 1, 2 and 3.
async fn three_saves() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path()).await;
    for number in 1..=3 {
        store.save(user(1), numbered(number)).await.unwrap();
    }
    store.close().await;
    folder
}

fn findings(report: &FileReport) -> Vec<String> {
    report.warnings.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_second_process_is_told_who_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = open(folder.path()).await;
    let config = FileStoreConfig::new(folder.path()).with_lock_wait(Duration::from_millis(50));
    let error = FileSettingsStore::open(config.clone()).await.unwrap_err();
    assert!(matches!(error, SettingsError::Busy { .. }) && error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    // One that waits gets it as soon as it is free.
    let mut patient = pin!(FileSettingsStore::open(config.with_lock_wait(Duration::from_mins(1))));
    assert!((&mut patient).now_or_never().is_none(), "it has looked, and waits");
    first.close().await;
    patient.await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_none_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = FileSettingsStore::open(FileStoreConfig::new(&file)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongState);
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn a_torn_last_line_is_reported_and_skipped() {
    let folder = three_saves().await;
    let path = folder.path().join("users/1.history.jsonl");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &whole[..40]].concat()).unwrap();
    let (store, report) = open(folder.path()).await;
    assert_eq!(report.users, 1);
    let [warning] = &report.warnings[..] else { panic!("{:?}", findings(&report)) };
    assert_eq!((warning.user, &warning.finding), (Some(user(1)), &FileFinding::TornLine { bytes: 40 }));
    assert_eq!(store.history(user(1), HistoryQuery::newest(10)).await.unwrap().len(), 3);
    assert_eq!(store.save(user(1), numbered(4)).await.unwrap().get(), 4);
    store.close().await;
    let (store, report) = open(folder.path()).await;
    assert_eq!(findings(&report), [""; 0], "the torn line is gone");
    assert_eq!(store.history(user(1), HistoryQuery::newest(10)).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_damaged_line_in_the_middle_costs_only_itself() {
    let folder = three_saves().await;
    let path = folder.path().join("users/1.history.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen(r#""number":2"#, r#""number":7"#, 1)).unwrap();
    let (store, report) = open(folder.path()).await;
    assert_eq!(findings(&report), [""; 0]);
    let history = store.history(user(1), HistoryQuery::newest(10)).await.unwrap();
    assert_eq!(history.iter().map(|entry| entry.revision.get()).collect::<Vec<_>>(), [3, 1]);
}

#[tokio::test]
async fn a_document_changed_by_hand_is_set_aside_and_restored() {
    let folder = three_saves().await;
    let path = folder.path().join("users/1.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(r#""number":3"#, r#""number":9"#)).unwrap();
    let (store, report) = open(folder.path()).await;
    assert!(matches!(report.warnings[0].finding, FileFinding::Restored { .. }), "{:?}", findings(&report));
    let stored = store.load(user(1)).await.unwrap().unwrap();
    assert_eq!((stored.revision.get(), stored.document), (3, numbered(3).document));
    assert!(fs::read_to_string(folder.path().join("users/1.json.damaged")).unwrap().contains(r#""number":9"#));
    store.close().await;
    assert_eq!(findings(&open(folder.path()).await.1), [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_read_concerns_one_user_only() {
    let folder = three_saves().await;
    fs::remove_file(folder.path().join("users/1.history.jsonl")).unwrap();
    fs::write(folder.path().join("users/1.json"), "{}").unwrap();
    fs::write(folder.path().join("users/notes.txt"), "").unwrap();
    let (store, report) = open(folder.path()).await;
    let found: Vec<_> = report.warnings.iter().map(|warning| warning.finding.clone()).collect();
    assert!(found.contains(&FileFinding::Unreadable) && found.contains(&FileFinding::Stray), "{found:?}");
    let error = store.load(user(1)).await.unwrap_err();
    assert!(matches!(error, SettingsError::Unreadable { .. }), "{error:?}");
    assert!(matches!(store.save(user(1), numbered(4)).await, Err(SettingsError::Unreadable { .. })));
    assert_eq!(store.save(user(2), numbered(1)).await.unwrap().get(), 1);
}

#[tokio::test]
async fn a_history_is_shortened_to_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let config = FileStoreConfig::new(folder.path()).with_history(10);
    let (store, _) = FileSettingsStore::open(config.clone()).await.unwrap();
    for number in 1..=55 {
        store.save(user(1), numbered(number)).await.unwrap();
        let kept = store.history(user(1), HistoryQuery::newest(100)).await.unwrap();
        assert!(kept.len() < 20 && kept.len() as u64 >= number.min(10), "{} after {number}", kept.len());
        assert_eq!(kept[0].revision.get(), number);
    }
    // What is kept is known, also by its cause.
    assert_eq!(store.save(user(1), numbered(50)).await.unwrap().get(), 50);
    store.close().await;
    let (store, report) = FileSettingsStore::open(config).await.unwrap();
    assert_eq!(findings(&report), [""; 0]);
    assert_eq!(store.save(user(1), numbered(50)).await.unwrap().get(), 50);
}

#[tokio::test]
async fn a_full_disk_at_any_step_leaves_what_was_there() {
    for step in WriteStep::ALL {
        let folder = three_saves().await;
        let config = FileStoreConfig::new(folder.path())
            .with_faults(move |at| if at == step { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) });
        let (store, _) = FileSettingsStore::open(config).await.unwrap();
        let error = store.save(user(1), numbered(4)).await.unwrap_err();
        assert!(matches!(error, SettingsError::Unavailable { .. }), "{step:?}: {error:?}");
        assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{step:?}: {error}");
        // Once the new file is in its place, the save is there although the disk has failed.
        let expected = if matches!(step, WriteStep::Replaced | WriteStep::End) { 4 } else { 3 };
        let stored = store.load(user(1)).await.unwrap().unwrap();
        assert_eq!((stored.revision.get(), stored.document), (expected, numbered(expected).document), "{step:?}");
        let first = store.save(user(2), numbered(1)).await;
        assert!(first.is_err(), "{step:?}");
        let users = store.users(None, 10).await.unwrap().len() as u64;
        assert_eq!(users, expected - 2, "{step:?}: a user without a document is listed, or one with it is not");
        store.close().await;
        let (store, report) = open(folder.path()).await;
        assert_eq!(findings(&report), [""; 0], "{step:?}");
        assert_eq!(store.history(user(1), HistoryQuery::newest(1)).await.unwrap()[0].revision.get(), expected);
        assert_eq!(store.save(user(1), numbered(4)).await.unwrap().get(), 4, "{step:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(&folder.path().join("store")).await;
    store.save(user(1), numbered(1)).await.unwrap();
    let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("store"), mode("store/users")), (0o700, 0o700));
    assert_eq!((mode("store/users/1.json"), mode("store/users/1.history.jsonl")), (0o600, 0o600));
}

#[tokio::test]
async fn no_debug_output_holds_a_document() {
    let folder = three_saves().await;
    let (store, report) = open(folder.path()).await;
    let shown = format!("{store:?} {report:?} {:?}", numbered(1));
    assert!(!shown.contains("number\":") && !shown.contains("Number("), "{shown}");
}
