mod bus;
mod inbox;
mod record;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use livermore_core::{
    control::{BusCapability, ControlError, ControlPolicy, DoorbellState, Observed},
    ids::{Epoch, UserId},
    keys,
};
use redis::Value;
use uuid::Uuid;

use crate::{
    RedisConfig, RedisError, UnsafeServer,
    config::Role,
    listening::Listening,
    reply::{Reply, ServerInfo, number, text},
    servers::Servers,
};

/// A command log in Redis alone, on one server or a cluster.
///
/// Cheap to clone; all clones are one log, and each is both of its ends. Any number of processes may use the same keys.
///
/// At most one effect per id while Redis keeps its data, and a truthful
/// [`StateLost`](livermore_core::control::ControlError::StateLost) when it did not: nothing is replayed blindly, and new
/// commands are taken again at once. How Redis must be set up is checked when the log is opened.
#[derive(Clone)]
pub struct RedisCommandLog(Arc<Inner>);

struct Inner {
    servers: Servers,
    listening: Listening,
    policy: ControlPolicy,
    capability: BusCapability,
    history: u32,
    /// What was seen of each user's log, by which a loss is noticed.
    known: Mutex<HashMap<UserId, Known>>,
    /// Attempts to decide whose answer was lost: asked again in the same words, they are not counted twice.
    unanswered: Mutex<HashMap<UserId, String>>,
    /// Makes the words of attempts different.
    attempts: AtomicU64,
    name: Uuid,
    /// Whether somebody heard the last bell: 0 unknown, 1 nobody, 2 somebody.
    heard: AtomicU8,
    closed: AtomicBool,
}

/// What was seen of one user's log.
#[derive(Debug, Clone, Default)]
struct Known {
    incarnation: String,
    seq: u64,
    /// Why what was recorded before cannot be known.
    lost: Option<&'static str>,
}

/// What every answer to a sender ends with.
struct Tail {
    incarnation: String,
    seq: u64,
    epoch: Epoch,
    observed: Option<Observed>,
}

/// How long the outcome of a command can be asked for.
const KEEP_OUTCOMES: Duration = Duration::from_hours(24);

impl RedisCommandLog {
    /// Connects, and checks that the servers keep what is recorded: an append-only file, no eviction, Redis 6.2 or newer.
    pub async fn open(config: &RedisConfig, policy: ControlPolicy) -> Result<Self, RedisError> {
        let (servers, first) = Servers::open(config, Role::Commands).await?;
        let mut durable = check(&first, config.unsafe_server)?;
        if first.is_cluster {
            for link in servers.all() {
                durable &= check(&ServerInfo::read(&link).await?, config.unsafe_server)?;
            }
        }
        tracing::debug!(version = ?first.version, cluster = first.is_cluster, durable, "command log in Redis opened");
        let keeps_outcomes = KEEP_OUTCOMES.min(policy.keep_outcome);
        Ok(Self(Arc::new(Inner {
            servers,
            listening: Listening::start(config, Role::Doorbell)?,
            capability: BusCapability { durable, shared: true, keeps_outcomes },
            policy,
            history: config.history,
            known: Mutex::default(),
            unanswered: Mutex::default(),
            attempts: AtomicU64::new(0),
            name: Uuid::new_v4(),
            heard: AtomicU8::new(0),
            closed: AtomicBool::new(false),
        })))
    }

    /// Whether bells and signals are heard; without them everything takes as long as the next look.
    pub fn doorbell(&self) -> DoorbellState {
        self.0.listening.state()
    }

    /// Whether a runner heard the last command that this object recorded; none if that is not known. In a cluster only
    /// the listeners of one node count.
    pub fn last_bell_heard(&self) -> Option<bool> {
        match self.0.heard.load(Ordering::Relaxed) {
            0 => None,
            heard => Some(heard == 2),
        }
    }
}

/// Whether a server keeps what is recorded.
fn check(info: &ServerInfo, unsafe_server: UnsafeServer) -> Result<bool, RedisError> {
    if info.version < (6, 2) {
        let (major, minor) = info.version;
        return Err(RedisError::Setup {
            reason: format!("the server is Redis {major}.{minor}; 6.2 or newer is needed"),
        });
    }
    let mut reasons = Vec::new();
    if !info.appends {
        reasons.push("it has no append-only file, so that a restart loses every command: set appendonly yes");
    }
    if info.evicts {
        reasons.push("it evicts keys when its memory is full: set maxmemory-policy noeviction");
    }
    if reasons.is_empty() {
        return Ok(true);
    }
    let reason = format!("the Redis server may forget what is recorded: {}", reasons.join("; "));
    match unsafe_server {
        UnsafeServer::Refuse => Err(RedisError::Setup { reason }),
        UnsafeServer::Warn => {
            tracing::warn!("{reason}");
            Ok(false)
        }
    }
}

impl Inner {
    /// The arguments every script begins with.
    fn common(&self, user: UserId) -> [Vec<u8>; 4] {
        let keep = self.capability.keeps_outcomes.as_millis().max(1);
        [
            keys::command_done_prefix(user).into_bytes(),
            keys::ack_prefix(user).into_bytes(),
            keep.to_string().into_bytes(),
            self.history.to_string().into_bytes(),
        ]
    }

    fn check_open(&self) -> Result<(), ControlError> {
        if self.closed.load(Ordering::Relaxed) { Err(ControlError::Closed) } else { Ok(()) }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.listening.close();
        self.servers.close();
    }

    /// Remembers what an answer tells of a user's log. Why earlier commands cannot be known, if that is so.
    fn notice(&self, user: UserId, tail: &Tail) -> Option<&'static str> {
        let mut known = self.known();
        if tail.incarnation.is_empty() && !known.contains_key(&user) {
            return None; // Nothing has ever been here: asking leaves no trace.
        }
        let entry = known.entry(user).or_default();
        if !entry.incarnation.is_empty() {
            let lost = if entry.incarnation != tail.incarnation {
                Some("redis_state_lost: Redis has lost the log of this user, or was emptied")
            } else if entry.seq > tail.seq {
                Some("redis_state_lost: Redis has lost the newest commands of this user")
            } else {
                None
            };
            if let Some(reason) = lost {
                tracing::error!(%user, "{reason}; what became of the commands before cannot be known");
                entry.lost = Some(reason);
            }
        }
        entry.incarnation.clone_from(&tail.incarnation);
        entry.seq = tail.seq;
        entry.lost
    }

    fn known_incarnation(&self, user: UserId) -> String {
        self.known().get(&user).map(|known| known.incarnation.clone()).unwrap_or_default()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<UserId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unanswered(&self) -> MutexGuard<'_, HashMap<UserId, String>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    /// Takes it from the end of an answer.
    fn take(step: &str, parts: &mut Vec<Value>) -> Result<Self, RedisError> {
        let from = parts.len().checked_sub(4).ok_or_else(|| RedisError::unexpected(step))?;
        let tail = parts.split_off(from);
        let [incarnation, seq, epoch, observed] = tail.as_slice() else { return Err(RedisError::unexpected(step)) };
        let epoch = number(epoch).and_then(|epoch| Epoch::new(epoch).ok());
        Ok(Self {
            incarnation: text(incarnation).unwrap_or_default(),
            seq: number(seq).ok_or_else(|| RedisError::unexpected(step))?,
            epoch: epoch.ok_or_else(|| RedisError::unexpected(step))?,
            observed: text(observed).and_then(|json| serde_json::from_str(&json).ok()),
        })
    }
}

/// The word an answer begins with, and the rest.
fn word(step: &str, reply: Reply) -> Result<(String, Vec<Value>), RedisError> {
    let mut parts = reply.parts(step)?;
    if parts.is_empty() {
        return Err(RedisError::unexpected(step));
    }
    let first = text(&parts.remove(0)).ok_or_else(|| RedisError::unexpected(step))?;
    Ok((first, parts))
}

impl fmt::Debug for RedisCommandLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCommandLog")
            .field("durable", &self.0.capability.durable)
            .field("doorbell", &self.doorbell())
            .field("listeners", &self.0.listening.listeners())
            .field("closed", &self.0.closed.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_26_a_server_that_forgets_is_refused_or_warned_of() {
        let good = ServerInfo { version: (7, 0), is_cluster: false, appends: true, evicts: false };
        assert!(check(&good, UnsafeServer::Refuse).unwrap());
        for (bad, word) in [
            (ServerInfo { appends: false, ..good.clone() }, "appendonly yes"),
            (ServerInfo { evicts: true, ..good.clone() }, "noeviction"),
        ] {
            let text = check(&bad, UnsafeServer::Refuse).unwrap_err().to_string();
            assert!(text.contains(word), "{text}");
            assert!(!check(&bad, UnsafeServer::Warn).unwrap());
        }
        let old = ServerInfo { version: (6, 0), ..good };
        assert!(check(&old, UnsafeServer::Warn).unwrap_err().to_string().contains("6.2"));
    }
}
