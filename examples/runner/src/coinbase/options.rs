use clap::{Args, ValueEnum};
use livermore_coinbase::{CoinbaseConfig, RestClient};

use crate::failure::Failure;

/// The exchanges a command can be pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Market {
    /// Coinbase Advanced Trade.
    Coinbase,
}

/// Where the exchange is, for every command that asks it.
#[derive(Debug, Clone, Default, Args)]
#[allow(clippy::struct_field_names, reason = "named as the options are")]
pub(crate) struct CoinbaseOptions {
    /// Market data by WebSocket [default: Coinbase's own].
    #[arg(long, env = "LIVERMORE_COINBASE_WS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) ws_url: Option<String>,
    /// The user's own orders by WebSocket [default: Coinbase's own].
    #[arg(long, env = "LIVERMORE_COINBASE_USER_WS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) user_ws_url: Option<String>,
    /// REST, with the path all endpoints share [default: Coinbase's own].
    #[arg(long, env = "LIVERMORE_COINBASE_REST_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) rest_url: Option<String>,
}

impl CoinbaseOptions {
    /// Public data from these addresses.
    pub(crate) fn config(&self) -> CoinbaseConfig {
        let mut config = CoinbaseConfig::default();
        for (url, given) in [
            (&mut config.ws_url, &self.ws_url),
            (&mut config.user_ws_url, &self.user_ws_url),
            (&mut config.rest_url, &self.rest_url),
        ] {
            // A variable that is set to nothing is not set.
            if let Some(given) = given.as_ref().filter(|given| !given.is_empty()) {
                url.clone_from(given);
            }
        }
        config
    }

    /// What asks there. Nothing is sent yet.
    pub(crate) fn client(&self) -> Result<RestClient, Failure> {
        Ok(RestClient::new(&self.config())?)
    }
}
