//! The floor: the scripts of the log in the same order, on connections that are held and listen all the time. Answers are
//! decoded into names and values.

use std::{collections::HashMap, sync::Arc, time::Instant};

use async_trait::async_trait;
use livermore_core::{
    control::{Desired, Health, Observed, PauseLevel, Phase, Submission},
    ids::{Epoch, Revision, UserId},
    keys,
};
use redis::{AsyncConnectionConfig, Client, FromRedisValue, Pipeline, PushInfo, PushKind, aio::MultiplexedConnection};
use tokio::sync::mpsc;

use crate::{
    calls::{Told, Way},
    control::{holder, idle_command, next_command, now, users_by_hand},
    scripts::{Lease, Scripts},
};

pub(crate) struct ByHand {
    scripts: Arc<Scripts>,
    sender: Connection,
    leases: Vec<Lease>,
    turn: u64,
}

/// One connection, for commands and for what is heard.
struct Connection {
    commands: MultiplexedConnection,
    heard: mpsc::Receiver<PushInfo>,
}

/// Commands of one batch that travel together.
const BATCH: usize = 256;

type Fields = HashMap<String, String>;
/// Word, time, command, generation, desired and observed state.
type Begun = (String, String, Fields, String, String, String);
/// Word, command, and what every answer to a sender ends with.
type Seen = (String, Fields, String, String, String, String);
/// The same with how many have heard the bell.
type Appended = (String, Fields, String, String, String, String, String);

impl Connection {
    async fn open(url: &str) -> Self {
        let (sender, heard) = mpsc::channel(16);
        let config = AsyncConnectionConfig::new().set_push_sender(move |push| sender.try_send(push));
        let client = Client::open(format!("{url}?protocol=resp3")).expect("a URL");
        let commands = client.get_multiplexed_async_connection_with_config(&config).await.expect("a connection");
        Self { commands, heard }
    }

    async fn hears(&mut self) {
        loop {
            let push = self.heard.recv().await.expect("a connection");
            if push.kind == PushKind::Message {
                return;
            }
        }
    }
}

impl ByHand {
    /// Takes the leases, and starts the runner of the first user.
    pub(crate) async fn start(url: &str, users: usize) -> Self {
        let (mut sender, mut runner) = (Connection::open(url).await, Connection::open(url).await);
        let scripts = Arc::new(Scripts::load(&mut sender.commands).await);
        let mut leases = Vec::new();
        for user in users_by_hand(1 + users) {
            let holder = holder("hand").to_string();
            let epoch: String =
                scripts.take_lease(user, &holder).query_async(&mut sender.commands).await.expect("a free lease");
            leases.push(Lease { user, epoch, holder });
        }
        let first = leases[0].clone();
        sender.commands.subscribe(keys::signals_channel(first.user)).await.expect("listening");
        runner.commands.subscribe(keys::control_channel(first.user)).await.expect("listening");
        tokio::spawn(decide_all(runner, Arc::clone(&scripts), first));
        Self { scripts, sender, leases, turn: 0 }
    }

    /// One answer to each of these commands, which travel together.
    async fn batch<T: FromRedisValue>(&mut self, commands: impl Iterator<Item = redis::Cmd>) -> Vec<T> {
        let commands: Vec<redis::Cmd> = commands.collect();
        let mut answers = Vec::with_capacity(commands.len());
        for some in commands.chunks(BATCH) {
            let mut pipeline = Pipeline::with_capacity(some.len());
            some.iter().for_each(|command| {
                pipeline.add_command(command.clone());
            });
            let came: Vec<T> = pipeline.query_async(&mut self.sender.commands).await.expect("answers");
            answers.extend(came);
        }
        answers
    }

    async fn look(&mut self, user: UserId, submission: &Submission) {
        let asked = self.scripts.look(user, submission);
        let (_, command, ..): Seen = asked.query_async(&mut self.sender.commands).await.expect("an answer");
        assert_eq!(command["verdict"], "applied");
    }
}

#[allow(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
#[async_trait(?Send)]
impl Way for ByHand {
    async fn send(&mut self) -> Told {
        let (user, submission) = (self.leases[0].user, next_command());
        let begun = Instant::now();
        let asked = self.scripts.submit(user, &submission);
        let _: Appended = asked.query_async(&mut self.sender.commands).await.expect("recorded");
        self.sender.hears().await;
        self.look(user, &submission).await;
        let decided = begun.elapsed();
        self.sender.hears().await;
        self.look(user, &submission).await;
        Told { decided, effective: begun.elapsed().saturating_sub(decided) }
    }

    async fn crowd(&mut self, senders: usize, each: usize) {
        // Not the first user, whose commands the runner decides.
        let leases = self.leases[1..=senders].to_vec();
        let scripts = Arc::clone(&self.scripts);
        for _ in 0..each {
            self.turn += 1;
            let turn = self.turn;
            let submissions: Vec<Submission> = leases.iter().map(|_| idle_command()).collect();
            let each = || leases.iter().zip(&submissions);
            let _: Vec<Appended> =
                self.batch(each().map(|(lease, submission)| scripts.submit(lease.user, submission))).await;
            let begun: Vec<Begun> = self.batch(leases.iter().map(|lease| scripts.next(lease, turn))).await;
            let decisions = leases.iter().zip(&begun).map(|(lease, (_, _, command, _, desired, _))| {
                assert!(desired.is_empty() || serde_json::from_str::<Desired>(desired).is_ok(), "a desired state");
                scripts.decide(lease, &command["seq"], None)
            });
            let _: Vec<(String, Fields)> = self.batch(decisions).await;
            let seen: Vec<Seen> =
                self.batch(each().map(|(lease, submission)| scripts.look(lease.user, submission))).await;
            assert!(seen.iter().all(|(_, command, ..)| command["verdict"] == "applied"), "all are decided");
        }
    }
}

/// The runner: for each bell a command, its decision and a report.
async fn decide_all(mut runner: Connection, scripts: Arc<Scripts>, lease: Lease) {
    for turn in 0_u64.. {
        runner.hears().await;
        let asked = scripts.next(&lease, turn);
        let (_, _, command, _, desired, _): Begun = asked.query_async(&mut runner.commands).await.expect("a command");
        let desired: Desired = serde_json::from_str(&desired).unwrap_or_default();
        let phase = if command["kind"] == "pause" { PauseLevel::Stop.into() } else { Phase::Running };
        let generation = desired.generation.next().expect("a generation");
        let next = Desired { generation, phase, made_by: command["id"].parse().ok(), ..desired };
        let asked = scripts.decide(&lease, &command["seq"], Some(&next));
        let _: (String, Fields) = asked.query_async(&mut runner.commands).await.expect("decided");
        let observed = Observed {
            epoch: Epoch::ZERO,
            generation,
            phase,
            settings_revision: Revision::ZERO,
            held_back: false,
            health: Health::Converged,
            jobs: Vec::new(),
            at: now(),
        };
        let observed = serde_json::to_string(&observed).expect("plain data");
        let asked = scripts.observe(&lease, &generation.to_string(), &observed);
        let _: Vec<String> = asked.query_async(&mut runner.commands).await.expect("reported");
    }
}
