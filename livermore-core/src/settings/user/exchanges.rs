use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};

use super::{
    EnvName,
    wire::{self, Object},
};
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

/// Declares the settings of an exchange: whether it is used, and the names of the variables with its credentials, each
/// with its place in a form and its name in JSON.
macro_rules! exchange_settings {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $about:literal])+ $order:literal $json:literal $field:ident,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", default)]
        #[schemars(extend("x-livermore-apply" = "restart"))]
        #[non_exhaustive]
        pub struct $name {
            /// Whether it is used.
            #[schemars(extend("x-livermore-order" = 10))]
            pub enabled: bool,
            $(
                $(#[doc = $about])+
                #[serde(skip_serializing_if = "Option::is_none")]
                #[schemars(schema_with = "wire::env_name_schema")]
                #[schemars(extend("x-livermore-order" = $order, "x-livermore-widget" = "env"))]
                pub $field: Option<EnvName>,
            )+
        }

        impl $name {
            /// Every variable it names: where, its name, and whether it is needed.
            fn env_names(&self, exchange: &str) -> Vec<(String, &EnvName, bool)> {
                let fields = [$(($json, &self.$field)),+];
                let named = fields.into_iter().filter_map(|(field, name)| Some((field, name.as_ref()?)));
                named.map(|(field, name)| (format!("/exchanges/{exchange}/{field}"), name, self.enabled)).collect()
            }
        }
    };
}

exchange_settings! {
    /// Coinbase Advanced Trade.
    CoinbaseSettings {
        /// The name of the environment variable that holds the key's id. Market data is public: without it only that.
        20 "apiKeyEnvVar" api_key_env_var,
        /// The name of the environment variable that holds the private key.
        30 "privateKeyEnvVar" private_key_env_var,
    }
}

exchange_settings! {
    /// Binance.US.
    BinanceUsSettings {
        /// The name of the environment variable that holds the API key.
        20 "apiKeyEnvVar" api_key_env_var,
        /// The name of the environment variable that holds the secret key.
        30 "secretKeyEnvVar" secret_key_env_var,
    }
}

exchange_settings! {
    /// An exchange without members of its own.
    OtherExchangeSettings {
        /// The name of the environment variable that holds the API key.
        20 "apiKeyEnvVar" api_key_env_var,
        /// The name of the environment variable that holds the secret key.
        30 "secretKeyEnvVar" secret_key_env_var,
        /// The name of the environment variable that holds the passphrase, where the exchange has one.
        40 "passphraseEnvVar" passphrase_env_var,
    }
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
        let mut names = self.coinbase.env_names("coinbase");
        names.extend(self.binance_us.env_names("binanceUs"));
        names.extend(self.others.iter().flat_map(|(name, other)| other.env_names(name)));
        names
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
                        "coinbase" => exchanges.coinbase = map.next_value::<Object<_>>()?.0,
                        "binanceUs" => exchanges.binance_us = map.next_value::<Object<_>>()?.0,
                        _ => drop(exchanges.others.insert(name, map.next_value::<Object<_>>()?.0)),
                    }
                }
                Ok(exchanges)
            }
        }
        deserializer.deserialize_map(ByName)
    }
}
