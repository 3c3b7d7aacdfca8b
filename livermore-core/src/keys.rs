//! Every cache key and channel name, in one place.
//!
//! Keys are built only from validated ids, so no segment can hold a separator, a brace or a glob character.
//! The formats are those documented for the existing readers of these keys; see [`Exchange::key_segment`] for the
//! exchange segment.

use crate::{
    control::RequestId,
    ids::{CommandId, Exchange, Symbol, Timeframe, UserId},
};

/// Whose copy of market data a key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One user's own copy (the default): no other user reads or clears it.
    User(UserId),
    /// One copy per exchange, shared by all users of one deployment.
    Shared,
}

impl Scope {
    /// `"7:"` for a user, nothing for shared data.
    fn prefix(self) -> String {
        match self {
            Self::User(user) => format!("{user}:"),
            Self::Shared => String::new(),
        }
    }
}

/// Sorted set of candles, score = open time in milliseconds: `candles:{user}:{exchange}:{symbol}:{timeframe}`.
pub fn candles(scope: Scope, exchange: &Exchange, symbol: &Symbol, timeframe: Timeframe) -> String {
    format!("candles:{}{}:{symbol}:{timeframe}", scope.prefix(), exchange.key_segment())
}

/// Latest MACD-V values: `indicator:{user}:{exchange}:{symbol}:{timeframe}:macd-v`.
pub fn macd_v(scope: Scope, exchange: &Exchange, symbol: &Symbol, timeframe: Timeframe) -> String {
    format!("indicator:{}{}:{symbol}:{timeframe}:macd-v", scope.prefix(), exchange.key_segment())
}

/// Latest ticker: `ticker:{user}:{exchange}:{symbol}`.
pub fn ticker(scope: Scope, exchange: &Exchange, symbol: &Symbol) -> String {
    format!("ticker:{}{}:{symbol}", scope.prefix(), exchange.key_segment())
}

/// Channel of closed candles: `channel:candle:close:{user}:{exchange}:{symbol}:{timeframe}`, or
/// `channel:exchange:{exchange}:candle:close:{symbol}:{timeframe}` when shared.
pub fn candle_close_channel(scope: Scope, exchange: &Exchange, symbol: &Symbol, timeframe: Timeframe) -> String {
    let exchange = exchange.key_segment();
    match scope {
        Scope::User(user) => format!("channel:candle:close:{user}:{exchange}:{symbol}:{timeframe}"),
        Scope::Shared => format!("channel:exchange:{exchange}:candle:close:{symbol}:{timeframe}"),
    }
}

/// Channel of tickers: `channel:ticker:{user}:{exchange}:{symbol}`.
pub fn ticker_channel(scope: Scope, exchange: &Exchange, symbol: &Symbol) -> String {
    format!("channel:ticker:{}{}:{symbol}", scope.prefix(), exchange.key_segment())
}

/// Channel of MACD-V values: `channel:indicator:{user}:{exchange}:{symbol}:{timeframe}:macd-v`.
pub fn macd_v_channel(user: UserId, exchange: &Exchange, symbol: &Symbol, timeframe: Timeframe) -> String {
    format!("channel:indicator:{user}:{}:{symbol}:{timeframe}:macd-v", exchange.key_segment())
}

/// Channel of a user's alerts: `channel:alerts:{user}`.
pub fn alerts_channel(user: UserId) -> String {
    format!("channel:alerts:{user}")
}

/// Doorbell of a user's commands: `channel:control:{user}`.
pub fn control_channel(user: UserId) -> String {
    format!("channel:control:{user}")
}

/// Where one command is answered: `channel:ack:{user}:{command}`.
pub fn ack_channel(user: UserId, command: CommandId) -> String {
    format!("channel:ack:{user}:{command}")
}

/// What all of a user's acknowledgements begin with; a command's id follows.
pub fn ack_prefix(user: UserId) -> String {
    format!("channel:ack:{user}:")
}

/// Pattern of all of a user's acknowledgements, and of no other user's.
pub fn ack_pattern(user: UserId) -> String {
    format!("channel:ack:{user}:*")
}

/// Where a user's senders are told what is new: `channel:ack:{user}:signals`. One channel for all, because a server compares
/// every message with every pattern that anybody listens to.
pub fn signals_channel(user: UserId) -> String {
    format!("channel:ack:{user}:{SIGNALS}")
}

/// Where a request of the TypeScript system is answered: `channel:ack:{user}:{request}`.
pub fn request_ack_channel(user: UserId, request: &RequestId) -> String {
    format!("channel:ack:{user}:{request}")
}

/// Whose doorbell a channel is.
pub fn control_channel_user(channel: &str) -> Option<UserId> {
    channel.strip_prefix("channel:control:")?.parse().ok()
}

/// Whose senders are told what is new on a channel.
pub fn signals_channel_user(channel: &str) -> Option<UserId> {
    let (user, what) = channel.strip_prefix("channel:ack:")?.split_once(':')?;
    if what == SIGNALS { user.parse().ok() } else { None }
}

const SIGNALS: &str = "signals";

/// Command log of the Redis-only profile. The braces are literal: they keep a user's keys in one cluster slot.
pub fn command_log(user: UserId) -> String {
    format!("livermore:{{{user}}}:log")
}

/// Desired and observed state of the Redis-only profile, in the same slot as [`command_log`].
pub fn command_state(user: UserId) -> String {
    format!("livermore:{{{user}}}:state")
}

/// Final record of one command of the Redis-only profile, in the same slot as [`command_log`].
pub fn command_done(user: UserId, command: CommandId) -> String {
    format!("livermore:{{{user}}}:done:{command}")
}

/// What the keys of a user's ended commands begin with; a command's id follows.
pub fn command_done_prefix(user: UserId) -> String {
    format!("livermore:{{{user}}}:done:")
}

/// Which of a user's commands have ended, of the Redis-only profile: a sorted set of ids, score = sequence number.
pub fn command_ended(user: UserId) -> String {
    format!("livermore:{{{user}}}:ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readers outside this code base depend on these exact texts.
    #[test]
    fn documented_formats() {
        let user = UserId::new(7).unwrap();
        let (mine, shared) = (Scope::User(user), Scope::Shared);
        let coinbase = Exchange::coinbase();
        let btc = Symbol::new("BTC-USD").unwrap();
        let m5 = Timeframe::M5;
        let id: CommandId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
        for (built, documented) in [
            (candles(mine, &coinbase, &btc, m5), "candles:7:1:BTC-USD:5m"),
            (candles(shared, &coinbase, &btc, m5), "candles:1:BTC-USD:5m"),
            (macd_v(mine, &coinbase, &btc, m5), "indicator:7:1:BTC-USD:5m:macd-v"),
            (macd_v(shared, &coinbase, &btc, m5), "indicator:1:BTC-USD:5m:macd-v"),
            (ticker(mine, &coinbase, &btc), "ticker:7:1:BTC-USD"),
            (ticker(shared, &coinbase, &btc), "ticker:1:BTC-USD"),
            (candle_close_channel(mine, &coinbase, &btc, m5), "channel:candle:close:7:1:BTC-USD:5m"),
            (candle_close_channel(shared, &coinbase, &btc, m5), "channel:exchange:1:candle:close:BTC-USD:5m"),
            (ticker_channel(mine, &coinbase, &btc), "channel:ticker:7:1:BTC-USD"),
            (ticker_channel(shared, &coinbase, &btc), "channel:ticker:1:BTC-USD"),
            (macd_v_channel(user, &coinbase, &btc, m5), "channel:indicator:7:1:BTC-USD:5m:macd-v"),
            (alerts_channel(user), "channel:alerts:7"),
            (control_channel(user), "channel:control:7"),
            (ack_channel(user, id), "channel:ack:7:0190163d-8694-739b-aea5-966c26f8ad91"),
            (ack_prefix(user), "channel:ack:7:"),
            (ack_pattern(user), "channel:ack:7:*"),
            (signals_channel(user), "channel:ack:7:signals"),
            (request_ack_channel(user, &RequestId::new("req-1").unwrap()), "channel:ack:7:req-1"),
            (command_done_prefix(user), "livermore:{7}:done:"),
            (command_ended(user), "livermore:{7}:ended"),
            (command_log(user), "livermore:{7}:log"),
            (command_state(user), "livermore:{7}:state"),
            (command_done(user, id), "livermore:{7}:done:0190163d-8694-739b-aea5-966c26f8ad91"),
        ] {
            assert_eq!(built, documented);
        }
    }

    #[test]
    fn channels_are_read_as_they_are_built() {
        let user = UserId::new(7).unwrap();
        let id: CommandId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
        assert_eq!(control_channel_user(&control_channel(user)), Some(user));
        assert_eq!(signals_channel_user(&signals_channel(user)), Some(user));
        assert_eq!(signals_channel_user(&ack_channel(user, id)), None);
        for foreign in ["", "channel:control:", "channel:control:07x", "channel:control:+7", "channel:ticker:7:1:X"] {
            assert_eq!(control_channel_user(foreign), None, "{foreign}");
            assert_eq!(signals_channel_user(foreign), None, "{foreign}");
        }
    }
}
