//! Questions to the exchange: history, products, the account.

mod account;
mod backoff;
mod call;
mod candle_pages;
mod permissions;
mod products;
pub(crate) mod retry_after;
mod throttle;
mod trades;

use std::{fmt, sync::Arc, time::Duration};

use livermore_core::{
    exchange::{CandleRequest, Priority},
    ids::Timestamp,
    market::Candle,
};
use reqwest::{Client, Url, redirect::Policy};

use self::throttle::Throttle;
use crate::{
    CoinbaseConfig, CoinbaseError,
    auth::{ClockSkew, ExchangeClock, TokenSource},
    config::is_loopback,
};

pub use candle_pages::{CandlePage, CandlePages};
pub use trades::TradeHistory;

/// Coinbase Advanced Trade over REST.
///
/// Clones share one connection pool, one measured clock and one rate budget, also those of another
/// [priority](Self::with_priority): make one client per process.
///
/// # Limits
/// - All clones together keep the configured rate; live repair goes before what a person waits for, and that before
///   backfill. After a refusal (status 429) all of them wait: as long as the exchange asks, within 1 s and 5 minutes.
/// - A failure that may pass (no connection, no answer in time, a status of 500 and above, an answer that is no JSON) is
///   tried again after a random pause, so often as configured. Then its error is told.
/// - An answer is read up to a limit of bytes and of time. A compressed one is refused. Redirects are not followed.
///
/// # Keys
/// - Public market data is asked for without the key, also where there is one.
/// - A token is made for each request when it is sent. A refused token (status 401) is replaced twice, by the exchange's
///   clock measured again, before the refusal is believed.
///
/// # Cancellation
/// - Every future may be dropped at any await point; its place in the queue is given back.
#[derive(Clone)]
pub struct RestClient {
    link: Arc<Link>,
    priority: Priority,
}

/// What all clones share.
struct Link {
    http: Client,
    base: Url,
    tokens: Option<TokenSource>,
    clock: ExchangeClock,
    throttle: Throttle,
    attempts: u32,
    connect_timeout: Duration,
    response_timeout: Duration,
    body_timeout: Duration,
    candles_per_page: u32,
    /// When the clock was measured last; held while it is measured.
    measuring: tokio::sync::Mutex<()>,
}

/// A measurement of the clock is good for so long, in milliseconds: clocks drift by seconds a day.
const CLOCK_GOOD_MS: i64 = 600_000;

impl RestClient {
    /// A client, and the key read where the configuration says it is. Nothing is sent.
    pub fn new(config: &CoinbaseConfig) -> Result<Self, CoinbaseError> {
        Self::with_clock(config, ExchangeClock::system())
    }

    /// The same by a caller's own clock.
    pub fn with_clock(config: &CoinbaseConfig, clock: ExchangeClock) -> Result<Self, CoinbaseError> {
        let base = config.parts()?.rest;
        let key = config.credentials.as_ref().map(crate::Credentials::resolve).transpose()?;
        let link = Link {
            http: http(config, &base)?,
            base,
            tokens: key.map(|key| TokenSource::new(key, clock.clone())),
            clock,
            throttle: Throttle::new(config.requests_per_second, config.burst),
            attempts: config.attempts,
            connect_timeout: config.connect_timeout(),
            response_timeout: config.response_timeout(),
            body_timeout: config.body_timeout(),
            candles_per_page: config.candles_per_page,
            measuring: tokio::sync::Mutex::new(()),
        };
        Ok(Self { link: Arc::new(link), priority: Priority::UserAction })
    }

    /// The same client, asking with this urgency. What a person waits for, unless told otherwise.
    pub fn with_priority(&self, priority: Priority) -> Self {
        Self { link: Arc::clone(&self.link), priority }
    }

    /// The exchange's time, as measured by [`server_time`](Self::server_time) last.
    pub fn clock(&self) -> &ExchangeClock {
        &self.link.clock
    }

    /// What makes tokens, for the messages of a WebSocket; none without a key.
    pub fn tokens(&self) -> Option<&TokenSource> {
        self.link.tokens.as_ref()
    }

    /// Reads the exchange's clock, and measures by it how far this machine's is off.
    pub async fn server_time(&self) -> Result<(Timestamp, ClockSkew), CoinbaseError> {
        self.link.server_time(self.priority).await
    }

    /// Finished candles of `[from, to)`, ascending. See [`CandlePages`] for the rules; to show progress, to keep what came
    /// before an error, or to stop half-way, use [`candle_pages`](Self::candle_pages).
    pub async fn candles(&self, request: CandleRequest) -> Result<Vec<Candle>, CoinbaseError> {
        let mut pages = self.candle_pages(request)?;
        let mut candles = Vec::new();
        while let Some(page) = pages.next().await? {
            candles.extend(page.candles);
        }
        Ok(candles)
    }

    /// The same page by page, from the oldest to the newest.
    pub fn candle_pages(&self, request: CandleRequest) -> Result<CandlePages, CoinbaseError> {
        CandlePages::new(self.clone(), request)
    }

    /// Makes sure that the clock was measured not long ago.
    pub(crate) async fn measured(&self) -> Result<(), CoinbaseError> {
        let is_good = || {
            let age = self.link.clock.skew().map(|skew| self.link.clock.local().millis_since(skew.measured));
            age.is_some_and(|age| (0..CLOCK_GOOD_MS).contains(&age))
        };
        if is_good() {
            return Ok(());
        }
        let _one_at_a_time = self.link.measuring.lock().await;
        if is_good() { Ok(()) } else { self.server_time().await.map(drop) }
    }
}

fn http(config: &CoinbaseConfig, base: &Url) -> Result<Client, CoinbaseError> {
    let mut builder = Client::builder()
        .tls_backend_preconfigured(config.tls.for_http())
        // A token names the address it is for, and goes nowhere else.
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(config.connect_timeout())
        .user_agent(concat!("livermore/", env!("CARGO_PKG_VERSION")));
    if base.scheme() == "http" && is_loopback(base) {
        // Neither a proxy nor a name server may lead plain text off this machine.
        let local = [([127, 0, 0, 1], 0).into(), ([0, 0, 0, 0, 0, 0, 0, 1], 0).into()];
        builder = builder.no_proxy().resolve_to_addrs("localhost", &local);
    }
    builder.build().map_err(|_| CoinbaseError::Config {
        problems: vec!["the TLS configuration was refused by the HTTP client".to_owned()],
    })
}

impl fmt::Debug for RestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestClient")
            .field("host", &self.link.base.host_str())
            .field("key", &self.link.tokens.as_ref().map(TokenSource::key))
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_may_be_used_by_many_tasks() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<RestClient>();
        shared::<CandlePages>();
    }
}
