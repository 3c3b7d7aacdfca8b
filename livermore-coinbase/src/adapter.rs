use std::{fmt, future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use livermore_core::{
    exchange::{
        CandleRequest, Capability, ExchangeAdapter, ExchangeError, MarketEvents, Priority, Subscription,
        SupervisorConfig,
    },
    ids::{Exchange, Symbol, Timeframe},
    market::{Candle, Product},
};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    BookUpdate, ChannelFeed, CoinbaseConfig, CoinbaseError, MarketFeed, RestClient, UserUpdate,
    feed::{Destination, FeedMaker},
    listing::Listing,
    wire::{Listed, StatusProduct, rest::ListedProduct},
};

/// Coinbase Advanced Trade as an [`ExchangeAdapter`].
///
/// Cheap to clone; all clones share one request budget and one limit of connections. Market data needs no key.
///
/// # Live candles
/// The exchange sends candles of five minutes only, and never says that one is finished: a bucket is closed here when a
/// later one is seen or the exchange's clock has passed its end by a few seconds, and only if nothing was lost while it
/// was forming. Of the others the [history](ExchangeAdapter::candles) tells. Longer ones are aggregated from these.
#[derive(Clone)]
pub struct Coinbase(Arc<Inner>);

struct Inner {
    rest: RestClient,
    feeds: FeedMaker,
    market: Destination,
    user: Destination,
    listing: Mutex<Option<(Instant, Arc<Listing>)>>,
    /// Cancelled when the adapter is closed.
    closing: CancellationToken,
}

/// How long a list of products is believed.
const LISTING_LASTS: Duration = Duration::from_mins(5);

impl Coinbase {
    /// An adapter; nothing is connected to yet. A wrong configuration is refused.
    pub fn new(config: &CoinbaseConfig) -> Result<Self, CoinbaseError> {
        Self::with_supervisor(config, SupervisorConfig::default())
    }

    /// The same with another patience in reconnecting. Stage timeouts and silence are those of `config`.
    pub fn with_supervisor(config: &CoinbaseConfig, mut supervisor: SupervisorConfig) -> Result<Self, CoinbaseError> {
        let addresses = config.parts()?;
        let tls = config.tls.for_socket();
        let rest = RestClient::new(config)?;
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|_| CoinbaseError::Config {
            problems: vec!["the operating system gives no random numbers".to_owned()],
        })?;
        supervisor.stage_timeout = config.connect_timeout();
        supervisor.silence = config.silence();
        supervisor.first_sequence = Some(0);
        let feeds = FeedMaker::new(supervisor, rest.clock().clone(), u64::from_le_bytes(seed));
        Ok(Self(Arc::new(Inner {
            feeds,
            market: Destination { url: addresses.ws, tls: tls.clone() },
            user: Destination { url: addresses.user_ws, tls },
            rest,
            listing: Mutex::default(),
            closing: CancellationToken::new(),
        })))
    }

    /// The REST side: pages of history, books, accounts, the exchange's clock.
    pub fn rest(&self) -> &RestClient {
        &self.0.rest
    }

    /// Everything listed, with the flags that say whether it is traded; by quote volume, largest first. At most five
    /// minutes old.
    pub async fn listed(&self) -> Result<Vec<ListedProduct>, ExchangeError> {
        Ok(self.listing().await?.products.clone())
    }

    /// Live data whose products can be changed without a new connection.
    pub async fn feed(&self, subscription: Subscription) -> Result<MarketFeed, ExchangeError> {
        let listing = self.checked(&subscription).await?;
        Ok(MarketFeed::start(self, &listing, subscription))
    }

    /// The order books of these products: a snapshot of each, then changes.
    pub async fn books(&self, symbols: Vec<Symbol>) -> Result<ChannelFeed<BookUpdate>, ExchangeError> {
        let listing = self.listing().await?;
        symbols.iter().try_for_each(|symbol| listing.check(symbol))?;
        Ok(ChannelFeed::start(&self.0.feeds, self.0.market.clone(), None, symbols, &listing))
    }

    /// The states of these products as the exchange tells them from time to time.
    pub async fn product_states(
        &self,
        symbols: Vec<Symbol>,
    ) -> Result<ChannelFeed<Listed<StatusProduct>>, ExchangeError> {
        let listing = self.listing().await?;
        symbols.iter().try_for_each(|symbol| listing.check(symbol))?;
        Ok(ChannelFeed::start(&self.0.feeds, self.0.market.clone(), None, symbols, &listing))
    }

    /// The user's own orders and positions. Needs a key.
    pub async fn user_updates(&self) -> Result<ChannelFeed<UserUpdate>, ExchangeError> {
        let listing = self.listing().await?;
        let tokens = self.0.rest.tokens().cloned().ok_or_else(|| CoinbaseError::Key {
            reason: "none is configured; the user's own data needs one".to_owned(),
        })?;
        Ok(ChannelFeed::start(&self.0.feeds, self.0.user.clone(), Some(tokens), Vec::new(), &listing))
    }

    pub(crate) fn feeds(&self) -> &FeedMaker {
        &self.0.feeds
    }

    pub(crate) fn market_destination(&self) -> Destination {
        self.0.market.clone()
    }

    /// The listing, if it has what is subscribed to.
    pub(crate) async fn checked(&self, subscription: &Subscription) -> Result<Arc<Listing>, ExchangeError> {
        let listing = self.listing().await?;
        subscription.check(&Exchange::coinbase(), listing.symbols(), &LIVE)?;
        Ok(listing)
    }

    async fn listing(&self) -> Result<Arc<Listing>, ExchangeError> {
        self.check_open()?;
        // Held while it is asked for: one question is enough for all who wait.
        let mut known = self.0.listing.lock().await;
        if let Some((at, listing)) = known.as_ref()
            && at.elapsed() < LISTING_LASTS
        {
            return Ok(Arc::clone(listing));
        }
        // Whoever listens must know the exchange's time too.
        let asked = async {
            self.0.rest.measured().await?;
            self.0.rest.products().await
        };
        let products = until_closed(&self.0.closing, asked).await??;
        let listing = Arc::new(Listing::new(products));
        *known = Some((Instant::now(), Arc::clone(&listing)));
        Ok(listing)
    }

    fn check_open(&self) -> Result<(), ExchangeError> {
        if self.0.closing.is_cancelled() {
            return Err(ExchangeError::Closed { exchange: Exchange::coinbase() });
        }
        Ok(())
    }
}

/// A question is not answered any more once the adapter is closed.
async fn until_closed<T>(closing: &CancellationToken, asked: impl Future<Output = T>) -> Result<T, ExchangeError> {
    let closed = || ExchangeError::Closed { exchange: Exchange::coinbase() };
    closing.run_until_cancelled(asked).await.ok_or_else(closed)
}

const LIVE: [Timeframe; 1] = [Timeframe::M5];

#[async_trait]
impl ExchangeAdapter for Coinbase {
    fn exchange(&self) -> Exchange {
        Exchange::coinbase()
    }

    fn capability(&self) -> Capability {
        Capability { history: Timeframe::ALL.to_vec(), live: LIVE.to_vec(), trades: true, tickers: true }
    }

    async fn products(&self) -> Result<Vec<Product>, ExchangeError> {
        Ok(self.listing().await?.products())
    }

    async fn candles(&self, request: CandleRequest) -> Result<Vec<Candle>, ExchangeError> {
        self.check_open()?;
        request.check(&Exchange::coinbase(), &Timeframe::ALL)?;
        self.listing().await?.check(&request.symbol)?;
        let symbol = request.symbol.clone();
        let rest = self.0.rest.with_priority(Priority::LiveRepair);
        let candles = until_closed(&self.0.closing, rest.candles(request)).await?;
        candles.map_err(|error| error.into_exchange(Some(&symbol)))
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<MarketEvents, ExchangeError> {
        Ok(Box::pin(self.feed(subscription).await?))
    }

    async fn close(&self) {
        self.0.closing.cancel();
        self.0.feeds.close().await;
    }
}

impl fmt::Debug for Coinbase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coinbase").field("closed", &self.0.closing.is_cancelled()).finish_non_exhaustive()
    }
}
