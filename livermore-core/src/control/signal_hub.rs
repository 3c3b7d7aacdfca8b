use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt, stream};
use tokio::sync::broadcast::{self, error::RecvError};

use super::{Bell, Bells, ControlError, Entry, Signal, Signals};
use crate::ids::UserId;

/// Signals and bells within one process. A listener that is too slow is told that it has missed some.
#[derive(Debug, Default)]
pub(super) struct SignalHub(Mutex<Option<Open>>);

#[derive(Debug)]
struct Open {
    bells: broadcast::Sender<UserId>,
    signals: HashMap<UserId, broadcast::Sender<Signal>>,
}

/// As many as a listener may be behind.
const BACKLOG: usize = 1_024;
/// The same for what is new for the senders of one user. It takes its memory at once, for each who waits.
const SIGNALS: usize = 64;

impl SignalHub {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(Open { bells: broadcast::Sender::new(BACKLOG), signals: HashMap::new() })))
    }

    pub(super) fn signals(&self, user: UserId) -> Result<Signals, ControlError> {
        let mut open = self.lock();
        let open = open.as_mut().ok_or(ControlError::Closed)?;
        // Who is listened to no longer is forgotten, so that the map stays as small as its use.
        open.signals.retain(|_, sender| sender.receiver_count() > 0);
        let sender = open.signals.entry(user).or_insert_with(|| broadcast::Sender::new(SIGNALS));
        Ok(stream::unfold(sender.subscribe(), async |mut receiver| match receiver.recv().await {
            Ok(signal) => Some((signal, receiver)),
            Err(RecvError::Lagged(_)) => Some((Signal::Missed, receiver)),
            Err(RecvError::Closed) => None,
        })
        .boxed())
    }

    pub(super) fn bells(&self, users: &[UserId]) -> Result<Bells, ControlError> {
        let receiver = self.lock().as_ref().ok_or(ControlError::Closed)?.bells.subscribe();
        let users: HashSet<UserId> = users.iter().copied().collect();
        Ok(stream::unfold((receiver, users), async |(mut receiver, users)| {
            loop {
                let bell = match receiver.recv().await {
                    Ok(user) if users.contains(&user) => Bell::Rang(user),
                    Ok(_) => continue,
                    Err(RecvError::Lagged(_)) => Bell::Missed,
                    Err(RecvError::Closed) => return None,
                };
                return Some((bell, (receiver, users)));
            }
        })
        .boxed())
    }

    /// Tells whoever listens what has happened.
    pub(super) fn tell(&self, entries: &[(UserId, Entry)]) {
        let open = self.lock();
        let Some(open) = open.as_ref() else { return };
        for (user, entry) in entries {
            let signal = match entry {
                Entry::Submitted(_) => {
                    // Nobody may be listening.
                    let _ = open.bells.send(*user);
                    continue;
                }
                Entry::Decided { id, .. } => Signal::Decided(*id),
                Entry::Observed(observed) => Signal::Observed(observed.generation),
                _ => continue,
            };
            if let Some(sender) = open.signals.get(user) {
                let _ = sender.send(signal);
            }
        }
    }

    /// Ends every stream.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        // No panic can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
