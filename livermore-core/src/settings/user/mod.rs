//! The settings of a user of this monitor: version 3, and the way there from versions 1 and 2.
//!
//! A new member with a default needs no new version; a member that is renamed, moved or gets another meaning does.

mod alerts;
mod defaults;
mod env_name;
mod env_policy;
mod exchanges;
mod migrate;
mod mode;
mod profile;
mod runtime;
mod scanner;
mod symbols;
mod user_settings;
mod v1;
mod v2;
mod validate;
mod wire;

pub use alerts::{AlertSettings, Cooldowns, DiscordSettings};
pub use env_name::{EnvName, InvalidEnvName};
pub use env_policy::{EnvNames, EnvPolicy};
pub use exchanges::{BinanceUsSettings, CoinbaseSettings, Exchanges, OtherExchangeSettings};
pub use mode::Mode;
pub use profile::{ProfileSettings, TradingMode};
pub use runtime::{LogLevel, LoggingSettings, RuntimeSettings};
pub use scanner::ScannerSettings;
pub use symbols::SymbolSettings;
pub use user_settings::UserSettings;
