use std::collections::BTreeMap;

use livermore_core::{
    alert::AlertRules,
    exchange::{CandleRequest, EventBody, ExchangeAdapter, MarketEvent},
    ids::{Epoch, Seq, Symbol, Timeframe, Timestamp},
    indicator::{MacdVConfig, MacdVPoint},
    market::{Candle, DEFAULT_MAX_FILL, Quality},
};

use super::{
    TIMEFRAMES, Totals, View,
    event::{BarEvent, DemoEvent},
};
use crate::{
    failure::Failure,
    pipeline::{Pipeline, PipelineConfig},
};

/// Follows the products of one exchange: repeated messages are dropped, and what a fault of the feed may have cost is
/// fetched from history before anything is computed from it.
pub(crate) struct Watch {
    products: BTreeMap<Symbol, Product>,
    /// Connection and position of the last message.
    last: Option<(Epoch, Seq)>,
    totals: Totals,
}

struct Product {
    pipeline: Pipeline,
    quality: Quality,
    forming: Option<Candle>,
}

/// Enough hours for the longest timeframe to forget how it was seeded.
const WARM_UP_MINUTES: i64 = MacdVConfig::DEFAULT_WARM_UP_BARS as i64 * 60;

impl Watch {
    /// Loads every product's history up to `now`.
    pub(crate) async fn warmed_up(
        exchange: &dyn ExchangeAdapter,
        symbols: &[Symbol],
        now: Timestamp,
        view: &mut dyn View,
    ) -> Result<Self, Failure> {
        let (mut products, mut bars) = (BTreeMap::new(), 0);
        for symbol in symbols {
            let mut pipeline = Pipeline::new(PipelineConfig {
                symbol: symbol.clone(),
                timeframe: Timeframe::M1,
                targets: TIMEFRAMES.to_vec(),
                indicator: MacdVConfig::default(),
                rules: AlertRules::default(),
                max_fill: DEFAULT_MAX_FILL,
            })?;
            let from = now.checked_add_millis(-WARM_UP_MINUTES * 60_000).unwrap_or(Timestamp::EPOCH);
            let request = CandleRequest { symbol: symbol.clone(), timeframe: Timeframe::M1, from, to: now };
            for candle in exchange.candles(request).await? {
                pipeline.warm(&candle)?;
                bars += 1;
            }
            pipeline.prime_alerts();
            products.insert(symbol.clone(), Product { pipeline, quality: Quality::Fresh, forming: None });
        }
        let series = products.len() * TIMEFRAMES.len();
        view.show(&DemoEvent::Warm { market_time: now, series, bars })?;
        Ok(Self { products, last: None, totals: Totals::default() })
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
                self.closed(exchange, &symbol, &candle, view).await
            }
            EventBody::Candle { symbol, candle } => {
                if let Some(product) = self.products.get_mut(&symbol) {
                    product.forming = Some(candle);
                }
                Ok(())
            }
            EventBody::Connected => self.feed(view, time, None, "connected", None),
            EventBody::Disconnected { reason } => {
                self.feed(view, time, None, &format!("disconnected: {reason}"), Some(Quality::Gapped))
            }
            EventBody::Reconnecting { attempt, delay_ms } => {
                self.feed(view, time, None, &format!("reconnecting, attempt {attempt}, after {delay_ms} ms"), None)
            }
            EventBody::Gap { symbol, missing } => {
                let what = format!("{missing} messages lost");
                self.feed(view, time, symbol.as_ref(), &what, Some(Quality::Gapped))
            }
            EventBody::Stale { symbol, since } => {
                let what = format!("silent since {since}");
                self.feed(view, time, Some(&symbol), &what, Some(Quality::Stale))
            }
            EventBody::Recovered { symbol } => {
                self.feed(view, time, Some(&symbol), "speaks again", Some(Quality::Gapped))
            }
            _ => Ok(()),
        }
    }

    /// A bucket has ended. If the feed was at fault since the last one, history says what belongs in between.
    async fn closed(
        &mut self,
        exchange: &dyn ExchangeAdapter,
        symbol: &Symbol,
        candle: &Candle,
        view: &mut dyn View,
    ) -> Result<(), Failure> {
        let Some(product) = self.products.get_mut(symbol) else { return Ok(()) };
        product.forming = None;
        let Some(from) = product.pipeline.next_time() else { return Ok(()) };
        if candle.open_time() < from {
            return Ok(()); // known from a repair
        }
        let mut repaired = Vec::new();
        if !product.quality.is_fresh() {
            let to = candle.open_time();
            repaired =
                exchange.candles(CandleRequest { symbol: symbol.clone(), timeframe: Timeframe::M1, from, to }).await?;
            product.quality = Quality::Fresh;
            let what = format!("repaired: {} candles from history", repaired.len());
            view.show(&DemoEvent::Feed { market_time: candle.close_time(), symbol: Some(symbol), what })?;
            self.totals.repaired += repaired.len() as u64;
        }
        for candle in repaired.iter().chain([candle]) {
            let (totals, quality) = (&mut self.totals, product.quality);
            product.pipeline.push(candle, quality, |reading, evaluation| {
                totals.bars += 1;
                totals.alerts += evaluation.alerts.len() as u64;
                view.show(&DemoEvent::Bar(BarEvent::of(symbol, reading, quality)))?;
                evaluation.alerts.iter().try_for_each(|alert| view.show(&DemoEvent::Alert(alert)))
            })?;
        }
        Ok(())
    }

    /// Tells a change of the feed and lowers the trust in what it covers.
    fn feed(
        &mut self,
        view: &mut dyn View,
        market_time: Timestamp,
        symbol: Option<&Symbol>,
        what: &str,
        quality: Option<Quality>,
    ) -> Result<(), Failure> {
        if let Some(quality) = quality {
            let touched = self.products.iter_mut().filter(|(name, _)| symbol.is_none_or(|symbol| symbol == *name));
            touched.for_each(|(_, product)| product.quality = quality);
        }
        view.show(&DemoEvent::Feed { market_time, symbol, what: what.to_owned() })
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

/// One line of the table: a product and a timeframe as they stand now.
pub(crate) struct Row<'a> {
    pub(crate) symbol: &'a Symbol,
    pub(crate) timeframe: Timeframe,
    pub(crate) price: f64,
    pub(crate) point: MacdVPoint,
    pub(crate) quality: Quality,
}
