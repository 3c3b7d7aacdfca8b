use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use livermore_core::{
    control::{
        Command, CommandBus, CommandInbox, CommandQuery, ControlPolicy, EmbeddedCommandLog, Executor, ExecutorConfig,
        ExecutorParts, Expiry, OutcomeCode, PauseLevel, Phase, SettingsAnswer, SettingsCommands, SettingsRequest,
        Stage, Submission, UserSettingsCommands, Verdict,
    },
    ids::{Symbol, UserId},
    settings::{Actor, HistoryQuery, SettingsError},
};
use tokio::time::{Instant, sleep};

use super::support::{FakePlane, PlaneEvent, Way, clock, holder, id, log, reached, settings, start, submit, user};

fn add(symbol: &str) -> Command {
    Command::AddSymbol { symbol: Symbol::new(symbol).unwrap() }
}

const PAUSE: Command = Command::Pause { level: PauseLevel::Stop };

#[tokio::test(start_paused = true)]
async fn a_command_is_decided_and_takes_effect_at_once() {
    let (log, plane) = (log(), FakePlane::new());
    let executor = start("a", &[user(7)], log.clone(), &settings(), &plane);
    plane.saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
    let sent = Instant::now();
    submit(&log, user(7), 1, &PAUSE).await;
    let status = reached(&log, user(7), 1, Stage::Effective).await;
    assert!(sent.elapsed() < Duration::from_millis(50), "took {:?}", sent.elapsed());
    let outcome = status.record.outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.code, outcome.changed), (Verdict::Applied, OutcomeCode::CHANGED, true));
    assert_eq!(executor.status().borrow().decided, 1);
    executor.stop().await;
    assert_eq!(plane.events().last(), Some(&PlaneEvent::Stopped(user(7))));
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_the_start_is_decided_before_anything_starts() {
    let (log, plane) = (log(), FakePlane::new());
    submit(&log, user(7), 1, &Command::ReloadSettings { revision: None }).await;
    submit(&log, user(7), 2, &PAUSE).await;
    let executor = start("a", &[user(7)], log.clone(), &settings(), &plane);
    reached(&log, user(7), 2, Stage::Effective).await;
    assert_eq!(plane.events().first(), Some(&PlaneEvent::Begun(user(7), Phase::Stopped)));
    executor.stop().await;
}

/// The log has the decision, the runner does not know: no other command is needed to find out.
#[tokio::test(start_paused = true)]
async fn w07_a_decision_whose_answer_was_lost_takes_effect() {
    let (log, plane) = (log(), FakePlane::new());
    let way = Way::to(&log);
    let executor = start("a", &[user(7)], way.clone(), &settings(), &plane);
    submit(&log, user(7), 1, &Command::Resume).await;
    reached(&log, user(7), 1, Stage::Effective).await;
    way.lose_answers(true);
    submit(&log, user(7), 2, &PAUSE).await;
    reached(&log, user(7), 2, Stage::Decided).await;
    way.lose_answers(false);
    reached(&log, user(7), 2, Stage::Effective).await;
    assert_eq!(plane.events().last(), Some(&PlaneEvent::Reached(user(7), Phase::Stopped)));
    executor.stop().await;
}

/// With every bell lost, the timer finds the command.
#[tokio::test(start_paused = true)]
async fn w4_a_lost_bell_costs_one_poll() {
    let (log, plane) = (log(), FakePlane::new());
    let executor = start("a", &[user(7)], Way::deaf(&log), &settings(), &plane);
    plane.saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
    sleep(Duration::from_secs(11)).await;
    let sent = Instant::now();
    submit(&log, user(7), 1, &PAUSE).await;
    reached(&log, user(7), 1, Stage::Decided).await;
    assert!(sent.elapsed() <= Duration::from_millis(2_400 + 1_000), "took {:?}", sent.elapsed());
    executor.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_settings_names_the_command_as_its_cause() {
    let (log, plane, settings) = (log(), FakePlane::new(), settings());
    let executor = start("a", &[user(7)], log.clone(), &settings, &plane);
    submit(&log, user(7), 1, &add("SOL-USD")).await;
    submit(&log, user(7), 2, &add("SOL-USD")).await;
    submit(&log, user(7), 3, &Command::RemoveSymbol { symbol: Symbol::new("SOL-USD").unwrap() }).await;
    let codes = [OutcomeCode::CHANGED, OutcomeCode::UNCHANGED, OutcomeCode::CHANGED];
    for (number, code) in (1..).zip(codes) {
        let outcome = reached(&log, user(7), number, Stage::Effective).await.record.outcome.unwrap();
        assert_eq!((outcome.verdict, outcome.code), (Verdict::Applied, code), "command {number}");
    }
    let history = settings.store().history(user(7), HistoryQuery::newest(10)).await.unwrap();
    let causes: Vec<_> = history.iter().map(|entry| entry.cause.as_ref().unwrap().as_str().to_owned()).collect();
    assert_eq!(causes, [id(3).to_string(), id(1).to_string()]);
    executor.stop().await;
}

#[tokio::test(start_paused = true)]
async fn settings_that_refuse_a_change_refuse_the_command() {
    let (log, plane, settings) = (log(), FakePlane::new(), settings());
    let executor = start("a", &[user(7)], log.clone(), &settings, &plane);
    let many = |from: usize| (from..from + 300).map(|n| Symbol::new(&format!("S{n}-USD")).unwrap()).collect();
    submit(&log, user(7), 1, &Command::BulkAddSymbols { symbols: many(0) }).await;
    submit(&log, user(7), 2, &Command::BulkAddSymbols { symbols: many(300) }).await;
    let status = reached(&log, user(7), 2, Stage::Effective).await;
    let outcome = status.record.outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.code), (Verdict::Rejected, OutcomeCode::SETTINGS_REFUSED));
    assert!(outcome.detail.unwrap().contains("500"));
    assert_eq!(settings.load(user(7)).await.unwrap().loaded.settings.symbols.monitored.len(), 300);
    executor.stop().await;
}

/// Returns once deciding a command was begun, and the settings had the time to act, which takes them no time here.
async fn begun(log: &EmbeddedCommandLog, number: u64) {
    let wait = async {
        while !log.record(user(7), id(number)).await.unwrap().unwrap().record.is_claimed() {
            sleep(Duration::from_millis(10)).await;
        }
        sleep(Duration::from_millis(10)).await;
    };
    tokio::time::timeout(Duration::from_secs(4), wait).await.expect("deciding is begun");
}

/// Settings that do what a test wants.
#[derive(Debug)]
struct Wayward {
    inner: UserSettingsCommands,
    manner: Manner,
}

#[derive(Debug)]
enum Manner {
    /// Panics for every symbol that holds an X.
    Panics,
    /// Cannot be reached until this moment.
    DownUntil(Instant),
    /// Saves, and then never answers.
    SavesAndHangs,
    /// Saves after this time, whatever has become of whoever asked; never answers.
    Freezes(Duration),
}

#[async_trait]
impl SettingsCommands for Wayward {
    async fn carry_out(&self, user: UserId, request: SettingsRequest) -> Result<SettingsAnswer, SettingsError> {
        match self.manner {
            Manner::Panics => assert!(!request.command.payload().to_string().contains('X'), "told to panic"),
            Manner::DownUntil(moment) if Instant::now() < moment => {
                return Err(SettingsError::Busy { step: "told to be busy".to_owned() });
            }
            Manner::DownUntil(_) => {}
            Manner::SavesAndHangs => {
                self.inner.carry_out(user, request).await.unwrap();
                return std::future::pending().await;
            }
            Manner::Freezes(time) => {
                let inner = self.inner.clone();
                tokio::spawn(async move {
                    sleep(time).await;
                    inner.carry_out(user, request).await
                });
                return std::future::pending().await;
            }
        }
        self.inner.carry_out(user, request).await
    }
}

fn start_wayward(log: &EmbeddedCommandLog, inner: UserSettingsCommands, manner: Manner) -> Executor {
    let settings = Arc::new(Wayward { inner, manner });
    let parts = ExecutorParts { inbox: Arc::new(log.clone()), settings, reconciler: FakePlane::new() };
    Executor::start(parts, ExecutorConfig::new(holder("wayward"), vec![user(7)]), clock())
}

#[tokio::test(start_paused = true)]
async fn case_08_a_panic_fails_one_command_and_the_next_is_decided() {
    let log = log();
    let executor = start_wayward(&log, UserSettingsCommands::new(settings()), Manner::Panics);
    submit(&log, user(7), 1, &add("XRP-USD")).await;
    submit(&log, user(7), 2, &add("SOL-USD")).await;
    let outcome = reached(&log, user(7), 1, Stage::Decided).await.record.outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.code), (Verdict::Failed, OutcomeCode::INTERNAL));
    assert!(outcome.detail.unwrap().contains(&id(1).to_string()));
    let outcome = reached(&log, user(7), 2, Stage::Decided).await.record.outcome.unwrap();
    assert_eq!(outcome.verdict, Verdict::Applied);
    executor.stop().await;
}

/// Longer than all attempts would take: what is in the way is not the command's fault.
#[tokio::test(start_paused = true)]
async fn what_is_in_the_way_is_not_counted_against_the_command() {
    let log = log();
    let moment = Instant::now() + Duration::from_mins(4);
    let executor = start_wayward(&log, UserSettingsCommands::new(settings()), Manner::DownUntil(moment));
    submit(&log, user(7), 1, &add("SOL-USD")).await;
    submit(&log, user(7), 2, &PAUSE).await;
    sleep(Duration::from_mins(3)).await;
    let status = log.record(user(7), id(1)).await.unwrap().unwrap();
    assert!(status.record.is_open() && status.record.attempts <= 2, "{status:?}");
    let held_up = executor.status().borrow().held_up.get(&user(7)).cloned();
    assert!(held_up.unwrap().contains("settings"), "the status does not say what is in the way");
    sleep(Duration::from_mins(2)).await;
    for number in [1, 2] {
        let outcome = reached(&log, user(7), number, Stage::Decided).await.record.outcome.unwrap();
        assert_eq!(outcome.verdict, Verdict::Applied, "command {number}");
    }
    executor.stop().await;
}

/// The change was saved, the decision was not written down, and then the command's time ran out.
#[tokio::test(start_paused = true)]
async fn a_saved_change_is_applied_although_its_time_is_over() {
    let (log, settings) = (log(), settings());
    let first = start_wayward(&log, UserSettingsCommands::new(settings.clone()), Manner::SavesAndHangs);
    let submission = Submission::new(id(1), &add("SOL-USD"), Actor::new("test").unwrap()).unwrap();
    log.submit(user(7), &submission.with_expiry(Expiry::After(Duration::from_secs(5)))).await.unwrap();
    begun(&log, 1).await;
    drop(first);
    sleep(Duration::from_secs(20)).await;
    let status = log.record(user(7), id(1)).await.unwrap().unwrap();
    assert!(status.record.is_open(), "only a runner may end it: {status:?}");
    let second = start("second", &[user(7)], log.clone(), &settings, &FakePlane::new());
    let outcome = reached(&log, user(7), 1, Stage::Decided).await.record.outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.changed), (Verdict::Applied, true));
    assert_eq!(settings.store().history(user(7), HistoryQuery::newest(9)).await.unwrap().len(), 1);
    second.stop().await;
}

/// A runner freezes on its way to the settings; another one decides that the command's time is over; the first one wakes up.
#[tokio::test(start_paused = true)]
async fn w11_a_change_that_was_told_expired_is_never_made() {
    let (log, settings) = (log(), settings());
    let frozen = Manner::Freezes(Duration::from_mins(2));
    let first = start_wayward(&log, UserSettingsCommands::new(settings.clone()), frozen);
    let submission = Submission::new(id(1), &add("SOL-USD"), Actor::new("test").unwrap()).unwrap();
    log.submit(user(7), &submission.with_expiry(Expiry::After(Duration::from_secs(5)))).await.unwrap();
    begun(&log, 1).await;
    drop(first);
    sleep(Duration::from_secs(20)).await;
    let second = start("second", &[user(7)], log.clone(), &settings, &FakePlane::new());
    let outcome = reached(&log, user(7), 1, Stage::Decided).await.record.outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.changed), (Verdict::Expired, false));
    sleep(Duration::from_mins(5)).await;
    let now = settings.load(user(7)).await.unwrap();
    assert!(now.loaded.settings.symbols.monitored.is_empty(), "told expired, and made all the same");
    second.stop().await;
}

/// Each try takes the process down, as a lease that ends without a decision.
#[tokio::test(start_paused = true)]
async fn case_09_a_command_that_takes_the_process_down_is_given_up() {
    let (log, plane) = (log(), FakePlane::new());
    submit(&log, user(7), 1, &Command::Resume).await;
    submit(&log, user(7), 2, &PAUSE).await;
    for crash in 0..3 {
        let lease =
            &log.acquire(&[user(7)], &holder(&format!("crash-{crash}")), Duration::from_secs(1)).await.unwrap()[0];
        assert_eq!(log.next(lease).await.unwrap().unwrap().record.attempts, crash + 1);
        sleep(Duration::from_secs(2)).await;
    }
    let executor = start("a", &[user(7)], log.clone(), &settings(), &plane);
    let begun = Instant::now();
    reached(&log, user(7), 2, Stage::Effective).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "the pause behind it took {:?}", begun.elapsed());
    let outcome = reached(&log, user(7), 1, Stage::Decided).await.record.outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.code), (Verdict::Failed, OutcomeCode::POISON));
    executor.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_commands_for_one_user_does_not_hold_up_another() {
    let policy = ControlPolicy { max_open: 10_000, ..ControlPolicy::default() };
    let log = EmbeddedCommandLog::in_memory(policy, clock());
    for number in 0..5_000 {
        submit(&log, user(8), 1_000 + number, &Command::Resume).await;
    }
    submit(&log, user(7), 1, &PAUSE).await;
    let executor = start("a", &[user(7), user(8)], log.clone(), &settings(), &FakePlane::new());
    reached(&log, user(7), 1, Stage::Decided).await;
    let others = log.history(user(8), CommandQuery::newest(10_000)).await.unwrap();
    let decided = others.iter().filter(|status| !status.record.is_open()).count();
    assert!(decided < 500, "{decided} commands of another user came first");
    executor.stop().await;
}
