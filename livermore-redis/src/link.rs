use std::{sync::Arc, time::Duration};

use redis::{
    Client, Cmd, ConnectionInfo, Pipeline, ProtocolVersion, PushInfo, PushKind, RedisResult, Value,
    aio::ConnectionLike, aio::MultiplexedConnection,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout, timeout_at},
};

use crate::{
    RedisConfig, RedisError,
    config::{Role, target},
    error::{Class, class_of},
};

/// One connection to one server, made anew whenever it is lost or silent.
///
/// The driver's own reconnecting is not used: to it a silent connection is a healthy one.
pub(crate) struct Link {
    state: Arc<watch::Sender<State>>,
    lost: Arc<Notify>,
    task: JoinHandle<()>,
    patience: Duration,
}

#[derive(Clone)]
enum State {
    Connecting,
    Up(MultiplexedConnection),
    Down(RedisError),
    /// For good.
    Closed,
}

/// The shortest pause between two attempts to connect, and the longest; each is twice the one before.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A connection that has lived so long is replaced at once; a younger one after a pause.
const HEALTHY: Duration = Duration::from_secs(1);
/// So many pings in a row may go unanswered before a connection counts as dead.
const MISSED_PINGS: u32 = 2;

impl Link {
    pub(crate) fn start(server: ConnectionInfo, config: &RedisConfig, role: Role) -> Self {
        let state = Arc::new(watch::Sender::new(State::Connecting));
        let lost = Arc::new(Notify::new());
        let task = tokio::spawn(keep(server, config.clone(), role, Arc::clone(&state), Arc::clone(&lost)));
        Self { state, lost, task, patience: config.connect_timeout() }
    }

    /// Runs one command.
    pub(crate) async fn run(&self, step: &str, command: &Cmd) -> Result<Answer, RedisError> {
        let mut connection = self.connection(step).await?;
        let answer = command.query_async::<Value>(&mut connection).await;
        self.settle(step, answer)
    }

    /// Runs commands that do not depend on each other; one answer each, in order.
    pub(crate) async fn run_all(&self, step: &str, commands: &Pipeline) -> Result<Vec<Answer>, RedisError> {
        let mut connection = self.connection(step).await?;
        match connection.req_packed_commands(commands, 0, commands.len()).await {
            Ok(values) => values.into_iter().map(|value| self.settle(step, value.extract_error())).collect(),
            Err(error) => self.settle(step, Err(error)).map(|answer| vec![answer]),
        }
    }

    /// The connection, once there is one; at once an error when the last attempt failed.
    async fn connection(&self, step: &str) -> Result<MultiplexedConnection, RedisError> {
        let deadline = Instant::now() + self.patience;
        let mut state = self.state.subscribe();
        loop {
            match &*state.borrow_and_update() {
                State::Up(connection) => return Ok(connection.clone()),
                State::Down(error) => return Err(error.clone()),
                State::Closed => return Err(RedisError::Closed),
                State::Connecting => {}
            }
            match timeout_at(deadline, state.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(RedisError::Closed),
                Err(_) => return Err(RedisError::Unreachable { step: step.to_owned(), source: None }),
            }
        }
    }

    /// Sorts an answer; a broken connection is told to its keeper.
    fn settle(&self, step: &str, answer: RedisResult<Value>) -> Result<Answer, RedisError> {
        let error = match answer {
            Ok(value) => return Ok(Answer::Value(value)),
            Err(error) => error,
        };
        match class_of(&error) {
            Some(Class::NoScript) => return Ok(Answer::NoScript),
            Some(Class::Moved) => return Ok(Answer::Moved(RedisError::new(step, &error))),
            Some(_) => {}
            None if error.is_timeout() => {}
            None => self.lost.notify_one(),
        }
        Err(RedisError::new(step, &error))
    }

    /// Ends the connection. What is under way is still answered.
    pub(crate) fn close(&self) {
        self.state.send_replace(State::Closed);
        self.task.abort();
    }
}

/// What came of a command, as far as it is not an error.
#[derive(Debug)]
pub(crate) enum Answer {
    Value(Value),
    /// Nothing was done: the server does not have the script.
    NoScript,
    /// Nothing was done: another node has the key.
    Moved(RedisError),
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close();
    }
}

/// Connects, watches over the connection, connects again; until aborted.
async fn keep(
    server: ConnectionInfo,
    config: RedisConfig,
    role: Role,
    state: Arc<watch::Sender<State>>,
    lost: Arc<Notify>,
) {
    let (name, place) = (config.name_of(role), target(&server));
    let mut pause = SHORTEST_PAUSE;
    let mut reported = false;
    loop {
        let tell = Arc::clone(&lost);
        let heard = move |info: PushInfo| -> Result<(), ()> {
            if info.kind == PushKind::Disconnection {
                tell.notify_one();
            }
            Ok(())
        };
        match connect(server.clone(), &config, &name, heard).await {
            Ok(connection) => {
                if reported {
                    tracing::info!(server = place, connection = name, "connected to Redis again");
                    reported = false;
                }
                let since = Instant::now();
                if !enter(&state, State::Up(connection.clone())) {
                    return;
                }
                watch_over(connection, &config, &lost).await;
                enter(&state, State::Connecting);
                if since.elapsed() >= HEALTHY {
                    pause = SHORTEST_PAUSE;
                    continue;
                }
            }
            Err((error, least)) => {
                if !reported {
                    tracing::warn!(server = place, connection = name, %error, "no connection to Redis");
                    reported = true;
                }
                enter(&state, State::Down(error));
                pause = pause.max(least);
            }
        }
        sleep(jittered(pause)).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Enters a state, unless the link was closed meanwhile.
fn enter(state: &watch::Sender<State>, next: State) -> bool {
    state.send_if_modified(|state| {
        let open = !matches!(state, State::Closed);
        if open {
            *state = next;
        }
        open
    })
}

/// A connection with its name; or why not, and how long to wait before the next attempt.
pub(crate) async fn connect(
    server: ConnectionInfo,
    config: &RedisConfig,
    name: &str,
    heard: impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static,
) -> Result<MultiplexedConnection, (RedisError, Duration)> {
    let step = format!("connecting as {}", target(&server));
    let failed = |error: &redis::RedisError| {
        let least = class_of(error).map_or(SHORTEST_PAUSE, Class::pause);
        (RedisError::connecting(&step, error), least)
    };
    prepare_tls();
    let speaks_resp3 = server.redis_settings().protocol() != ProtocolVersion::RESP2;
    let mut limits = config.limits();
    if speaks_resp3 {
        limits = limits.set_push_sender(heard);
    }
    let making = async {
        let client = Client::open(server)?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&limits).await?;
        let named = redis::cmd("CLIENT").arg("SETNAME").arg(name).query_async::<()>(&mut connection).await;
        match named {
            // A login that may not name itself does its work without a name.
            Err(error) if class_of(&error).is_none() => Err(error),
            _ => Ok(connection),
        }
    };
    match timeout(config.connect_timeout(), making).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => {
            let source = Some(crate::Fault::new("no answer in time".to_owned()));
            Err((RedisError::Unreachable { step, source }, SHORTEST_PAUSE))
        }
    }
}

/// Returns when the connection is broken, or has left two pings in a row unanswered.
async fn watch_over(mut connection: MultiplexedConnection, config: &RedisConfig, lost: &Notify) {
    let every = config.ping_interval();
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut missed = 0;
    loop {
        tokio::select! {
            () = lost.notified() => {
                // The word may be about an older connection: ask this one.
                if !matches!(is_alive(&mut connection, config).await, Some(true)) {
                    return;
                }
            }
            _ = ticks.tick() => match is_alive(&mut connection, config).await {
                Some(true) => missed = 0,
                Some(false) => return,
                None => {
                    missed += 1;
                    if missed >= MISSED_PINGS {
                        return;
                    }
                }
            }
        }
    }
}

/// Whether a connection answers; none if it is silent.
pub(crate) async fn is_alive(connection: &mut MultiplexedConnection, config: &RedisConfig) -> Option<bool> {
    let ping = redis::cmd("PING");
    match timeout(config.response_timeout(), ping.query_async::<Value>(connection)).await {
        Ok(Ok(_)) => Some(true),
        // Even a refusal is an answer.
        Ok(Err(error)) if class_of(&error).is_some() => Some(true),
        Ok(Err(error)) if error.is_timeout() => None,
        Ok(Err(_)) => Some(false),
        Err(_) => None,
    }
}

/// Up to a half longer, so that many processes do not come back in the same moment.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let [byte, ..] = uuid::Uuid::new_v4().into_bytes();
    pause + pause * u32::from(byte) / 512
}

/// rustls has to be told which cryptography to use, unless the program has done so.
fn prepare_tls() {
    #[cfg(feature = "tls")]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Lost only to somebody else who has chosen in the same moment.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
