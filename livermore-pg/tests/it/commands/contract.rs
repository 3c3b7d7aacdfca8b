//! The contract of both ends of a command log.

use std::{sync::Arc, time::Duration};

use livermore_core::{
    control::{ControlPolicy, EmbeddedCommandLog},
    ids::Timestamp,
    testkit::CommandLogFixture,
};
use livermore_pg::PgCommandLog;
use tokio::time::Instant;

use crate::support::database;

async fn fresh(policy: ControlPolicy) -> CommandLogFixture {
    let Some(database) = database().await else {
        // Skipped, and said so: something has to pass in its place.
        let began = Instant::now();
        let clock =
            move || Timestamp::EPOCH.checked_add_millis(i64::try_from(began.elapsed().as_millis()).unwrap()).unwrap();
        let log = EmbeddedCommandLog::in_memory(policy.clone(), clock);
        return CommandLogFixture::new(Arc::new(log.clone()), Arc::new(log), policy);
    };
    let config = database.config();
    let log = PgCommandLog::connect(&config, policy.clone()).await.expect("the log connects");
    CommandLogFixture::new(Arc::new(log.clone()), Arc::new(log), policy.clone())
        .with_reopen(move || {
            let (config, policy) = (config.clone(), policy.clone());
            async move {
                let log = Arc::new(PgCommandLog::connect(&config, policy).await.expect("the log connects again"));
                (log.clone() as _, log as _)
            }
        })
        .with_patience(Duration::from_secs(20))
        .with_guard(database)
}

livermore_core::command_log_contract!(fresh, #[tokio::test]);
