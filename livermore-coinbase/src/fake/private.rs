use serde_json::{Value, json};

use super::{answer::Answer, engine::Engine, jwt::Expected, rest::Asked};

/// Accounts of one page where none are asked for, and at most.
const ACCOUNTS: (usize, usize) = (49, 250);
const PORTFOLIO: &str = "00000000-0000-0000-0000-00000000000a";

impl Engine {
    /// Everything that needs a key.
    pub(super) fn private(&mut self, asked: &Asked<'_>) -> Answer {
        let Some(token) = asked.token else { return Answer::unauthorized() };
        let expected = Expected { now_secs: self.token_now_secs(), request: Some((asked.method, asked.full_path)) };
        let Some(key) = self.gate.check(token, expected) else { return Answer::unauthorized() };
        let may_view = key.may_view();
        if asked.path[..] == ["key_permissions"] {
            let body = json!({
                "can_view": may_view, "can_trade": false, "can_transfer": false,
                "portfolio_uuid": PORTFOLIO, "portfolio_type": "DEFAULT",
            });
            return Answer::json(200, &body);
        }
        if !may_view {
            return Answer::missing_scopes();
        }
        match asked.path[..] {
            ["accounts"] => page_of_accounts(asked).unwrap_or_else(|refusal| refusal),
            ["accounts", uuid] => accounts()
                .into_iter()
                .find(|account| account["uuid"] == uuid)
                .map_or_else(Answer::unknown_path, |account| Answer::json(200, &json!({ "account": account }))),
            ["best_bid_ask"] => self.best(asked),
            ["orders", "historical", "batch"] => Answer::json(
                200,
                &json!({
                    "orders": [], "sequence": "0", "has_next": false, "cursor": "", "proof_token_required": false,
                }),
            ),
            ["orders", "historical", "fills"] => Answer::json(200, &json!({ "fills": [], "cursor": "" })),
            ["portfolios"] => {
                let portfolio = json!({ "name": "Default", "uuid": PORTFOLIO, "type": "DEFAULT", "deleted": false });
                Answer::json(200, &json!({ "portfolios": [portfolio] }))
            }
            ["payment_methods"] => Answer::json(200, &json!({ "payment_methods": [] })),
            ref path => self.market_data(path, asked),
        }
    }

    fn best(&self, asked: &Asked<'_>) -> Answer {
        let named = asked.all("product_ids");
        let every: Vec<String> = (0..self.tapes.len()).map(|product| self.symbol(product)).collect();
        let names: Vec<&str> = if named.is_empty() { every.iter().map(String::as_str).collect() } else { named };
        let books = names.iter().filter_map(|name| Some(self.pricebook(self.product(name)?, name, 1)));
        Answer::json(200, &json!({ "pricebooks": books.collect::<Vec<Value>>() }))
    }
}

fn page_of_accounts(asked: &Asked<'_>) -> Result<Answer, Answer> {
    let limit = asked.whole("limit")?.map_or(ACCOUNTS.0, |limit| usize::try_from(limit).unwrap_or(0));
    let limit = limit.clamp(1, ACCOUNTS.1);
    let begin = match asked.get("cursor").filter(|cursor| !cursor.is_empty()) {
        Some(cursor) => cursor.parse().map_err(|_| Answer::invalid("cursor argument is invalid"))?,
        None => 0_usize,
    };
    let all = accounts();
    let page: Vec<&Value> = all.iter().skip(begin).take(limit).collect();
    let end = begin.saturating_add(page.len());
    let has_next = end < all.len();
    let cursor = if has_next { end.to_string() } else { String::new() };
    Ok(Answer::json(200, &json!({ "accounts": page, "has_next": has_next, "cursor": cursor, "size": page.len() })))
}

fn accounts() -> Vec<Value> {
    [(1, "USD", "Cash (USD)", "ACCOUNT_TYPE_FIAT", "1250.5"), (2, "BTC", "BTC Wallet", "ACCOUNT_TYPE_CRYPTO", "0.25")]
        .into_iter()
        .map(|(n, currency, name, kind, value)| {
            json!({
                "uuid": format!("00000000-0000-0000-0000-00000000000{n}"), "name": name, "currency": currency,
                "available_balance": { "value": value, "currency": currency }, "default": false, "active": true,
                "created_at": "2025-01-02T03:04:05.165Z", "updated_at": "2025-01-02T03:04:05.191101Z",
                "deleted_at": null, "type": kind, "ready": true, "hold": { "value": "0", "currency": currency },
                "retail_portfolio_id": PORTFOLIO, "platform": "ACCOUNT_PLATFORM_CONSUMER",
            })
        })
        .collect()
}
