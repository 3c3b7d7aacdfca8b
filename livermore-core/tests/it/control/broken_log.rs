//! A log with a flaw of choice, over one without.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, future::pending, stream};
use livermore_core::{
    control::{
        Bells, BusCapability, CommandBus, CommandInbox, CommandQuery, CommandRecord, CommandStatus, ControlError,
        ControlPolicy, Decision, Desired, Effect, EmbeddedCommandLog, Expiry, Holder, Lease, Next, Observed, Outcome,
        OutcomeCode, Overview, Sent, Signals, Stage, Submission, Tenure, Verdict, Waited,
    },
    ids::{CommandId, Epoch, Seq, Timestamp, UserId},
    testkit::CommandLogFixture,
};
use tokio::{task::yield_now, time::sleep};

use super::{embedded, misheard_log::Misheard};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Flaw {
    None,
    CapabilityChanges,
    MixesUsers,
    NeverExpires,
    RefusalsUseNumbers,
    AnswersAnew,
    IgnoresBodies,
    Renames,
    NeverBusy,
    ShowsOverdue,
    AppliesLate,
    ExpiresWhatIsSaved,
    InventsRecords,
    CancelRewrites,
    DecideRewrites,
    DoesNotCancel,
    NothingToCancelIsClosed,
    HistoryAscends,
    HistoryIgnoresBefore,
    ShowsOldRunners,
    WaitsToTheEnd,
    NeverSignals,
    HidesWhatIsSent,
    FalseOk,
    WaitsForTheUnknown,
    WaitsForTheRefused,
    EffectiveTooSoon,
    SignalsOfEverybody,
    NeverRings,
    RingsForEverybody,
    RefusesTheTenthStream,
    LeasesToEverybody,
    EpochsRepeat,
    LeasesLast,
    RenewsWhatIsLost,
    DoesNotRelease,
    NotFenced,
    EverybodyWaits,
    NextOnlyOnce,
    CountsLate,
    DoesNotPostpone,
    PostponeUnclaims,
    DesiredLags,
    HidesOldDecisions,
    GenerationsSkip,
    KeepsTheFirstReport,
    DropsJobs,
    HidesTheRegress,
    ForgetsTooMuch,
    NeverForgets,
    BusyAfterADroppedCall,
    DoesNotClose,
    SecondCloseHangs,
    OthersSeeNothing,
    Forgets,
}

#[derive(Debug)]
pub(super) struct Broken {
    flaw: Flaw,
    log: EmbeddedCommandLog,
    calls: AtomicU64,
    flag: AtomicBool,
}

fn log(flaw: Flaw, policy: &ControlPolicy) -> Arc<Broken> {
    let mut policy = policy.clone();
    if flaw == Flaw::NeverBusy {
        policy.max_open = 1_000;
    }
    let (calls, flag) = Default::default();
    Arc::new(Broken { flaw, log: embedded::log(policy), calls, flag })
}

pub(super) fn broken(flaw: Flaw, policy: ControlPolicy) -> CommandLogFixture {
    let log_of = log(flaw, &policy);
    let fixture = CommandLogFixture::new(log_of.clone(), log_of, policy.clone());
    match flaw {
        // What is opened again is empty, as if nothing had been written.
        Flaw::Forgets | Flaw::OthersSeeNothing => fixture.with_reopen(move || {
            let empty = log(Flaw::None, &policy);
            async move { (empty.clone() as Arc<dyn CommandBus>, empty as Arc<dyn CommandInbox>) }
        }),
        _ => fixture,
    }
}

impl Broken {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn deaf(&self) -> Misheard {
        Misheard { log: self.log.clone(), heard: Vec::new() }
    }

    fn user(&self, user: UserId) -> UserId {
        if self.has(Flaw::MixesUsers) { UserId::new(1).unwrap() } else { user }
    }

    async fn newest(&self, user: UserId) -> Option<CommandRecord> {
        let history = self.log.history(user, CommandQuery::newest(1)).await.ok()?;
        history.into_iter().next().map(|status| status.record)
    }

    fn fresh_id(&self) -> CommandId {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let mut random = [9; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        CommandId::from_parts(Timestamp::EPOCH, random)
    }

    fn tenth(&self) -> Result<(), ControlError> {
        if self.has(Flaw::RefusesTheTenthStream) && self.calls.fetch_add(1, Ordering::SeqCst) > 8 {
            return Err(ControlError::Unavailable { step: "too many streams".to_owned(), source: None });
        }
        Ok(())
    }

    async fn end(&self) {
        if self.has(Flaw::DoesNotClose) {
            return;
        }
        // Both ends are closed once before either is closed twice.
        if self.has(Flaw::SecondCloseHangs) && self.calls.fetch_add(1, Ordering::SeqCst) > 1 {
            pending::<()>().await;
        }
        CommandBus::close(&self.log).await;
    }

    fn seen(&self, mut status: CommandStatus) -> CommandStatus {
        let record = &mut status.record;
        match self.flaw {
            Flaw::ShowsOverdue if is(record, Verdict::Expired) => record.outcome = None,
            Flaw::EffectiveTooSoon if status.effect == Effect::Pending => status.effect = Effect::Effective,
            Flaw::CountsLate if record.is_open() => record.attempts = record.attempts.saturating_sub(1),
            Flaw::PostponeUnclaims if self.flag.load(Ordering::SeqCst) => record.attempts = 0,
            _ => {}
        }
        status
    }
}

fn is(record: &CommandRecord, verdict: Verdict) -> bool {
    record.outcome.as_ref().is_some_and(|outcome| outcome.verdict == verdict)
}

fn rewritten(mut record: CommandRecord, verdict: Verdict, code: OutcomeCode) -> CommandRecord {
    record.outcome = record.outcome.map(|outcome| Outcome { verdict, code, ..outcome });
    record
}

#[async_trait]
impl CommandBus for Broken {
    fn capability(&self) -> BusCapability {
        let capability = self.log.capability();
        let changed = self.has(Flaw::CapabilityChanges) && self.calls.fetch_add(1, Ordering::SeqCst) > 0;
        let durable = changed || self.has(Flaw::Forgets);
        BusCapability { durable, shared: self.has(Flaw::OthersSeeNothing), ..capability }
    }

    async fn submit(&self, user: UserId, submission: &Submission) -> Result<CommandRecord, ControlError> {
        let user = self.user(user);
        let mut submission = submission.clone();
        let known = self.log.record(user, submission.id()).await?.map(|status| status.record);
        match (self.flaw, known) {
            (Flaw::NeverExpires, _) => submission = submission.with_expiry(Expiry::Never),
            (Flaw::AnswersAnew, Some(known)) => return Ok(CommandRecord { outcome: None, ..known }),
            (Flaw::IgnoresBodies, Some(known)) => return Ok(known),
            (Flaw::Renames, Some(_)) => {
                let (kind, body, sender) = (submission.kind(), submission.body().as_str(), submission.sender());
                submission = Submission::unchecked(self.fresh_id(), kind, body, sender.clone());
            }
            _ => {}
        }
        let answer = self.log.submit(user, &submission).await;
        if self.has(Flaw::RefusalsUseNumbers) && answer.is_err() {
            let id = self.fresh_id();
            let refused = Submission::unchecked(id, "resume", "{}", submission.sender().clone());
            if self.log.submit(user, &refused).await.is_ok() {
                self.log.cancel(user, id).await?;
            }
        }
        answer
    }

    async fn record(&self, user: UserId, id: CommandId) -> Result<Option<CommandStatus>, ControlError> {
        let user = self.user(user);
        let status = self.log.record(user, id).await?;
        if self.has(Flaw::InventsRecords) && status.is_none() {
            let newest = self.newest(user).await;
            return Ok(newest.map(|record| CommandStatus { record, effect: Effect::None }));
        }
        Ok(status.map(|status| self.seen(status)))
    }

    async fn cancel(&self, user: UserId, id: CommandId) -> Result<CommandRecord, ControlError> {
        let user = self.user(user);
        match self.flaw {
            Flaw::DoesNotCancel => {
                let status = self.log.record(user, id).await?;
                status.map(|status| status.record).ok_or(ControlError::NotFound { id })
            }
            Flaw::CancelRewrites => {
                let record = self.log.cancel(user, id).await?;
                Ok(rewritten(record, Verdict::Cancelled, OutcomeCode::CANCELLED))
            }
            Flaw::NothingToCancelIsClosed => self.log.cancel(user, id).await.map_err(|_| ControlError::Closed),
            _ => self.log.cancel(user, id).await,
        }
    }

    async fn history(&self, user: UserId, mut query: CommandQuery) -> Result<Vec<CommandStatus>, ControlError> {
        if self.has(Flaw::HistoryIgnoresBefore) {
            query.before = None;
        }
        if self.has(Flaw::ForgetsTooMuch) && self.flag.load(Ordering::SeqCst) {
            return Ok(Vec::new());
        }
        let history = self.log.history(self.user(user), query).await?;
        let mut history: Vec<_> = history.into_iter().map(|status| self.seen(status)).collect();
        if self.has(Flaw::HistoryAscends) {
            history.reverse();
        }
        Ok(history)
    }

    async fn overview(&self, user: UserId) -> Result<Overview, ControlError> {
        let mut overview = self.log.overview(self.user(user)).await?;
        if self.has(Flaw::ShowsOldRunners) && overview.observed.is_some() && overview.runner.is_none() {
            let holder = Holder::new("a").unwrap();
            overview.runner = Some(Tenure { holder, epoch: Epoch::ZERO, remaining: Duration::ZERO });
        }
        Ok(overview)
    }

    async fn signals(&self, user: UserId) -> Result<Signals, ControlError> {
        self.tenth()?;
        let signals = self.log.signals(self.user(user)).await?;
        Ok(match self.flaw {
            Flaw::NeverSignals => stream::pending().boxed(),
            Flaw::SignalsOfEverybody => {
                stream::select(signals, self.log.signals(UserId::new(70).unwrap()).await?).boxed()
            }
            _ => signals,
        })
    }

    async fn wait(&self, user: UserId, id: CommandId, stage: Stage, time: Duration) -> Result<Waited, ControlError> {
        if self.has(Flaw::WaitsToTheEnd) {
            sleep(time).await;
        }
        if self.has(Flaw::NeverSignals) {
            // As the trait does it, but on signals that never come.
            return self.deaf().wait(user, id, stage, time).await;
        }
        let waited = self.log.wait(self.user(user), id, stage, time).await;
        match (self.flaw, waited) {
            (Flaw::FalseOk, Ok(Waited::Pending { last: Some(last), .. })) => Ok(Waited::Reached(last)),
            (Flaw::WaitsForTheUnknown, Err(ControlError::NotFound { id })) => Ok(Waited::Pending { id, last: None }),
            (Flaw::WaitsForTheRefused, Ok(Waited::Reached(last)))
                if stage == Stage::Effective && last.effect == Effect::None =>
            {
                sleep(time).await;
                Ok(Waited::Pending { id, last: Some(last) })
            }
            (_, waited) => waited,
        }
    }

    async fn submit_and_wait(
        &self,
        user: UserId,
        submission: &Submission,
        stage: Stage,
        time: Duration,
    ) -> Result<Sent, ControlError> {
        let mut sent = match self.flaw {
            // As the trait does it, but on signals that never come.
            Flaw::NeverSignals => self.deaf().submit_and_wait(user, submission, stage, time).await,
            _ => self.log.submit_and_wait(self.user(user), submission, stage, time).await,
        }?;
        if self.has(Flaw::HidesWhatIsSent) {
            sent.waited = Ok(Waited::Pending { id: submission.id(), last: None });
        }
        Ok(sent)
    }

    async fn close(&self) {
        self.end().await;
    }
}

#[async_trait]
impl CommandInbox for Broken {
    async fn acquire(&self, users: &[UserId], holder: &Holder, mut ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        if self.has(Flaw::LeasesLast) {
            ttl = Duration::from_hours(1);
        }
        let mut leases = self.log.acquire(users, holder, ttl).await?;
        match self.flaw {
            Flaw::LeasesToEverybody => {
                let lease = |user| Lease { user, epoch: Epoch::new(1).unwrap(), holder: holder.clone() };
                leases = users.iter().copied().map(lease).collect();
            }
            Flaw::EpochsRepeat => leases.iter_mut().for_each(|lease| lease.epoch = Epoch::new(1).unwrap()),
            _ => {}
        }
        Ok(leases)
    }

    async fn renew(&self, leases: &[Lease], ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        let renewed = self.log.renew(leases, ttl).await?;
        Ok(if self.has(Flaw::RenewsWhatIsLost) { leases.to_vec() } else { renewed })
    }

    async fn release(&self, leases: &[Lease]) -> Result<(), ControlError> {
        if self.has(Flaw::DoesNotRelease) { Ok(()) } else { self.log.release(leases).await }
    }

    async fn waiting(&self, users: &[UserId]) -> Result<Vec<UserId>, ControlError> {
        let waiting = self.log.waiting(users).await?;
        Ok(if self.has(Flaw::EverybodyWaits) { users.to_vec() } else { waiting })
    }

    async fn next(&self, lease: &Lease) -> Result<Option<Next>, ControlError> {
        let next = self.log.next(lease).await;
        match self.flaw {
            Flaw::NotFenced => Ok(next.unwrap_or_default()),
            Flaw::NextOnlyOnce => next.map(|next| next.filter(|next| next.record.attempts == 1)),
            _ => next,
        }
    }

    async fn decide(&self, lease: &Lease, seq: Seq, mut decision: Decision) -> Result<CommandRecord, ControlError> {
        match self.flaw {
            Flaw::AppliesLate => decision.is_done = true,
            Flaw::ExpiresWhatIsSaved => decision.is_done = false,
            _ => {}
        }
        let (verdict, code) = (decision.verdict, decision.code.clone());
        let mut decided = self.log.decide(lease, seq, decision).await;
        match self.flaw {
            Flaw::DecideRewrites => decided = decided.map(|record| rewritten(record, verdict, code)),
            Flaw::HidesOldDecisions if decided.is_err() => {
                decided = self.newest(lease.user).await.ok_or(ControlError::Closed);
            }
            Flaw::GenerationsSkip => {
                if let Ok(CommandRecord { outcome: Some(outcome), .. }) = &mut decided {
                    outcome.generation = outcome.generation.next().unwrap();
                }
            }
            _ => {}
        }
        decided
    }

    async fn postpone(&self, lease: &Lease, seq: Seq) -> Result<(), ControlError> {
        self.flag.store(true, Ordering::SeqCst);
        if self.has(Flaw::DoesNotPostpone) { Ok(()) } else { self.log.postpone(lease, seq).await }
    }

    async fn states(&self, lease: &Lease) -> Result<(Desired, Option<Observed>), ControlError> {
        if self.has(Flaw::BusyAfterADroppedCall) {
            if self.flag.swap(true, Ordering::SeqCst) {
                return Err(ControlError::Unavailable { step: "a call that was dropped".to_owned(), source: None });
            }
            yield_now().await;
            self.flag.store(false, Ordering::SeqCst);
        }
        let (desired, observed) = self.log.states(lease).await?;
        Ok((if self.has(Flaw::DesiredLags) { Desired::default() } else { desired }, observed))
    }

    async fn observe(&self, lease: &Lease, mut observed: Observed) -> Result<(), ControlError> {
        match self.flaw {
            Flaw::KeepsTheFirstReport if self.flag.swap(true, Ordering::SeqCst) => return Ok(()),
            Flaw::DropsJobs => observed.jobs.clear(),
            _ => {}
        }
        let answer = self.log.observe(lease, observed).await;
        if self.has(Flaw::HidesTheRegress) { Ok(()) } else { answer }
    }

    async fn rebase(&self, user: UserId) -> Result<Desired, ControlError> {
        self.log.rebase(user).await
    }

    async fn forget(&self, users: &[UserId]) -> Result<(), ControlError> {
        self.flag.store(true, Ordering::SeqCst);
        if self.has(Flaw::NeverForgets) { Ok(()) } else { self.log.forget(users).await }
    }

    async fn bells(&self, users: &[UserId]) -> Result<Bells, ControlError> {
        self.tenth()?;
        let mut users = users.to_vec();
        if self.has(Flaw::RingsForEverybody) {
            users.push(UserId::new(70).unwrap());
        }
        let bells = self.log.bells(&users).await?;
        Ok(if self.has(Flaw::NeverRings) { stream::pending().boxed() } else { bells })
    }

    async fn close(&self) {
        self.end().await;
    }
}
