//! The bodies of REST answers: pure functions from bytes to domain types.
//!
//! Where an absent item means something (a candle that is not there says "nothing was traded", a level that is not
//! there "nothing is offered"), one flawed item makes the whole body [`Malformed`]. In other lists it is left out and
//! reported.

mod accounts;
mod book;
mod candles;
mod error_body;
mod products;
mod trades;

pub use accounts::{Account, AccountPage, KeyPermissions, accounts, futures_positions, key_permissions, server_time};
pub use book::{Book, Level, best_bid_ask, product_book};
pub use candles::candles;
pub use error_body::{ErrorBody, error_body};
pub use products::{ListedProduct, ProductFlags, ProductPage, product, products};
pub use trades::{RecentTrades, market_trades};

use serde::Deserialize;

use super::{Flaw, Malformed, rows::Bad, value::Text};

/// Reads a whole body.
fn read<'a, T: Deserialize<'a>>(body: &'a [u8], name: &'static str) -> Result<T, Malformed> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed::new(name, Flaw::NotJson))?;
    serde_json::from_str(text).map_err(|_| Malformed::new(name, Flaw::NotJson))
}

/// What is wrong with an item of a list.
fn problem(list: &str, index: usize, product: &Text<'_>, (field, flaw): Bad) -> Malformed {
    let mut problem = Malformed::new(format!("{list}[{index}].{field}"), flaw);
    problem.product = Some(product.short(livermore_core::ids::Symbol::MAX_LEN)).filter(|name| !name.is_empty());
    problem
}

/// The item was no object; everything else about it is absent, too.
const NO_OBJECT: Bad = ("item", Flaw::WrongType);
