use std::collections::HashMap;

use livermore_core::ids::Symbol;

use super::{Aliases, Flaw};

/// The names under which data of a product is handed over, one lookup and no allocation per known product.
#[derive(Debug, Default)]
pub(super) struct Names {
    entries: Vec<Entry>,
    by_wire: HashMap<Box<str>, usize>,
    /// How many of the entries were subscribed to; the others were learned from what the server sent.
    subscribed: usize,
    /// The entry found last: a snapshot names one product a hundred times.
    last: usize,
}

#[derive(Debug)]
struct Entry {
    wire: Box<str>,
    symbols: Vec<Symbol>,
}

/// Far more products than the venue lists; a server that sends more makes this forget, not grow.
const MAX_LEARNED: usize = 4_096;

impl Names {
    /// Data of the book of each subscribed product comes under the product's own name.
    pub(super) fn deliver<'a>(&mut self, aliases: &Aliases, subscribed: impl IntoIterator<Item = &'a Symbol>) {
        *self = Self::default();
        for symbol in subscribed {
            // A server that answers by the subscribed name is understood too.
            for wire in [aliases.book(symbol), symbol] {
                let entry = match self.by_wire.get(wire.as_str()) {
                    Some(entry) => *entry,
                    None => self.add(wire.as_str(), Vec::new()),
                };
                let symbols = &mut self.entries[entry].symbols;
                if !symbols.contains(symbol) {
                    symbols.push(symbol.clone());
                }
            }
        }
        self.subscribed = self.entries.len();
    }

    /// The entry of a product as the server names it; a product nobody subscribed to has its own name.
    #[inline]
    pub(super) fn find(&mut self, wire: &str) -> Result<usize, Flaw> {
        match self.entries.get(self.last) {
            Some(entry) if *entry.wire == *wire => Ok(self.last),
            _ => self.look_up(wire),
        }
    }

    /// The names of an entry.
    #[inline]
    pub(super) fn symbols(&self, entry: usize) -> &[Symbol] {
        self.entries.get(entry).map_or(&[], |entry| &entry.symbols)
    }

    fn look_up(&mut self, wire: &str) -> Result<usize, Flaw> {
        if let Some(entry) = self.by_wire.get(wire) {
            self.last = *entry;
            return Ok(self.last);
        }
        let symbol = Symbol::new(wire).map_err(|_| Flaw::NotASymbol)?;
        if self.entries.len() >= self.subscribed + MAX_LEARNED {
            self.entries.truncate(self.subscribed);
            self.by_wire.retain(|_, entry| *entry < self.subscribed);
        }
        self.last = self.add(wire, vec![symbol]);
        Ok(self.last)
    }

    fn add(&mut self, wire: &str, symbols: Vec<Symbol>) -> usize {
        self.entries.push(Entry { wire: wire.into(), symbols });
        self.by_wire.insert(wire.into(), self.entries.len() - 1);
        self.entries.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_names_products_without_end_makes_it_forget() {
        let mut names = Names::default();
        let subscribed = Symbol::new("BTC-USD").unwrap();
        names.deliver(&Aliases::default(), [&subscribed]);
        for number in 0..3 * MAX_LEARNED {
            let wire = format!("X{number}-USD");
            let entry = names.find(&wire).unwrap();
            assert_eq!(names.symbols(entry), [Symbol::new(&wire).unwrap()]);
            assert!(names.entries.len() <= MAX_LEARNED + 1);
            assert_eq!(names.by_wire.len(), names.entries.len());
        }
        let entry = names.find("BTC-USD").unwrap();
        assert_eq!((entry, names.symbols(entry)), (0, &[subscribed][..]));
        assert_eq!(names.find("btc/usd"), Err(Flaw::NotASymbol));
    }
}
