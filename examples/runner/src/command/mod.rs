//! `livermore command` and its short forms: telling a running monitor what to do, and what became of it.

mod ask;
mod document;
mod options;
mod order;
mod rebase;
mod send;
mod table;
mod text;
mod watch;

pub(crate) use options::{CommandOptions, Verb};
pub(crate) use order::{Order, spoken};

#[cfg(unix)]
use livermore_core::control::{Command, PauseLevel};
use livermore_core::{
    control::{CommandKind, ControlError, schema, schemas},
    settings::{SettingsService, UserSettings},
};
use serde_json::{Value, json};

use self::options::{CacheCommand, CommandCommand, SymbolsCommand};
#[cfg(unix)]
use crate::admin;
use crate::{failure::Failure, input, output, runtime, store};

pub(crate) fn run(options: &CommandOptions) -> Result<(), Failure> {
    match &options.command {
        CommandCommand::Send { kind, payload, sending } => {
            send::run(sending, &[Order { kind: kind.clone(), payload: payload_of(payload)? }])
        }
        CommandCommand::List { limit, open, talk } => ask::list(talk, *limit, *open),
        CommandCommand::Show { id, talk } => ask::show(talk, *id),
        CommandCommand::Cancel { id, talk } => ask::cancel(talk, *id),
        CommandCommand::Rebase { talk } => rebase::run(talk),
        CommandCommand::Schema { kind } => print_schema(kind.as_deref()),
        CommandCommand::Watch { id, talk } => watch::run(talk, *id),
    }
}

pub(crate) fn run_verb(verb: &Verb) -> Result<(), Failure> {
    let (sending, order) = match verb {
        #[cfg(unix)]
        Verb::Pause { level, admin_socket: Some(path), sending } => {
            let level = pause_level(level)?;
            return admin::pause(path, sending.talk.user, level, sending.talk.json, |id| {
                send::again(&sending.talk, id)
            });
        }
        Verb::Pause { level, sending, .. } => (sending, Order::new("pause", json!({ "level": level }))),
        Verb::Resume { sending } => (sending, Order::new("resume", json!({}))),
        Verb::Reload { revision, sending } => (sending, Order::reload(*revision)),
        Verb::Mode { name, sending } => (sending, Order::new("switch-mode", json!({ "mode": name }))),
        Verb::Symbols { command: SymbolsCommand::Add { symbols, sending } } => (sending, Order::add(symbols)),
        Verb::Symbols { command: SymbolsCommand::Remove { symbols, sending } } => {
            let orders: Vec<Order> = symbols.iter().map(|symbol| Order::remove(symbol)).collect();
            return send::run(sending, &orders);
        }
        Verb::Symbols { command: SymbolsCommand::List { store, user, json } } => {
            let symbols = runtime::block_on(async {
                let store = store::open(&store.store).await?;
                let loaded = SettingsService::<UserSettings>::new(store.clone()).load(*user).await;
                store.close().await;
                Ok(loaded?.loaded.settings.symbols.monitored)
            })?;
            if *json {
                return output::json(&json!(symbols));
            }
            return symbols.iter().try_for_each(|symbol| output::line(symbol.as_str()));
        }
        Verb::Backfill { symbols, timeframes, days, sending } => (sending, Order::backfill(symbols, timeframes, *days)),
        Verb::Cache { command: CacheCommand::Clear { symbol, timeframe, sending } } => {
            (sending, Order::clear_cache(symbol.as_deref(), timeframe.as_deref()))
        }
    };
    send::run(sending, &[order])
}

/// A level as it was typed.
#[cfg(unix)]
fn pause_level(level: &str) -> Result<PauseLevel, Failure> {
    match Command::parse(CommandKind::Pause, &json!({ "level": level })) {
        Ok(Command::Pause { level }) => Ok(level),
        Ok(_) => Ok(PauseLevel::default()),
        Err(problems) => Err(ControlError::Invalid { problems }.into()),
    }
}

fn print_schema(kind: Option<&str>) -> Result<(), Failure> {
    let Some(kind) = kind else { return output::json(&json!(schemas())) };
    let kind = CommandKind::from_name(kind).map_err(|problem| ControlError::Invalid { problems: vec![problem] })?;
    output::json(&schema(kind))
}

/// A payload as it was typed.
fn payload_of(text: &str) -> Result<Value, Failure> {
    let bytes = if text == "-" { input::read("-")? } else { text.as_bytes().to_vec() };
    serde_json::from_slice(&bytes).map_err(|error| Failure::Payload { line: error.line(), column: error.column() })
}
