use livermore_core::settings::{
    Change, ChangeKind, Document, HistoryQuery, Loaded, Path, Problem, SettingsError, UserSettings, load, warnings,
};
use serde_json::{Value, json};

use super::{
    Service, environment,
    options::{SettingsOptions, revision},
};
use crate::{
    clock,
    failure::Failure,
    input,
    output::{json, line},
};

/// What holds: the defaults, and over them what is stored, with what this program does not know.
pub(super) async fn get(options: &SettingsOptions, service: &Service, path: Option<&str>) -> Result<(), Failure> {
    let stored = service.load(options.user).await?;
    if stored.revision.get() == 0 {
        eprintln!("livermore: user {} has saved nothing; these are the defaults", options.user);
    }
    let mut document = stored.loaded.document.to_value();
    let version = document.as_object_mut().and_then(|members| members.remove("version"));
    let typed = serde_json::to_value(&stored.loaded.settings).map_err(std::io::Error::from)?;
    let mut whole = Document::new(typed).map_err(SettingsError::from)?;
    whole.merge_patch(&document).map_err(SettingsError::from)?;
    let mut whole = whole.into_value();
    if let (Some(members), Some(version)) = (whole.as_object_mut(), version) {
        members.insert("version".to_owned(), version);
    }
    let Some(path) = path else { return json(&whole) };
    let path: Path = path.parse().map_err(Failure::Path)?;
    match whole.pointer(&path.to_string()) {
        Some(Value::String(text)) if !options.json => line(text),
        Some(value) => json(value),
        None => Err(Failure::NoSuchPath { path: path.to_string() }),
    }
}

pub(super) async fn diff(
    options: &SettingsOptions,
    service: &Service,
    from: u64,
    to: Option<u64>,
) -> Result<(), Failure> {
    let from = revision(from).map_err(Failure::Argument)?;
    let to = to.map(revision).transpose().map_err(Failure::Argument)?;
    changes(options, &service.diff(options.user, from, to).await?)
}

pub(super) fn changes(options: &SettingsOptions, changes: &[Change]) -> Result<(), Failure> {
    if options.json {
        return json(&json!(changes));
    }
    for change in changes {
        match &change.kind {
            ChangeKind::Added { after } => line(&format!("+ {} {after}", change.pointer))?,
            ChangeKind::Removed { before } => line(&format!("- {} {before}", change.pointer))?,
            ChangeKind::Replaced { before, after } => line(&format!("~ {} {before} -> {after}", change.pointer))?,
        }
    }
    Ok(())
}

pub(super) async fn validate(options: &SettingsOptions, service: &Service) -> Result<(), Failure> {
    let stored = service.store().load(options.user).await?;
    validate_document(options, stored.map(|stored| stored.document).as_ref())
}

pub(super) fn validate_file(options: &SettingsOptions, file: &str) -> Result<(), Failure> {
    let document = Document::parse(&input::read(file)?).map_err(SettingsError::from)?;
    validate_document(options, Some(&document))
}

fn validate_document(options: &SettingsOptions, document: Option<&Document>) -> Result<(), Failure> {
    let loaded = load::<UserSettings>(document)?;
    environment::refuse(options, None, &loaded.document)?;
    notes(options, &loaded);
    if options.json { json(&json!({ "valid": true, "from": loaded.from })) } else { line("valid") }
}

/// What is worth a look and keeps nothing from being saved, on standard error.
pub(super) fn notes(options: &SettingsOptions, loaded: &Loaded<UserSettings>) {
    problems(options, &warnings::<UserSettings>(&loaded.document));
    problems(options, &environment::problems(options.user, &loaded.settings));
}

fn problems(options: &SettingsOptions, problems: &[Problem]) {
    for problem in problems {
        if options.json {
            eprintln!("{}", json!(problem));
        } else {
            eprintln!("livermore: note: {problem}");
        }
    }
}

pub(super) async fn history(options: &SettingsOptions, service: &Service, limit: usize) -> Result<(), Failure> {
    let entries = service.store().history(options.user, HistoryQuery::newest(limit)).await?;
    if options.json {
        return json(&json!(entries));
    }
    for entry in entries {
        let reason = entry.reason.as_deref().unwrap_or("");
        line(&format!("{:>5}  {}  {:20}  {reason}", entry.revision.get(), entry.at, entry.actor.as_str()))?;
    }
    Ok(())
}

pub(super) async fn export(options: &SettingsOptions, service: &Service) -> Result<(), Failure> {
    let stored = service.load(options.user).await?;
    json(&livermore_core::settings::export(&stored.loaded.document, clock::now()?))
}
