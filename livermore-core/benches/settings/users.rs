//! J: a trial migration of every user: how many a second, and whether memory stays flat.

use std::{fs, hint::black_box};

use livermore_core::{
    ids::{Timestamp, UserId},
    settings::{Actor, Document, Expect, MemorySettingsStore, Save, SettingsStore, Status, UserSettings, load},
};

use crate::{
    documents,
    process::status,
    table::{Plan, Section},
};

/// Users asked for at a time, as `livermore settings migrate` does.
const PAGE: usize = 500;

pub(crate) fn dry_run(plan: &Plan) -> usize {
    let counts: &[u64] = if plan.is_smoke_test() { &[1_000] } else { &[10_000, 100_000] };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut growths = Vec::new();
    for count in counts {
        let store = runtime.block_on(filled(*count));
        let growth = growth(|| assert_eq!(runtime.block_on(migrated(&store)), *count));
        growths.push(format!("{count} users: {}", growth.map_or("not known".to_owned(), |kib| format!("{kib} KiB"))));
        let mut section = Section::per(format!("J. Trial migration of {count} users in memory, time per user"), "ns");
        section.case("users, load and migrate", *count, &[], || {
            black_box(runtime.block_on(migrated(&store)));
        });
        section.run(&plan.with_rounds(if plan.is_smoke_test() { 1 } else { 5 }));
    }
    if !plan.is_smoke_test() {
        println!("  memory the run itself needs at most: {}", growths.join("; "));
    }
    0
}

async fn filled(users: u64) -> MemorySettingsStore {
    let store = MemorySettingsStore::new();
    let text = documents::version_1();
    for id in 1..=users {
        let document = Document::parse(text.as_bytes()).expect("a document");
        let actor = Actor::new("bench").expect("an actor");
        let save = Save::new(Expect::Absent, document, actor, Timestamp::EPOCH);
        store.save(UserId::new(id).expect("an id"), save).await.expect("saved");
    }
    store
}

/// How many users there are whose settings could be brought up to date.
async fn migrated(store: &dyn SettingsStore) -> u64 {
    let (mut after, mut migrated) = (None, 0);
    loop {
        let users = store.users(after, PAGE).await.expect("users");
        let Some(last) = users.last() else { return migrated };
        after = Some(*last);
        for user in users {
            let stored = store.load(user).await.expect("a store that answers").expect("a user who is there");
            let loaded = load::<UserSettings>(Some(&stored.document)).expect("settings of version 1");
            migrated += u64::from(loaded.status == Status::Migrated);
        }
    }
}

/// By how many KiB the process grew at most while `run` ran; only Linux tells.
fn growth(run: impl FnOnce()) -> Option<u64> {
    // Forgets the peak so far.
    let before = fs::write("/proc/self/clear_refs", "5").ok().and_then(|()| status("VmRSS:"));
    run();
    Some(status("VmHWM:")?.saturating_sub(before?))
}
