use super::{NO_OBJECT, problem, read};
use crate::wire::{
    Flaw, Kind, Listed, Malformed, MarketTrade,
    rows::TradeRow,
    value::{List, Number, record},
};

/// The newest trades of a product.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentTrades {
    /// At most 100, ascending by number.
    pub trades: Vec<Listed<MarketTrade>>,
    /// Best bid, in quote currency.
    pub best_bid: Option<f64>,
    /// Best ask, in quote currency.
    pub best_ask: Option<f64>,
    /// What was wrong; a trade that could not be read shows as a gap in the numbers, too.
    pub problems: Vec<Malformed>,
}

record! {
    TradesBody {
        "trades" trades: List<TradeRow<'de>>,
        "best_bid" best_bid: Number,
        "best_ask" best_ask: Number,
    }
}

/// The answer to a request for a product's "ticker", which is its newest trades.
pub fn market_trades(body: &[u8]) -> Result<RecentTrades, Malformed> {
    let body: TradesBody<'_> = read(body, "trades")?;
    if !body.trades.given {
        return Err(Malformed::new("trades", if body.trades.wrong { Flaw::WrongType } else { Flaw::Missing }));
    }
    let (mut trades, mut problems) = (Vec::with_capacity(body.trades.items.len()), Vec::new());
    for (index, row) in body.trades.items.iter().enumerate() {
        let read = || {
            if row.wrong {
                return Err(NO_OBJECT);
            }
            let symbol = row.product.symbol().map_err(|flaw| ("product_id", flaw))?;
            let (value, flaw) = row.trade()?;
            Ok((Listed { kind: Kind::Snapshot, symbol, value }, flaw))
        };
        match read() {
            Ok((trade, flaw)) => {
                trades.push(trade);
                problems.extend(flaw.map(|bad| problem("trades", index, &row.product, bad)));
            }
            Err(bad) => problems.push(problem("trades", index, &row.product, bad)),
        }
    }
    trades.sort_by_key(|trade: &Listed<MarketTrade>| trade.value.number);
    let mut best = |field: &'static str, number: Number| {
        number.optional().unwrap_or_else(|flaw| {
            problems.push(Malformed::new(field, flaw));
            None
        })
    };
    let (best_bid, best_ask) = (best("best_bid", body.best_bid), best("best_ask", body.best_ask));
    Ok(RecentTrades { trades, best_bid, best_ask, problems })
}
