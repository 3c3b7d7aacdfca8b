//! `livermore scan`: what is traded most, as a proposal of what to watch.

mod options;
mod table;

pub(crate) use options::ScanOptions;

use std::collections::BTreeSet;

use livermore_coinbase::wire::rest::{ListedProduct, ProductFlags};
use serde_json::{Value, json};

use crate::{failure::Failure, interrupt::interrupt, output, runtime};

pub(crate) fn run(options: &ScanOptions) -> Result<(), Failure> {
    let client = options.coinbase.client()?;
    let Some(listed) = runtime::block_on(async {
        tokio::select! {
            products = client.products() => Ok(Some(products?)),
            () = interrupt() => Ok(None),
        }
    })?
    else {
        return Ok(());
    };
    let listed: Vec<ListedProduct> = listed.into_iter().filter(ListedProduct::is_tradable_spot).collect();
    let quote = options.quote.to_ascii_uppercase();
    let mut found: Vec<&ListedProduct> = listed.iter().filter(|listed| listed.product.quote == quote).collect();
    if found.is_empty() {
        let quotes: BTreeSet<&str> = listed.iter().map(|listed| listed.product.quote.as_str()).collect();
        return Err(Failure::NoQuote { quote, quotes: quotes.into_iter().collect::<Vec<_>>().join(", ") });
    }
    let tradable = found.len();
    found.truncate(options.top.into());
    let symbols: Vec<&str> = found.iter().map(|listed| listed.product.symbol.as_str()).collect();
    let proposal = format!("livermore symbols add {}", symbols.join(" "));
    if options.json {
        let products: Vec<Value> = found.iter().map(|listed| value(listed)).collect();
        return output::json(&json!({
            "quote": quote,
            "tradable": tradable,
            "products": products,
            "proposal": proposal,
        }));
    }
    table::lines(&found).iter().try_for_each(|line| output::line(line))?;
    eprintln!("{} of {tradable} products traded for {quote}; to watch these:\n{proposal}", found.len());
    Ok(())
}

fn value(listed: &ListedProduct) -> Value {
    json!({
        "symbol": listed.product.symbol,
        "price": listed.product.price,
        "change24hPercent": listed.change_24h_percent,
        "quoteVolume24h": listed.product.quote_volume_24h,
        "restrictions": restrictions(listed.flags),
    })
}

/// What is restricted of a product that is traded nevertheless, in words.
fn restrictions(flags: ProductFlags) -> Vec<&'static str> {
    let all = [
        (flags.trading_disabled, "trading disabled"),
        (flags.is_disabled, "disabled"),
        (flags.view_only, "view only"),
        (flags.cancel_only, "cancel only"),
        (flags.auction_mode, "auction"),
        (flags.post_only, "post only"),
        (flags.limit_only, "limit only"),
    ];
    all.into_iter().filter_map(|(is_set, words)| is_set.then_some(words)).collect()
}
