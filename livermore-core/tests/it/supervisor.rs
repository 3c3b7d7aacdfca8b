//! The supervisor of a feed, driven through scripted connections and random ones.

mod alive;
mod cases;
mod confirming;
mod connecting;
mod laws;
mod planning;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use livermore_core::{
    exchange::{
        ConnectionBudget, FeedPlan, Supervisor, SupervisorConfig,
        supervisor::{
            Action, Cadence, ChannelPlan, DisconnectReason, FeedState, Input, Message, Notice, Stage,
            SubscriptionStatus, Verdict,
        },
    },
    ids::Symbol,
};

/// A supervisor and the time, with everything it said since it was last asked.
struct Desk {
    supervisor: Supervisor,
    now: Duration,
    said: Vec<(Duration, Action)>,
    sequence: u64,
    counter: u64,
}

const SECOND: Duration = Duration::from_secs(1);

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

fn symbols(names: &[&str]) -> BTreeSet<Symbol> {
    names.iter().map(|name| symbol(name)).collect()
}

/// Heartbeats, trades that may be silent for 60 seconds, and candles that follow the trades.
fn plan(products: &[&str]) -> FeedPlan {
    let follows = Cadence::Follows { channel: "trades", within: 15 * SECOND };
    let candles = ChannelPlan::of("candles", symbols(products)).with_cadence(follows);
    FeedPlan::new()
        .with_channel(candles.with_resubscription_after_loss())
        .with_channel(ChannelPlan::of("trades", symbols(products)).with_cadence(Cadence::Within(60 * SECOND)))
        .with_channel(ChannelPlan::heartbeats("heartbeats"))
}

fn subscribe(channel: &'static str, products: &[&str]) -> Action {
    Action::Subscribe { channel, products: symbols(products) }
}

fn unsubscribe(channel: &'static str, products: &[&str]) -> Action {
    Action::Unsubscribe { channel, products: symbols(products) }
}

fn listed(channels: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<Symbol>> {
    channels.iter().map(|(channel, products)| ((*channel).to_owned(), symbols(products))).collect()
}

impl Desk {
    fn new(plan: &FeedPlan) -> Self {
        Self::with(SupervisorConfig::default(), plan, 7)
    }

    fn with(config: SupervisorConfig, plan: &FeedPlan, seed: u64) -> Self {
        Self {
            supervisor: Supervisor::new(config, plan, ConnectionBudget::default(), seed),
            now: SECOND,
            said: Vec::new(),
            sequence: 0,
            counter: 1_000,
        }
    }

    /// One that is connected, has sent its subscriptions and heard its first heartbeat; the talk so far is forgotten.
    fn live(plan: &FeedPlan) -> Self {
        let mut desk = Self::new(plan);
        desk.input(Input::Start);
        desk.connect();
        desk
    }

    fn connect(&mut self) {
        self.input(Input::Reached(Stage::Upgrade));
        (self.sequence, self.counter) = (0, self.counter + 5_000);
        assert_eq!(self.heartbeat(), Verdict::Accept);
        self.confirm_all();
        self.said.clear();
    }

    fn input(&mut self, input: Input<'_>) -> Verdict {
        let verdict = self.supervisor.handle(self.now, input);
        self.listen();
        verdict
    }

    fn listen(&mut self) {
        while let Some(action) = self.supervisor.next_action() {
            self.said.push((self.now, action));
        }
    }

    fn message(&mut self, message: Message<'_>) -> Verdict {
        let sequence = Some(self.sequence);
        self.sequence += 1;
        self.input(Input::Message { sequence, message })
    }

    fn heartbeat(&mut self) -> Verdict {
        self.counter += 1;
        self.message(Message::Heartbeat { channel: "heartbeats", counter: Some(self.counter) })
    }

    fn confirm(&mut self, channels: &[(&str, &[&str])]) {
        let listed = listed(channels);
        assert_eq!(self.message(Message::Confirmation(&listed)), Verdict::Accept);
    }

    /// Confirms whatever the plan has.
    fn confirm_all(&mut self) {
        let status = self.supervisor.status();
        let of = |subscriptions: &BTreeMap<Option<Symbol>, SubscriptionStatus>| {
            subscriptions.keys().flatten().cloned().collect::<BTreeSet<_>>()
        };
        let listed =
            status.channels.iter().map(|channel| (channel.name.to_owned(), of(&channel.subscriptions))).collect();
        assert_eq!(self.message(Message::Confirmation(&listed)), Verdict::Accept);
    }

    fn data(&mut self, channel: &str, products: &[&str]) -> Verdict {
        let products: Vec<Symbol> = products.iter().map(|name| symbol(name)).collect();
        let verdict = self.supervisor.data(self.now, Some(self.sequence), channel, &products);
        self.sequence += 1;
        self.listen();
        verdict
    }

    /// Lets time pass, answering every wakeup.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut ticks = 0;
        while let Some(wakeup) = self.supervisor.next_wakeup().filter(|wakeup| *wakeup <= end) {
            self.now = self.now.max(wakeup);
            self.input(Input::Tick);
            ticks += 1;
            assert!(ticks < 10_000, "time stands still at {:?}, next wakeup {wakeup:?}", self.now);
        }
        self.now = end;
        self.input(Input::Tick);
    }

    /// Lets time pass with a heartbeat each second.
    fn beat(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.wait(SECOND);
            assert_eq!(self.heartbeat(), Verdict::Accept);
        }
    }

    /// What was said since the last time.
    fn take(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.said).into_iter().map(|(_, action)| action).collect()
    }

    /// What was told since the last time, and nothing of the rest.
    fn notices(&mut self) -> Vec<Notice> {
        let told = |action| match action {
            Action::Tell(notice) => Some(notice),
            _ => None,
        };
        self.take().into_iter().filter_map(told).collect()
    }

    fn subscription(&self, channel: &str, product: &str) -> SubscriptionStatus {
        let status = self.supervisor.status();
        let channel = status.channels.iter().find(|known| known.name == channel).unwrap();
        channel.subscriptions[&Some(symbol(product))]
    }

    /// Waits for the next connection; the talk until then is forgotten.
    fn reconnect(&mut self) {
        while !self.said.iter().any(|(_, action)| matches!(action, Action::Connect { .. })) {
            self.now = self.now.max(self.supervisor.next_wakeup().unwrap());
            self.input(Input::Tick);
        }
        self.said.clear();
    }
}

fn disconnect(reason: DisconnectReason) -> Action {
    Action::Disconnect { reason }
}

fn state(desk: &Desk) -> FeedState {
    desk.supervisor.status().state
}
