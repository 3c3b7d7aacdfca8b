use std::{fmt, sync::LazyLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    AlertSettings, Exchanges, Mode, ProfileSettings, RuntimeSettings, ScannerSettings, SymbolSettings, migrate,
    validate, wire,
};
use crate::{
    ids::Timeframe,
    settings::{Migrations, Path, Problem, Settings},
};

/// What one user wants monitored, and how. Version 3 of the document.
///
/// Whatever is missing or null has its default; `UserSettings::default()` shows them all. Members that are not listed here are
/// legal at every depth, kept by every save and ignored by this program.
///
/// Each field is marked in the JSON Schema with `x-livermore-apply`: `hot` takes effect while the monitor runs,
/// `restart` with its next start. Its `Debug` shows no content.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(
    title = "Livermore user settings",
    description = "What one user wants monitored, and how. Whatever is missing or null has its default. Members that \
                   are not listed are kept and ignored. x-livermore-apply says when a change takes effect: hot while \
                   the monitor runs, restart with its next start."
)]
#[non_exhaustive]
pub struct UserSettings {
    /// What the monitor does.
    #[schemars(extend("x-livermore-apply" = "hot", "x-livermore-group" = "monitor", "x-livermore-order" = 10))]
    pub mode: Mode,
    /// Which products are watched.
    #[schemars(extend("x-livermore-group" = "monitor", "x-livermore-order" = 20))]
    #[serde(deserialize_with = "wire::object")]
    pub symbols: SymbolSettings,
    /// The timeframes indicators are computed for, each once.
    #[schemars(schema_with = "wire::timeframes_schema")]
    #[schemars(extend(
        "x-livermore-apply" = "hot",
        "x-livermore-group" = "monitor",
        "x-livermore-order" = 30,
        "x-livermore-widget" = "checkboxes"
    ))]
    pub timeframes: Vec<Timeframe>,
    /// Where market data comes from, and which environment variables hold the credentials.
    #[schemars(extend("x-livermore-group" = "exchanges", "x-livermore-order" = 40))]
    pub exchanges: Exchanges,
    /// When to alert, and whom.
    #[schemars(extend("x-livermore-group" = "alerts", "x-livermore-order" = 50))]
    #[serde(deserialize_with = "wire::object")]
    pub alerts: AlertSettings,
    /// How the monitor starts and logs.
    #[schemars(extend("x-livermore-group" = "runtime", "x-livermore-order" = 60))]
    #[serde(deserialize_with = "wire::object")]
    pub runtime: RuntimeSettings,
    /// What the scanner for new symbols remembers.
    #[schemars(extend("x-livermore-group" = "scanner", "x-livermore-order" = 70))]
    #[serde(deserialize_with = "wire::object")]
    pub scanner: ScannerSettings,
    /// Who the user is, for people.
    #[schemars(extend("x-livermore-group" = "profile", "x-livermore-order" = 80))]
    #[serde(deserialize_with = "wire::object")]
    pub profile: ProfileSettings,
    /// Free for other programs: kept, never read.
    #[schemars(extend(
        "x-livermore-apply" = "hot",
        "x-livermore-group" = "extensions",
        "x-livermore-order" = 90,
        "x-livermore-widget" = "json"
    ))]
    pub extensions: Map<String, Value>,
}

impl UserSettings {
    /// The version of the document this type shows.
    pub const VERSION: u32 = 3;
    /// Most symbols that can be watched.
    pub const MAX_SYMBOLS: usize = 500;
}

impl Settings for UserSettings {
    fn migrations() -> &'static Migrations {
        static MIGRATIONS: LazyLock<Migrations> = LazyLock::new(migrate::migrations);
        &MIGRATIONS
    }

    fn validate(&self) -> Vec<Problem> {
        validate::problems(self)
    }

    fn explain(path: &Path, value: &Value) -> Option<Problem> {
        validate::explain(path, value)
    }
}

impl fmt::Debug for UserSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserSettings")
            .field("mode", &self.mode)
            .field("symbols", &self.symbols.monitored.len())
            .field("timeframes", &self.timeframes.len())
            .finish_non_exhaustive()
    }
}
