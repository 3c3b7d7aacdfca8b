use livermore_coinbase::{
    Coinbase, CoinbaseConfig,
    fake::{Clock, FakeMarket, FakeServer, Limits},
};
use livermore_core::exchange::SimulatorConfig;

use crate::{
    cli::DemoOptions,
    coinbase::{BASE, TARGETS},
    failure::Failure,
    interrupt::Interrupts,
    sim_server,
    watch::{self, Plan, Source, Totals, Until, View},
};

/// The demo's market behind an exchange's sockets, watched as the real one is.
pub(super) async fn play(
    options: &DemoOptions,
    interrupts: &mut Interrupts,
    view: &mut dyn View,
) -> Result<Totals, Failure> {
    let market = FakeMarket::simulated(SimulatorConfig::default().with_seed(options.seed));
    // Its own client is welcome to load two weeks of history at once.
    let mut builder = FakeServer::builder()
        .market(market)
        .seed(options.seed)
        .clock(Clock::Speed(options.speed))
        .limits(Limits::without_rates());
    if options.faults {
        builder = builder.faults(sim_server::faults());
    }
    let server = builder.start().await?;
    let mut config = CoinbaseConfig::from_urls(server.ws_url(), server.user_ws_url(), server.rest_url());
    (config.requests_per_second, config.burst) = (1_000, 1_000);
    let coinbase = Coinbase::new(&config)?;
    let plan = Plan {
        source: Source::Simulated { seed: options.seed, speed: options.speed, wire: true },
        symbols: server.symbols(),
        base: BASE,
        targets: TARGETS.to_vec(),
        start: server.now(),
        until: options.duration.map_or(Until::Interrupted, Until::Real),
    };
    let totals = watch::follow(&coinbase, &plan, interrupts, view).await;
    server.shutdown().await;
    totals
}
