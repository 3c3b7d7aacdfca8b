//! Every default that is more than off, empty or nothing. A missing member, null and an empty document all end here.

use serde_json::Map;

use super::{
    AlertSettings, Cooldowns, DiscordSettings, LogLevel, LoggingSettings, Mode, ProfileSettings, RuntimeSettings,
    ScannerSettings, SymbolSettings, TradingMode, UserSettings, exchanges::Exchanges,
};
use crate::{alert::AlertRules, ids::Timeframe};

impl Default for UserSettings {
    fn default() -> Self {
        use Timeframe::{D1, H1, H4, M1, M5, M15};
        Self {
            mode: Mode::PositionMonitor,
            symbols: SymbolSettings::default(),
            timeframes: vec![M1, M5, M15, H1, H4, D1],
            exchanges: Exchanges::default(),
            alerts: AlertSettings::default(),
            runtime: RuntimeSettings { auto_start: false, logging: LoggingSettings::default() },
            scanner: ScannerSettings { exchange: None, symbols_last_update: None },
            profile: ProfileSettings::default(),
            extensions: Map::new(),
        }
    }
}

impl Default for SymbolSettings {
    fn default() -> Self {
        Self { monitored: Vec::new(), min_position_value_usd: 2.0 }
    }
}

impl Default for AlertSettings {
    fn default() -> Self {
        let AlertRules { levels, .. } = AlertRules::default();
        Self { enabled: true, levels, cooldowns: Cooldowns::default(), discord: DiscordSettings::default() }
    }
}

impl Default for Cooldowns {
    fn default() -> Self {
        let AlertRules { cooldown, .. } = AlertRules::default();
        Self { min_ms: cooldown.min_ms, bars: cooldown.bars }
    }
}

impl Default for LoggingSettings {
    fn default() -> Self {
        Self { level: LogLevel::Info, data_directory: None, log_directory: None }
    }
}

impl Default for ProfileSettings {
    fn default() -> Self {
        Self {
            public_name: None,
            description: None,
            subject: None,
            primary_exchange: None,
            trading_mode: TradingMode::Paper,
            currency: "USD".to_owned(),
            timezone: "UTC".to_owned(),
            locale: "en-US".to_owned(),
        }
    }
}
