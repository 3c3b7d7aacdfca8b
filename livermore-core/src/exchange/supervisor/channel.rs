use std::{collections::BTreeMap, time::Duration};

use super::{Cadence, ChannelPlan, SubscriptionStatus, config::LONGEST};
use crate::ids::Symbol;

/// A channel and how it stands on the current connection.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    pub(super) plan: ChannelPlan,
    /// By product; `None` for a channel without products.
    pub(super) entries: BTreeMap<Option<Symbol>, Entry>,
    /// Subscriptions in a row that failed to authenticate. Lives on over reconnects.
    pub(super) refusals: u32,
    /// Whether a subscription was sent that no refusal has been counted for.
    pub(super) open_ask: bool,
}

/// One product on one channel.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each changes for reasons of its own; most combinations occur")]
pub(super) struct Entry {
    /// Whether the plan has it. If not, it is only here to be unsubscribed from.
    pub(super) wanted: bool,
    /// When it was first asked for on this connection.
    pub(super) asked: Option<Duration>,
    /// When it was last asked for.
    pub(super) asked_last: Duration,
    /// Whether it is to be asked for, now or as soon as messages may be sent.
    pub(super) due: bool,
    /// By when a confirmation is expected.
    pub(super) deadline: Option<Duration>,
    pub(super) tries: u32,
    pub(super) confirmed: bool,
    /// Whether a confirmation of the exchange named it, so that a later one without it means that it is lost.
    pub(super) listed: bool,
    pub(super) told_unconfirmed: bool,
    pub(super) last_data: Option<Duration>,
    /// Since when something should have come; `None` while nothing is owed.
    pub(super) silent_since: Option<Duration>,
    pub(super) stale: bool,
}

impl Channel {
    pub(super) fn new(plan: ChannelPlan) -> Self {
        let mut channel = Self { plan, entries: BTreeMap::new(), refusals: 0, open_ask: false };
        channel.want(true);
        channel
    }

    /// Makes the wanted entries those of the plan. New ones are due; old ones stay to be unsubscribed from.
    pub(super) fn want(&mut self, planned: bool) {
        let wanted: Vec<Option<Symbol>> = match &self.plan.products {
            _ if !planned => Vec::new(),
            None => vec![None],
            Some(products) => products.iter().cloned().map(Some).collect(),
        };
        for entry in self.entries.values_mut() {
            entry.wanted = false;
        }
        for key in wanted {
            let entry = self.entries.entry(key).or_default();
            entry.wanted = true;
            entry.due |= entry.asked.is_none();
        }
        self.entries.retain(|_, entry| entry.wanted || entry.asked.is_some());
    }

    /// Forgets everything about the last connection.
    pub(super) fn reset(&mut self) {
        self.open_ask = false;
        self.entries.retain(|_, entry| entry.wanted);
        for entry in self.entries.values_mut() {
            *entry = Entry { wanted: true, due: true, ..Entry::default() };
        }
    }

    /// How long silence may last once something is owed.
    pub(super) fn patience(&self) -> Option<Duration> {
        match self.plan.cadence {
            Cadence::Any => None,
            Cadence::Within(patience) | Cadence::Follows { within: patience, .. } => Some(patience.min(LONGEST)),
        }
    }

    /// Whether silence here counts from words of the channel `name`.
    pub(super) fn follows(&self, name: &str) -> bool {
        matches!(self.plan.cadence, Cadence::Follows { channel, .. } if channel == name)
    }
}

impl Entry {
    /// It is wanted and was asked for: what comes of it is ours.
    pub(super) const fn is_live(&self) -> bool {
        self.wanted && self.asked.is_some()
    }

    pub(super) const fn status(&self) -> SubscriptionStatus {
        SubscriptionStatus {
            tries: self.tries,
            confirmed: self.confirmed,
            unconfirmed: self.told_unconfirmed,
            stale: self.stale,
            last_data: self.last_data,
        }
    }
}
