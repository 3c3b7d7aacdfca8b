//! `livermore settings`: reading and changing settings from a terminal.

mod change;
mod environment;
mod migrate;
mod options;
mod show;

pub(crate) use environment::Environment;
pub(crate) use options::SettingsOptions;

use livermore_core::settings::{Attribution, SettingsService, UserSettings, schema};

use self::options::SettingsCommand;
use crate::{account, clock, failure::Failure, output, runtime, store};

type Service = SettingsService<UserSettings>;

pub(crate) fn run(options: &SettingsOptions) -> Result<(), Failure> {
    match &options.command {
        SettingsCommand::Schema => return output::json(&schema::<UserSettings>()),
        SettingsCommand::Validate { file: Some(file) } => return show::validate_file(options, file),
        _ => {}
    }
    runtime::block_on(async {
        let store = store::open(&options.store.store).await?;
        let service = Service::new(store.clone());
        let result = execute(options, &service).await;
        store.close().await;
        result
    })
}

async fn execute(options: &SettingsOptions, service: &Service) -> Result<(), Failure> {
    use SettingsCommand as Command;
    match &options.command {
        Command::Get { path } => show::get(options, service, path.as_deref()).await,
        Command::Diff { from, to } => show::diff(options, service, *from, *to).await,
        Command::Validate { file: Some(file) } => show::validate_file(options, file),
        Command::Validate { file: None } => show::validate(options, service).await,
        Command::History { limit } => show::history(options, service, *limit).await,
        Command::Export => show::export(options, service).await,
        Command::Schema => output::json(&schema::<UserSettings>()),
        Command::Migrate { dry_run, all_users } => migrate::run(options, service, *dry_run, *all_users).await,
        Command::Set { path, value } => change::set(options, service, path, value).await,
        Command::Unset { path } => change::unset(options, service, path).await,
        Command::Patch { patch } => change::patch(options, service, patch).await,
        Command::Edit => change::edit(options, service).await,
        Command::Import { file } => change::import(options, service, file).await,
        Command::Rollback { revision } => change::rollback(options, service, *revision).await,
        Command::Reset => change::reset(options, service).await,
    }
}

/// Who changes settings here, and why.
fn attribution(options: &SettingsOptions) -> Result<Attribution, Failure> {
    Ok(Attribution { actor: account::actor()?, reason: options.reason.clone(), cause: None, at: clock::now()? })
}
