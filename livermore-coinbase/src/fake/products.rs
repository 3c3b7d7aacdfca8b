use livermore_core::ids::{Timeframe, Timestamp};
use serde_json::{Value, json};

use super::{
    answer::Answer,
    engine::Engine,
    feed,
    rest::Asked,
    tape::{Fill, Tape, tidy},
    text,
};

/// Candles of one answer; one more is refused.
const PAGE: i64 = 350;
const TOO_MANY: &str = "start and end argument is invalid - number of candles requested should be less than 350";
/// Trades of one answer; more are cut in silence.
const TRADES: usize = 100;
/// Levels of one side of a book.
const LEVELS: i64 = 1_000;
/// A product that is listed but no longer traded.
const DELISTED: &str = "OLD-USD";

impl Engine {
    /// Everything that needs no key.
    pub(super) fn public(&self, asked: &Asked<'_>) -> Answer {
        match asked.path[..] {
            ["time"] => self.time(),
            ["market", ref rest @ ..] => self.market_data(rest, asked),
            _ => Answer::unknown_path(),
        }
    }

    /// What both the public paths and their private twins serve.
    pub(super) fn market_data(&self, path: &[&str], asked: &Asked<'_>) -> Answer {
        let answer = match *path {
            ["products"] => self.list(asked),
            ["products", name] => self.one(name),
            ["products", name, "candles"] => self.candles(name, asked),
            ["products", name, "ticker"] => self.trades(name, asked),
            ["product_book"] => self.levels(asked),
            _ => Ok(Answer::unknown_path()),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }

    fn time(&self) -> Answer {
        let now = self.told_now();
        let iso = Timestamp::from_secs(now.as_secs()).unwrap_or(now).to_string();
        let (secs, millis) = (now.as_secs().to_string(), now.as_millis().to_string());
        Answer::json(200, &json!({ "iso": iso, "epochSeconds": secs, "epochMillis": millis }))
    }

    fn listed(&self, name: &str) -> Result<&Tape, Answer> {
        self.product(name).map(|product| &self.tapes[product]).ok_or_else(|| Answer::unknown_product(name))
    }

    fn list(&self, asked: &Asked<'_>) -> Result<Answer, Answer> {
        let spot = asked.get("product_type").is_none_or(|kind| kind == "SPOT");
        let names = asked.all("product_ids");
        let mut ranked: Vec<&Tape> = self.tapes.iter().filter(|_| spot).collect();
        let now = self.now();
        ranked.sort_by(|a, b| b.day(now).quote_volume.total_cmp(&a.day(now).quote_volume));
        let mut products = Vec::new();
        for tape in ranked {
            products.push(self.described(tape, tape.symbol.as_str()));
            products.extend(self.alias(tape).map(|alias| self.described(tape, &alias)));
        }
        products.extend(spot.then(delisted));
        products.retain(|product| names.is_empty() || names.iter().any(|name| product["product_id"] == *name));
        let total = products.len();
        let offset = usize::try_from(asked.whole("offset")?.unwrap_or(0)).unwrap_or(0);
        let limit = usize::try_from(asked.whole("limit")?.unwrap_or(i64::MAX)).unwrap_or(usize::MAX);
        let page: Vec<Value> = products.into_iter().skip(offset).take(limit).collect();
        Ok(Answer::json(200, &json!({ "products": page, "num_products": total, "pagination": null })))
    }

    fn one(&self, name: &str) -> Result<Answer, Answer> {
        if name == DELISTED {
            return Ok(Answer::json(200, &delisted()));
        }
        Ok(Answer::json(200, &self.described(self.listed(name)?, name)))
    }

    /// The second name of a USD book.
    fn alias(&self, tape: &Tape) -> Option<String> {
        let alias = format!("{}C", tape.symbol.as_str());
        (self.tapes.iter().all(|other| other.symbol.as_str() != alias) && self.product(&alias).is_some())
            .then_some(alias)
    }

    fn described(&self, tape: &Tape, name: &str) -> Value {
        let day = tape.day(self.now());
        let mut product = described(name, &text::number(tape.price), &text::number(tape.increment));
        product["price_percentage_change_24h"] = text::number(day.change_percent).into();
        product["volume_24h"] = text::number(day.volume).into();
        product["approximate_quote_24h_volume"] = text::number((day.quote_volume * 100.0).round() / 100.0).into();
        product["high_24h"] = text::number(day.high).into();
        product["low_24h"] = text::number(day.low).into();
        if name == tape.symbol.as_str() {
            product["alias_to"] = json!(self.alias(tape).into_iter().collect::<Vec<_>>());
        } else {
            product["alias"] = tape.symbol.as_str().into();
        }
        product
    }

    fn candles(&self, name: &str, asked: &Asked<'_>) -> Result<Answer, Answer> {
        let tape = self.listed(name)?;
        let timeframe = asked.get("granularity").and_then(granularity);
        let timeframe = timeframe.ok_or_else(|| Answer::invalid("granularity argument is invalid"))?;
        let (Some(start), Some(end)) = (asked.whole("start")?, asked.whole("end")?) else {
            return Err(Answer::invalid("start and end argument is invalid"));
        };
        let size = timeframe.millis() / 1_000;
        if start < 0 || end < start {
            return Err(Answer::invalid("start and end argument is invalid"));
        }
        if (end - start) / size + 1 > PAGE {
            return Err(Answer::invalid(TOO_MANY));
        }
        let limit = usize::try_from(asked.whole("limit")?.unwrap_or(PAGE).clamp(1, PAGE)).unwrap_or(1);
        // Both ends belong to the window.
        let moment =
            |secs: i64| Timestamp::from_secs(secs).map_err(|_| Answer::invalid("start and end argument is invalid"));
        let buckets = tape.buckets(timeframe, moment(start)?, moment(end + 1)?);
        let candles: Vec<Value> = buckets
            .iter()
            .rev()
            .take(limit)
            .map(|bucket| {
                let mut candle = feed::candle(name, bucket);
                if let Some(fields) = candle.as_object_mut() {
                    fields.remove("product_id");
                }
                candle
            })
            .collect();
        Ok(Answer::json(200, &json!({ "candles": candles })))
    }

    fn trades(&self, name: &str, asked: &Asked<'_>) -> Result<Answer, Answer> {
        let product = self.product(name).ok_or_else(|| Answer::unknown_product(name))?;
        let limit = asked.whole("limit")?.ok_or_else(|| Answer::invalid("limit argument is invalid"))?;
        if limit > 1_000 {
            return Ok(Answer::internal());
        }
        let limit = usize::try_from(limit).unwrap_or(0).min(TRADES);
        let (from, to) = (asked.whole("start")?.unwrap_or(0), asked.whole("end")?.unwrap_or(i64::MAX));
        let inside = |fill: &&Fill| (from..=to).contains(&fill.time.as_secs());
        let newest = self.tapes[product].trades.iter().rev().filter(inside).take(limit);
        let trades: Vec<Value> = newest
            .map(|fill| {
                let mut trade = feed::trade(name, fill);
                (trade["bid"], trade["ask"], trade["exchange"]) = ("".into(), "".into(), "coinbase".into());
                trade
            })
            .collect();
        let book = &self.books[product];
        let best = |levels: Vec<(i64, f64)>| levels.first().map(|(tick, _)| book.price(*tick)).unwrap_or_default();
        let (bid, ask) = (best(book.bids(1)), best(book.offers(1)));
        Ok(Answer::json(200, &json!({ "trades": trades, "best_bid": bid, "best_ask": ask })))
    }

    fn levels(&self, asked: &Asked<'_>) -> Result<Answer, Answer> {
        let name = asked.get("product_id").ok_or_else(|| Answer::invalid("product_id argument is invalid"))?;
        let limit = asked.whole("limit")?.unwrap_or(LEVELS).clamp(1, LEVELS);
        let product = self.product(name).ok_or_else(|| Answer::unknown_product(name))?;
        let tape = &self.tapes[product];
        let spread = tape.increment * 2.0;
        let pricebook = self.pricebook(product, name, usize::try_from(limit).unwrap_or(1));
        let body = json!({
            "pricebook": pricebook,
            "last": text::number(tape.price),
            "mid_market": text::number(tape.price),
            "spread_bps": text::number(tidy(spread / tape.price * 10_000.0)),
            "spread_absolute": text::number(tidy(spread)),
        });
        Ok(Answer::json(200, &body))
    }

    pub(super) fn pricebook(&self, product: usize, name: &str, limit: usize) -> Value {
        let book = &self.books[product];
        let rows = |levels: Vec<(i64, f64)>| -> Vec<Value> {
            let row = |(tick, size)| json!({ "price": book.price(tick), "size": text::number(size) });
            levels.into_iter().map(row).collect()
        };
        let time = text::time(self.told_now(), 662_000);
        json!({ "product_id": name, "bids": rows(book.bids(limit)), "asks": rows(book.offers(limit)), "time": time })
    }
}

fn granularity(name: &str) -> Option<Timeframe> {
    Some(match name {
        "ONE_MINUTE" => Timeframe::M1,
        "FIVE_MINUTE" => Timeframe::M5,
        "FIFTEEN_MINUTE" => Timeframe::M15,
        "THIRTY_MINUTE" => Timeframe::M30,
        "ONE_HOUR" => Timeframe::H1,
        "TWO_HOUR" => Timeframe::H2,
        "FOUR_HOUR" => Timeframe::H4,
        "SIX_HOUR" => Timeframe::H6,
        "ONE_DAY" => Timeframe::D1,
        _ => return None,
    })
}

fn delisted() -> Value {
    let mut product = described(DELISTED, "", "0.01");
    (product["status"], product["trading_disabled"]) = ("delisted".into(), true.into());
    product
}

/// A product with every field of the exchange, none of them special.
fn described(name: &str, price: &str, increment: &str) -> Value {
    let (base, quote) = name.split_once('-').unwrap_or((name, ""));
    let quote_name = if quote == "USD" { "US Dollar" } else { quote };
    let mut product = json!({
        "product_id": name, "price": price, "price_percentage_change_24h": "0", "volume_24h": "0",
        "volume_percentage_change_24h": "0", "base_increment": "0.00000001", "quote_increment": increment,
        "price_increment": increment, "quote_min_size": "1", "quote_max_size": "150000000",
        "base_min_size": "0.00000001", "base_max_size": "3400", "base_name": base, "quote_name": quote_name,
        "display_name": name, "product_type": "SPOT", "product_venue": "CBE", "status": "online",
        "base_currency_id": base, "quote_currency_id": quote, "base_display_symbol": base,
        "quote_display_symbol": quote.get(..3).unwrap_or(quote), "alias": "", "alias_to": [],
        "approximate_quote_24h_volume": "0", "high_24h": "", "low_24h": "", "new_at": "2023-01-01T00:00:00Z",
        "fcm_trading_session_details": null,
    });
    for flag in [
        "watched",
        "is_disabled",
        "new",
        "cancel_only",
        "limit_only",
        "post_only",
        "trading_disabled",
        "auction_mode",
        "view_only",
        "is_alpha_testing",
        "hidden_from_discovery",
    ] {
        product[flag] = false.into();
    }
    for blank in [
        "mid_market_price",
        "best_bid_price",
        "best_ask_price",
        "market_cap",
        "base_cbrn",
        "quote_cbrn",
        "product_cbrn",
        "icon_color",
        "icon_url",
        "display_name_overwrite",
        "about_description",
    ] {
        product[blank] = "".into();
    }
    product
}
