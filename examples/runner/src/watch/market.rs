use std::collections::BTreeMap;

use livermore_core::{
    alert::AlertRules,
    exchange::{CandleRequest, EventBody, ExchangeAdapter, ExchangeError, MarketEvent},
    ids::{Epoch, Seq, Symbol, Timeframe, Timestamp},
    indicator::{MacdVConfig, MacdVPoint},
    market::{Candle, DEFAULT_MAX_FILL, Quality},
};

use super::{
    Totals, View,
    event::{BarEvent, WatchEvent},
};
use crate::{
    failure::Failure,
    pipeline::{Pipeline, PipelineConfig},
};

/// Follows the products of one exchange: repeated messages are dropped, and what a fault of the feed may have cost is
/// fetched from history before anything is computed from it.
pub(crate) struct Watch {
    base: Timeframe,
    targets: Vec<Timeframe>,
    products: BTreeMap<Symbol, Product>,
    /// Connection and position of the last message.
    last: Option<(Epoch, Seq)>,
    totals: Totals,
}

struct Product {
    pipeline: Pipeline,
    quality: Quality,
    /// History was asked for up to this time at the beginning.
    warm_until: Timestamp,
    /// Whether it was told that something may be missing.
    is_told: bool,
    /// The feed is whole again, since when is known with the exchange's next sign of life: until it has spoken, this
    /// machine can only guess what its clock says.
    is_back: bool,
    /// When the feed was whole again after its last fault; `None` while the fault lasts, or without one.
    whole_since: Option<Timestamp>,
    /// History is not asked before this time again, unless a bucket has closed.
    ask_again: Timestamp,
    /// A candle that was computed with has been corrected.
    is_revised: bool,
    forming: Option<Candle>,
}

/// Enough hours for the longest timeframe to forget how it was seeded.
const WARM_UP_MINUTES: i64 = MacdVConfig::DEFAULT_WARM_UP_BARS as i64 * 60;
/// So long after its end a bucket is taken to be in the exchange's history; also the pause after one that did not answer.
const SETTLED_MS: i64 = 60_000;

impl Watch {
    /// Knows no product yet. Listens to candles of `base`, and computes the others from them.
    pub(crate) fn new(base: Timeframe, targets: Vec<Timeframe>) -> Self {
        Self { base, targets, products: BTreeMap::new(), last: None, totals: Totals::default() }
    }

    /// Loads every product's history up to `now`.
    pub(crate) async fn warm_up(
        &mut self,
        exchange: &dyn ExchangeAdapter,
        symbols: &[Symbol],
        now: Timestamp,
        view: &mut dyn View,
    ) -> Result<(), Failure> {
        let mut bars = 0;
        for symbol in symbols {
            let history = self.history(exchange, symbol, now).await?;
            bars += history.len() as u64;
            let product = Product {
                pipeline: self.pipeline(symbol, &history)?,
                quality: Quality::Fresh,
                warm_until: now,
                is_told: false,
                is_back: false,
                whole_since: None,
                ask_again: Timestamp::EPOCH,
                is_revised: false,
                forming: None,
            };
            self.products.insert(symbol.clone(), product);
        }
        let series = self.products.len() * self.targets.len();
        view.show(&WatchEvent::Warm { market_time: now, series, bars })
    }

    async fn history(
        &self,
        exchange: &dyn ExchangeAdapter,
        symbol: &Symbol,
        to: Timestamp,
    ) -> Result<Vec<Candle>, ExchangeError> {
        let from = to.checked_add_millis(-WARM_UP_MINUTES * 60_000).unwrap_or(Timestamp::EPOCH);
        exchange.candles(CandleRequest { symbol: symbol.clone(), timeframe: self.base, from, to }).await
    }

    fn pipeline(&self, symbol: &Symbol, history: &[Candle]) -> Result<Pipeline, Failure> {
        let mut pipeline = Pipeline::new(PipelineConfig {
            symbol: symbol.clone(),
            timeframe: self.base,
            targets: self.targets.clone(),
            indicator: MacdVConfig::default(),
            rules: AlertRules::default(),
            max_fill: DEFAULT_MAX_FILL,
        })?;
        history.iter().try_for_each(|candle| pipeline.warm(candle))?;
        pipeline.prime_alerts();
        Ok(pipeline)
    }

    /// Takes one message of the feed.
    pub(crate) async fn take(
        &mut self,
        exchange: &dyn ExchangeAdapter,
        event: MarketEvent,
        view: &mut dyn View,
    ) -> Result<(), Failure> {
        let MarketEvent { time, epoch, seq, body } = event;
        if self.last.is_some_and(|(last_epoch, last_seq)| epoch == last_epoch && seq <= last_seq) {
            return Ok(()); // a repeated message
        }
        self.last = Some((epoch, seq));
        match body {
            EventBody::Candle { symbol, candle } if candle.is_final() => {
                self.closed(exchange, &symbol, &candle, time, view).await
            }
            EventBody::Candle { symbol, candle } => {
                if let Some(product) = self.products.get_mut(&symbol) {
                    product.forming = Some(candle);
                }
                Ok(())
            }
            EventBody::Revised { symbol, candle } => {
                if let Some(product) = self.products.get_mut(&symbol) {
                    product.is_revised = true;
                }
                let what = format!("has corrected the candle of {}; computed anew with the next", candle.open_time());
                view.show(&WatchEvent::Feed { market_time: time, symbol: Some(&symbol), what })
            }
            EventBody::Heartbeat => self.settle(exchange, time, view).await,
            body => self.feed(time, body, view),
        }
    }

    /// A bucket has ended. If the feed was at fault since the last one, history says what belongs in between.
    async fn closed(
        &mut self,
        exchange: &dyn ExchangeAdapter,
        symbol: &Symbol,
        candle: &Candle,
        time: Timestamp,
        view: &mut dyn View,
    ) -> Result<(), Failure> {
        let Some(product) = self.products.get_mut(symbol) else { return Ok(()) };
        product.forming = None;
        let open = candle.open_time();
        if product.pipeline.next_time().is_some_and(|next| open < next) {
            return Ok(()); // known from a repair
        }
        if product.is_revised && !self.revise(exchange, symbol, candle, view).await? {
            return Ok(());
        }
        if self.products.get(symbol).is_some_and(|product| !product.quality.is_fresh())
            && !self.repair(exchange, symbol, open, time, true, view).await?
        {
            return Ok(()); // this candle is in what history is asked for next
        }
        self.push(symbol, std::slice::from_ref(candle), view)
    }

    /// Computes a product anew from history before `next`; whether that could be done.
    async fn revise(
        &mut self,
        exchange: &dyn ExchangeAdapter,
        symbol: &Symbol,
        next: &Candle,
        view: &mut dyn View,
    ) -> Result<bool, Failure> {
        let history = match self.history(exchange, symbol, next.open_time()).await {
            Ok(history) => history,
            Err(error) => {
                // What is computed is wrong until it can be computed anew.
                if let Some(product) = self.products.get_mut(symbol) {
                    product.quality = Quality::Gapped;
                    product.whole_since = None;
                }
                return not_yet(symbol, next.close_time(), error, view).map(|()| false);
            }
        };
        let pipeline = self.pipeline(symbol, &history)?;
        if let Some(product) = self.products.get_mut(symbol) {
            product.pipeline = pipeline;
            product.is_revised = false;
            product.quality = Quality::Fresh;
        }
        Ok(true)
    }

    /// The exchange's clock has moved on: what the feed may have missed, and history has by now, is fetched.
    async fn settle(
        &mut self,
        exchange: &dyn ExchangeAdapter,
        time: Timestamp,
        view: &mut dyn View,
    ) -> Result<(), Failure> {
        for product in self.products.values_mut().filter(|product| product.is_back) {
            product.is_back = false;
            product.whole_since = Some(time);
        }
        let Some(settled) = time.checked_add_millis(-SETTLED_MS).map(|time| self.base.floor(time)) else {
            return Ok(());
        };
        let is_due = |product: &Product| {
            let is_behind = product.pipeline.next_time().is_none_or(|next| next < settled);
            !product.quality.is_fresh() && !product.is_revised && is_behind && product.ask_again <= time
        };
        let due: Vec<Symbol> =
            self.products.iter().filter(|(_, product)| is_due(product)).map(|(symbol, _)| symbol.clone()).collect();
        for symbol in due {
            let is_whole = self.products.get(&symbol).and_then(|product| product.whole_since);
            let is_whole = is_whole.is_some_and(|since| since < settled);
            self.repair(exchange, &symbol, settled, time, is_whole, view).await?;
        }
        Ok(())
    }

    /// Takes history from the last bar to `to`; `is_whole`: the feed has everything after it. Whether history answered.
    async fn repair(
        &mut self,
        exchange: &dyn ExchangeAdapter,
        symbol: &Symbol,
        to: Timestamp,
        time: Timestamp,
        is_whole: bool,
        view: &mut dyn View,
    ) -> Result<bool, Failure> {
        let Some(product) = self.products.get_mut(symbol) else { return Ok(true) };
        let from = product.pipeline.next_time().unwrap_or(to).min(to);
        let request = CandleRequest { symbol: symbol.clone(), timeframe: self.base, from, to };
        let repaired = if from == to { Ok(Vec::new()) } else { exchange.candles(request).await };
        let pause = if repaired.is_ok() { self.base.millis() } else { SETTLED_MS };
        product.ask_again = time.checked_add_millis(pause).unwrap_or(Timestamp::MAX);
        let repaired = match repaired {
            Ok(repaired) => repaired,
            Err(error) => return not_yet(symbol, time, error, view).map(|()| false),
        };
        let mut is_news = !repaired.is_empty();
        if is_whole {
            product.quality = Quality::Fresh;
            product.whole_since = None;
            is_news |= std::mem::take(&mut product.is_told);
        }
        if is_news {
            let what = format!("repaired: {} candles from history", repaired.len());
            view.show(&WatchEvent::Feed { market_time: time, symbol: Some(symbol), what })?;
        }
        self.totals.repaired += repaired.len() as u64;
        self.push(symbol, &repaired, view)?;
        Ok(true)
    }

    /// Computes with candles that are known to be right.
    fn push(&mut self, symbol: &Symbol, candles: &[Candle], view: &mut dyn View) -> Result<(), Failure> {
        let Some(product) = self.products.get_mut(symbol) else { return Ok(()) };
        let totals = &mut self.totals;
        for candle in candles {
            product.pipeline.push(candle, Quality::Fresh, |reading, evaluation| {
                totals.bars += 1;
                totals.alerts += evaluation.alerts.len() as u64;
                view.show(&WatchEvent::Bar(BarEvent::of(symbol, reading, Quality::Fresh)))?;
                evaluation.alerts.iter().try_for_each(|alert| view.show(&WatchEvent::Alert(alert)))
            })?;
        }
        Ok(())
    }

    /// Tells a change of the feed and lowers the trust in what it covers.
    fn feed(&mut self, time: Timestamp, body: EventBody, view: &mut dyn View) -> Result<(), Failure> {
        let symbol = body.symbol().cloned();
        let is_gap = matches!(body, EventBody::Gap { .. });
        let (what, trust) = match body {
            EventBody::Connected => {
                for product in self.products.values_mut() {
                    // Whatever happened since history was read was not seen.
                    let known = product.pipeline.next_time().unwrap_or(product.warm_until).max(product.warm_until);
                    if !product.quality.is_fresh() || known < time {
                        product.lower(Quality::Gapped, true);
                    }
                }
                ("connected".to_owned(), None)
            }
            EventBody::Disconnected { reason } => (format!("disconnected: {reason}"), Some((Quality::Gapped, false))),
            EventBody::Reconnecting { attempt, delay_ms } => {
                (format!("reconnecting, attempt {attempt}, after {delay_ms} ms"), None)
            }
            EventBody::Refused { reason } => (format!("refused: {reason}"), Some((Quality::Gapped, false))),
            EventBody::Gap { missing: 0, .. } => {
                ("no bar for a while; history is asked whether it was quiet".to_owned(), Some((Quality::Gapped, true)))
            }
            EventBody::Gap { missing, .. } => (format!("{missing} messages lost"), Some((Quality::Gapped, true))),
            EventBody::Stale { since, .. } => (format!("silent since {since}"), Some((Quality::Stale, false))),
            EventBody::Recovered { .. } => ("speaks again".to_owned(), Some((Quality::Gapped, true))),
            _ => return Ok(()),
        };
        if let Some((quality, is_back)) = trust {
            let is_touched = |name: &Symbol| symbol.as_ref().is_none_or(|symbol| symbol == name);
            let touched = self.products.iter_mut().filter(|(name, _)| is_touched(name));
            // A lost message does not make a silent product speak.
            for (_, product) in touched.filter(|(_, product)| !(is_gap && product.quality == Quality::Stale)) {
                product.lower(quality, is_back);
                product.is_told = true;
            }
        }
        view.show(&WatchEvent::Feed { market_time: time, symbol: symbol.as_ref(), what })
    }

    pub(crate) const fn totals(&self) -> Totals {
        self.totals
    }

    /// Every row there is to show, ordered by symbol and timeframe.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.products.iter().flat_map(|(symbol, product)| {
            product.pipeline.latest().map(move |reading| {
                let forming = product.forming.filter(|candle| candle.timeframe() == reading.timeframe);
                let peeked = forming.as_ref().and_then(|candle| Some((candle.close(), product.pipeline.peek(candle)?)));
                let (price, point) = peeked.unwrap_or((reading.close, reading.point));
                Row { symbol, timeframe: reading.timeframe, price, point, quality: product.quality }
            })
        })
    }
}

impl Product {
    /// Something may be missing. `is_back`: what comes from now on is whole.
    fn lower(&mut self, quality: Quality, is_back: bool) {
        self.quality = quality;
        self.is_back = is_back;
        self.whole_since = None;
        self.ask_again = Timestamp::EPOCH;
    }
}

/// History does not answer: what depends on it waits. It is asked again with the next bar, or in a minute.
fn not_yet(symbol: &Symbol, time: Timestamp, error: ExchangeError, view: &mut dyn View) -> Result<(), Failure> {
    if matches!(error, ExchangeError::Closed { .. }) {
        return Err(error.into());
    }
    let what = format!("cannot be repaired yet, its values wait: {error}");
    view.show(&WatchEvent::Feed { market_time: time, symbol: Some(symbol), what })
}

/// One line of the table: a product and a timeframe as they stand now.
pub(crate) struct Row<'a> {
    pub(crate) symbol: &'a Symbol,
    pub(crate) timeframe: Timeframe,
    pub(crate) price: f64,
    pub(crate) point: MacdVPoint,
    pub(crate) quality: Quality,
}
