use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use livermore_core::{
    control::{Bell, Bells, DoorbellState, Signal, Signals},
    ids::{Seq, UserId},
    keys,
};
use redis::{Cmd, ConnectionInfo, PushInfo, PushKind, Value, aio::MultiplexedConnection};
use tokio::{
    sync::{
        Notify,
        broadcast::{self, error::RecvError},
        mpsc, watch,
    },
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};

use crate::{
    RedisConfig, RedisError,
    config::{Role, target},
    error::{Class, class_of},
    link::{connect, is_alive, jittered},
};

/// One connection on which everything is heard that anybody of this process listens for.
///
/// It is made anew when it is lost or silent, listens to everything again, and then tells everybody that something may
/// have been missed. Nothing in it grows with what others send: whoever is too slow misses some, and is told.
pub(crate) struct Listening {
    shared: Arc<Shared>,
    patience: Duration,
    task: JoinHandle<()>,
}

struct Shared {
    state: Mutex<State>,
    /// Raised when somebody begins or ceases to listen.
    changed: Notify,
    /// Everything up to this change is heard.
    heard_up_to: watch::Sender<u64>,
    working: AtomicBool,
    /// The last attempt to connect, or the last connection, has failed.
    failed: AtomicBool,
    overflown: AtomicBool,
    lost: Notify,
    listeners: AtomicUsize,
}

struct State {
    /// How many listen to each topic; none once closed.
    wanted: HashMap<Topic, usize>,
    /// Topics whose number of listeners has become, or ceased to be, zero.
    touched: Vec<Topic>,
    changes: u64,
    control: Option<broadcast::Sender<Control>>,
    signals: HashMap<UserId, broadcast::Sender<Signal>>,
}

/// What can be listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Topic {
    /// A user's control channel.
    Control(UserId),
    /// All of a user's acknowledgements.
    Acks(UserId),
}

/// What came on control channels.
#[derive(Debug, Clone)]
pub(crate) enum Control {
    Message(UserId, Arc<[u8]>),
    Missed,
}

/// As many as a listener may be behind.
const BACKLOG: usize = 1_024;
/// As many messages as may wait to be sorted.
const QUEUE: usize = 4_096;
/// Channels of one subscription.
const BATCH: usize = 500;
/// The shortest pause between two attempts to connect, and the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Listening {
    pub(crate) fn start(config: &RedisConfig, role: Role) -> Result<Self, RedisError> {
        let servers = config.servers()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                wanted: HashMap::new(),
                touched: Vec::new(),
                changes: 0,
                control: Some(broadcast::Sender::new(BACKLOG)),
                signals: HashMap::new(),
            }),
            changed: Notify::new(),
            heard_up_to: watch::Sender::new(0),
            working: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            overflown: AtomicBool::new(false),
            lost: Notify::new(),
            listeners: AtomicUsize::new(0),
        });
        let task = tokio::spawn(keep(servers, config.clone(), config.name_of(role), Arc::clone(&shared)));
        Ok(Self { shared, patience: config.response_timeout(), task })
    }

    /// Whether everything asked for is heard.
    pub(crate) fn state(&self) -> DoorbellState {
        if self.shared.working.load(Ordering::Relaxed) { DoorbellState::Working } else { DoorbellState::Degraded }
    }

    /// How many streams are listened to.
    pub(crate) fn listeners(&self) -> usize {
        self.shared.listeners.load(Ordering::Relaxed)
    }

    pub(crate) async fn bells(&self, users: &[UserId]) -> Result<Bells, RedisError> {
        let messages = self.control(users).await?;
        Ok(messages
            .filter_map(async |message| match message {
                Control::Message(user, text) => is_number(&text).then_some(Bell::Rang(user)),
                Control::Missed => Some(Bell::Missed),
            })
            .fuse()
            .boxed())
    }

    /// Everything on the control channels of these users.
    pub(crate) async fn control(
        &self,
        users: &[UserId],
    ) -> Result<impl futures_core::Stream<Item = Control> + Send + use<>, RedisError> {
        let topics: Vec<Topic> = users.iter().map(|user| Topic::Control(*user)).collect();
        let (receiver, interest) = self.register(topics, |state| Some(state.control.as_ref()?.subscribe()))?;
        self.until_heard(&interest).await;
        let users: HashSet<UserId> = users.iter().copied().collect();
        Ok(stream::unfold((receiver, users, interest), async |(mut receiver, users, interest)| {
            loop {
                let control = match receiver.recv().await {
                    Ok(Control::Message(user, _)) if !users.contains(&user) => continue,
                    Ok(control) => control,
                    Err(RecvError::Lagged(_)) => Control::Missed,
                    Err(RecvError::Closed) => return None,
                };
                return Some((control, (receiver, users, interest)));
            }
        })
        .fuse())
    }

    pub(crate) async fn signals(&self, user: UserId) -> Result<Signals, RedisError> {
        let (receiver, interest) = self.register(vec![Topic::Acks(user)], |state| {
            state.control.as_ref()?;
            Some(state.signals.entry(user).or_insert_with(|| broadcast::Sender::new(BACKLOG)).subscribe())
        })?;
        self.until_heard(&interest).await;
        Ok(stream::unfold((receiver, interest), async |(mut receiver, interest)| match receiver.recv().await {
            Ok(signal) => Some((signal, (receiver, interest))),
            Err(RecvError::Lagged(_)) => Some((Signal::Missed, (receiver, interest))),
            Err(RecvError::Closed) => None,
        })
        .fuse()
        .boxed())
    }

    /// Ends every stream and the connection.
    pub(crate) fn close(&self) {
        self.task.abort();
        self.shared.working.store(false, Ordering::Relaxed);
        let mut state = self.shared.state();
        state.control = None;
        state.signals.clear();
        state.wanted.clear();
    }

    fn register<T>(
        &self,
        topics: Vec<Topic>,
        subscribe: impl FnOnce(&mut State) -> Option<T>,
    ) -> Result<(T, Interest), RedisError> {
        let mut state = self.shared.state();
        let receiver = subscribe(&mut state).ok_or(RedisError::Closed)?;
        for topic in &topics {
            let listeners = state.wanted.entry(*topic).or_default();
            *listeners += 1;
            if *listeners == 1 {
                state.touched.push(*topic);
            }
        }
        state.changes += 1;
        self.shared.listeners.fetch_add(1, Ordering::Relaxed);
        self.shared.changed.notify_one();
        Ok((receiver, Interest { shared: Arc::clone(&self.shared), topics, change: state.changes }))
    }

    /// Returns when the server has confirmed, so that nothing is missed from here on; or after a while, and then it is
    /// told later that something may have been missed.
    async fn until_heard(&self, interest: &Interest) {
        if self.shared.failed.load(Ordering::Relaxed) {
            return;
        }
        let mut heard = self.shared.heard_up_to.subscribe();
        let _ = timeout(self.patience, heard.wait_for(|change| *change >= interest.change)).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.close();
    }
}

/// Somebody listens to these; no more, once it is dropped.
struct Interest {
    shared: Arc<Shared>,
    topics: Vec<Topic>,
    change: u64,
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        for topic in &self.topics {
            let Some(listeners) = state.wanted.get_mut(topic) else { continue };
            *listeners -= 1;
            if *listeners == 0 {
                state.wanted.remove(topic);
                state.touched.push(*topic);
                if let Topic::Acks(user) = topic {
                    state.signals.remove(user);
                }
            }
        }
        state.changes += 1;
        self.shared.listeners.fetch_sub(1, Ordering::Relaxed);
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No panic can leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everybody that something may have been missed.
    fn miss(&self) {
        let state = self.state();
        if let Some(control) = &state.control {
            // Nobody may be listening.
            let _ = control.send(Control::Missed);
        }
        for sender in state.signals.values() {
            let _ = sender.send(Signal::Missed);
        }
    }

    /// Passes a message on. Anybody with the right to publish may have sent it: what is not understood is ignored.
    fn hear(&self, channel: &str, payload: &[u8]) {
        if let Some(user) = keys::control_channel_user(channel) {
            if let Some(control) = &self.state().control {
                let _ = control.send(Control::Message(user, payload.into()));
            }
            return;
        }
        let Some((user, what)) = keys::ack_channel_parts(channel) else { return };
        let Some(number) = str::from_utf8(payload).ok().and_then(|text| text.parse::<u64>().ok()) else { return };
        let signal = if what == keys::OBSERVED {
            number.try_into().ok().map(Signal::Observed)
        } else {
            what.parse().ok().map(Signal::Decided)
        };
        if let (Some(signal), Some(sender)) = (signal, self.state().signals.get(&user)) {
            let _ = sender.send(signal);
        }
    }
}

/// What a message on a control channel must be to count as a bell.
fn is_number(payload: &[u8]) -> bool {
    str::from_utf8(payload)
        .ok()
        .and_then(|text| text.parse::<u64>().ok())
        .is_some_and(|number| Seq::new(number).is_ok())
}

/// Listens, until aborted.
async fn keep(servers: Vec<ConnectionInfo>, config: RedisConfig, name: String, shared: Arc<Shared>) {
    let mut pause = SHORTEST_PAUSE;
    let mut reported = false;
    for server in servers.iter().cycle() {
        let (sender, mut messages) = mpsc::channel(QUEUE);
        // Only this protocol lets a connection be pinged while it listens.
        let login = server.redis_settings().clone().set_protocol(redis::ProtocolVersion::RESP3);
        let server = server.clone().set_redis_settings(login);
        let place = target(&server);
        let heard = {
            let shared = Arc::clone(&shared);
            move |info: PushInfo| {
                if info.kind == PushKind::Disconnection {
                    shared.lost.notify_one();
                } else if matches!(info.kind, PushKind::Message | PushKind::PMessage) && sender.try_send(info).is_err()
                {
                    shared.overflown.store(true, Ordering::Relaxed);
                }
                Ok(())
            }
        };
        let ended = match connect(server, &config, &name, heard).await {
            Ok(connection) => {
                let since = Instant::now();
                let ended = listen(connection, &mut messages, &config, &shared, &mut reported).await;
                if since.elapsed() >= Duration::from_secs(1) {
                    pause = SHORTEST_PAUSE;
                }
                ended
            }
            Err(ended) => ended,
        };
        shared.working.store(false, Ordering::Relaxed);
        shared.failed.store(true, Ordering::Relaxed);
        let (error, least) = ended;
        if !reported {
            tracing::warn!(server = place, connection = name, %error, "doorbell: degraded");
            reported = true;
        }
        sleep(jittered(pause.max(least))).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Listens on one connection; returns why it has ended, and how long to wait before the next.
async fn listen(
    mut connection: MultiplexedConnection,
    messages: &mut mpsc::Receiver<PushInfo>,
    config: &RedisConfig,
    shared: &Shared,
    reported: &mut bool,
) -> (RedisError, Duration) {
    let mut subscribed = HashSet::new();
    // A word about an older connection may be left over; this one is asked before it is given up.
    let every = config.ping_interval();
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut missed = 0;
    {
        let mut state = shared.state();
        state.touched = state.wanted.keys().copied().collect();
    }
    if let Err(ended) = follow(&mut connection, &mut subscribed, shared).await {
        return ended;
    }
    if std::mem::take(reported) {
        tracing::info!("doorbell: working");
    }
    shared.working.store(true, Ordering::Relaxed);
    shared.failed.store(false, Ordering::Relaxed);
    shared.miss();
    loop {
        tokio::select! {
            message = messages.recv() => {
                let Some(info) = message else { return lost() };
                hear(shared, &info);
                if shared.overflown.swap(false, Ordering::Relaxed) {
                    shared.miss();
                }
            }
            () = shared.changed.notified() => {
                if let Err(ended) = follow(&mut connection, &mut subscribed, shared).await {
                    return ended;
                }
            }
            () = shared.lost.notified() => {
                if is_alive(&mut connection, config).await != Some(true) {
                    return lost();
                }
            }
            _ = ticks.tick() => match is_alive(&mut connection, config).await {
                Some(true) => missed = 0,
                Some(false) => return lost(),
                None if missed > 0 => return lost(),
                None => missed += 1,
            }
        }
    }
}

fn lost() -> (RedisError, Duration) {
    (RedisError::NoAnswer { step: "listening".to_owned(), source: None }, Duration::ZERO)
}

/// Subscribes to what is wanted and not heard, and ceases to hear what is not wanted any more.
async fn follow(
    connection: &mut MultiplexedConnection,
    subscribed: &mut HashSet<Topic>,
    shared: &Shared,
) -> Result<(), (RedisError, Duration)> {
    let (changes, mut begin, mut cease) = {
        let mut state = shared.state();
        let touched: HashSet<Topic> = state.touched.drain(..).collect();
        let (wanted, not): (Vec<Topic>, Vec<Topic>) =
            touched.into_iter().partition(|topic| state.wanted.contains_key(topic));
        (state.changes, wanted, not)
    };
    begin.retain(|topic| !subscribed.contains(topic));
    cease.retain(|topic| subscribed.contains(topic));
    for (topics, wanted) in [(&begin, true), (&cease, false)] {
        for is_pattern in [false, true] {
            let names: Vec<String> = topics.iter().filter(|t| t.is_pattern() == is_pattern).map(|t| t.name()).collect();
            for names in names.chunks(BATCH) {
                let done = match (wanted, is_pattern) {
                    (true, false) => connection.subscribe(names).await,
                    (true, true) => connection.psubscribe(names).await,
                    (false, false) => connection.unsubscribe(names).await,
                    (false, true) => connection.punsubscribe(names).await,
                };
                if let Err(error) = done {
                    let least = class_of(&error).map_or(Duration::ZERO, Class::pause);
                    return Err((RedisError::new("subscribing", &error), least));
                }
            }
        }
    }
    subscribed.extend(begin);
    cease.iter().for_each(|topic| {
        subscribed.remove(topic);
    });
    shared.heard_up_to.send_replace(changes);
    Ok(())
}

fn hear(shared: &Shared, info: &PushInfo) {
    let parts: Vec<&[u8]> = info
        .data
        .iter()
        .filter_map(|value| match value {
            Value::BulkString(bytes) => Some(bytes.as_slice()),
            Value::SimpleString(text) => Some(text.as_bytes()),
            _ => None,
        })
        .collect();
    // With a pattern, that comes first.
    if let [.., channel, payload] = parts.as_slice()
        && let Ok(channel) = str::from_utf8(channel)
    {
        shared.hear(channel, payload);
    }
}

impl Topic {
    const fn is_pattern(self) -> bool {
        matches!(self, Self::Acks(_))
    }

    fn name(self) -> String {
        match self {
            Self::Control(user) => keys::control_channel(user),
            Self::Acks(user) => keys::ack_pattern(user),
        }
    }
}

/// Rings for a command.
pub(crate) fn ring(user: UserId, seq: Seq) -> Cmd {
    publish(&keys::control_channel(user), &seq.to_string())
}

/// Tells what is new; nothing where there is nothing to tell.
pub(crate) fn tell(user: UserId, signal: Signal) -> Option<Cmd> {
    match signal {
        Signal::Decided(id) => Some(publish(&keys::ack_channel(user, id), "0")),
        Signal::Observed(generation) => Some(publish(&keys::observed_channel(user), &generation.to_string())),
        Signal::Missed => None,
    }
}

/// Sends a text to whoever listens.
pub(crate) fn publish(channel: &str, text: &str) -> Cmd {
    let mut command = redis::cmd("PUBLISH");
    command.arg(channel).arg(text);
    command
}
