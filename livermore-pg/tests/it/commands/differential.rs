//! The database and the reference of what may happen in a user's log give the same answers, times aside.

use std::{fmt::Debug, time::Duration};

use livermore_core::{
    control::{
        Backfill, Command, CommandBus, CommandInbox, CommandQuery, CommandRecord, CommandStatus, ControlError,
        ControlPolicy, Decision, Desired, Expiry, Health, JobReport, JobState, Lease, Next, Observed, OutcomeCode,
        PauseLevel, Phase, Submission, UserLog, Verdict,
    },
    ids::{Revision, Seq, Symbol, Timestamp},
    settings::Mode,
};
use livermore_pg::PgCommandLog;
use tokio::time::sleep;

use super::support::{HOUR, decision, desired, holder, id, report, submission};
use crate::support::{Random, database, user};

const SEEDS: std::ops::Range<u64> = 0..12;
const STEPS: usize = 150;

#[derive(Debug, Clone)]
enum Step {
    Submit(Submission),
    Record(u64),
    Cancel(u64),
    History(CommandQuery),
    Acquire(&'static str, Duration),
    Renew(Lease, Duration),
    Release(Lease),
    Waiting,
    Next(Lease),
    Decide(Lease, Seq, Decision),
    Postpone(Lease, Seq),
    States(Lease),
    Observe(Lease, Observed),
    Rebase,
    Forget,
}

#[tokio::test]
async fn the_same_steps_have_the_same_answers() {
    let Some(database) = database().await else { return };
    for seed in SEEDS {
        let policy = ControlPolicy {
            max_open: 4,
            keep: if seed % 2 == 0 { Duration::ZERO } else { HOUR },
            keep_outcome: if seed % 4 == 0 { Duration::ZERO } else { HOUR },
            ..ControlPolicy::default()
        };
        let log = PgCommandLog::connect(&database.config(), policy.clone()).await.unwrap();
        let mut model = Model::new(100 + seed, policy);
        let mut random = Random(seed);
        let mut story = Vec::new();
        for number in 0..STEPS {
            let step = model.choose(&mut random);
            story.push(format!("{step:?}"));
            let expected = model.answer(step.clone());
            // What is over after no time is over at the next step, here and there.
            sleep(Duration::from_millis(2)).await;
            let found = answer(&log, model.number, step).await;
            let tail = &story[story.len().saturating_sub(15)..];
            assert_eq!(found, expected, "seed {seed}, step {number}: {tail:#?}");
        }
        CommandBus::close(&log).await;
    }
}

struct Model {
    number: u64,
    log: UserLog,
    policy: ControlPolicy,
    now: Timestamp,
    leases: Vec<Lease>,
    /// What was begun last.
    begun: Option<Next>,
    generation: u64,
    last_seq: u64,
}

impl Model {
    fn new(number: u64, policy: ControlPolicy) -> Self {
        let (log, now) = (UserLog::new(user(number)), Timestamp::from_secs(1_522_800_000).unwrap());
        Self { number, log, policy, now, leases: Vec::new(), begun: None, generation: 0, last_seq: 0 }
    }

    fn choose(&self, random: &mut Random) -> Step {
        let number = random.below(16);
        let Some(lease) = self.leases.len().checked_sub(1).map(|last| {
            // Mostly the newest, sometimes one that was lost.
            let index = if random.below(8) == 0 { random.below(self.leases.len() as u64) } else { last as u64 };
            self.leases[usize::try_from(index).unwrap()].clone()
        }) else {
            return Step::Acquire("one", HOUR);
        };
        let seq = Seq::new(random.below(self.last_seq + 2)).unwrap();
        let ttl = if random.below(3) == 0 { Duration::ZERO } else { HOUR };
        match random.below(40) {
            0..=9 => Step::Submit(any_submission(random, number)),
            10..=11 => Step::Record(number),
            12..=13 => Step::Cancel(number),
            14..=15 => Step::History(CommandQuery {
                before: (random.below(2) == 0).then_some(seq),
                limit: usize::try_from(random.below(6)).unwrap(),
            }),
            16..=17 => Step::Acquire(if random.below(2) == 0 { "one" } else { "two" }, ttl),
            18 => Step::Renew(lease, ttl),
            19 => Step::Release(lease),
            20 => Step::Waiting,
            21..=25 => Step::Next(lease),
            26..=31 => match &self.begun {
                Some(next) if random.below(6) > 0 => Step::Decide(lease, next.record.seq, decision(next)),
                _ => Step::Decide(lease, seq, self.any_decision(random)),
            },
            32..=33 => Step::Postpone(lease, self.begun.as_ref().map_or(seq, |next| next.record.seq)),
            34 => Step::States(lease),
            35..=37 => Step::Observe(lease, self.any_report(random)),
            38 => Step::Rebase,
            _ => Step::Forget,
        }
    }

    fn any_decision(&self, random: &mut Random) -> Decision {
        let verdicts = [Verdict::Applied, Verdict::Applied, Verdict::Rejected, Verdict::Failed];
        let verdict = verdicts[usize::try_from(random.below(4)).unwrap()];
        let next = desired(self.generation + random.below(3));
        Decision {
            verdict,
            code: OutcomeCode::CHANGED,
            detail: (random.below(2) == 0).then(|| "why, 'quoted' and \"so\"".to_owned()),
            changed: random.below(2) == 0,
            desired: (random.below(2) == 0).then_some(Desired { phase: Phase::Held, ..next }),
            is_done: random.below(2) == 0,
        }
    }

    fn any_report(&self, random: &mut Random) -> Observed {
        // Sometimes later than what is desired.
        let generation = (self.generation + random.below(8) / 6).saturating_sub(random.below(2));
        let mut jobs = Vec::new();
        for _ in 0..random.below(3) {
            jobs.push(JobReport {
                id: id(random.below(16)),
                state: match random.below(3) {
                    0 => JobState::Running { done: random.below(9), total: u64::MAX },
                    1 => JobState::Done,
                    _ => JobState::Failed { reason: "no such product".to_owned() },
                },
            });
        }
        let health = if random.below(2) == 0 {
            Health::Converging
        } else {
            Health::Degraded { component: "adapter".to_owned(), cause: "refused".to_owned() }
        };
        let settings_revision = Revision::new(random.below(5)).unwrap();
        Observed { health, settings_revision, jobs, ..report(generation) }
    }

    fn answer(&mut self, step: Step) -> String {
        self.now = self.now.checked_add_millis(1).unwrap();
        let (now, log, policy, out) = (self.now, &mut self.log, &self.policy, &mut Vec::new());
        let told = match step {
            Step::Submit(submission) => told(log.submit(now, &submission, policy, out).map(timeless)),
            Step::Record(number) => told(Ok(log.status(now, id(number), out).map(timeless_status))),
            Step::Cancel(number) => told(log.cancel(now, id(number), out).map(timeless)),
            Step::History(CommandQuery { before, limit }) => {
                let all = log.history(now, before, limit, out);
                told(Ok(all.into_iter().map(timeless_status).collect::<Vec<_>>()))
            }
            Step::Acquire(name, ttl) => {
                let lease = log.acquire(now, &holder(name), ttl, out);
                self.leases.extend(lease.clone());
                told(Ok(Vec::from_iter(lease)))
            }
            Step::Renew(lease, ttl) => {
                let held = log.renew(now, &lease, ttl, out);
                told(Ok(Vec::from_iter(held.then_some(lease))))
            }
            Step::Release(lease) => {
                log.release(now, &lease, out);
                told(Ok(()))
            }
            Step::Waiting => told(Ok(log.is_waiting())),
            Step::Next(lease) => {
                let next = log.next(now, &lease, out);
                if let Ok(next) = &next {
                    self.begun.clone_from(next);
                }
                told(next.map(|next| next.map(timeless_next)))
            }
            Step::Decide(lease, seq, decision) => told(log.decide(now, &lease, seq, decision, out).map(timeless)),
            Step::Postpone(lease, seq) => told(log.postpone(&lease, seq, out)),
            Step::States(lease) => told(log.states(&lease)),
            Step::Observe(lease, observed) => told(log.observe(&lease, observed, out)),
            Step::Rebase => told(Ok(log.rebase(out))),
            Step::Forget => {
                log.forget(now, policy, out);
                told(Ok(()))
            }
        };
        for entry in out.iter() {
            use livermore_core::control::Entry;
            match entry {
                Entry::Submitted(record) => self.last_seq = record.seq.get(),
                Entry::Decided { desired: Some(desired), .. } | Entry::Rebased(desired) => {
                    self.generation = desired.generation.get();
                }
                _ => {}
            }
        }
        told
    }
}

async fn answer(log: &PgCommandLog, number: u64, step: Step) -> String {
    let one = user(number);
    match step {
        Step::Submit(submission) => told(log.submit(one, &submission).await.map(timeless)),
        Step::Record(number) => told(log.record(one, id(number)).await.map(|status| status.map(timeless_status))),
        Step::Cancel(number) => told(log.cancel(one, id(number)).await.map(timeless)),
        Step::History(query) => {
            let all = log.history(one, query).await;
            told(all.map(|all| all.into_iter().map(timeless_status).collect::<Vec<_>>()))
        }
        Step::Acquire(name, ttl) => told(log.acquire(&[one], &holder(name), ttl).await),
        Step::Renew(lease, ttl) => told(log.renew(&[lease], ttl).await),
        Step::Release(lease) => told(log.release(&[lease]).await),
        Step::Waiting => told(log.waiting(&[one]).await.map(|users| !users.is_empty())),
        Step::Next(lease) => told(log.next(&lease).await.map(|next| next.map(timeless_next))),
        Step::Decide(lease, seq, decision) => told(log.decide(&lease, seq, decision).await.map(timeless)),
        Step::Postpone(lease, seq) => told(log.postpone(&lease, seq).await),
        Step::States(lease) => told(log.states(&lease).await),
        Step::Observe(lease, observed) => told(log.observe(&lease, observed).await),
        Step::Rebase => told(log.rebase(one).await),
        Step::Forget => told(log.forget(&[one]).await),
    }
}

fn any_submission(random: &mut Random, number: u64) -> Submission {
    let symbols = vec![Symbol::new("BTC-USD").unwrap()];
    let command = match random.below(5) {
        0 => Command::Pause { level: PauseLevel::ALL[usize::try_from(random.below(3)).unwrap()] },
        1 => Command::Resume,
        2 => Command::ForceBackfill(Backfill { symbols, timeframes: Vec::new(), days: Some(3) }),
        3 => Command::SwitchMode { mode: Mode::ALL[0] },
        _ => Command::ClearCache { scope: livermore_core::control::CacheScope::All },
    };
    submission(number, &command).with_expiry(match random.below(4) {
        0 => Expiry::Never,
        1 => Expiry::After(Duration::ZERO),
        2 => Expiry::After(Duration::MAX),
        _ => Expiry::Default,
    })
}

#[allow(clippy::needless_pass_by_value, reason = "called with what a call returns")]
fn told<T: Debug>(answer: Result<T, ControlError>) -> String {
    format!("{answer:#?}")
}

fn timeless(mut record: CommandRecord) -> CommandRecord {
    record.submitted_at = Timestamp::EPOCH;
    record.not_after =
        record.not_after.map(|not_after| if not_after == Timestamp::MAX { not_after } else { Timestamp::EPOCH });
    if let Some(outcome) = &mut record.outcome {
        outcome.decided_at = Timestamp::EPOCH;
        // A code is the same whether it is known here or was stored.
        outcome.code = OutcomeCode::from_stored(outcome.code.as_str().to_owned());
    }
    record
}

fn timeless_status(status: CommandStatus) -> CommandStatus {
    CommandStatus { record: timeless(status.record), effect: status.effect }
}

fn timeless_next(next: Next) -> Next {
    Next { record: timeless(next.record), now: Timestamp::EPOCH, ..next }
}
