use livermore_core::ids::{Symbol, Timestamp};

use super::{NO_OBJECT, problem, read};
use crate::wire::{
    Flaw, Malformed,
    value::{List, Number, Text, optional_stamp, record},
};

/// A book, or the top of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Book {
    /// The product.
    pub symbol: Symbol,
    /// Bids, best first as sent.
    pub bids: Vec<Level>,
    /// Asks, best first as sent.
    pub asks: Vec<Level>,
    /// When it was so.
    pub time: Option<Timestamp>,
}

/// A price of a book.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// In quote currency.
    pub price: f64,
    /// In base currency.
    pub size: f64,
}

record! {
    ProductBookBody {
        "pricebook" book: BookBody<'de>,
    }
}

record! {
    BooksBody {
        "pricebooks" books: List<BookBody<'de>>,
    }
}

record! {
    BookBody {
        "product_id" product: Text<'de>,
        "bids" bids: List<LevelRow<'de>>,
        "asks" asks: List<LevelRow<'de>>,
        "time" time: Text<'de>,
    }
}

record! {
    LevelRow {
        "price" price: Number,
        "size" size: Number,
    }
}

/// The book of one product.
pub fn product_book(body: &[u8]) -> Result<Book, Malformed> {
    book(&read::<ProductBookBody<'_>>(body, "pricebook")?.book)
}

/// The best bid and ask of several products.
pub fn best_bid_ask(body: &[u8]) -> Result<Vec<Book>, Malformed> {
    let body: BooksBody<'_> = read(body, "pricebooks")?;
    if !body.books.given {
        return Err(Malformed::new("pricebooks", if body.books.wrong { Flaw::WrongType } else { Flaw::Missing }));
    }
    body.books.items.iter().map(book).collect()
}

fn book(body: &BookBody<'_>) -> Result<Book, Malformed> {
    let symbol = body.product.symbol().map_err(|flaw| Malformed::new("pricebook.product_id", flaw))?;
    let levels = |list: &'static str, levels: &List<LevelRow<'_>>| {
        if levels.wrong {
            return Err(Malformed::new(list, Flaw::WrongType));
        }
        let level = |(index, row): (usize, &LevelRow<'_>)| {
            let level = || {
                if row.wrong {
                    return Err(NO_OBJECT);
                }
                let price = row.price.required().map_err(|flaw| ("price", flaw))?;
                Ok(Level { price, size: row.size.required().map_err(|flaw| ("size", flaw))? })
            };
            level().map_err(|bad| problem(list, index, &body.product, bad))
        };
        levels.items.iter().enumerate().map(level).collect::<Result<Vec<_>, _>>()
    };
    let (bids, asks) = (levels("bids", &body.bids)?, levels("asks", &body.asks)?);
    let time = optional_stamp(&body.time).map_err(|flaw| Malformed::new("pricebook.time", flaw))?;
    Ok(Book { symbol, bids, asks, time })
}
