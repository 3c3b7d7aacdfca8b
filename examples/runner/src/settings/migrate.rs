use std::{collections::BTreeMap, io::IsTerminal, pin::pin};

use futures_util::FutureExt;
use indicatif::{ProgressBar, ProgressDrawTarget};
use livermore_core::{
    ids::UserId,
    settings::{Loaded, Status, UserSettings, load},
};
use serde_json::json;

use super::{Service, attribution, environment, options::SettingsOptions};
use crate::{failure::Failure, interrupt::interrupt, output};

/// Users asked for at a time.
const PAGE: usize = 500;

/// What was found, and done.
#[derive(Default)]
struct Tally {
    /// Documents by the version they are stored in.
    versions: BTreeMap<u32, u64>,
    migrated: u64,
    failures: Vec<(UserId, String)>,
    /// Whether the operator ended it halfway.
    interrupted: bool,
}

pub(super) async fn run(
    options: &SettingsOptions,
    service: &Service,
    dry_run: bool,
    all_users: bool,
) -> Result<(), Failure> {
    let mut tally = Tally::default();
    if !all_users {
        tally.user(options, service, options.user, dry_run).await?;
        return tally.report(options, dry_run);
    }
    let visible = std::io::stderr().is_terminal();
    let progress = ProgressBar::with_draw_target(
        None,
        if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() },
    );
    // Looked at between users, so that each is migrated or not.
    let mut interrupted = pin!(interrupt());
    let mut after = None;
    'users: loop {
        let users = service.store().users(after, PAGE).await?;
        let Some(last) = users.last() else { break };
        after = Some(*last);
        for user in users {
            if interrupted.as_mut().now_or_never().is_some() {
                tally.interrupted = true;
                break 'users;
            }
            tally.user(options, service, user, dry_run).await?;
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    tally.report(options, dry_run)
}

impl Tally {
    /// One user's failure does not keep the others from being migrated.
    async fn user(
        &mut self,
        options: &SettingsOptions,
        service: &Service,
        user: UserId,
        dry_run: bool,
    ) -> Result<(), Failure> {
        let stored = match service.store().load(user).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(()),
            Err(error) if error.is_retryable() => return Err(error.into()),
            Err(error) => {
                self.failures.push((user, error.to_string()));
                return Ok(());
            }
        };
        if let Ok(version) = stored.document.version() {
            *self.versions.entry(version).or_default() += 1;
        }
        let keep = |loaded: &Loaded<UserSettings>| Ok(loaded.document.clone());
        match load::<UserSettings>(Some(&stored.document)) {
            Ok(loaded) if loaded.status == Status::Migrated => {
                for problem in environment::problems(user, &loaded.settings) {
                    eprintln!("livermore: note: user {user}: {problem}");
                }
                if !dry_run {
                    service.update(user, &attribution(options)?, keep).await?;
                }
                self.migrated += 1;
            }
            Ok(_) => {}
            Err(error) => self.failures.push((user, error.to_string())),
        }
        Ok(())
    }

    fn report(&self, options: &SettingsOptions, dry_run: bool) -> Result<(), Failure> {
        let (migrated, failed) = (self.migrated, self.failures.len());
        if options.json {
            let failures: Vec<_> =
                self.failures.iter().map(|(user, reason)| json!({ "user": user, "reason": reason })).collect();
            output::json(
                &json!({ "dryRun": dry_run, "versions": self.versions, "migrated": migrated, "failures": failures,
                "interrupted": self.interrupted }),
            )?;
        } else {
            for (version, count) in &self.versions {
                output::line(&format!("version {version}: {count}"))?;
            }
            for (user, reason) in &self.failures {
                output::line(&format!("user {user}: {reason}"))?;
            }
            let verb = if dry_run { "would be migrated" } else { "migrated" };
            output::line(&format!("{migrated} {verb}, {failed} failed"))?;
        }
        if self.interrupted {
            return Err(Failure::Interrupted);
        }
        if failed == 0 { Ok(()) } else { Err(Failure::NotMigrated { count: failed }) }
    }
}
