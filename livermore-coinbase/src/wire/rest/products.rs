use livermore_core::{
    ids::Symbol,
    market::{Product, ProductStatus},
};

use super::{NO_OBJECT, accounts::next_page, problem, read};
use crate::wire::{
    Flaw, Malformed,
    account::{MAX_TEXT, MAX_WORD},
    rows::{Bad, soft},
    value::{Flag, List, Number, Text, record},
};

/// A product as the venue lists it: the domain's [`Product`] and what only this venue says.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedProduct {
    /// The product as everybody else sees it. A volume that is not told counts as 0, so it ranks last.
    pub product: Product,
    /// `SPOT`, `FUTURE` and others.
    pub product_type: String,
    /// The venue's own word for its status: `online`, `delisted`, empty for futures.
    pub status: String,
    /// What is restricted.
    pub flags: ProductFlags,
    /// The product whose book this one shares, for example `BTC-USD` of `BTC-USDC`.
    pub alias: Option<Symbol>,
    /// The products that share the book of this one.
    pub alias_to: Vec<Symbol>,
    /// Name for people.
    pub display_name: String,
    /// Volume of the last 24 hours, in base currency; in contracts for futures.
    pub volume_24h: Option<f64>,
    /// Change of the price in the last 24 hours, in percent.
    pub change_24h_percent: Option<f64>,
    /// Change of the volume against the 24 hours before, in percent.
    pub volume_change_24h_percent: Option<f64>,
    /// Highest price of the last 24 hours.
    pub high_24h: Option<f64>,
    /// Lowest price of the last 24 hours.
    pub low_24h: Option<f64>,
    /// Smallest step of a size, in base currency.
    pub base_increment: Option<f64>,
    /// Smallest order, in base currency.
    pub base_min_size: Option<f64>,
    /// Smallest order, in quote currency.
    pub quote_min_size: Option<f64>,
}

/// Restrictions of a product; what is not said is not restricted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the venue's")]
#[allow(clippy::struct_excessive_bools, reason = "the venue's own flags, each independent of the others")]
pub struct ProductFlags {
    pub trading_disabled: bool,
    pub is_disabled: bool,
    pub view_only: bool,
    pub cancel_only: bool,
    pub auction_mode: bool,
    pub post_only: bool,
    pub limit_only: bool,
}

impl ProductFlags {
    /// Whether orders can be matched. `limit_only` does not hinder that: only orders without a price are refused, and
    /// the market goes on. In `post_only` orders may only be added to the book, so nothing is traded.
    pub const fn is_trading(self) -> bool {
        !(self.trading_disabled
            || self.is_disabled
            || self.view_only
            || self.cancel_only
            || self.auction_mode
            || self.post_only)
    }
}

impl ListedProduct {
    /// Whether it is worth watching as a spot market of its own: online, trading, and no second name of another's book
    /// (whose volume would count twice).
    pub fn is_tradable_spot(&self) -> bool {
        self.product_type == "SPOT" && self.product.status == ProductStatus::Online && self.alias.is_none()
    }
}

/// One page of products.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductPage {
    /// The products, in the venue's order.
    pub products: Vec<ListedProduct>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
    /// What was wrong. A product whose name this program cannot use is left out and told here.
    pub problems: Vec<Malformed>,
}

record! {
    ProductsBody {
        "products" products: List<ProductRow<'de>>,
        "pagination" pagination: Pagination<'de>,
    }
}

record! {
    Pagination {
        "next_cursor" next: Text<'de>,
        "has_next" has_next: Flag,
    }
}

record! {
    ProductRow {
        "product_id" product: Text<'de>,
        "price" price: Number,
        "price_percentage_change_24h" change: Text<'de>,
        "volume_24h" volume: Number,
        "volume_percentage_change_24h" volume_change: Text<'de>,
        "approximate_quote_24h_volume" quote_volume: Number,
        "base_increment" base_increment: Number,
        "quote_increment" quote_increment: Number,
        "price_increment" price_increment: Number,
        "base_min_size" base_min_size: Number,
        "quote_min_size" quote_min_size: Number,
        "high_24h" high: Number,
        "low_24h" low: Number,
        "status" status: Text<'de>,
        "product_type" product_type: Text<'de>,
        "display_name" display_name: Text<'de>,
        "base_currency_id" base: Text<'de>,
        "quote_currency_id" quote: Text<'de>,
        "alias" alias: Text<'de>,
        "alias_to" alias_to: List<Text<'de>>,
        "trading_disabled" trading_disabled: Flag,
        "is_disabled" is_disabled: Flag,
        "view_only" view_only: Flag,
        "cancel_only" cancel_only: Flag,
        "auction_mode" auction_mode: Flag,
        "post_only" post_only: Flag,
        "limit_only" limit_only: Flag,
    }
}

/// The product list.
pub fn products(body: &[u8]) -> Result<ProductPage, Malformed> {
    let body: ProductsBody<'_> = read(body, "products")?;
    if !body.products.given {
        return Err(Malformed::new("products", if body.products.wrong { Flaw::WrongType } else { Flaw::Missing }));
    }
    let (mut products, mut problems) = (Vec::with_capacity(body.products.items.len()), Vec::new());
    for (index, row) in body.products.items.iter().enumerate() {
        match row.listed() {
            Ok((product, flaws)) => {
                products.push(product);
                problems.extend(flaws.into_iter().map(|bad| problem("products", index, &row.product, bad)));
            }
            Err(bad) => problems.push(problem("products", index, &row.product, bad)),
        }
    }
    let next = next_page(body.pagination.has_next, &body.pagination.next);
    Ok(ProductPage { products, next, problems })
}

/// One product. A flawed number it can do without is `None`.
pub fn product(body: &[u8]) -> Result<ListedProduct, Malformed> {
    let row: ProductRow<'_> = read(body, "product")?;
    row.listed().map(|(product, _)| product).map_err(|(field, flaw)| Malformed::new(format!("product.{field}"), flaw))
}

impl ProductRow<'_> {
    fn listed(&self) -> Result<(ListedProduct, Vec<Bad>), Bad> {
        if self.wrong {
            return Err(NO_OBJECT);
        }
        let symbol = self.product.symbol().map_err(|flaw| ("product_id", flaw))?;
        let mut flaws = Vec::new();
        let mut optional = |field: &'static str, value: Result<Option<f64>, Flaw>| {
            let (value, flaw) = soft(field, value);
            flaws.extend(flaw);
            value
        };
        let price_increment = optional("price_increment", self.price_increment.optional())
            .or_else(|| optional("quote_increment", self.quote_increment.optional()))
            .ok_or(("price_increment", Flaw::Missing))?;
        let flags = self.flags();
        let parts = symbol.as_str().split_once('-').unwrap_or((symbol.as_str(), ""));
        let named =
            |text: &Text<'_>, part: &str| if text.as_str().is_empty() { part.into() } else { text.short(MAX_WORD) };
        let listed = ListedProduct {
            product: Product {
                base: named(&self.base, parts.0),
                quote: named(&self.quote, parts.1),
                status: self.product_status(flags),
                price: optional("price", self.price.optional()),
                quote_volume_24h: optional("approximate_quote_24h_volume", self.quote_volume.optional())
                    .unwrap_or_default(),
                price_increment,
                symbol,
            },
            product_type: self.product_type.short(MAX_WORD),
            status: self.status.short(MAX_WORD),
            flags,
            alias: self.alias.symbol().ok(),
            alias_to: self.alias_to.items.iter().filter_map(|name| name.symbol().ok()).collect(),
            display_name: self.display_name.short(MAX_TEXT),
            volume_24h: optional("volume_24h", self.volume.optional()),
            change_24h_percent: optional("price_percentage_change_24h", percent(&self.change)),
            volume_change_24h_percent: optional("volume_percentage_change_24h", percent(&self.volume_change)),
            high_24h: optional("high_24h", self.high.optional()),
            low_24h: optional("low_24h", self.low.optional()),
            base_increment: optional("base_increment", self.base_increment.optional()),
            base_min_size: optional("base_min_size", self.base_min_size.optional()),
            quote_min_size: optional("quote_min_size", self.quote_min_size.optional()),
        };
        Ok((listed, flaws))
    }

    fn flags(&self) -> ProductFlags {
        let is = |flag: Flag| flag.0.unwrap_or(false);
        ProductFlags {
            trading_disabled: is(self.trading_disabled),
            is_disabled: is(self.is_disabled),
            view_only: is(self.view_only),
            cancel_only: is(self.cancel_only),
            auction_mode: is(self.auction_mode),
            post_only: is(self.post_only),
            limit_only: is(self.limit_only),
        }
    }

    fn product_status(&self, flags: ProductFlags) -> ProductStatus {
        match self.status.as_str() {
            "delisted" => ProductStatus::Delisted,
            "online" if flags.is_trading() => ProductStatus::Online,
            // Futures have no status; their flags alone count.
            "" if self.product_type.as_str() != "SPOT" && flags.is_trading() => ProductStatus::Online,
            _ => ProductStatus::Halted,
        }
    }
}

/// A percentage, which the documentation writes with a sign and the venue without.
fn percent(text: &Text<'_>) -> Result<Option<f64>, Flaw> {
    let text = match text.required() {
        Err(Flaw::Missing) => return Ok(None),
        text => text?,
    };
    Number::parse(text.strip_suffix('%').unwrap_or(text)).signed()
}
