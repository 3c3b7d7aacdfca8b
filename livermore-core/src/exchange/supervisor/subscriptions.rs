use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use super::{
    Action, Cadence, ChannelStatus, ConnectionBudget, FeedPlan, Notice, SupervisorConfig,
    budget::Window,
    channel::{Channel, Entry},
};
use crate::ids::Symbol;

/// Everything one connection listens to: what is asked for, confirmed, heard of and silent.
///
/// Nothing is queued: what is to be sent follows from how the entries stand, so a changed plan or a lost connection
/// leaves no message behind that has become wrong.
#[derive(Debug)]
pub(super) struct Subscriptions {
    channels: Vec<Channel>,
    /// Name under which data comes -> the wanted products it is data of, besides the one of that name.
    heard_as: BTreeMap<Symbol, Vec<Symbol>>,
    window: Window,
    /// Nothing in here has to be looked at earlier. May be too early, never too late.
    wake: Option<Duration>,
    resubscribed: Option<Duration>,
    resubscribe_at: Option<Duration>,
}

/// Who refused credentials, after a failure to authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) channel: &'static str,
    pub(super) tries: u32,
}

impl Subscriptions {
    pub(super) fn new(plan: &FeedPlan, messages_per_second: u32) -> Self {
        let mut subscriptions = Self {
            channels: Vec::new(),
            heard_as: BTreeMap::new(),
            window: Window::new(messages_per_second),
            wake: None,
            resubscribed: None,
            resubscribe_at: None,
        };
        subscriptions.plan(plan, Duration::ZERO);
        subscriptions
    }

    /// Takes a new plan. What both plans have goes on undisturbed.
    pub(super) fn plan(&mut self, plan: &FeedPlan, now: Duration) {
        let mut before = std::mem::take(&mut self.channels);
        let (first, rest): (Vec<_>, Vec<_>) = plan.channels.iter().partition(|channel| channel.heartbeats);
        for planned in first.into_iter().chain(rest) {
            let known = before.iter().position(|channel| channel.plan.name == planned.name);
            let mut channel = match known {
                Some(at) => before.remove(at),
                None => Channel::new(planned.clone()),
            };
            channel.plan = planned.clone();
            channel.want(true);
            self.channels.push(channel);
        }
        for mut gone in before {
            gone.want(false);
            self.channels.push(gone);
        }
        self.drop_empty();
        self.heard_as.clear();
        for (wanted, heard) in &plan.aliases {
            self.heard_as.entry(heard.clone()).or_default().push(wanted.clone());
        }
        self.owe_by_cadence();
        self.wake = Some(now);
    }

    /// A new connection, or none any more.
    pub(super) fn reset(&mut self, now: Duration) {
        self.channels.iter_mut().for_each(Channel::reset);
        self.drop_empty();
        (self.resubscribed, self.resubscribe_at, self.wake) = (None, None, Some(now));
    }

    pub(super) fn forget_refusals(&mut self) {
        self.channels.iter_mut().for_each(|channel| channel.refusals = 0);
    }

    /// The name of the channel that carries the sign of life.
    pub(super) fn heartbeats(&self) -> Option<&'static str> {
        self.channels.iter().find(|channel| channel.plan.heartbeats).map(|channel| channel.plan.name)
    }

    pub(super) const fn wake(&self) -> Option<Duration> {
        self.wake
    }

    /// Data of a product, under whatever name, or of a channel without products.
    pub(super) fn heard(&mut self, name: &str, product: Option<&Symbol>, now: Duration, out: &mut VecDeque<Action>) {
        self.heard_exactly(name, product, now, out);
        if let Some(product) = product.filter(|_| !self.heard_as.is_empty()) {
            let others = self.heard_as.get(product).map_or(0, Vec::len);
            for other in 0..others {
                let other = self.heard_as.get(product).and_then(|names| names.get(other)).cloned();
                self.heard_exactly(name, other.as_ref(), now, out);
            }
        }
    }

    fn heard_exactly(&mut self, name: &str, product: Option<&Symbol>, now: Duration, out: &mut VecDeque<Action>) {
        let key = product.cloned(); // a reference count
        let mut owed_by: Option<Duration> = None;
        for channel in &mut self.channels {
            let (is_it, follows, patience) = (channel.plan.name == name, channel.follows(name), channel.patience());
            if !is_it && !follows {
                continue;
            }
            let Some(entry) = channel.entries.get_mut(&key).filter(|entry| entry.is_live()) else { continue };
            let was_owed = entry.silent_since.is_some() && !entry.stale;
            if is_it {
                entry.last_data = Some(now);
                let by_itself = matches!(channel.plan.cadence, Cadence::Within(_));
                entry.silent_since = by_itself.then_some(now);
                if std::mem::take(&mut entry.stale) {
                    let (channel, product) = (channel.plan.name, key.clone());
                    out.push_back(Action::Tell(Notice::Recovered { channel, product }));
                }
                if !entry.confirmed {
                    confirm(channel.plan.name, key.as_ref(), entry, out);
                    channel.refusals = 0;
                }
            } else if !entry.stale {
                entry.silent_since.get_or_insert(now);
            }
            // Where something was owed before, the time to look is known already, and has only moved away.
            if !was_owed && let (Some(since), Some(patience)) = (entry.silent_since, patience) {
                owed_by = Some(owed_by.map_or(since + patience, |by| by.min(since + patience)));
            }
        }
        if let Some(by) = owed_by {
            self.wake_by(by);
        }
    }

    /// The exchange's word on what this connection is subscribed to.
    pub(super) fn confirmation(
        &mut self,
        listed: &BTreeMap<String, BTreeSet<Symbol>>,
        now: Duration,
        config: &SupervisorConfig,
        out: &mut VecDeque<Action>,
    ) {
        for channel in &mut self.channels {
            let name = channel.plan.name;
            let products = listed.get(name);
            for (key, entry) in channel.entries.iter_mut().filter(|(_, entry)| entry.is_live()) {
                let is_listed = products.is_some_and(|products| match key {
                    None => true,
                    Some(symbol) => {
                        products.contains(symbol)
                            || self
                                .heard_as
                                .iter()
                                .any(|(heard, names)| names.contains(symbol) && products.contains(heard))
                    }
                });
                if is_listed {
                    entry.listed = true;
                    if !entry.confirmed {
                        confirm(name, key.as_ref(), entry, out);
                        channel.refusals = 0;
                    }
                } else if entry.listed && entry.asked_last + config.confirmation <= now {
                    // Listed before and not any more: the exchange has dropped it. An answer to an earlier message may
                    // be under way for a while after asking.
                    (entry.listed, entry.confirmed, entry.due, entry.tries) = (false, false, true, 0);
                    self.wake = Some(now);
                }
            }
        }
    }

    /// The exchange refused credentials without saying whose. Counted for each channel that needs them and has a
    /// subscription without an answer, once for each time it was asked for.
    pub(super) fn authentication_failed(
        &mut self,
        config: &SupervisorConfig,
        out: &mut VecDeque<Action>,
    ) -> Option<Refusal> {
        for channel in &mut self.channels {
            let waits = channel.entries.values().any(|entry| entry.is_live() && !entry.confirmed);
            if !channel.plan.needs_credentials || !waits || !std::mem::take(&mut channel.open_ask) {
                continue;
            }
            channel.refusals += 1;
            if channel.refusals < config.refused_tries {
                continue;
            }
            let name = channel.plan.name;
            if channel.plan.required {
                return Some(Refusal { channel: name, tries: channel.refusals });
            }
            for (key, entry) in channel.entries.iter_mut().filter(|(_, entry)| entry.is_live() && !entry.confirmed) {
                (entry.due, entry.deadline, entry.tries) = (false, None, config.subscription_tries);
                unconfirmed(name, key.as_ref(), entry, out);
            }
        }
        None
    }

    /// Something was lost: asks again for what mends itself so, though not too often.
    pub(super) fn lost(&mut self, now: Duration, config: &SupervisorConfig) {
        if self.channels.iter().any(|channel| channel.plan.resubscribe_after_loss) {
            let at = self.resubscribed.map_or(now, |last| now.max(last + config.gap_resubscription));
            self.resubscribe_at.get_or_insert(at);
            self.wake_by(at);
        }
    }

    /// Does what time has made due, and sends what may be sent. Returns how many resubscriptions were begun.
    pub(super) fn service(
        &mut self,
        now: Duration,
        config: &SupervisorConfig,
        budget: &ConnectionBudget,
        out: &mut VecDeque<Action>,
    ) -> u64 {
        if self.wake.is_none_or(|wake| wake > now) {
            return 0;
        }
        let resubscribed = self.resubscribe_if_due(now);
        for channel in &mut self.channels {
            overdue(channel, now, config, out);
            silent(channel, now, out);
        }
        let blocked_until = self.send(now, config, budget, out);
        self.drop_empty();
        self.wake = self.channels.iter().flat_map(next_deadlines).chain(blocked_until).chain(self.resubscribe_at).min();
        u64::from(resubscribed)
    }

    fn resubscribe_if_due(&mut self, now: Duration) -> bool {
        if self.resubscribe_at.is_none_or(|at| at > now) {
            return false;
        }
        (self.resubscribe_at, self.resubscribed) = (None, Some(now));
        for channel in self.channels.iter_mut().filter(|channel| channel.plan.resubscribe_after_loss) {
            // What waits for its confirmation is asked for again anyway.
            for entry in channel.entries.values_mut().filter(|entry| entry.is_live() && entry.confirmed) {
                entry.due = true;
            }
        }
        true
    }

    /// Sends until nothing is due or nothing more may be sent; then says when to go on.
    fn send(
        &mut self,
        now: Duration,
        config: &SupervisorConfig,
        budget: &ConnectionBudget,
        out: &mut VecDeque<Action>,
    ) -> Option<Duration> {
        while let Some(channel) = self.channels.iter_mut().find(|channel| channel.entries.values().any(is_to_be_sent)) {
            let own = self.window.next(now);
            if own > now {
                return Some(own);
            }
            if let Err(until) = budget.message(now) {
                return Some(until);
            }
            let _ = self.window.take(now);
            out.push_back(message(channel, now, config));
        }
        None
    }

    pub(super) fn status(&self) -> Vec<ChannelStatus> {
        let of = |channel: &Channel| ChannelStatus {
            name: channel.plan.name,
            subscriptions: (channel.entries.iter().filter(|(_, entry)| entry.wanted))
                .map(|(key, entry)| (key.clone(), entry.status()))
                .collect(),
        };
        let planned = self.channels.iter().filter(|channel| channel.entries.values().any(|entry| entry.wanted));
        planned.map(of).collect()
    }

    /// After a change of cadence: what is owed begins to count now or counts no more.
    fn owe_by_cadence(&mut self) {
        for channel in &mut self.channels {
            let cadence = channel.plan.cadence;
            for entry in channel.entries.values_mut().filter(|entry| entry.is_live() && !entry.stale) {
                match cadence {
                    Cadence::Any => entry.silent_since = None,
                    Cadence::Within(_) => entry.silent_since = entry.last_data.or(entry.asked),
                    Cadence::Follows { .. } => {}
                }
            }
        }
    }

    fn wake_by(&mut self, at: Duration) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    /// A channel that is not planned any more stays only until it is unsubscribed from.
    fn drop_empty(&mut self) {
        self.channels.retain(|channel| !channel.entries.is_empty());
    }
}

const fn is_to_be_sent(entry: &Entry) -> bool {
    if entry.wanted { entry.due } else { entry.asked.is_some() }
}

/// The next message of a channel that has one: unsubscriptions first.
fn message(channel: &mut Channel, now: Duration, config: &SupervisorConfig) -> Action {
    let name = channel.plan.name;
    let leaves = channel.entries.values().any(|entry| !entry.wanted);
    // Products and the channel as a whole never go in one message: without products, all of them would be meant.
    let whole = channel.entries.get(&None).is_some_and(|entry| entry.wanted != leaves && is_to_be_sent(entry));
    let keys: Vec<Option<Symbol>> = if whole {
        vec![None]
    } else {
        let chosen = channel.entries.iter().filter(|(_, entry)| entry.wanted != leaves && is_to_be_sent(entry));
        chosen.take(config.products_per_message).map(|(key, _)| key.clone()).collect()
    };
    let products = keys.iter().flatten().cloned().collect();
    if leaves {
        channel.entries.retain(|key, _| !keys.contains(key));
        return Action::Unsubscribe { channel: name, products };
    }
    channel.open_ask = true;
    let owes = channel.patience().is_some();
    for key in &keys {
        let Some(entry) = channel.entries.get_mut(key) else { continue };
        (entry.due, entry.asked_last) = (false, now);
        if entry.asked.is_none() {
            entry.asked = Some(now);
            entry.silent_since = owes.then_some(now);
        }
        if !entry.confirmed {
            let patience = config.confirmation.saturating_mul(1_u32.checked_shl(entry.tries).unwrap_or(u32::MAX));
            entry.tries += 1;
            entry.deadline = Some(now.saturating_add(patience));
        }
    }
    Action::Subscribe { channel: name, products }
}

/// Asks again for what was not confirmed in time, a few times.
fn overdue(channel: &mut Channel, now: Duration, config: &SupervisorConfig, out: &mut VecDeque<Action>) {
    for (key, entry) in &mut channel.entries {
        if entry.is_live() && entry.deadline.take_if(|deadline| *deadline <= now).is_some() {
            unconfirmed(channel.plan.name, key.as_ref(), entry, out);
            entry.due = entry.tries < config.subscription_tries;
        }
    }
}

/// Tells who has been silent for too long.
fn silent(channel: &mut Channel, now: Duration, out: &mut VecDeque<Action>) {
    let Some(patience) = channel.patience() else { return };
    let mends = channel.plan.resubscribe_after_loss && matches!(channel.plan.cadence, Cadence::Follows { .. });
    for (key, entry) in channel.entries.iter_mut().filter(|(_, entry)| entry.is_live() && !entry.stale) {
        if entry.silent_since.is_some_and(|since| since + patience <= now) {
            entry.stale = true;
            entry.due |= mends && entry.confirmed;
            let since = entry.last_data.or(entry.asked).unwrap_or(now);
            let (channel, product) = (channel.plan.name, key.clone());
            out.push_back(Action::Tell(Notice::Stale { channel, product, since }));
        }
    }
}

fn next_deadlines(channel: &Channel) -> impl Iterator<Item = Duration> {
    let patience = channel.patience();
    channel.entries.values().filter(|entry| entry.is_live()).flat_map(move |entry| {
        let silence =
            entry.silent_since.zip(patience).filter(|_| !entry.stale).map(|(since, patience)| since + patience);
        [entry.deadline, silence].into_iter().flatten()
    })
}

fn confirm(channel: &'static str, product: Option<&Symbol>, entry: &mut Entry, out: &mut VecDeque<Action>) {
    (entry.confirmed, entry.due, entry.deadline, entry.tries) = (true, false, None, 0);
    if std::mem::take(&mut entry.told_unconfirmed) {
        out.push_back(Action::Tell(Notice::Confirmed { channel, product: product.cloned() }));
    }
}

fn unconfirmed(channel: &'static str, product: Option<&Symbol>, entry: &mut Entry, out: &mut VecDeque<Action>) {
    if !std::mem::replace(&mut entry.told_unconfirmed, true) {
        out.push_back(Action::Tell(Notice::Unconfirmed { channel, product: product.cloned() }));
    }
}
