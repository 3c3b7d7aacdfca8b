use std::collections::BTreeMap;

use livermore_core::ids::Symbol;

use super::rest::ListedProduct;

/// Products that are another name of one order book.
///
/// The venue keeps one book for `BTC-USD` and `BTC-USDC` and answers a market subscription to `BTC-USDC` under the
/// name `BTC-USD`. Which products are such names is said by the [product list](ListedProduct::alias).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases {
    /// From the other name to the name of the book.
    books: BTreeMap<Symbol, Symbol>,
}

impl Aliases {
    /// Pairs of a product and the name of the book it stands for.
    ///
    /// `USDT-USDC` and `EURC-USDC` have books of their own, whatever is said about them, and a name of itself is none.
    pub fn new(pairs: impl IntoIterator<Item = (Symbol, Symbol)>) -> Self {
        let books = pairs.into_iter().filter(|(name, book)| name != book && !OWN_BOOKS.contains(&name.as_str()));
        Self { books: books.collect() }
    }

    /// What the product list says.
    pub fn of(products: &[ListedProduct]) -> Self {
        let pair = |listed: &ListedProduct| Some((listed.product.symbol.clone(), listed.alias.clone()?));
        Self::new(products.iter().filter_map(pair))
    }

    /// The name under which the market channels answer for `product`: its book's, or its own.
    pub fn book<'a>(&'a self, product: &'a Symbol) -> &'a Symbol {
        self.books.get(product).unwrap_or(product)
    }

    /// Whether no product has another name.
    pub fn is_empty(&self) -> bool {
        self.books.is_empty()
    }
}

/// The exceptions the venue documents.
const OWN_BOOKS: [&str; 2] = ["USDT-USDC", "EURC-USDC"];
