use std::sync::Arc;

use livermore_core::settings::{FileSettingsStore, FileStoreConfig, SettingsStore};

use crate::failure::Failure;

/// Opens the store a URL names, and says on standard error what was found wrong and mended.
pub(super) async fn open(url: &str) -> Result<Arc<dyn SettingsStore>, Failure> {
    let Some(folder) = url.strip_prefix("file:").filter(|folder| !folder.is_empty()) else {
        return Err(Failure::StoreUrl { url: redacted(url) });
    };
    let (store, report) = FileSettingsStore::open(FileStoreConfig::new(folder)).await?;
    for warning in &report.warnings {
        eprintln!("livermore: {folder}: {warning}");
    }
    Ok(Arc::new(store))
}

/// A URL without what may be a password in it.
fn redacted(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        assert_eq!(redacted("postgres://u:secret@h/db"), "postgres://…@h/db");
        assert_eq!(redacted("nonsense"), "nonsense");
    }
}
