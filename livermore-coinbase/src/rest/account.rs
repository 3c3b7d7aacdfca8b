use livermore_core::ids::Symbol;

use super::{RestClient, call::Call, products::Cursors};
use crate::{
    CoinbaseError,
    wire::{
        FuturesPosition,
        rest::{self, Account, Book, KeyPermissions},
    },
};

impl RestClient {
    /// What the key may do. A monitor needs `can_view`; see [`KeyPermissions::advice`].
    pub async fn key_permissions(&self) -> Result<KeyPermissions, CoinbaseError> {
        let call = Call::get("reading the key's permissions", ["key_permissions"]).signed();
        self.link.ask(self.priority, &call, rest::key_permissions).await
    }

    /// The user's wallets. With a key.
    pub async fn accounts(&self) -> Result<Vec<Account>, CoinbaseError> {
        let mut accounts = Vec::new();
        let mut cursors = Cursors::default();
        loop {
            let call = Call::get("reading the accounts", ["accounts"]).with("limit", 250).signed();
            let page = self.link.ask(self.priority, &cursors.apply(call), rest::accounts).await?;
            accounts.extend(page.accounts);
            if !cursors.advance(page.next) {
                return Ok(accounts);
            }
        }
    }

    /// The user's positions in US futures. With a key.
    pub async fn positions(&self) -> Result<Vec<FuturesPosition>, CoinbaseError> {
        let call = Call::get("reading the positions", ["cfm", "positions"]).signed();
        self.link.ask(self.priority, &call, rest::futures_positions).await
    }

    /// The best bid and ask of these products. With a key; without one, ask for each [book](Self::product_book).
    pub async fn best_bid_ask(&self, symbols: &[Symbol]) -> Result<Vec<Book>, CoinbaseError> {
        let call = Call::get("reading the best bids and asks", ["best_bid_ask"]).signed();
        let call = symbols.iter().fold(call, |call, symbol| call.with("product_ids", symbol));
        self.link.ask(self.priority, &call, rest::best_bid_ask).await
    }

    /// The best `levels` prices of each side of a product's book, at most 1,000.
    pub async fn product_book(&self, symbol: &Symbol, levels: u16) -> Result<Book, CoinbaseError> {
        let call = Call::get(format!("reading the book of {symbol}"), ["market", "product_book"])
            .with("product_id", symbol)
            .with("limit", levels.clamp(1, 1_000));
        self.link.ask(self.priority, &call, rest::product_book).await
    }
}
