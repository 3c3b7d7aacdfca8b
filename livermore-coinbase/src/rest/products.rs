use std::{cmp::Ordering, collections::HashSet};

use livermore_core::ids::Symbol;
use tracing::warn;

use super::{RestClient, call::Call};
use crate::{
    CoinbaseError,
    wire::rest::{self, ListedProduct},
};

/// Most bytes of a product list: a thousand products are about one million bytes.
const LIMIT: usize = 16 << 20;
/// Most pages of any list. One is usual; an exchange that never ends its list is not followed for ever.
pub(super) const MAX_PAGES: usize = 200;

impl RestClient {
    /// Every spot product listed: by 24-hour quote volume, largest first, then by symbol; each symbol once.
    ///
    /// [`ListedProduct::is_tradable_spot`] tells which are worth watching.
    pub async fn products(&self) -> Result<Vec<ListedProduct>, CoinbaseError> {
        let mut products: Vec<ListedProduct> = Vec::new();
        let mut problems = 0;
        let mut cursors = Cursors::default();
        loop {
            let call = Call::get("reading the products", ["market", "products"]).with("product_type", "SPOT");
            let call = cursors.apply(call).up_to(LIMIT);
            let page = self.link.ask(self.priority, &call, rest::products).await?;
            problems += page.problems.len();
            products.extend(page.products);
            if !cursors.advance(page.next) {
                break;
            }
        }
        if problems > 0 {
            warn!(problems, "some products could not be read whole");
        }
        let mut known = HashSet::new();
        products.retain(|listed| known.insert(listed.product.symbol.clone()));
        products.sort_by(by_volume);
        Ok(products)
    }

    /// One product.
    pub async fn product(&self, symbol: &Symbol) -> Result<ListedProduct, CoinbaseError> {
        let call = Call::get(format!("reading the product {symbol}"), ["market", "products", symbol.as_str()]);
        self.link.ask(self.priority, &call, rest::product).await
    }
}

fn by_volume(a: &ListedProduct, b: &ListedProduct) -> Ordering {
    let (a, b) = (&a.product, &b.product);
    b.quote_volume_24h.total_cmp(&a.quote_volume_24h).then_with(|| a.symbol.cmp(&b.symbol))
}

/// Where the pages of a list begin, as the exchange tells it: none twice, and not without end.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    seen: HashSet<String>,
    next: Option<String>,
}

impl Cursors {
    pub(super) fn apply(&self, call: Call) -> Call {
        match &self.next {
            Some(cursor) => call.with("cursor", cursor),
            None => call,
        }
    }

    /// Whether there is another page to ask for.
    pub(super) fn advance(&mut self, next: Option<String>) -> bool {
        self.next = next;
        match &self.next {
            Some(cursor) => self.seen.len() < MAX_PAGES && self.seen.insert(cursor.clone()),
            None => false,
        }
    }
}
