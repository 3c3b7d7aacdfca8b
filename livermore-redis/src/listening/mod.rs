mod connection;

use std::{
    collections::{HashMap, HashSet, VecDeque},
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
use redis::Cmd;
use tokio::{
    sync::{
        Notify,
        broadcast::{self, error::RecvError},
        watch,
    },
    task::JoinHandle,
    time::{Instant, timeout},
};

use self::connection::keep;
use crate::{RedisConfig, RedisError, config::Role};

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
    /// What is to be heard; nothing once closed.
    wanted: HashMap<Topic, Wanted>,
    /// Signals that nobody listens to at the moment, and since when. They are heard a while longer: who sends one
    /// command often sends another, and then need not wait for the server's word that it is heard.
    resting: VecDeque<(Topic, Instant)>,
    /// Topics that are wanted now and were not, or the other way round.
    touched: Vec<Topic>,
    changes: u64,
    control: Option<broadcast::Sender<Control>>,
    signals: HashMap<UserId, broadcast::Sender<Signal>>,
}

/// That a topic is to be heard.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    listeners: usize,
    /// The change that brought it.
    since: u64,
}

/// What can be listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Topic {
    /// A user's control channel.
    Control(UserId),
    /// What is new for a user's senders.
    Signals(UserId),
}

/// What came on control channels.
#[derive(Debug, Clone)]
pub(crate) enum Control {
    Message(UserId, Arc<[u8]>),
    Missed,
}

/// As many as a listener may be behind.
const BACKLOG: usize = 1_024;
/// The same for what is new for the senders of one user. It takes its memory at once, for each who waits.
const SIGNALS: usize = 64;
/// Most users' signals that are heard although nobody listens, and how long.
const MOST_RESTING: usize = 1_024;
const REST: Duration = Duration::from_secs(1);

impl Listening {
    pub(crate) fn start(config: &RedisConfig, role: Role) -> Result<Self, RedisError> {
        let servers = config.servers()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                wanted: HashMap::new(),
                resting: VecDeque::new(),
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
        let (receiver, interest) = self.register(vec![Topic::Signals(user)], |state| {
            state.control.as_ref()?;
            Some(state.signals.entry(user).or_insert_with(|| broadcast::Sender::new(SIGNALS)).subscribe())
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
        state.resting.clear();
    }

    fn register<T>(
        &self,
        topics: Vec<Topic>,
        subscribe: impl FnOnce(&mut State) -> Option<T>,
    ) -> Result<(T, Interest), RedisError> {
        let mut state = self.shared.state();
        let receiver = subscribe(&mut state).ok_or(RedisError::Closed)?;
        let since = state.changes + 1;
        let mut change = 0;
        for topic in &topics {
            let wanted = state.wanted.entry(*topic).or_insert(Wanted { listeners: 0, since });
            wanted.listeners += 1;
            let Wanted { listeners, since: begun } = *wanted;
            change = change.max(begun);
            if begun == since {
                state.touched.push(*topic);
            } else if listeners == 1 {
                state.resting.retain(|(resting, _)| resting != topic);
            }
        }
        if change == since {
            state.changes = since;
            self.shared.changed.notify_one();
        }
        self.shared.listeners.fetch_add(1, Ordering::Relaxed);
        Ok((receiver, Interest { shared: Arc::clone(&self.shared), topics, change }))
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
        let before = state.touched.len();
        for topic in &self.topics {
            let Some(wanted) = state.wanted.get_mut(topic) else { continue };
            wanted.listeners -= 1;
            if wanted.listeners > 0 {
                continue;
            }
            if let Topic::Signals(user) = topic {
                state.signals.remove(user);
                state.resting.push_back((*topic, Instant::now()));
            } else {
                state.cease(*topic);
            }
        }
        while state.resting.len() > MOST_RESTING {
            state.cease_oldest();
        }
        if state.touched.len() > before {
            state.changes += 1;
            self.shared.changed.notify_one();
        }
        self.shared.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

impl State {
    fn cease(&mut self, topic: Topic) {
        self.wanted.remove(&topic);
        self.touched.push(topic);
    }

    fn cease_oldest(&mut self) {
        if let Some((topic, _)) = self.resting.pop_front() {
            self.cease(topic);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No panic can leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ceases to hear what nobody has listened to for a while.
    fn end_rests(&self) {
        let mut state = self.state();
        while state.resting.front().is_some_and(|(_, since)| since.elapsed() >= REST) {
            state.cease_oldest();
            state.changes += 1;
            self.changed.notify_one();
        }
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
        let Some(user) = keys::signals_channel_user(channel) else { return };
        let Ok(text) = str::from_utf8(payload) else { return };
        let signal = match text.parse::<u64>() {
            Ok(generation) => generation.try_into().ok().map(Signal::Observed),
            Err(_) => text.parse().ok().map(Signal::Decided),
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

impl Topic {
    fn name(self) -> String {
        match self {
            Self::Control(user) => keys::control_channel(user),
            Self::Signals(user) => keys::signals_channel(user),
        }
    }
}

/// Rings for a command.
pub(crate) fn ring(user: UserId, seq: Seq) -> Cmd {
    publish(&keys::control_channel(user), &seq.to_string())
}

/// Tells what is new; nothing where there is nothing to tell.
pub(crate) fn tell(user: UserId, signal: Signal) -> Vec<Cmd> {
    let told = |text: &str| publish(&keys::signals_channel(user), text);
    match signal {
        Signal::Decided(id) => vec![publish(&keys::ack_channel(user, id), "0"), told(&id.to_string())],
        Signal::Observed(generation) => vec![told(&generation.to_string())],
        Signal::Missed => Vec::new(),
    }
}

/// Sends a text to whoever listens.
pub(crate) fn publish(channel: &str, text: &str) -> Cmd {
    let mut command = redis::cmd("PUBLISH");
    command.arg(channel).arg(text);
    command
}
