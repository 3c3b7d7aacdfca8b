use std::{
    collections::BTreeMap,
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use livermore_core::{
    control::{
        CommandBus, CommandRecord, ControlError, DoorbellState, DropReason, Heard, PlainAnswer, PlainCommand,
        RequestId, Stage, Waited,
    },
    ids::{Timestamp, UserId},
    keys,
    settings::Actor,
};
use redis::Value;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};

use crate::{
    RedisConfig, RedisError,
    config::Role,
    link::{Answer, Link},
    listening::{Control, Listening, publish},
    reply::number,
};

/// Takes the plain messages of the TypeScript system, records them in a command log, and answers them.
///
/// `{type, payload, timestamp, requestId}`, published on `channel:control:{user}`, is recorded through any
/// [`CommandBus`] and answered on `channel:ack:{user}:{requestId}`: once when it is recorded (`ack`) or refused (`error`),
/// and once when it is decided (`success` or `error`). What a message must look like, and which are dropped without an
/// answer, is said at [`PlainCommand::read`]; the answer is a [`PlainAnswer`].
///
/// Redis forgets a message nobody listens to; a sender that is not answered sends it again, with the same `requestId`,
/// which is the same command. The messages of one user are recorded in order. Dropping the ingress ends it.
pub struct CompatIngress {
    shared: Arc<Shared>,
    listening: Arc<Listening>,
    tasks: Vec<JoinHandle<()>>,
}

/// What has come so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IngressCounters {
    /// Messages recorded as commands, repeated ones included.
    pub recorded: u64,
    /// Messages answered with what is wrong with them, or with the command log.
    pub refused: u64,
    /// Messages that cannot be answered, by reason. `OtherUser` is worth a look: somebody uses another one's channel.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Answers that could not be sent.
    pub unanswered: u64,
    /// How often messages may have been missed.
    pub missed: u64,
}

struct Shared {
    bus: Arc<dyn CommandBus>,
    link: Link,
    sender: Actor,
    counters: Mutex<IngressCounters>,
}

/// Lanes beside each other, so that one user's slow log does not hold up everybody.
const LANES: u64 = 8;
/// Messages that may wait in a lane; more are missed.
const LANE: usize = 128;
/// Commands of a lane that may wait for their decision; of more, only the recording is answered.
const WAITING: usize = 256;
/// How long a decision is waited for: as long as a command may wait by default, and a little.
const PATIENCE: Duration = Duration::from_mins(6);

impl CompatIngress {
    /// Listens for these users, and records what comes through `bus`. Connects by itself, and again whenever it has to;
    /// fails only if the configuration is wrong.
    pub fn start(config: &RedisConfig, users: &[UserId], bus: Arc<dyn CommandBus>) -> Result<Self, RedisError> {
        let wrong = || RedisError::Config { problems: vec!["url is missing".to_owned()] };
        let server = config.servers()?.into_iter().next().ok_or_else(wrong)?;
        let shared = Arc::new(Shared {
            bus,
            link: Link::start(server, config, Role::Ingress),
            sender: Actor::new("redis:plain-message").map_err(|_| wrong())?,
            counters: Mutex::default(),
        });
        let listening = Arc::new(Listening::start(config, Role::Ingress)?);
        let mut lanes = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..LANES {
            let (lane, messages) = mpsc::channel(LANE);
            lanes.push(lane);
            tasks.push(tokio::spawn(work(Arc::clone(&shared), messages)));
        }
        tasks.push(tokio::spawn(sort(Arc::clone(&listening), Arc::clone(&shared), users.to_vec(), lanes)));
        Ok(Self { shared, listening, tasks })
    }

    /// What has come so far.
    pub fn counters(&self) -> IngressCounters {
        self.shared.counters().clone()
    }

    /// Whether messages are heard.
    pub fn state(&self) -> DoorbellState {
        self.listening.state()
    }

    /// Ends it, and its connections.
    pub async fn close(mut self) {
        self.listening.close();
        for task in self.tasks.drain(..) {
            task.abort();
            // It was aborted: there is nothing else to learn.
            let _ = task.await;
        }
        self.shared.link.close();
    }
}

impl Drop for CompatIngress {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.listening.close();
        self.shared.link.close();
    }
}

/// Gives each message to its user's lane.
async fn sort(
    listening: Arc<Listening>,
    shared: Arc<Shared>,
    users: Vec<UserId>,
    lanes: Vec<mpsc::Sender<(UserId, Arc<[u8]>)>>,
) {
    let Ok(messages) = listening.control(&users).await else { return };
    let mut messages = pin!(messages);
    while let Some(message) = messages.next().await {
        let sent = match message {
            Control::Message(user, text) => {
                let lane = usize::try_from(user.get() % LANES).ok().and_then(|lane| lanes.get(lane));
                lane.is_some_and(|lane| lane.try_send((user, text)).is_ok())
            }
            Control::Missed => false,
        };
        if !sent {
            shared.counters().missed += 1;
        }
    }
}

/// Records the messages of one lane, and answers them.
async fn work(shared: Arc<Shared>, mut messages: mpsc::Receiver<(UserId, Arc<[u8]>)>) {
    let mut waiting = JoinSet::new();
    loop {
        tokio::select! {
            message = messages.recv() => {
                let Some((user, text)) = message else { return };
                let Some((request, record)) = shared.take(user, &text).await else { continue };
                if waiting.len() < WAITING {
                    let shared = Arc::clone(&shared);
                    waiting.spawn(async move { shared.follow(user, request, record).await });
                }
            }
            Some(_) = waiting.join_next() => {}
        }
    }
}

impl Shared {
    /// Records a message and answers that it is recorded, or why not.
    async fn take(&self, user: UserId, text: &[u8]) -> Option<(RequestId, CommandRecord)> {
        // A bell needs no clock.
        let heard = match PlainCommand::read(user, text, Timestamp::EPOCH, &self.sender) {
            Heard::Bell(_) => return None,
            Heard::Dropped(reason) => Heard::Dropped(reason),
            Heard::Command(_) | Heard::Refused { .. } => {
                PlainCommand::read(user, text, self.now().await?, &self.sender)
            }
        };
        match heard {
            Heard::Bell(_) => None,
            Heard::Dropped(reason) => {
                *self.counters().dropped.entry(reason).or_default() += 1;
                tracing::warn!(%user, %reason, "a message on the control channel was dropped");
                None
            }
            Heard::Refused { request, problems } => {
                self.refuse(user, request, ControlError::Invalid { problems }).await;
                None
            }
            Heard::Command(command) => {
                let PlainCommand { request, submission, .. } = *command;
                match self.bus.submit(user, &submission).await {
                    Ok(record) => {
                        self.counters().recorded += 1;
                        tracing::debug!(%user, command = %record.id, kind = record.kind, "a plain message was recorded");
                        let answer = PlainAnswer::accepted(request.clone(), &record, self.now().await?);
                        self.answer(user, &answer).await;
                        Some((request, record))
                    }
                    Err(error) => {
                        self.refuse(user, request, error).await;
                        None
                    }
                }
            }
        }
    }

    /// Waits for the decision and answers it.
    async fn follow(&self, user: UserId, request: RequestId, record: CommandRecord) {
        let record = match self.bus.wait(user, record.id, Stage::Decided, PATIENCE).await {
            Ok(Waited::Reached(status)) => status.record,
            // Still undecided: that it is recorded was said, and nothing else is true yet.
            Ok(Waited::Pending { .. }) => return,
            Err(error) => return self.refuse(user, request, error).await,
        };
        let Some(now) = self.now().await else { return };
        if let Some(answer) = PlainAnswer::decided(request, &record, now) {
            self.answer(user, &answer).await;
        }
    }

    async fn refuse(&self, user: UserId, request: RequestId, error: ControlError) {
        self.counters().refused += 1;
        let Some(now) = self.now().await else { return };
        let message = error.to_string();
        let problems = match error {
            ControlError::Invalid { problems } => problems,
            _ => Vec::new(),
        };
        self.answer(user, &PlainAnswer::refused(request, message, &problems, now)).await;
    }

    async fn answer(&self, user: UserId, answer: &PlainAnswer) {
        let command = publish(&keys::request_ack_channel(user, &answer.request_id), &answer.to_json());
        if let Err(error) = self.link.run("answering a message", &command).await {
            self.counters().unanswered += 1;
            tracing::warn!(%user, %error, "a message could not be answered");
        }
    }

    /// The server's time: one clock for everybody, whatever those of the senders say.
    async fn now(&self) -> Option<Timestamp> {
        let answer = self.link.run("asking for the time", &redis::cmd("TIME")).await;
        let time = match answer {
            Ok(Answer::Value(Value::Array(parts))) => match parts.as_slice() {
                [secs, micros] => number(secs).zip(number(micros)).map(|(secs, micros)| secs * 1_000 + micros / 1_000),
                _ => None,
            },
            _ => None,
        };
        let now = time.and_then(|millis| i64::try_from(millis).ok()).and_then(|ms| Timestamp::from_millis(ms).ok());
        if now.is_none() {
            self.counters().unanswered += 1;
        }
        now
    }

    fn counters(&self) -> MutexGuard<'_, IngressCounters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CompatIngress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompatIngress")
            .field("state", &self.state())
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
