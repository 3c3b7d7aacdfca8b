use livermore_core::ids::Timestamp;

use super::{NO_OBJECT, problem, read};
use crate::wire::{
    Flaw, FuturesPosition, Malformed,
    account::{ExpiringRow, MAX_WORD},
    rows::soft,
    value::{Flag, List, Number, Text, Whole, record, stamp},
};

/// One page of accounts.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountPage {
    /// The accounts.
    pub accounts: Vec<Account>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
    /// What was wrong.
    pub problems: Vec<Malformed>,
}

/// A wallet.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The venue's id.
    pub uuid: String,
    /// What it holds, for example `BTC`.
    pub currency: String,
    /// What can be used, in its currency.
    pub available: f64,
    /// What is held back for open orders, in its currency.
    pub hold: Option<f64>,
    /// Whether it is in use.
    pub active: bool,
    /// `ACCOUNT_TYPE_CRYPTO` and others.
    pub account_type: String,
}

record! {
    AccountsBody {
        "accounts" accounts: List<AccountRow<'de>>,
        "has_next" has_next: Flag,
        "cursor" cursor: Text<'de>,
    }
}

record! {
    AccountRow {
        "uuid" uuid: Text<'de>,
        "currency" currency: Text<'de>,
        "available_balance" available: Amount<'de>,
        "hold" hold: Amount<'de>,
        "active" active: Flag,
        "type" account_type: Text<'de>,
    }
}

record! {
    Amount {
        "value" value: Number,
    }
}

/// Accounts of the key's portfolio.
pub fn accounts(body: &[u8]) -> Result<AccountPage, Malformed> {
    let body: AccountsBody<'_> = read(body, "accounts")?;
    if !body.accounts.given {
        return Err(Malformed::new("accounts", if body.accounts.wrong { Flaw::WrongType } else { Flaw::Missing }));
    }
    let (mut accounts, mut problems) = (Vec::new(), Vec::new());
    for (index, row) in body.accounts.items.iter().enumerate() {
        let read = || {
            if row.wrong {
                return Err(NO_OBJECT);
            }
            row.uuid.required().map_err(|flaw| ("uuid", flaw))?;
            row.currency.required().map_err(|flaw| ("currency", flaw))?;
            let available = row.available.value.0.map_err(|flaw| ("available_balance.value", flaw))?;
            let (hold, flaw) = soft("hold.value", row.hold.value.signed());
            let account = Account {
                uuid: row.uuid.short(MAX_WORD),
                currency: row.currency.short(MAX_WORD),
                available,
                hold,
                active: row.active.0.unwrap_or(true),
                account_type: row.account_type.short(MAX_WORD),
            };
            Ok((account, flaw))
        };
        match read() {
            Ok((account, flaw)) => {
                accounts.push(account);
                problems.extend(flaw.map(|bad| problem("accounts", index, &Text::Absent, bad)));
            }
            Err(bad) => problems.push(problem("accounts", index, &Text::Absent, bad)),
        }
    }
    Ok(AccountPage { accounts, next: next_page(body.has_next, &body.cursor), problems })
}

/// The cursor of the next page, if the venue says that there is one.
pub(super) fn next_page(has_next: Flag, cursor: &Text<'_>) -> Option<String> {
    let cursor = cursor.as_str();
    // A cursor is sent back as it came, so it is not shortened; the body it came in has a limit.
    (has_next.0 != Some(false) && !cursor.is_empty()).then(|| cursor.to_owned())
}

record! {
    PositionsBody {
        "positions" positions: List<ExpiringRow<'de>>,
    }
}

/// Positions in US futures. A flawed one makes the whole body malformed, because leaving it out would say that there
/// is none.
pub fn futures_positions(body: &[u8]) -> Result<Vec<FuturesPosition>, Malformed> {
    let body: PositionsBody<'_> = read(body, "positions")?;
    if !body.positions.given {
        return Err(Malformed::new("positions", if body.positions.wrong { Flaw::WrongType } else { Flaw::Missing }));
    }
    let position = |(index, row): (usize, &ExpiringRow<'_>)| {
        let (position, flaws) = if row.wrong { Err(NO_OBJECT) } else { row.position() }
            .map_err(|bad| problem("positions", index, &row.product, bad))?;
        match flaws.into_iter().flatten().next() {
            Some(bad) => Err(problem("positions", index, &row.product, bad)),
            None => Ok(position),
        }
    };
    body.positions.items.iter().enumerate().map(position).collect()
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct KeyPermissions {
    pub can_view: bool,
    pub can_trade: bool,
    pub can_transfer: bool,
}

record! {
    PermissionsBody {
        "can_view" can_view: Flag,
        "can_trade" can_trade: Flag,
        "can_transfer" can_transfer: Flag,
    }
}

/// The permissions of the key that asked; what is not said is not allowed.
pub fn key_permissions(body: &[u8]) -> Result<KeyPermissions, Malformed> {
    let body: PermissionsBody<'_> = read(body, "key permissions")?;
    let can_view = body.can_view.0.ok_or_else(|| Malformed::new("can_view", Flaw::Missing))?;
    let (can_trade, can_transfer) = (body.can_trade.0.unwrap_or(false), body.can_transfer.0.unwrap_or(false));
    Ok(KeyPermissions { can_view, can_trade, can_transfer })
}

record! {
    TimeBody {
        "iso" iso: Text<'de>,
        "epochSeconds" seconds: Whole,
        "epochMillis" millis: Whole,
    }
}

/// The server's clock, as exactly as it tells.
pub fn server_time(body: &[u8]) -> Result<Timestamp, Malformed> {
    let body: TimeBody<'_> = read(body, "time")?;
    let time = body.millis.millis().or_else(|_| body.seconds.seconds()).or_else(|_| stamp(&body.iso));
    time.map_err(|flaw| Malformed::new("epochMillis", flaw))
}
