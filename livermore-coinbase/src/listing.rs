use std::sync::Arc;

use livermore_core::{
    exchange::{ExchangeError, check_symbol},
    ids::{Exchange, Symbol},
    market::Product,
};

use crate::wire::{Aliases, rest::ListedProduct};

/// The products as they were listed a while ago.
#[derive(Debug)]
pub(crate) struct Listing {
    /// By quote volume of the last day, largest first.
    pub(crate) products: Vec<ListedProduct>,
    pub(crate) aliases: Arc<Aliases>,
    symbols: Vec<Symbol>,
}

impl Listing {
    pub(crate) fn new(products: Vec<ListedProduct>) -> Self {
        let pairs = products.iter().filter_map(|listed| Some((listed.product.symbol.clone(), listed.alias.clone()?)));
        let aliases = Arc::new(Aliases::new(pairs));
        let symbols = products.iter().map(|listed| listed.product.symbol.clone()).collect();
        Self { products, aliases, symbols }
    }

    pub(crate) fn products(&self) -> Vec<Product> {
        self.products.iter().map(|listed| listed.product.clone()).collect()
    }

    /// Refuses a product that is not listed, with the one that was probably meant.
    pub(crate) fn check(&self, symbol: &Symbol) -> Result<(), ExchangeError> {
        check_symbol(&Exchange::coinbase(), symbol, &self.symbols)
    }

    pub(crate) fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }
}
