use std::collections::VecDeque;

use super::{
    config::SimulatorConfig,
    listing::{Character, LISTINGS, Listing},
    regime::{Regime, Schedule},
    rng::SplitMix64,
};
use crate::{
    ids::{Symbol, Timeframe, Timestamp},
    market::{Candle, CandleSource, Finality, Ohlcv, Product, ProductStatus, Side, Ticker, Trade},
};

/// Market time between two chances to trade.
pub(super) const STEP_MS: i64 = 5_000;
const STEPS_PER_MINUTE: i64 = 60_000 / STEP_MS;
const MINUTES_PER_DAY: usize = 1_440;
/// Prices stay between these multiples of where they began, so that no seed leads to nonsense.
const PRICE_BAND: i64 = 8;

/// The simulated market: pure, seeded, stepped by whoever holds it.
///
/// Products move through regimes (trend, range, shock), one pegged product stays where it is, one is traded thinly.
/// Equal configurations give equal markets, on every machine.
#[derive(Debug, Clone)]
pub struct SimMarket {
    products: Vec<Simulated>,
    now: Timestamp,
}

/// What one product did in one step.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) symbol: Symbol,
    pub(super) trade: Option<Trade>,
    pub(super) ticker: Ticker,
    /// The bucket as it stands; `None` while nothing was traded in it.
    pub(super) candle: Option<Candle>,
}

#[derive(Debug, Clone)]
struct Simulated {
    listing: Listing,
    symbol: Symbol,
    rng: SplitMix64,
    schedule: Schedule,
    regime: Regime,
    price: i64,
    /// Where a range holds the price.
    anchor: i64,
    /// Whether nothing is traded in this minute.
    quiet: bool,
    bar: Option<Bar>,
    day: VecDeque<(i64, u64)>,
    day_volume: u64,
    trades: u64,
}

/// A bucket in ticks and size units.
#[derive(Debug, Clone, Copy)]
struct Bar {
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    volume: u64,
}

impl SimMarket {
    /// The market at the beginning of its history.
    pub fn new(config: &SimulatorConfig) -> Self {
        let minutes = i64::from(config.history_minutes.min(SimulatorConfig::MAX_HISTORY_MINUTES));
        let start = Timeframe::M1.floor(config.start).as_millis();
        let mut seeds = SplitMix64::new(config.seed);
        let products = LISTINGS.iter().filter_map(|listing| Simulated::new(*listing, seeds.next_u64())).collect();
        Self { products, now: Timestamp::from_millis_in_range((start - minutes * 60_000).max(0)) }
    }

    /// Market time.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The products, ranked by 24-hour quote volume.
    pub fn products(&self) -> Vec<Product> {
        let mut products: Vec<Product> = self.products.iter().map(Simulated::product).collect();
        products.sort_by(|a, b| b.quote_volume_24h.total_cmp(&a.quote_volume_24h).then(a.symbol.cmp(&b.symbol)));
        products
    }

    /// Every symbol, in listing order.
    pub fn symbols(&self) -> Vec<Symbol> {
        self.products.iter().map(|product| product.symbol.clone()).collect()
    }

    /// From here on the first hour shows every stage of the indicator; see [`Schedule::begin_tour`].
    pub(super) fn begin_tour(&mut self) {
        let mut up = true;
        for product in &mut self.products {
            product.schedule.begin_tour(&mut product.rng, up);
            up = !up;
        }
    }

    /// Moves the market by one step and says what each product did in it. Afterwards [`now`](Self::now) is the end of
    /// the step; when that is a whole minute, the candles of the answer are finished.
    pub(super) fn step(&mut self) -> Vec<Step> {
        let step_start = self.now;
        self.now = Timestamp::from_millis_in_range(step_start.as_millis() + STEP_MS);
        let (start, end) = (step_start, self.now);
        self.products.iter_mut().map(|product| product.step(start, end)).collect()
    }

    /// Moves the market by a whole minute and returns each product's candle, `None` where nothing was traded.
    pub(super) fn step_minute(&mut self) -> Vec<Option<Candle>> {
        for _ in 1..STEPS_PER_MINUTE {
            self.step();
        }
        self.step().into_iter().map(|step| step.candle).collect()
    }
}

impl Simulated {
    fn new(listing: Listing, seed: u64) -> Option<Self> {
        Some(Self {
            symbol: Symbol::new(listing.symbol).ok()?,
            rng: SplitMix64::new(seed),
            schedule: Schedule::quiet(),
            regime: Regime::Range,
            price: listing.price,
            anchor: listing.price,
            quiet: false,
            bar: None,
            day: VecDeque::with_capacity(MINUTES_PER_DAY + 1),
            day_volume: 0,
            trades: 0,
            listing,
        })
    }

    fn step(&mut self, start: Timestamp, end: Timestamp) -> Step {
        if Timeframe::M1.is_aligned(start) {
            self.begin_minute();
        }
        let last_of_minute = Timeframe::M1.is_aligned(end);
        self.move_price(last_of_minute);
        let trade = (!self.quiet).then(|| self.trade(start));
        let finality = if last_of_minute { Finality::Closed } else { Finality::Forming };
        let candle = self.bar.map(|bar| self.candle(bar, Timeframe::M1.floor(start), finality));
        if last_of_minute {
            self.end_minute();
        }
        Step { symbol: self.symbol.clone(), trade, ticker: self.ticker(end), candle }
    }

    fn begin_minute(&mut self) {
        let begins;
        (self.regime, begins) = self.schedule.next_minute(&mut self.rng);
        if begins {
            self.anchor = self.price;
        }
        self.quiet = self.listing.character == Character::Thin && self.rng.chance(12);
        if let (Regime::Shock { percent }, true, false) = (self.regime, begins, self.quiet) {
            self.set_price(self.price + self.listing.noise * percent / 100);
        }
    }

    fn move_price(&mut self, last_of_minute: bool) {
        let noise = self.rng.between(-self.listing.noise, self.listing.noise);
        if self.listing.character == Character::Pegged {
            self.price = self.listing.price + if last_of_minute { 0 } else { noise };
            return;
        }
        if self.quiet {
            return;
        }
        let pull = match self.regime {
            Regime::Trend { per_minute } => {
                // Draw the remainder of the division, so that small drifts of coarse prices are not rounded away.
                let (units, divisor) = (self.listing.noise * per_minute, 100 * STEPS_PER_MINUTE);
                let rest = units.rem_euclid(divisor);
                units.div_euclid(divisor) + i64::from(self.rng.between(0, divisor - 1) < rest)
            }
            Regime::Range => (self.anchor - self.price) / 8,
            Regime::Shock { .. } => 0,
        };
        self.set_price(self.price + noise + pull);
    }

    fn set_price(&mut self, price: i64) {
        let (low, high) = (self.listing.price / PRICE_BAND, self.listing.price * PRICE_BAND);
        self.price = price.clamp(low.max(1), high);
    }

    fn trade(&mut self, time: Timestamp) -> Trade {
        let size = 1 + self.rng.below(self.listing.max_size);
        let taker = if self.rng.chance(50) { Side::Buy } else { Side::Sell };
        let price = self.price;
        self.bar = Some(match self.bar {
            None => Bar { open: price, high: price, low: price, close: price, volume: size },
            Some(bar) => Bar {
                open: bar.open,
                high: bar.high.max(price),
                low: bar.low.min(price),
                close: price,
                volume: bar.volume + size,
            },
        });
        self.trades += 1;
        Trade { id: self.trades.into(), time, price: self.quote(price), size: base(size), taker: Some(taker) }
    }

    fn end_minute(&mut self) {
        let (close, volume) = self.bar.take().map_or((self.price, 0), |bar| (bar.close, bar.volume));
        self.day.push_back((close, volume));
        self.day_volume += volume;
        if self.day.len() > MINUTES_PER_DAY {
            self.day_volume -= self.day.pop_front().map_or(0, |(_, volume)| volume);
        }
    }

    fn candle(&self, bar: Bar, open_time: Timestamp, finality: Finality) -> Candle {
        let quote = |ticks| self.quote(ticks);
        let ohlcv = Ohlcv {
            open: quote(bar.open),
            high: quote(bar.high),
            low: quote(bar.low),
            close: quote(bar.close),
            volume: base(bar.volume),
        };
        Candle::derived(Timeframe::M1, open_time, ohlcv, CandleSource::Ws).with_finality(finality)
    }

    fn ticker(&self, time: Timestamp) -> Ticker {
        let change = self.day.front().map(|(before, _)| to_f64(self.price - before) / to_f64(*before) * 100.0);
        Ticker {
            time,
            price: self.quote(self.price),
            bid: Some(self.quote(self.price - 1)),
            ask: Some(self.quote(self.price + 1)),
            volume_24h: Some(base(self.day_volume)),
            change_24h_percent: change,
        }
    }

    fn product(&self) -> Product {
        let (base_asset, quote_asset) = self.listing.symbol.split_once('-').unwrap_or((self.listing.symbol, ""));
        let price = self.quote(self.price);
        Product {
            symbol: self.symbol.clone(),
            base: base_asset.to_owned(),
            quote: quote_asset.to_owned(),
            status: ProductStatus::Online,
            price: Some(price),
            quote_volume_24h: price * base(self.day_volume),
            price_increment: self.quote(1),
        }
    }

    /// Ticks as a price. One correctly rounded division, so equal on every machine.
    fn quote(&self, ticks: i64) -> f64 {
        to_f64(ticks) / to_f64(10_i64.pow(self.listing.decimals))
    }
}

/// Size units as a volume.
#[allow(clippy::cast_precision_loss, reason = "volumes stay far below 2^53")]
fn base(units: u64) -> f64 {
    units as f64 / 10_000.0
}

#[allow(clippy::cast_precision_loss, reason = "prices stay far below 2^53 ticks")]
const fn to_f64(ticks: i64) -> f64 {
    ticks as f64
}
