use livermore_coinbase::{CoinbaseConfig, CoinbaseError, Credentials, RestClient};
use livermore_core::settings::UserSettings;

use super::{
    check::{Check, Status},
    options::DoctorOptions,
};
use crate::{clock::Stopwatch, coinbase::Market, failure::Failure};

const EXCHANGE: &str = "exchange";
const CLOCK: &str = "clock";
const KEY: &str = "key";

/// Where a key is without settings.
const KEY_VARIABLES: (&str, &str) = ("COINBASE_API_KEY", "COINBASE_API_SECRET");

/// Whether the exchange answers, how far its clock is from this machine's, and what the key may do. Without `--market`
/// nothing is asked.
pub(super) async fn examine(
    options: &DoctorOptions,
    settings: Option<&UserSettings>,
    checks: &mut Vec<Check>,
) -> Result<(), Failure> {
    let Some(Market::Coinbase) = options.market else {
        checks.push(Check::new(EXCHANGE, Status::Skip, "not asked; --market coinbase asks it"));
        return Ok(());
    };
    let mut config = options.coinbase.config();
    // A person waits, and may ask again.
    config.attempts = 2;
    let client = RestClient::new(&config)?;
    let stopwatch = Stopwatch::start();
    let skew = match client.server_time().await {
        Ok((_, skew)) => skew,
        Err(error) => {
            checks.push(failed(EXCHANGE, &error).next("check the network and --rest-url, or try again later"));
            for name in [CLOCK, KEY] {
                checks.push(Check::new(name, Status::Skip, "the exchange could not be asked"));
            }
            return Ok(());
        }
    };
    let latency = u64::try_from(stopwatch.elapsed().as_millis()).unwrap_or(u64::MAX);
    let answers = Check::new(EXCHANGE, Status::Ok, format!("Coinbase answers in {latency} ms"));
    checks.push(answers.fact("latencyMs", latency));
    let clock = match skew.warning() {
        Some(warning) => {
            Check::new(CLOCK, Status::Warn, warning).next("turn on this machine's time service, for example chrony")
        }
        None => Check::new(CLOCK, Status::Ok, format!("{} ms off the exchange's", skew.offset_ms.abs())),
    };
    checks.push(clock.fact("offsetMs", skew.offset_ms).fact("uncertaintyMs", skew.uncertainty_ms));
    checks.push(match credentials(settings) {
        Some(credentials) => key(config, credentials).await,
        None => Check::new(KEY, Status::Skip, "none is named; market data needs none"),
    });
    Ok(())
}

/// Those that the settings name, otherwise those that are set.
fn credentials(settings: Option<&UserSettings>) -> Option<Credentials> {
    let coinbase = settings.map(|settings| &settings.exchanges.coinbase);
    let named = coinbase.and_then(|coinbase| {
        let (key, secret) = coinbase.api_key_env_var.as_ref().zip(coinbase.private_key_env_var.as_ref())?;
        Some(Credentials::from_env_names(key.as_str(), secret.as_str()))
    });
    let (key, secret) = KEY_VARIABLES;
    named.or_else(|| {
        [key, secret]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
            .then(|| Credentials::from_env_names(key, secret))
    })
}

/// What the key may do; never the key.
async fn key(config: CoinbaseConfig, credentials: Credentials) -> Check {
    let asked = async { RestClient::new(&config.with_credentials(credentials))?.key_permissions().await };
    let permissions = match asked.await {
        Ok(permissions) => permissions,
        Err(error) => return failed(KEY, &error),
    };
    let check = match permissions.advice() {
        Some(advice) if permissions.can_view => Check::new(KEY, Status::Warn, advice),
        Some(advice) => Check::new(KEY, Status::Fail, advice),
        None => Check::new(KEY, Status::Ok, "the key may read, and nothing else"),
    };
    check
        .fact("canView", permissions.can_view)
        .fact("canTrade", permissions.can_trade)
        .fact("canTransfer", permissions.can_transfer)
}

fn failed(name: &'static str, error: &CoinbaseError) -> Check {
    Check::new(name, Status::Fail, crate::failure::with_cause(error)).retryable(error.is_retryable())
}
