//! `livermore sim-server`: a simulated Coinbase on loopback, for the commands that ask the real one.

mod faults;
mod options;

pub(crate) use faults::faults;
pub(crate) use options::SimServerOptions;

use std::fs::File;

use livermore_coinbase::fake::{Clock, FakeKey, FakeMarket, FakeServer};
use livermore_core::{
    exchange::{CandleCsv, SimulatorConfig},
    ids::{Symbol, Timeframe, Timestamp},
    market::Candle,
};
use serde_json::json;

use self::options::Recorded;
use crate::{failure::Failure, interrupt::Interrupts, output, runtime};

pub(crate) fn run(options: &SimServerOptions) -> Result<(), Failure> {
    let market = market(options)?;
    runtime::block_on(serve(options, market))
}

async fn serve(options: &SimServerOptions, market: FakeMarket) -> Result<(), Failure> {
    let mut interrupts = Interrupts::new();
    // Worth nothing anywhere else.
    let key = FakeKey::ed25519(options.seed);
    let mut builder =
        FakeServer::builder().market(market).seed(options.seed).clock(Clock::Speed(options.speed)).key(key.clone());
    if options.faults {
        builder = builder.faults(faults());
    }
    let server = builder.start().await?;
    tell(options, &server, &key)?;
    interrupts.next().await;
    server.shutdown().await;
    Ok(())
}

fn tell(options: &SimServerOptions, server: &FakeServer, key: &FakeKey) -> Result<(), Failure> {
    let symbols = server.symbols();
    if options.json {
        return output::line(
            &json!({
                "wsUrl": server.ws_url(),
                "userWsUrl": server.user_ws_url(),
                "restUrl": server.rest_url(),
                "marketTime": server.now(),
                "symbols": symbols,
                "apiKey": key.name(),
                "apiSecret": key.secret(),
            })
            .to_string(),
        );
    }
    let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
    let now = server.now();
    eprintln!("a simulated Coinbase of {}, {}x speed, from {now}; Ctrl-C ends it", names.join(", "), options.speed);
    eprintln!("in another terminal type these lines:");
    for (name, value) in [
        ("LIVERMORE_COINBASE_WS_URL", server.ws_url()),
        ("LIVERMORE_COINBASE_USER_WS_URL", server.user_ws_url()),
        ("LIVERMORE_COINBASE_REST_URL", server.rest_url()),
        ("COINBASE_API_KEY", key.name().to_owned()),
        ("COINBASE_API_SECRET", key.secret()),
    ] {
        output::line(&format!("export {name}='{value}'"))?;
    }
    let symbol = names.first().copied().unwrap_or("BTC-USD");
    let yesterday = now.checked_add_millis(-86_400_000).unwrap_or(now);
    eprintln!("and then, for example:");
    eprintln!("livermore scan");
    eprintln!("livermore candles {symbol} --timeframe 1m --from {yesterday} --output {symbol}.csv");
    eprintln!("livermore run --market coinbase --symbols {symbol}");
    eprintln!("livermore doctor --market coinbase");
    Ok(())
}

fn market(options: &SimServerOptions) -> Result<FakeMarket, Failure> {
    if options.csv.is_empty() {
        return Ok(FakeMarket::simulated(SimulatorConfig::default().with_seed(options.seed)));
    }
    let mut series = Vec::new();
    for recorded in &options.csv {
        series.push((recorded.symbol.clone(), read(recorded)?));
    }
    let times = || series.iter().flat_map(|(_, candles)| candles.iter().map(Candle::open_time));
    let (first, last) = (times().min().unwrap_or(Timestamp::EPOCH), times().max().unwrap_or(Timestamp::EPOCH));
    let middle = first.checked_add_millis(last.millis_since(first) / 2).unwrap_or(first);
    let start = options.live_from.unwrap_or(middle);
    Ok(series
        .into_iter()
        .fold(FakeMarket::replaying(start), |market, (symbol, candles)| market.with_candles(symbol, candles)))
}

/// The candles of a file, refused where they are out of order.
fn read(Recorded { symbol: _, file }: &Recorded) -> Result<Vec<Candle>, Failure> {
    let path = file.display().to_string();
    let opened = File::open(file).map_err(|error| Failure::Input { path: path.clone(), error })?;
    let mut csv = CandleCsv::new(path.clone(), opened, Timeframe::M1)?;
    let mut candles: Vec<Candle> = Vec::new();
    while let Some(candle) = csv.read()? {
        if candles.last().is_some_and(|last| last.open_time() >= candle.open_time()) {
            let reason = format!("line {}: comes before the line above it", csv.line());
            return Err(Failure::CandleFile { path, reason });
        }
        candles.push(candle);
    }
    if candles.is_empty() {
        return Err(Failure::CandleFile { path, reason: "has no candles".to_owned() });
    }
    Ok(candles)
}
