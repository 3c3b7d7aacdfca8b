//! The mocks: as examples, and under the same contract as everything else.

use std::sync::Arc;

use futures_util::FutureExt;
use livermore_core::{
    exchange::{CandleRequest, ExchangeAdapter, ExchangeError, Simulator},
    ids::{Exchange, Timeframe},
    indicator::IndicatorEngine,
    testkit::{ExchangeFixture, MockExchangeAdapter, MockIndicatorEngine},
};

use super::{adapter, config, symbol};

#[tokio::test]
async fn an_exchange_that_answers_what_the_test_says() {
    let mut mock = MockExchangeAdapter::new();
    mock.expect_exchange().return_const(Exchange::simulator());
    mock.expect_products().times(1).returning(|| Err(ExchangeError::Closed { exchange: Exchange::simulator() }));
    mock.expect_candles().withf(|request| request.timeframe == Timeframe::H1).returning(|_| Ok(Vec::new()));

    let exchange: Arc<dyn ExchangeAdapter> = Arc::new(mock);
    assert!(matches!(exchange.products().await, Err(ExchangeError::Closed { .. })));
    let (from, to) = (config().start, config().start);
    let request = CandleRequest { symbol: symbol("BTC-USD"), timeframe: Timeframe::H1, from, to };
    assert_eq!(exchange.candles(request).await.unwrap(), []);
}

#[test]
fn an_engine_that_answers_what_the_test_says() {
    let mut mock = MockIndicatorEngine::new();
    mock.expect_series().return_const(vec![(symbol("BTC-USD"), Timeframe::M1)]);
    mock.expect_forget().withf(|symbol, _| symbol.as_str() == "BTC-USD").times(1).return_const(true);

    let mut engine: Box<dyn IndicatorEngine> = Box::new(mock);
    for (symbol, timeframe) in engine.series() {
        assert!(engine.forget(&symbol, timeframe));
    }
}

/// A mock that forwards to a simulator, whose futures never wait.
mod forwarding_mock {
    use super::*;

    async fn fresh() -> ExchangeFixture {
        let simulator = Arc::new(Simulator::new(config()).unwrap());
        let mut mock = MockExchangeAdapter::new();
        let to = simulator.clone();
        mock.expect_exchange().returning(move || to.exchange());
        let to = simulator.clone();
        mock.expect_capability().returning(move || to.capability());
        let to = simulator.clone();
        mock.expect_products().returning(move || to.products().now_or_never().unwrap());
        let to = simulator.clone();
        mock.expect_candles().returning(move |request| to.candles(request).now_or_never().unwrap());
        let to = simulator.clone();
        mock.expect_subscribe().returning(move |subscription| to.subscribe(subscription).now_or_never().unwrap());
        mock.expect_close().returning(move || simulator.close().now_or_never().unwrap());
        adapter(Arc::new(mock), config().start)
    }

    livermore_core::exchange_adapter_contract!(fresh);
}

/// A mock that forwards to an engine.
mod forwarding_engine_mock {
    use std::sync::Mutex;

    use livermore_core::indicator::{MacdVConfig, MacdVEngine};

    use super::*;

    fn fresh() -> Box<dyn IndicatorEngine> {
        let engine = Arc::new(Mutex::new(MacdVEngine::new(MacdVConfig::default()).unwrap()));
        let mut mock = MockIndicatorEngine::new();
        let to = engine.clone();
        mock.expect_update().returning(move |symbol, candle| to.lock().unwrap().update(symbol, candle));
        let to = engine.clone();
        mock.expect_peek().returning(move |symbol, candle| to.lock().unwrap().peek(symbol, candle));
        let to = engine.clone();
        mock.expect_latest().returning(move |symbol, timeframe| to.lock().unwrap().latest(symbol, timeframe));
        let to = engine.clone();
        mock.expect_forget().returning(move |symbol, timeframe| to.lock().unwrap().forget(symbol, timeframe));
        let to = engine.clone();
        mock.expect_series().returning(move || to.lock().unwrap().series());
        let to = engine.clone();
        mock.expect_snapshot().returning(move || to.lock().unwrap().snapshot());
        mock.expect_restore().returning(move |snapshot| engine.lock().unwrap().restore(snapshot));
        Box::new(mock)
    }

    livermore_core::indicator_engine_contract!(fresh);
}
