use std::{collections::VecDeque, time::Duration};

use super::{
    Action, ConnectFailure, ConnectionBudget, DisconnectReason, FeedCounts, FeedError, FeedPlan, FeedState, FeedStatus,
    Input, Message, Notice, RefusalReason, Stage, SupervisorConfig, Verdict,
    backoff::Backoff,
    sequence::{Sequence, Step},
    subscriptions::Subscriptions,
};
use crate::ids::{Epoch, Symbol};

/// The longest wait an exchange can impose on us before a reconnect.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(5);
/// WebSocket close codes by which an exchange says that it does not want us just now: policy violation, try again
/// later.
const UNWELCOME: [u16; 2] = [1008, 1013];

/// Looks after one connection of an exchange feed: connects, subscribes, watches, reconnects.
///
/// A machine without clock, socket or task. A shell owns those: it hands in what happened ([`handle`](Self::handle),
/// [`data`](Self::data)), does what [`next_action`](Self::next_action) says until it says nothing, and comes back with
/// a [`Tick`](Input::Tick) at [`next_wakeup`](Self::next_wakeup). `now` is the time since any fixed moment, of a clock
/// that never steps back; a time before the last one counts as the last one. Equal inputs give equal actions.
///
/// # Messages
/// - Take all actions after each message and before passing it on: what they tell happened before it. The first one of
///   a connection that is not an error makes the [`Connected`](Notice::Connected).
/// - Only [accepted](Verdict::Accept) ones are new. Sequence numbers are those of this connection and begin anew with
///   each.
/// - A jump of the numbers is a [`Gap`](Notice::Gap) of as many messages; so is a jump of the heartbeat counter, as far
///   as the numbers did not tell it.
///
/// # Liveness
/// - A connection without an accepted message for [`silence`](SupervisorConfig::silence) is given up. Pings never
///   count, because they are not handed in; errors and repeated messages do not count either.
/// - Heartbeats do not hide a dead stream: see [`Cadence`](super::Cadence) for when a product is stale.
///
/// # Subscriptions
/// - Heartbeats first, one channel per message, within the [rate](SupervisorConfig::messages_per_second) and the shared
///   [`ConnectionBudget`].
/// - Confirmations are compared with what was asked for, product by product; data counts as a confirmation. What is not
///   confirmed is asked for again, each time waiting twice as long, then kept as unconfirmed until the next connection.
/// - A new plan sends the differences, or is what the next connection begins with.
///
/// # Reconnecting
/// - The pause is random between nothing and a bound that doubles up to a maximum; it is back at the beginning only
///   after data has flowed for [a while](SupervisorConfig::healthy_after).
/// - 401 or 403 at the upgrade, or repeated failures to authenticate on a channel that needs it, are a
///   [`Refused`](Notice::Refused): nothing more happens until the next start.
/// - After a [`Stop`](Input::Stop) comes at most one [`Disconnect`](Action::Disconnect), and nothing is told.
#[derive(Debug)]
pub struct Supervisor {
    config: SupervisorConfig,
    budget: ConnectionBudget,
    state: State,
    now: Duration,
    subscriptions: Subscriptions,
    backoff: Backoff,
    epoch: Option<Epoch>,
    last_reason: Option<DisconnectReason>,
    counts: FeedCounts,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
enum State {
    Stopped,
    Refused(RefusalReason),
    Waiting { until: Duration },
    Connecting { stage: Stage, since: Duration },
    Up(Connection),
}

/// What is known of an open connection.
#[derive(Debug)]
struct Connection {
    since: Duration,
    /// When the exchange first spoke.
    live_since: Option<Duration>,
    last_message: Option<Duration>,
    sequence: Sequence,
    heartbeat: Option<u64>,
    /// Messages told as missing since the last heartbeat: heartbeats may be among them.
    missing_since_heartbeat: u64,
    write_since: Option<Duration>,
}

impl Supervisor {
    /// A stopped supervisor. The seed decides the pauses.
    pub fn new(config: SupervisorConfig, plan: &FeedPlan, budget: ConnectionBudget, seed: u64) -> Self {
        let config = config.bounded();
        Self {
            subscriptions: Subscriptions::new(plan, config.messages_per_second),
            backoff: Backoff::new(config.first_pause, config.longest_pause, seed),
            config,
            budget,
            state: State::Stopped,
            now: Duration::ZERO,
            epoch: None,
            last_reason: None,
            counts: FeedCounts::default(),
            actions: VecDeque::new(),
        }
    }

    /// Takes what happened. The verdict matters for messages only.
    pub fn handle(&mut self, now: Duration, input: Input<'_>) -> Verdict {
        let now = self.advance(now);
        let mut verdict = Verdict::Accept;
        match input {
            Input::Start => self.start(),
            Input::Stop => self.stop(),
            Input::Reached(stage) => self.reached(stage),
            Input::Failed(failure) => self.failed(failure),
            Input::Closed { code } => self.closed(code),
            Input::Message { sequence, message } => verdict = self.message(sequence, &message),
            Input::Plan(plan) => self.subscriptions.plan(&plan, now),
            Input::WriteStarted => {
                if let State::Up(connection) = &mut self.state {
                    connection.write_since.get_or_insert(now);
                }
            }
            Input::WriteFinished => {
                if let State::Up(connection) = &mut self.state {
                    connection.write_since = None;
                }
            }
            Input::Tick => {}
        }
        self.run_timers();
        verdict
    }

    /// Takes a message with market data of these products; none for a channel without products.
    ///
    /// Allocates nothing as long as there is nothing to tell.
    #[must_use = "what is not accepted must not reach consumers as new"]
    pub fn data<'a>(
        &mut self,
        now: Duration,
        sequence: Option<u64>,
        channel: &str,
        products: impl IntoIterator<Item = &'a Symbol>,
    ) -> Verdict {
        let now = self.advance(now);
        let verdict = self.receive(sequence);
        if verdict == Verdict::Accept {
            let mut products = products.into_iter().peekable();
            if products.peek().is_none() {
                self.subscriptions.heard(channel, None, now, &mut self.actions);
            }
            for product in products {
                self.subscriptions.heard(channel, Some(product), now, &mut self.actions);
            }
        }
        self.run_timers();
        verdict
    }

    /// The next thing to do.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to come back with a [`Tick`](Input::Tick) at the latest; `None` while nothing depends on time. May be a
    /// time that has passed: then at once.
    pub fn next_wakeup(&self) -> Option<Duration> {
        match &self.state {
            State::Stopped | State::Refused(_) => None,
            State::Waiting { until } => Some(*until),
            State::Connecting { since, .. } => Some(*since + self.config.stage_timeout),
            State::Up(connection) => {
                let write = connection.write_since.map(|since| since + self.config.write_timeout);
                let silence = connection.last_message.unwrap_or(connection.since) + self.config.silence;
                [Some(silence), write, self.subscriptions.wake()].into_iter().flatten().min()
            }
        }
    }

    /// How everything stands.
    pub fn status(&self) -> FeedStatus {
        let connection = match &self.state {
            State::Up(connection) => Some(connection),
            _ => None,
        };
        FeedStatus {
            state: match &self.state {
                State::Stopped => FeedState::Stopped,
                State::Refused(reason) => FeedState::Refused(*reason),
                State::Waiting { until } => FeedState::Waiting { until: *until },
                State::Connecting { stage, .. } => FeedState::Connecting(*stage),
                State::Up(Connection { live_since: None, .. }) => FeedState::Subscribing,
                State::Up(_) => FeedState::Live,
            },
            epoch: self.epoch,
            attempts: self.backoff.failures(),
            last_message: connection.and_then(|connection| connection.last_message),
            last_reason: self.last_reason,
            counts: self.counts,
            channels: self.subscriptions.status(),
        }
    }

    fn advance(&mut self, now: Duration) -> Duration {
        self.now = self.now.max(now);
        self.now
    }

    fn tell(&mut self, notice: Notice) {
        self.actions.push_back(Action::Tell(notice));
    }

    fn start(&mut self) {
        if matches!(self.state, State::Stopped | State::Refused(_)) {
            self.backoff.reset();
            self.subscriptions.forget_refusals();
            self.state = State::Waiting { until: self.now };
        }
    }

    fn stop(&mut self) {
        let was_open = matches!(self.state, State::Connecting { .. } | State::Up(_));
        // What was not done yet is not done any more, except giving up a connection that was begun.
        let mut unseen = false;
        self.actions.retain(|action| match action {
            Action::Connect { .. } => {
                unseen = true;
                false
            }
            Action::Disconnect { .. } => !std::mem::take(&mut unseen),
            _ => false,
        });
        if was_open && !unseen {
            self.actions.push_back(Action::Disconnect { reason: DisconnectReason::Stopped });
        }
        self.count_end();
        if was_open {
            self.last_reason = Some(DisconnectReason::Stopped);
        }
        self.subscriptions.reset(self.now);
        self.state = State::Stopped;
    }

    fn connect(&mut self) {
        if let Err(until) = self.budget.connect(self.now) {
            self.state = State::Waiting { until };
            return;
        }
        self.counts.connects += 1;
        self.state = State::Connecting { stage: Stage::Tcp, since: self.now };
        self.actions.push_back(Action::Connect { attempt: self.backoff.failures() });
    }

    fn reached(&mut self, reached: Stage) {
        let State::Connecting { stage, .. } = self.state else { return };
        let next = match reached {
            _ if reached < stage => return,
            Stage::Tcp => Stage::Tls,
            Stage::Tls => Stage::Upgrade,
            Stage::Upgrade => {
                self.subscriptions.reset(self.now);
                self.state = State::Up(Connection {
                    since: self.now,
                    live_since: None,
                    last_message: None,
                    sequence: Sequence::new(self.config.first_sequence),
                    heartbeat: None,
                    missing_since_heartbeat: 0,
                    write_since: None,
                });
                return;
            }
        };
        self.state = State::Connecting { stage: next, since: self.now };
    }

    fn failed(&mut self, failure: ConnectFailure) {
        if !matches!(self.state, State::Connecting { .. }) {
            return self.closed(None);
        }
        match failure {
            ConnectFailure::Unreachable => self.end(DisconnectReason::Unreachable, Duration::ZERO),
            ConnectFailure::Tls => self.end(DisconnectReason::Tls, Duration::ZERO),
            ConnectFailure::Protocol => self.end(DisconnectReason::Protocol, Duration::ZERO),
            ConnectFailure::Status { status: status @ (401 | 403), .. } => self.refuse(RefusalReason::Status(status)),
            ConnectFailure::Status { status, retry_after } => {
                let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
                let least = if matches!(status, 429 | 503) { self.config.throttled_pause } else { Duration::ZERO };
                self.end(DisconnectReason::Status(status), asked.max(least));
            }
        }
    }

    fn closed(&mut self, code: Option<u16>) {
        if matches!(self.state, State::Connecting { .. } | State::Up(_)) {
            let unwelcome = code.is_some_and(|code| UNWELCOME.contains(&code));
            let least = if unwelcome { self.config.throttled_pause } else { Duration::ZERO };
            self.end(DisconnectReason::Closed(code), least);
        }
    }

    /// Gives the connection up and waits for the next, at least so long.
    fn end(&mut self, reason: DisconnectReason, least: Duration) {
        self.leave(reason);
        let delay = least + self.backoff.pause();
        let until = self.now.saturating_add(delay);
        self.state = State::Waiting { until };
        self.tell(Notice::Reconnecting { attempt: self.backoff.failures(), delay, reason });
    }

    fn refuse(&mut self, reason: RefusalReason) {
        self.leave(DisconnectReason::Refused);
        self.state = State::Refused(reason);
        self.tell(Notice::Refused { reason });
    }

    fn leave(&mut self, reason: DisconnectReason) {
        self.actions.retain(|action| !matches!(action, Action::Subscribe { .. } | Action::Unsubscribe { .. }));
        self.actions.push_back(Action::Disconnect { reason });
        if self.count_end() {
            self.tell(Notice::Disconnected { reason });
        }
        self.last_reason = Some(reason);
        self.subscriptions.reset(self.now);
    }

    /// Whether a connection ends over which the exchange had answered.
    fn count_end(&mut self) -> bool {
        let was_live = matches!(self.state, State::Up(Connection { live_since: Some(_), .. }));
        self.counts.disconnects += u64::from(was_live);
        was_live
    }

    fn message(&mut self, sequence: Option<u64>, message: &Message<'_>) -> Verdict {
        if let Message::Error(error) = message {
            return self.error(*error);
        }
        let verdict = self.receive(sequence);
        if verdict != Verdict::Accept {
            return verdict;
        }
        match message {
            Message::Heartbeat { channel, counter } => {
                self.heartbeat(*counter);
                self.subscriptions.heard(channel, None, self.now, &mut self.actions);
            }
            Message::Confirmation(listed) => {
                self.subscriptions.confirmation(listed, self.now, &self.config, &mut self.actions);
            }
            Message::Error(_) | Message::Other => {}
        }
        verdict
    }

    /// Judges a message by its number, and takes it as a sign of life.
    fn receive(&mut self, sequence: Option<u64>) -> Verdict {
        let State::Up(connection) = &mut self.state else {
            self.counts.stray += 1;
            return Verdict::Stray;
        };
        let step = sequence.map_or(Step::Next, |number| connection.sequence.observe(number));
        match step {
            Step::Duplicate => {
                self.counts.duplicates += 1;
                return Verdict::Duplicate;
            }
            Step::Late => {
                self.counts.late += 1;
                return Verdict::Late;
            }
            Step::Next | Step::Jump(_) => {}
        }
        connection.last_message = Some(self.now);
        let since = *connection.live_since.get_or_insert_with(|| {
            let epoch = self.epoch.map_or(Epoch::ZERO, |epoch| epoch.next().unwrap_or(epoch));
            self.epoch = Some(epoch);
            self.actions.push_back(Action::Tell(Notice::Connected { epoch }));
            self.now
        });
        if since + self.config.healthy_after <= self.now {
            self.backoff.reset();
        }
        if let Step::Jump(missing) = step {
            connection.missing_since_heartbeat = connection.missing_since_heartbeat.saturating_add(missing);
            self.gap(missing, None);
        }
        Verdict::Accept
    }

    fn heartbeat(&mut self, counter: Option<u64>) {
        let State::Up(connection) = &mut self.state else { return };
        let told = std::mem::take(&mut connection.missing_since_heartbeat);
        let before = std::mem::replace(&mut connection.heartbeat, counter);
        // A counter that falls is another one: behind the address the exchange has changed over to another machine.
        let (Some(before), Some(counter)) = (before, counter) else { return };
        let missing = counter.saturating_sub(before).saturating_sub(1).saturating_sub(told);
        if missing > 0 {
            let name = self.subscriptions.heartbeats();
            self.gap(missing, name);
        }
    }

    fn gap(&mut self, missing: u64, channel: Option<&'static str>) {
        self.counts.gaps += 1;
        self.counts.missing = self.counts.missing.saturating_add(missing);
        self.tell(Notice::Gap { missing, channel });
        self.subscriptions.lost(self.now, &self.config);
    }

    fn error(&mut self, error: FeedError) -> Verdict {
        if !matches!(self.state, State::Up(_)) {
            self.counts.stray += 1;
            return Verdict::Stray;
        }
        self.counts.errors += 1;
        if error == FeedError::Authentication
            && let Some(refusal) = self.subscriptions.authentication_failed(&self.config, &mut self.actions)
        {
            self.refuse(RefusalReason::Channel { channel: refusal.channel, tries: refusal.tries });
        }
        Verdict::Accept
    }

    /// Does what time has made due. Comes after the input, so that a message that was in time is not called late
    /// because this process was.
    fn run_timers(&mut self) {
        match &self.state {
            State::Waiting { until } if *until <= self.now => self.connect(),
            State::Connecting { stage, since } if *since + self.config.stage_timeout <= self.now => {
                let stage = *stage;
                self.end(DisconnectReason::Timeout(stage), Duration::ZERO);
            }
            State::Up(connection) => {
                let timed_out = |since: Duration| since + self.config.write_timeout <= self.now;
                let last = connection.last_message.unwrap_or(connection.since);
                if connection.write_since.is_some_and(timed_out) {
                    self.end(DisconnectReason::WriteTimeout, Duration::ZERO);
                } else if last + self.config.silence <= self.now {
                    self.end(DisconnectReason::Silence, Duration::ZERO);
                } else {
                    let Self { subscriptions, config, budget, actions, .. } = self;
                    self.counts.resubscriptions += subscriptions.service(self.now, config, budget, actions);
                }
            }
            _ => {}
        }
    }
}
