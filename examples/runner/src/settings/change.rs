use std::process::Command;

use livermore_core::settings::{
    Document, Expect, NotADocument, Path, SettingsError, UserSettings, Versioned, diff, import as from_export,
};
use serde_json::{Value, json};

use super::{
    Service, attribution, environment,
    options::{SettingsOptions, revision},
    show,
};
use crate::{failure::Failure, input, output};

pub(super) async fn set(options: &SettingsOptions, service: &Service, path: &str, text: &str) -> Result<(), Failure> {
    let path: Path = path.parse().map_err(Failure::Path)?;
    // What is not JSON is text: `set mode scalper-macdv` needs no quotes inside quotes.
    let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    change(options, service, |document| document.set(&path, value.clone())).await
}

pub(super) async fn unset(options: &SettingsOptions, service: &Service, path: &str) -> Result<(), Failure> {
    let path: Path = path.parse().map_err(Failure::Path)?;
    change(options, service, |document| document.remove(&path).map(|_| ())).await
}

pub(super) async fn patch(options: &SettingsOptions, service: &Service, patch: &str) -> Result<(), Failure> {
    let text = if patch == "-" { input::read("-")? } else { patch.as_bytes().to_vec() };
    let patch = Document::parse(&text).map_err(SettingsError::from)?.into_value();
    change(options, service, |document| document.merge_patch(&patch)).await
}

pub(super) async fn reset(options: &SettingsOptions, service: &Service) -> Result<(), Failure> {
    let before = replaced(options, service).await?;
    let after = service.reset(options.user, &attribution(options)?).await?;
    report(options, before.as_ref(), &after)
}

pub(super) async fn rollback(options: &SettingsOptions, service: &Service, number: u64) -> Result<(), Failure> {
    let before = replaced(options, service).await?;
    let to = revision(number).map_err(Failure::Argument)?;
    environment::refuse(options, before.as_ref(), &service.revision(options.user, to).await?.document)?;
    let after = service.rollback(options.user, &attribution(options)?, to).await?;
    report(options, before.as_ref(), &after)
}

pub(super) async fn import(options: &SettingsOptions, service: &Service, file: &str) -> Result<(), Failure> {
    let document = from_export(&input::read(file)?).map_err(SettingsError::from)?;
    let before = replaced(options, service).await?;
    environment::refuse(options, before.as_ref(), &document)?;
    let after = service.import(options.user, &attribution(options)?, &document).await?;
    report(options, before.as_ref(), &after)
}

/// What a whole new document takes the place of. What cannot be read is replaced like nothing: that is how it is mended.
async fn replaced(options: &SettingsOptions, service: &Service) -> Result<Option<Document>, Failure> {
    match service.load(options.user).await {
        Ok(before) => Ok(Some(before.loaded.document)),
        Err(error) if error.is_retryable() => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// The file an editor works on is kept when its content could not be saved.
pub(super) async fn edit(options: &SettingsOptions, service: &Service) -> Result<(), Failure> {
    let before = service.load(options.user).await?;
    let editor = std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR")).map_err(|_| Failure::NoEditor)?;
    let temporary = |error| Failure::Input { path: std::env::temp_dir().display().to_string(), error };
    let prefix = format!("livermore-settings-{}-", options.user);
    let file = tempfile::Builder::new().prefix(&prefix).suffix(".json").tempfile().map_err(temporary)?;
    let file = file.into_temp_path().keep().map_err(|error| temporary(error.error))?;
    let path = file.display().to_string();
    let failure = |error| Failure::Input { path: path.clone(), error };
    std::fs::write(&file, before.loaded.document.to_json_pretty()).map_err(failure)?;
    let mut words = editor.split_whitespace();
    let program = words.next().ok_or(Failure::NoEditor)?;
    let status = Command::new(program).args(words).arg(&file).status().map_err(failure)?;
    if !status.success() {
        return Err(failure(std::io::Error::other(format!("{editor} ended with {status}"))));
    }
    let keep = |error: SettingsError| Failure::Edit { path: path.clone(), error };
    let text = std::fs::read(&file).map_err(failure)?;
    let document = Document::parse(&text).map_err(|error| keep(error.into()))?;
    environment::refuse(options, Some(&before.loaded.document), &document).map_err(keep)?;
    let expect = match before.revision.get() {
        0 => Expect::Absent,
        _ => Expect::Revision(before.revision),
    };
    let after = service.save(options.user, &attribution(options)?, expect, &document).await.map_err(keep)?;
    std::fs::remove_file(&file).map_err(failure)?;
    report(options, Some(&before.loaded.document), &after)
}

async fn change(
    options: &SettingsOptions,
    service: &Service,
    edit: impl Fn(&mut Document) -> Result<(), NotADocument> + Send + Sync,
) -> Result<(), Failure> {
    let before = service.load(options.user).await?;
    let edited = |loaded: &livermore_core::settings::Loaded<UserSettings>| {
        let mut document = loaded.document.clone();
        edit(&mut document)?;
        environment::refuse(options, Some(&loaded.document), &document)?;
        Ok(document)
    };
    let after = service.update(options.user, &attribution(options)?, edited).await?;
    report(options, Some(&before.loaded.document), &after)
}

fn report(
    options: &SettingsOptions,
    before: Option<&Document>,
    after: &Versioned<UserSettings>,
) -> Result<(), Failure> {
    show::notes(options, &after.loaded);
    let nothing = Document::default();
    let changes = diff(before.unwrap_or(&nothing), &after.loaded.document);
    if options.json {
        return output::json(&json!({ "revision": after.revision, "changes": changes }));
    }
    show::changes(options, &changes)?;
    output::line(&format!("revision {}", after.revision))
}
