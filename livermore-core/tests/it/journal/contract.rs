//! The contract of command logs, in a folder.

use std::{path::PathBuf, sync::Arc};

use livermore_core::{
    control::{CommandBus, CommandInbox, ControlPolicy, EmbeddedCommandLog, FileLogConfig},
    testkit::CommandLogFixture,
};

use super::support::now;

type LogEnds = (Arc<dyn CommandBus>, Arc<dyn CommandInbox>);

async fn ends(folder: PathBuf, policy: ControlPolicy) -> LogEnds {
    let (log, report) = EmbeddedCommandLog::open(FileLogConfig::new(folder, policy), now).await.unwrap();
    assert_eq!(report.warnings, []);
    (Arc::new(log.clone()), Arc::new(log))
}

async fn fresh(policy: ControlPolicy) -> CommandLogFixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/here");
    let (bus, inbox) = ends(path.clone(), policy.clone()).await;
    let again = policy.clone();
    CommandLogFixture::new(bus, inbox, policy).with_reopen(move || ends(path.clone(), again.clone())).with_guard(folder)
}

livermore_core::command_log_contract!(fresh, #[tokio::test]);
