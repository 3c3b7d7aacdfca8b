//! The floor: the statements of the log in the same order, on connections that are held and listen all the time.

use std::time::Instant;

use async_trait::async_trait;
use futures_util::future::join_all;
use livermore_core::{
    control::{Desired, Health, Observed, PauseLevel, Phase, Submission},
    ids::{Epoch, Revision},
};
use sqlx::{Connection, PgConnection, Row, postgres::PgListener};

use crate::{
    calls::{Told, Way},
    control::{holder, idle_command, next_command, now, users_by_hand},
    statements::{DECIDE, Lease, NEXT, OBSERVE, STATUS, SUBMIT, Seen},
};

pub(crate) struct ByHand {
    /// As many as the log has for its senders and its runner.
    connections: Vec<PgConnection>,
    answers: PgListener,
    leases: Vec<Lease>,
}

const CONNECTIONS: usize = 6;

impl ByHand {
    /// Takes the leases, and starts the runner of the first user.
    pub(crate) async fn start(url: &str, users: usize) -> Self {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(PgConnection::connect(url).await.expect("a connection"));
        }
        let mut leases = Vec::new();
        for user in users_by_hand(1 + users) {
            leases.push(Lease::take(&mut connections[0], user.get().cast_signed(), holder("hand").as_str()).await);
        }
        let runner = PgConnection::connect(url).await.expect("a connection");
        let bells = listener(url, "livermore_bell").await;
        tokio::spawn(decide_all(runner, bells, leases[0].clone()));
        Self { connections, answers: listener(url, "livermore_ack").await, leases }
    }
}

async fn listener(url: &str, channel: &str) -> PgListener {
    let mut listener = PgListener::connect(url).await.expect("a connection");
    listener.listen(channel).await.expect("listening");
    listener
}

/// Waits for a notice about the user; false once the connection has ended.
async fn hears(listener: &mut PgListener, user: i64) -> bool {
    let of_user = format!("{user}:");
    while let Ok(notice) = listener.recv().await {
        if notice.payload().starts_with(&of_user) {
            return true;
        }
    }
    false
}

async fn submit(connection: &mut PgConnection, user: i64, submission: &Submission) -> Seen {
    let hash = submission.hash();
    let asked = sqlx::query(SUBMIT)
        .bind(user)
        .bind(submission.id().to_string())
        .bind(submission.kind())
        .bind(submission.body().as_str())
        .bind(hash.as_str())
        .bind(submission.sender().as_str());
    Seen::of(&asked.fetch_one(connection).await.expect("recorded"))
}

/// The oldest command, and the desired state it meets.
async fn next(connection: &mut PgConnection, lease: &Lease) -> (Seen, Desired) {
    let asked = sqlx::query(NEXT).bind(lease.user).bind(lease.epoch).bind(&lease.holder);
    let row = asked.fetch_one(connection).await.expect("a command");
    let desired = row.get::<Option<String>, _>(1).map(|json| serde_json::from_str(&json).expect("a desired state"));
    (Seen::of(&row), desired.unwrap_or_default())
}

async fn decide(connection: &mut PgConnection, lease: &Lease, seq: i64, next: Option<&Desired>) -> Seen {
    let next = next.map(|next| serde_json::to_string(next).expect("plain data"));
    let asked = sqlx::query(DECIDE)
        .bind(lease.user)
        .bind(lease.epoch)
        .bind(&lease.holder)
        .bind(seq)
        .bind(if next.is_some() { "changed" } else { "unchanged" })
        .bind(next.is_some())
        .bind(&next);
    Seen::of(&asked.fetch_one(connection).await.expect("decided"))
}

async fn look(connection: &mut PgConnection, user: i64, submission: &Submission) {
    let asked = sqlx::query(STATUS).bind(user).bind(submission.id().to_string());
    let seen = Seen::of(&asked.fetch_one(connection).await.expect("recorded"));
    assert_eq!(seen.texts[5].as_deref(), Some("applied"));
}

#[allow(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
#[async_trait(?Send)]
impl Way for ByHand {
    async fn send(&mut self) -> Told {
        let (connection, user, submission) = (&mut self.connections[0], self.leases[0].user, next_command());
        let begun = Instant::now();
        submit(connection, user, &submission).await;
        assert!(hears(&mut self.answers, user).await, "a connection");
        look(connection, user, &submission).await;
        let decided = begun.elapsed();
        assert!(hears(&mut self.answers, user).await, "a connection");
        look(connection, user, &submission).await;
        Told { decided, effective: begun.elapsed().saturating_sub(decided) }
    }

    async fn crowd(&mut self, senders: usize, each: usize) {
        let connections = &mut self.connections;
        let share = senders.div_ceil(connections.len());
        // Not the first user, whose commands the runner decides.
        let users = &self.leases[1..=senders];
        join_all(users.chunks(share).zip(connections).map(async |(leases, connection)| {
            for _ in 0..each {
                for lease in leases {
                    let submission = idle_command();
                    submit(connection, lease.user, &submission).await;
                    let (seen, _) = next(connection, lease).await;
                    decide(connection, lease, seen.numbers[0].expect("a number"), None).await;
                    look(connection, lease.user, &submission).await;
                }
            }
        }))
        .await;
    }
}

/// The runner: for each bell a command, its decision and a report.
async fn decide_all(mut connection: PgConnection, mut bells: PgListener, lease: Lease) {
    while hears(&mut bells, lease.user).await {
        let (seen, desired) = next(&mut connection, &lease).await;
        let phase = if seen.texts[1].as_deref() == Some("pause") { PauseLevel::Stop.into() } else { Phase::Running };
        let made_by = seen.texts[0].as_deref().and_then(|id| id.parse().ok());
        let generation = desired.generation.next().expect("a generation");
        let desired = Desired { generation, phase, made_by, ..desired };
        decide(&mut connection, &lease, seen.numbers[0].expect("a number"), Some(&desired)).await;
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
        let asked = sqlx::query(OBSERVE).bind(lease.user).bind(lease.epoch).bind(&lease.holder).bind(&observed);
        asked.fetch_one(&mut connection).await.expect("reported");
    }
}
