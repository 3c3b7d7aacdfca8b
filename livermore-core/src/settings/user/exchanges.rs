use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};

use super::{EnvName, wire};
use crate::ids::Exchange;

/// Where market data comes from, and which environment variables hold the credentials.
///
/// An exchange other than the two with members of their own stands beside them, under its [`Exchange`] name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(default)]
#[non_exhaustive]
pub struct Exchanges {
    /// Coinbase Advanced Trade.
    #[schemars(extend("x-livermore-order" = 10))]
    pub coinbase: CoinbaseSettings,
    /// Binance.US.
    #[schemars(extend("x-livermore-order" = 20))]
    pub binance_us: BinanceUsSettings,
    /// Every other one, by name.
    #[serde(flatten)]
    pub others: BTreeMap<String, OtherExchangeSettings>,
}

/// Coinbase Advanced Trade.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-livermore-apply" = "restart"))]
#[non_exhaustive]
pub struct CoinbaseSettings {
    /// Whether it is used.
    #[schemars(extend("x-livermore-order" = 10))]
    pub enabled: bool,
    /// The name of the environment variable that holds the key's id. Market data is public: without it only that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "wire::env_name_schema")]
    #[schemars(extend("x-livermore-order" = 20, "x-livermore-widget" = "env"))]
    pub api_key_env_var: Option<EnvName>,
    /// The name of the environment variable that holds the private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "wire::env_name_schema")]
    #[schemars(extend("x-livermore-order" = 30, "x-livermore-widget" = "env"))]
    pub private_key_env_var: Option<EnvName>,
}

/// Binance.US.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-livermore-apply" = "restart"))]
#[non_exhaustive]
pub struct BinanceUsSettings {
    /// Whether it is used.
    #[schemars(extend("x-livermore-order" = 10))]
    pub enabled: bool,
    /// The name of the environment variable that holds the API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "wire::env_name_schema")]
    #[schemars(extend("x-livermore-order" = 20, "x-livermore-widget" = "env"))]
    pub api_key_env_var: Option<EnvName>,
    /// The name of the environment variable that holds the secret key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "wire::env_name_schema")]
    #[schemars(extend("x-livermore-order" = 30, "x-livermore-widget" = "env"))]
    pub secret_key_env_var: Option<EnvName>,
}

/// An exchange without members of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-livermore-apply" = "restart"))]
#[non_exhaustive]
pub struct OtherExchangeSettings {
    /// Whether it is used.
    #[schemars(extend("x-livermore-order" = 10))]
    pub enabled: bool,
    /// The name of the environment variable that holds the API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "wire::env_name_schema")]
    #[schemars(extend("x-livermore-order" = 20, "x-livermore-widget" = "env"))]
    pub api_key_env_var: Option<EnvName>,
    /// The name of the environment variable that holds the secret key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "wire::env_name_schema")]
    #[schemars(extend("x-livermore-order" = 30, "x-livermore-widget" = "env"))]
    pub secret_key_env_var: Option<EnvName>,
    /// The name of the environment variable that holds the passphrase, where the exchange has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "wire::env_name_schema")]
    #[schemars(extend("x-livermore-order" = 40, "x-livermore-widget" = "env"))]
    pub passphrase_env_var: Option<EnvName>,
}

impl Exchanges {
    /// The exchanges that are used.
    pub fn enabled(&self) -> Vec<Exchange> {
        let own = [("coinbase", self.coinbase.enabled), ("binance_us", self.binance_us.enabled)];
        let others = self.others.iter().map(|(name, settings)| (name.as_str(), settings.enabled));
        let used = own.into_iter().chain(others).filter(|(_, enabled)| *enabled);
        used.filter_map(|(name, _)| Exchange::new(name).ok()).collect()
    }

    /// Every environment variable that is named: where, its name, and whether it is needed.
    pub(super) fn env_names(&self) -> Vec<(String, &EnvName, bool)> {
        let (coinbase, binance) = (&self.coinbase, &self.binance_us);
        let own = [
            ("coinbase", coinbase.enabled, "apiKeyEnvVar", &coinbase.api_key_env_var),
            ("coinbase", coinbase.enabled, "privateKeyEnvVar", &coinbase.private_key_env_var),
            ("binanceUs", binance.enabled, "apiKeyEnvVar", &binance.api_key_env_var),
            ("binanceUs", binance.enabled, "secretKeyEnvVar", &binance.secret_key_env_var),
        ];
        let others = self.others.iter().flat_map(|(name, other)| {
            [
                (name.as_str(), other.enabled, "apiKeyEnvVar", &other.api_key_env_var),
                (name.as_str(), other.enabled, "secretKeyEnvVar", &other.secret_key_env_var),
                (name.as_str(), other.enabled, "passphraseEnvVar", &other.passphrase_env_var),
            ]
        });
        own.into_iter()
            .chain(others)
            .filter_map(|(exchange, enabled, field, name)| {
                name.as_ref().map(|name| (format!("/exchanges/{exchange}/{field}"), name, enabled))
            })
            .collect()
    }
}

/// By hand, because serde's `flatten` would first copy everything: this is on the way of every load.
impl<'de> Deserialize<'de> for Exchanges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName;
        impl<'de> Visitor<'de> for ByName {
            type Value = Exchanges;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Exchanges, A::Error> {
                let mut exchanges = Exchanges::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "coinbase" => exchanges.coinbase = map.next_value()?,
                        "binanceUs" => exchanges.binance_us = map.next_value()?,
                        _ => drop(exchanges.others.insert(name, map.next_value()?)),
                    }
                }
                Ok(exchanges)
            }
        }
        deserializer.deserialize_map(ByName)
    }
}
