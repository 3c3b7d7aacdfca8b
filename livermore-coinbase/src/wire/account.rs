//! The events of the other channels, as they travel.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::{
    BalanceSummary, Flaw, FuturesPosition, Heartbeat, OrderUpdate, StatusProduct,
    rows::{Bad, side, soft},
    time,
    value::{List, Number, Text, Whole, optional_stamp, otherwise, record},
};

record! {
    quick HeartbeatEvent {
        "current_time" time: Text<'de>,
        "heartbeat_counter" counter: Whole,
    }
}

impl HeartbeatEvent<'_> {
    pub(super) fn heartbeat(&self) -> Heartbeat {
        let time = self.time.as_str().as_bytes();
        let time = time::parse_go(time).or_else(|| time::parse_rfc3339(time));
        Heartbeat { counter: self.counter.0.ok(), time }
    }
}

record! {
    StatusRow {
        "product_type" product_type: Text<'de>,
        "id" product: Text<'de>,
        "status" status: Text<'de>,
        "status_message" message: Text<'de>,
        "base_increment" base_increment: Number,
        "quote_increment" quote_increment: Number,
    }
}

impl StatusRow<'_> {
    pub(super) fn product(&self) -> (StatusProduct, [Option<Bad>; 2]) {
        let (base_increment, bad_base) = soft("base_increment", self.base_increment.optional());
        let (quote_increment, bad_quote) = soft("quote_increment", self.quote_increment.optional());
        let product = StatusProduct {
            product_type: self.product_type.short(MAX_WORD),
            status: self.status.short(MAX_WORD),
            message: self.message.short(MAX_TEXT),
            base_increment,
            quote_increment,
        };
        (product, [bad_base, bad_quote])
    }
}

/// Most characters kept of a word of the venue's, such as a status.
pub(super) const MAX_WORD: usize = 64;
/// Most characters kept of a sentence of the venue's.
pub(super) const MAX_TEXT: usize = 200;

record! {
    UserEvent {
        "type" kind: Text<'de>,
        "orders" orders: List<OrderRow<'de>>,
        "positions" positions: Positions<'de>,
    }
}

record! {
    Positions {
        "perpetual_futures_positions" perpetual: List<PerpetualRow<'de>>,
        "expiring_futures_positions" expiring: List<ExpiringRow<'de>>,
    }
}

record! {
    OrderRow {
        "order_id" order_id: Text<'de>,
        "client_order_id" client_order_id: Text<'de>,
        "product_id" product: Text<'de>,
        "order_side" side: Text<'de>,
        "order_type" order_type: Text<'de>,
        "status" status: Text<'de>,
        "limit_price" limit_price: Number,
        "avg_price" avg_price: Number,
        "cumulative_quantity" filled: Number,
        "leaves_quantity" leaves: Number,
        "total_fees" fees: Number,
        "creation_time" created: Text<'de>,
    }
}

impl OrderRow<'_> {
    pub(super) fn order(&self) -> Result<(OrderUpdate, [Option<Bad>; 7]), Bad> {
        self.order_id.required().map_err(|flaw| ("order_id", flaw))?;
        self.status.required().map_err(|flaw| ("status", flaw))?;
        let symbol = self.product.symbol().map_err(|flaw| ("product_id", flaw))?;
        let (side, bad_side) = soft("order_side", side(&self.side));
        let (limit_price, bad_limit) = soft("limit_price", self.limit_price.optional());
        let (avg_price, bad_avg) = soft("avg_price", self.avg_price.optional());
        let (filled, bad_filled) = soft("cumulative_quantity", self.filled.optional());
        let (leaves, bad_leaves) = soft("leaves_quantity", self.leaves.optional());
        let (fees, bad_fees) = soft("total_fees", self.fees.signed()); // a rebate is negative
        let (created, bad_created) = soft("creation_time", optional_stamp(&self.created));
        let order = OrderUpdate {
            order_id: self.order_id.short(MAX_ID),
            client_order_id: self.client_order_id.short(MAX_ID),
            symbol,
            side,
            order_type: self.order_type.short(MAX_WORD),
            status: self.status.short(MAX_WORD),
            limit_price,
            avg_price,
            filled,
            leaves,
            fees,
            created,
        };
        Ok((order, [bad_side, bad_limit, bad_avg, bad_filled, bad_leaves, bad_fees, bad_created]))
    }
}

/// Most characters of an order's id: the venue allows senders 128.
const MAX_ID: usize = 128;

record! {
    PerpetualRow {
        "product_id" product: Text<'de>,
        "position_side" side: Text<'de>,
        "net_size" size: Number,
        "vwap" entry_price: Number,
        "unrealized_pnl" unrealized_pnl: Number,
    }
}

record! {
    /// A position in dated futures, of the feed and of a REST answer.
    ExpiringRow {
        "product_id" product: Text<'de>,
        "side" side: Text<'de>,
        "number_of_contracts" contracts: Number,
        "entry_price" entry_price: Number,
        "avg_entry_price" avg_entry_price: Number,
        "unrealized_pnl" unrealized_pnl: Number,
    }
}

/// A position, and what was wrong with the numbers it can do without.
pub(super) type Position = Result<(FuturesPosition, [Option<Bad>; 3]), Bad>;

impl PerpetualRow<'_> {
    pub(super) fn position(&self) -> Position {
        position(&self.product, &self.side, ("net_size", self.size), ("vwap", self.entry_price), self.unrealized_pnl)
    }
}

impl ExpiringRow<'_> {
    pub(super) fn position(&self) -> Position {
        // The feed and the REST answer name the entry price differently.
        let entry = match self.entry_price.0 {
            Err(Flaw::Missing) => ("avg_entry_price", self.avg_entry_price),
            _ => ("entry_price", self.entry_price),
        };
        position(&self.product, &self.side, ("number_of_contracts", self.contracts), entry, self.unrealized_pnl)
    }
}

fn position(
    product: &Text<'_>,
    side: &Text<'_>,
    (size_field, size): (&'static str, Number),
    (entry_field, entry): (&'static str, Number),
    unrealized_pnl: Number,
) -> Position {
    let symbol = product.symbol().map_err(|flaw| ("product_id", flaw))?;
    let (contracts, bad_size) = soft(size_field, size.signed());
    let (entry_price, bad_entry) = soft(entry_field, entry.optional());
    let (unrealized_pnl, bad_pnl) = soft("unrealized_pnl", unrealized_pnl.signed());
    let side = side.short(MAX_WORD);
    Ok((FuturesPosition { symbol, side, contracts, entry_price, unrealized_pnl }, [bad_size, bad_entry, bad_pnl]))
}

record! {
    BalanceEvent {
        "fcm_balance_summary" summary: BalanceRow<'de>,
    }
}

record! {
    BalanceRow {
        "futures_buying_power" futures_buying_power: Number,
        "total_usd_balance" total_usd_balance: Number,
        "cbi_usd_balance" cbi_usd_balance: Number,
        "cfm_usd_balance" cfm_usd_balance: Number,
        "unrealized_pnl" unrealized_pnl: Number,
        "daily_realized_pnl" daily_realized_pnl: Number,
        "initial_margin" initial_margin: Number,
        "available_margin" available_margin: Number,
        "liquidation_threshold" liquidation_threshold: Number,
    }
}

impl BalanceRow<'_> {
    pub(super) fn summary(&self) -> (BalanceSummary, Vec<Bad>) {
        let mut bad = Vec::new();
        let mut read = |field, number: Number| {
            let (value, flaw) = soft(field, number.signed());
            bad.extend(flaw);
            value
        };
        let summary = BalanceSummary {
            futures_buying_power: read("futures_buying_power", self.futures_buying_power),
            total_usd_balance: read("total_usd_balance", self.total_usd_balance),
            cbi_usd_balance: read("cbi_usd_balance", self.cbi_usd_balance),
            cfm_usd_balance: read("cfm_usd_balance", self.cfm_usd_balance),
            unrealized_pnl: read("unrealized_pnl", self.unrealized_pnl),
            daily_realized_pnl: read("daily_realized_pnl", self.daily_realized_pnl),
            initial_margin: read("initial_margin", self.initial_margin),
            available_margin: read("available_margin", self.available_margin),
            liquidation_threshold: read("liquidation_threshold", self.liquidation_threshold),
        };
        (summary, bad)
    }
}

record! {
    SubscriptionsEvent {
        "subscriptions" channels: Channels<'de>,
    }
}

/// Channels with their products, in the order sent.
#[derive(Debug, Default)]
pub(super) struct Channels<'de>(pub(super) Vec<(Text<'de>, List<Text<'de>>)>);

impl<'de> Deserialize<'de> for Channels<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ChannelsVisitor;

        impl<'de> Visitor<'de> for ChannelsVisitor {
            type Value = Channels<'de>;

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Channels<'de>, A::Error> {
                let mut channels = Channels::default();
                while let Some(entry) = map.next_entry()? {
                    channels.0.push(entry);
                }
                Ok(channels)
            }

            otherwise!(Channels::default() => bool numbers text null list);
        }

        deserializer.deserialize_any(ChannelsVisitor)
    }
}
