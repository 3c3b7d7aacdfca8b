use livermore_core::exchange::supervisor::{ConnectFailure, FeedError};
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Op {
    Start,
    Stop,
    Reached(Stage),
    Failed(u16),
    Closed(Option<u16>),
    /// Numbers and counts skipped before it.
    Heartbeat(u64, u64),
    Data(usize, usize, u64),
    Repeat,
    /// Which products are listed.
    Confirm(u8),
    Refuse,
    Write(bool),
    Plan(usize),
    Wait(u64),
}

const PRODUCTS: [&str; 3] = ["BTC-USD", "ETH-USD", "SOL-USD"];
const CHANNELS: [&str; 3] = ["candles", "trades", "unknown"];

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let skip = || prop_oneof![6 => Just(0_u64), 1 => 1..5_u64];
    let stage = prop_oneof![1 => Just(Stage::Tcp), 1 => Just(Stage::Tls), 4 => Just(Stage::Upgrade)];
    let op = prop_oneof![
        2 => Just(Op::Start),
        1 => prop::bool::weighted(0.2).prop_map(|stop| if stop { Op::Stop } else { Op::Start }),
        12 => stage.prop_map(Op::Reached),
        1 => prop_oneof![Just(500_u16), Just(429), Just(401)].prop_map(Op::Failed),
        1 => prop::option::of(1000..1014_u16).prop_map(Op::Closed),
        12 => (skip(), skip()).prop_map(|(numbers, counts)| Op::Heartbeat(numbers, counts)),
        16 => (0..3_usize, 0..3_usize, skip()).prop_map(|(channel, product, skip)| Op::Data(channel, product, skip)),
        2 => Just(Op::Repeat),
        4 => any::<u8>().prop_map(Op::Confirm),
        1 => Just(Op::Refuse),
        1 => any::<bool>().prop_map(Op::Write),
        2 => (0..4_usize).prop_map(Op::Plan),
        12 => prop_oneof![0..1_500_u64, 0..9_000_u64, 0..90_000_u64].prop_map(Op::Wait),
    ];
    prop::collection::vec(op, 0..150)
}

/// Checks what is said against what must hold whatever happens.
#[derive(Debug, Default)]
struct Audit {
    open: bool,
    connects: Vec<Duration>,
    messages: Vec<Duration>,
    stale: BTreeSet<(&'static str, Option<Symbol>)>,
    unconfirmed: BTreeSet<(&'static str, Option<Symbol>)>,
    gaps: Vec<u64>,
    disconnects: u64,
    live: bool,
}

impl Audit {
    fn hear(&mut self, said: Vec<(Duration, Action)>) {
        for (at, action) in said {
            match action {
                Action::Connect { .. } => {
                    assert!(!std::mem::replace(&mut self.open, true), "two connects");
                    self.connects.push(at);
                }
                Action::Disconnect { .. } => {
                    assert!(std::mem::replace(&mut self.open, false), "disconnect of nothing");
                    self.stale.clear();
                    self.unconfirmed.clear();
                }
                Action::Subscribe { products, channel } | Action::Unsubscribe { products, channel } => {
                    assert!(self.open, "a message without a connection");
                    assert_eq!(products.is_empty(), channel == "heartbeats", "{channel} {products:?}");
                    self.messages.push(at);
                }
                Action::Tell(notice) => self.told(notice),
            }
        }
        for (times, most) in [(&self.connects, 6), (&self.messages, 4)] {
            let few = times.windows(most + 1).all(|times| times[most] >= times[0] + SECOND);
            assert!(few, "more than {most} in a second: {times:?}");
        }
    }

    fn told(&mut self, notice: Notice) {
        match notice {
            Notice::Connected { .. } => assert!(!std::mem::replace(&mut self.live, true)),
            Notice::Disconnected { .. } => {
                assert!(std::mem::replace(&mut self.live, false));
                self.disconnects += 1;
            }
            Notice::Gap { missing, .. } => self.gaps.push(missing),
            Notice::Stale { channel, product, .. } => assert!(self.stale.insert((channel, product))),
            Notice::Recovered { channel, product } => assert!(self.stale.remove(&(channel, product))),
            Notice::Unconfirmed { channel, product } => assert!(self.unconfirmed.insert((channel, product))),
            Notice::Confirmed { channel, product } => assert!(self.unconfirmed.remove(&(channel, product))),
            _ => {}
        }
    }

    /// What the status must show; products not planned any more are not spoken of.
    fn compare(&mut self, desk: &Desk) {
        let status = desk.supervisor.status();
        let mut planned = BTreeSet::new();
        let (mut stale, mut unconfirmed) = (BTreeSet::new(), BTreeSet::new());
        for channel in &status.channels {
            for (product, subscription) in &channel.subscriptions {
                let key = (channel.name, product.clone());
                if subscription.stale {
                    stale.insert(key.clone());
                }
                if subscription.unconfirmed {
                    unconfirmed.insert(key.clone());
                }
                planned.insert(key);
            }
        }
        self.stale.retain(|key| planned.contains(key));
        self.unconfirmed.retain(|key| planned.contains(key));
        assert_eq!((&self.stale, &self.unconfirmed), (&stale, &unconfirmed));
        let counts = status.counts;
        assert_eq!((counts.gaps, counts.missing), (self.gaps.len() as u64, self.gaps.iter().sum()));
        assert_eq!((counts.connects, counts.disconnects), (self.connects.len() as u64, self.disconnects));
        assert_eq!(status.state == FeedState::Live, self.live);
    }
}

/// What a random connection does, and what must be told of its numbers.
struct World {
    desk: Desk,
    audit: Audit,
    stopped: bool,
    expected_gaps: Vec<u64>,
    missing_since_heartbeat: u64,
    heartbeat: Option<u64>,
}

impl World {
    fn up(&self) -> bool {
        matches!(state(&self.desk), FeedState::Live | FeedState::Subscribing)
    }

    fn skip(&mut self, skipped: u64) {
        // The first message of a connection may have any number.
        if skipped > 0 && self.desk.supervisor.status().last_message.is_some() {
            self.expected_gaps.push(skipped);
            self.missing_since_heartbeat += skipped;
        }
        self.desk.sequence += skipped;
    }

    fn apply(&mut self, op: &Op) {
        let up = self.up();
        let desk = &mut self.desk;
        match op {
            Op::Start => {
                self.stopped = false;
                desk.input(Input::Start);
            }
            Op::Stop => {
                desk.input(Input::Stop);
                self.audit.disconnects += u64::from(std::mem::take(&mut self.audit.live));
                let said = std::mem::take(&mut desk.said);
                assert!(said.iter().all(|(_, action)| matches!(action, Action::Disconnect { .. })), "{said:?}");
                self.audit.hear(said);
                self.stopped = true;
            }
            Op::Reached(stage) => {
                let before = state(desk);
                desk.input(Input::Reached(*stage));
                if before != state(desk) && state(desk) == FeedState::Subscribing {
                    (self.missing_since_heartbeat, self.heartbeat) = (0, None);
                }
            }
            Op::Failed(status) => {
                let failure = ConnectFailure::Status { status: *status, retry_after: None };
                desk.input(Input::Failed(failure));
            }
            Op::Closed(code) => _ = desk.input(Input::Closed { code: *code }),
            Op::Heartbeat(numbers, counts) if up => {
                self.skip(*numbers);
                self.desk.counter += counts;
                let told = std::mem::take(&mut self.missing_since_heartbeat);
                let before = self.heartbeat.replace(self.desk.counter + 1);
                let skipped = before.map_or(0, |before| self.desk.counter - before);
                self.expected_gaps.extend(Some(skipped.saturating_sub(told)).filter(|missing| *missing > 0));
                assert_eq!(self.desk.heartbeat(), Verdict::Accept);
            }
            Op::Data(channel, product, skipped) if up => {
                self.skip(*skipped);
                assert_eq!(self.desk.data(CHANNELS[*channel], &[PRODUCTS[*product]]), Verdict::Accept);
            }
            Op::Repeat if up && desk.supervisor.status().last_message.is_some() => {
                let message = Message::Other;
                let sequence = Some(desk.sequence - 1);
                assert_eq!(desk.input(Input::Message { sequence, message }), Verdict::Duplicate);
            }
            Op::Confirm(mask) if up => {
                let of = |bits: u8| -> Vec<&str> {
                    PRODUCTS.into_iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1).map(|(_, name)| name).collect()
                };
                let (candles, trades) = (of(*mask), of(*mask >> 3));
                desk.confirm(&[("heartbeats", &[]), ("candles", &candles), ("trades", &trades)]);
            }
            Op::Refuse => {
                _ = desk.input(Input::Message { sequence: None, message: Message::Error(FeedError::Authentication) });
            }
            Op::Write(true) => _ = desk.input(Input::WriteStarted),
            Op::Write(false) => _ = desk.input(Input::WriteFinished),
            Op::Plan(products) => _ = desk.input(Input::Plan(plan(&PRODUCTS[..*products]))),
            Op::Wait(ms) => desk.wait(Duration::from_millis(*ms)),
            // Without a connection every message is a stray.
            Op::Heartbeat(..) | Op::Data(..) | Op::Confirm(_) | Op::Repeat => {
                assert!(up || desk.data("trades", &["BTC-USD"]) == Verdict::Stray);
            }
        }
        let said = std::mem::take(&mut self.desk.said);
        assert!(!self.stopped || said.is_empty(), "after the stop: {said:?}");
        self.audit.hear(said);
        self.audit.compare(&self.desk);
        assert_eq!(self.audit.gaps, self.expected_gaps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_the_laws_hold(ops in ops(), seed in any::<u64>()) {
        let desk = Desk::with(SupervisorConfig::default(), &plan(&PRODUCTS), seed);
        let (audit, expected_gaps) = (Audit::default(), Vec::new());
        let mut world =
            World { desk, audit, stopped: true, expected_gaps, missing_since_heartbeat: 0, heartbeat: None };
        ops.iter().for_each(|op| world.apply(op));
    }

    /// With nothing but ticks at the time asked for, time moves on.
    #[test]
    fn wakeups_are_never_a_busy_loop(ops in ops(), seed in any::<u64>()) {
        let mut desk = Desk::with(SupervisorConfig::default(), &plan(&PRODUCTS), seed);
        desk.input(Input::Start);
        for op in ops {
            if matches!(op, Op::Reached(_)) && desk.input(Input::Reached(Stage::Upgrade)) == Verdict::Accept {
                desk.said.clear();
            }
            let mut still = 0;
            for _ in 0..20 {
                let wakeup = desk.supervisor.next_wakeup().unwrap();
                still = if wakeup > desk.now { 0 } else { still + 1 };
                prop_assert!(still <= 2, "{:?} at {:?}", state(&desk), desk.now);
                desk.now = desk.now.max(wakeup);
                desk.input(Input::Tick);
            }
        }
    }
}
