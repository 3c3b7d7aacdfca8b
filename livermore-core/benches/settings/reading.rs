//! I: the newest settings, asked for where every microsecond counts.

use std::{hint::black_box, sync::Arc, time::Duration};

use arc_swap::{ArcSwap, Cache};
use livermore_core::{
    ids::{Timestamp, UserId},
    settings::{MemorySettingsStore, SettingsService, SnapshotConfig, UserSettings},
};

use crate::table::{Plan, Section};

const READS: u64 = 10_000;
const FLOOR: &str = "arc_swap::Cache::load";

pub(crate) fn snapshots(plan: &Plan) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let service = SettingsService::<UserSettings>::new(Arc::new(MemorySettingsStore::new()));
    let config = SnapshotConfig::new(|| Timestamp::EPOCH).with_poll(Duration::from_secs(30));
    let user = UserId::new(1).expect("an id");
    let (mut reader, _refresher) = runtime.block_on(service.snapshots(user, config)).expect("settings");
    let swap = Arc::new(ArcSwap::new(Arc::clone(reader.get())));
    let mut cache = Cache::new(Arc::clone(&swap));
    let mut section = Section::per("I. The newest settings, read again and again", "ns");
    section.case(FLOOR, READS, &[], || {
        for _ in 0..READS {
            black_box(black_box(&mut cache).load().settings.runtime.auto_start);
        }
    });
    section.case("ArcSwap::load", READS, &[(FLOOR, None)], || {
        for _ in 0..READS {
            black_box(black_box(&swap).load().settings.runtime.auto_start);
        }
    });
    section.case("SnapshotReader::get", READS, &[(FLOOR, Some(1.5))], || {
        for _ in 0..READS {
            black_box(black_box(&mut reader).get().settings.runtime.auto_start);
        }
    });
    section.run(plan)
}
