//! `livermore run`: a market at an exchange, without settings and commands.

mod options;

pub(crate) use options::RunOptions;

use std::collections::BTreeSet;

use livermore_coinbase::Coinbase;

use crate::{
    coinbase::{BASE, TARGETS},
    failure::Failure,
    interrupt::Interrupts,
    runtime,
    watch::{self, Plan, Source, Totals, Until, View},
};

pub(crate) fn run(options: &RunOptions) -> Result<(), Failure> {
    let coinbase = Coinbase::new(&options.coinbase.config())?;
    let mut view = watch::view(options.json)?;
    let result = runtime::block_on(play(options, &coinbase, view.as_mut()));
    view.close()?;
    let totals = result?;
    if !options.json {
        totals.tell();
    }
    Ok(())
}

async fn play(options: &RunOptions, coinbase: &Coinbase, view: &mut dyn View) -> Result<Totals, Failure> {
    let mut interrupts = Interrupts::new();
    let start = tokio::select! {
        time = coinbase.rest().server_time() => time?.0,
        () = interrupts.next() => return Ok(Totals::default()),
    };
    let plan = Plan {
        source: Source::Exchange { name: "coinbase" },
        symbols: options.symbols.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
        base: BASE,
        targets: TARGETS.to_vec(),
        start,
        until: options.duration.map_or(Until::Interrupted, Until::Real),
    };
    watch::follow(coinbase, &plan, &mut interrupts, view).await
}
