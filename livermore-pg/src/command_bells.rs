use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_core::Stream;
use futures_util::{StreamExt, future::ready, stream};
use livermore_core::{
    control::{Bell, Bells, ControlError, Signal, Signals},
    ids::UserId,
};
use sqlx::postgres::PgConnectOptions;
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
    task::JoinHandle,
    time::timeout,
};

use crate::{
    PgConfig, PgError,
    command_rows::{command_of, generation_of, seq_of, user_of},
    listener::{self, ANSWER, Hearer},
};

/// Everyone who waits for commands or for answers, and the one connection that hears of them.
///
/// A listener that is too slow, and all of them when the connection was lost or made anew, are told that something was
/// missed.
pub(crate) struct CommandBells {
    options: PgConnectOptions,
    every: Duration,
    /// Whether the server is listened to; `None` until the first try has ended.
    listening: watch::Sender<Option<bool>>,
    state: Mutex<Option<Open>>,
}

struct Open {
    bells: broadcast::Sender<Bell>,
    signals: HashMap<UserId, broadcast::Sender<Signal>>,
    task: Option<JoinHandle<()>>,
}

/// As many as a listener may be behind.
const BACKLOG: usize = 1_024;
/// The same for what is new for the senders of one user. It takes its memory at once, for each who waits.
const SIGNALS: usize = 64;
/// Where commands are told, and where answers are.
const BELL: &str = "livermore_bell";
const ACK: &str = "livermore_ack";

impl CommandBells {
    pub(crate) fn new(config: &PgConfig) -> Result<Arc<Self>, PgError> {
        let open = Open { bells: broadcast::Sender::new(BACKLOG), signals: HashMap::new(), task: None };
        Ok(Arc::new(Self {
            options: config.limited_options()?,
            every: Duration::from_millis(config.poll_interval_ms),
            listening: watch::Sender::new(None),
            state: Mutex::new(Some(open)),
        }))
    }

    /// What is new for senders of one user. Begins when the server is listened to, or cannot be at this moment.
    pub(crate) async fn signals(self: &Arc<Self>, user: UserId) -> Result<Signals, ControlError> {
        let receiver = {
            let mut state = self.state();
            let open = self.started(&mut state)?;
            // Who is listened to no longer is forgotten, so that the map stays as small as its use.
            open.signals.retain(|_, sender| sender.receiver_count() > 0);
            open.signals.entry(user).or_insert_with(|| broadcast::Sender::new(SIGNALS)).subscribe()
        };
        self.settled().await;
        Ok(stream::unfold(receiver, async |mut receiver| match receiver.recv().await {
            Ok(signal) => Some((signal, receiver)),
            Err(RecvError::Lagged(_)) => Some((Signal::Missed, receiver)),
            Err(RecvError::Closed) => None,
        })
        .fuse()
        .boxed())
    }

    /// For which of these users a command may have come. Begins as [`signals`](Self::signals) do.
    pub(crate) async fn bells(self: &Arc<Self>, users: &[UserId]) -> Result<Bells, ControlError> {
        let receiver = self.started(&mut self.state())?.bells.subscribe();
        let users: HashSet<UserId> = users.iter().copied().collect();
        self.settled().await;
        Ok(stream::unfold((receiver, users), async |(mut receiver, users)| {
            loop {
                let bell = match receiver.recv().await {
                    Ok(Bell::Rang(user)) if !users.contains(&user) => continue,
                    Ok(bell) => bell,
                    Err(RecvError::Lagged(_)) => Bell::Missed,
                    Err(RecvError::Closed) => return None,
                };
                return Some((bell, (receiver, users)));
            }
        })
        .fuse()
        .boxed())
    }

    /// Ends every stream and the task.
    pub(crate) fn close(&self) {
        if let Some(task) = self.state().take().and_then(|open| open.task) {
            task.abort();
        }
    }

    /// What is open, with the task running.
    fn started<'a>(self: &Arc<Self>, state: &'a mut Option<Open>) -> Result<&'a mut Open, ControlError> {
        let open = state.as_mut().ok_or(ControlError::Closed)?;
        if open.task.as_ref().is_none_or(JoinHandle::is_finished) {
            self.listening.send_replace(None);
            open.task = Some(tokio::spawn(listener::run(Arc::downgrade(self), self.options.clone(), self.every)));
        }
        Ok(open)
    }

    /// Waits until the first try to listen has ended, so that a bell rung from then on is heard.
    async fn settled(&self) {
        let mut listening = self.listening.subscribe();
        let _ = timeout(ANSWER, listening.wait_for(Option::is_some)).await;
    }

    fn state(&self) -> MutexGuard<'_, Option<Open>> {
        // No panic can leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hearer for CommandBells {
    const CHANNELS: &'static [&'static str] = &[BELL, ACK];
    const WITHOUT: &'static str = "commands and answers, which are then found at the next look only";

    /// `user:seq` of a command; `user:id` of a decided command or `user:generation` of a report. Anything else is ignored.
    fn hear(&self, channel: &str, payload: &str) {
        let Some((user, what)) = payload.split_once(':') else { return };
        let Some(user) = user.parse().ok().and_then(|user| user_of(user).ok()) else { return };
        let state = self.state();
        let Some(open) = state.as_ref() else { return };
        // Nobody may be listening; that is no error.
        if channel == BELL {
            if seq_of(what).is_some() {
                let _ = open.bells.send(Bell::Rang(user));
            }
        } else if let Some(sender) = open.signals.get(&user) {
            let signal = command_of(what).map(Signal::Decided).or_else(|| generation_of(what).map(Signal::Observed));
            let _ = signal.map(|signal| sender.send(signal));
        }
    }

    fn listening(&self, listens: bool) {
        let before = self.listening.send_replace(Some(listens));
        if before.is_none() || before == Some(listens) {
            return;
        }
        let state = self.state();
        let Some(open) = state.as_ref() else { return };
        let _ = open.bells.send(Bell::Missed);
        for sender in open.signals.values() {
            let _ = sender.send(Signal::Missed);
        }
    }

    async fn look(&self) {}
}

impl Drop for CommandBells {
    fn drop(&mut self) {
        self.close();
    }
}

/// The log's own stream and what the doorbell adds to it, until the log's own ends.
pub(crate) fn beside<T: Send + 'static>(
    own: Pin<Box<dyn Stream<Item = T> + Send>>,
    doorbell: Result<Pin<Box<dyn Stream<Item = T> + Send>>, ControlError>,
) -> Pin<Box<dyn Stream<Item = T> + Send>> {
    match doorbell {
        Ok(doorbell) => {
            let own = own.map(Some).chain(stream::iter([None]));
            let both = stream::select(own, doorbell.map(Some));
            both.take_while(|item| ready(item.is_some())).filter_map(ready).fuse().boxed()
        }
        Err(error) => {
            tracing::warn!(%error, "the doorbell cannot be heard; commands and answers may show later");
            own
        }
    }
}
