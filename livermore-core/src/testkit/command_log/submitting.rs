use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    CommandLogFixture,
    material::{actor, add_symbol, backfill, holder, id, pause, resume, submission, symbol, user},
};
use crate::{
    control::{
        Backfill, Body, CacheScope, Command, CommandQuery, CommandRecord, ControlError, Effect, Expiry, PauseLevel,
        Submission,
    },
    ids::{Revision, Seq, Timeframe},
    settings::Mode,
};

/// The capability is constant for the life of a log.
pub async fn the_capability_is_constant(fixture: CommandLogFixture) {
    let first = fixture.bus.capability();
    fixture.submit(1, &pause(id(1))).await;
    assert_eq!(fixture.bus.capability(), first);
    fixture.within("close", fixture.bus.close()).await;
    assert_eq!(fixture.bus.capability(), first, "after close");
}

/// Every call names one user, and nothing of another user is read or written by it. Two users may use the same id.
pub async fn nothing_of_another_user_is_read_or_written(fixture: CommandLogFixture) {
    // Numbers that begin alike, for stores that make names of them.
    let users = [7, 70, 77];
    for (number, of) in (1..).zip(users) {
        for own in 1..=number {
            fixture.submit(of, &resume(id(of * 100 + own))).await;
        }
        fixture.submit(of, &pause(id(1))).await;
    }
    let (mine, theirs) = (fixture.acquire(7, &holder("a")).await, fixture.acquire(70, &holder("b")).await);
    let before = all(&fixture, 70).await;
    assert_eq!(before.iter().map(|record| record.seq.get()).collect::<Vec<_>>(), [3, 2, 1]);
    assert!(before.iter().all(|record| record.user == user(70)), "user 70 was given {before:?}");

    assert_eq!(fixture.record(7, id(7_001)).await, None, "a command of user 70, asked for as user 7");
    let foreign = fixture.within("cancel", fixture.bus.cancel(user(7), id(7_001))).await;
    assert!(matches!(foreign, Err(ControlError::NotFound { .. })), "cancelling another user's command: {foreign:?}");
    fixture.cancel(7, id(1)).await;
    fixture.decide_next(&mine).await;
    assert_eq!(fixture.try_next(&mine).await, None, "user 7 has nothing more to decide");
    fixture.release(&mine).await;
    assert_eq!(all(&fixture, 70).await, before, "after user 7 has cancelled and decided");
    assert_eq!(fixture.next(&theirs).await.record.id, id(7_001));
    assert_eq!(fixture.submit(7, &pause(id(2))).await.seq.get(), 3, "the numbering of user 7");
}

/// A command that `submit` returned is recorded, as it was sent.
pub async fn a_submitted_command_is_recorded(fixture: CommandLogFixture) {
    for (number, sent) in (1..).zip(every_kind()) {
        fixture.make_room(1).await;
        let record = fixture.submit(1, &sent).await;
        let expected = sent.recorded(user(1), record.seq, record.submitted_at, &fixture.policy);
        assert_eq!(record, expected, "{} as it was answered", sent.kind());
        assert_eq!(record.body.as_str(), sent.body().as_str(), "the payload of {}", sent.kind());
        let found = fixture.recorded(1, sent.id()).await;
        assert_eq!((&found.record, &found.effect), (&expected, &Effect::None), "{} as it was recorded", sent.kind());
        assert_eq!(record.seq.get(), number);
    }
}

/// The next sequence number of its user, from 1 on without a gap.
pub async fn sequence_numbers_have_no_gap(fixture: CommandLogFixture) {
    for number in 1..=5 {
        assert_eq!(fixture.submit(1, &resume(id(number))).await.seq.get(), number, "submission {number}");
        // Neither a repetition nor a refusal uses a number up.
        assert_eq!(fixture.submit(1, &resume(id(number))).await.seq.get(), number, "the same again");
        let reused = fixture.try_submit(1, &pause(id(number))).await;
        assert!(reused.is_err(), "another command under a known id gave {reused:?}");
        fixture.cancel(1, id(number)).await;
    }
    fixture.fill(1, 100).await;
    let busy = fixture.try_submit(1, &resume(id(200))).await;
    assert!(busy.is_err(), "more than the most open commands gave {busy:?}");
    fixture.cancel(1, id(100)).await;
    let open = u64::from(fixture.policy.max_open);
    assert_eq!(fixture.submit(1, &resume(id(200))).await.seq.get(), 5 + open + 1, "after a refusal");
    assert_eq!(fixture.submit(2, &resume(id(200))).await.seq.get(), 1, "another user begins at 1");
}

/// Submitting the same id with the same command again records nothing and returns what is recorded, decided or not.
pub async fn the_same_command_again_is_answered_with_its_record(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    for (number, sent) in (1..).zip([pause(id(1)), resume(id(2)), add_symbol(id(3)), backfill(id(4))]) {
        let first = fixture.submit(1, &sent).await;
        assert_eq!(fixture.submit(1, &sent).await, first, "{} again, undecided", sent.kind());
        let decided = fixture.decide_next(&lease).await;
        assert_eq!(fixture.submit(1, &sent).await, decided, "{} again, decided", sent.kind());
        // Who sends it, and for how long, does not make it another command.
        let other = Submission::unchecked(sent.id(), sent.kind(), sent.body().as_str(), actor("suite:somebody else"));
        let other = other.with_expiry(Expiry::After(Duration::from_mins(9)));
        assert_eq!(fixture.submit(1, &other).await, decided, "{} again by somebody else", sent.kind());
        assert_eq!(all(&fixture, 1).await.len(), number, "commands in the log");
    }
    assert_eq!(fixture.try_next(&lease).await, None, "nothing is decided again");
}

/// With another command it is refused, and the first is untouched.
pub async fn case_2_another_command_under_a_known_id_is_refused(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    let first = submission(id(1), &Command::AddSymbol { symbol: symbol("BTC-USD") });
    let others = [
        pause(id(1)),
        submission(id(1), &Command::AddSymbol { symbol: symbol("ETH-USD") }),
        // The same payload under another name.
        submission(id(1), &Command::RemoveSymbol { symbol: symbol("BTC-USD") }),
    ];
    fixture.submit(1, &first).await;
    for decided in [false, true] {
        if decided {
            fixture.decide_next(&lease).await;
        }
        let before = fixture.recorded(1, id(1)).await;
        for other in &others {
            match fixture.try_submit(1, other).await {
                Err(ControlError::IdReused { id: told }) => assert_eq!(told, id(1)),
                answer => panic!("{} under the id of another command answered {answer:?}", other.kind()),
            }
            assert_eq!(fixture.recorded(1, id(1)).await, before, "the first command, decided: {decided}");
        }
        assert_eq!(all(&fixture, 1).await.len(), 1);
    }
}

/// However often an id is submitted at once, one command is recorded, and every answer is the same.
pub async fn case_1_many_submissions_of_one_id_are_one_command(fixture: CommandLogFixture) {
    let mut senders = JoinSet::new();
    for _ in 0..100 {
        let bus = fixture.bus.clone();
        senders.spawn(async move { bus.submit(user(1), &resume(id(1))).await });
    }
    let answers = fixture.within("the senders", senders.join_all()).await;
    let recorded = fixture.recorded(1, id(1)).await.record;
    for answer in answers {
        let answer = answer.unwrap_or_else(|error| panic!("one of many equal submissions was refused: {error}"));
        assert_eq!(answer, recorded);
    }
    assert_eq!((all(&fixture, 1).await.len(), recorded.seq.get()), (1, 1));
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.decide_next(&lease).await;
    assert_eq!(fixture.try_next(&lease).await, None, "it is decided once");
}

/// While the most commands of a user are undecided, more are refused as busy; other users are not affected.
pub async fn case_17_too_many_undecided_commands_are_refused(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.fill(1, 100).await;
    for kind in [pause(id(1)), resume(id(2)), add_symbol(id(3))] {
        match fixture.try_submit(1, &kind).await {
            Err(ControlError::Busy { retry_after }) => assert_eq!(retry_after, fixture.policy.retry_after),
            answer => panic!("{} beyond the most open commands answered {answer:?}", kind.kind()),
        }
        assert_eq!(fixture.record(1, kind.id()).await, None, "a refused command is not recorded");
    }
    assert_eq!(fixture.submit(1, &resume(id(100))).await.seq.get(), 1, "a known command is answered all the same");
    fixture.submit(2, &resume(id(1))).await;
    fixture.decide_next(&lease).await;
    fixture.submit(1, &resume(id(4))).await;
    let full = fixture.try_submit(1, &resume(id(5))).await;
    assert!(matches!(full, Err(ControlError::Busy { .. })), "one was decided, one more fits, a second gave {full:?}");
}

impl CommandLogFixture {
    /// Submits as many commands as may be undecided, from this id on.
    pub(super) async fn fill(&self, of: u64, from: u64) {
        for number in 0..u64::from(self.policy.max_open) {
            self.submit(of, &resume(id(from + number))).await;
        }
    }

    /// Ends what is undecided.
    async fn make_room(&self, of: u64) {
        for record in all(self, of).await.into_iter().filter(CommandRecord::is_open) {
            self.cancel(of, record.id).await;
        }
    }
}

/// A user's commands, newest first.
pub(super) async fn all(fixture: &CommandLogFixture, of: u64) -> Vec<CommandRecord> {
    let history = fixture.history(of, CommandQuery::newest(1_000)).await;
    history.into_iter().map(|status| status.record).collect()
}

/// Every command there is, at its limits, and what only another version could send.
fn every_kind() -> Vec<Submission> {
    let widest = "€".repeat(100);
    let symbols: Vec<_> = (0..500).map(|number| symbol(&format!("A{number}-USD"))).collect();
    let backfill = Backfill {
        symbols: symbols[..50].to_vec(),
        timeframes: Timeframe::ALL.to_vec(),
        days: Some(Command::MAX_BACKFILL_DAYS),
    };
    let revision = Revision::new(9_007_199_254_740_991).expect("revisions of the suite are valid");
    let mut commands: Vec<_> = PauseLevel::ALL.map(|level| Command::Pause { level }).into();
    commands.extend([
        Command::Resume,
        Command::ReloadSettings { revision: None },
        Command::ReloadSettings { revision: Some(revision) },
        Command::SwitchMode { mode: Mode::ALL[0] },
        Command::AddSymbol { symbol: symbol(&"X".repeat(32)) },
        Command::RemoveSymbol { symbol: symbol("BTC-USD") },
        Command::BulkAddSymbols { symbols },
        Command::ForceBackfill(backfill),
        Command::ClearCache { scope: CacheScope::All },
        Command::ClearCache { scope: CacheScope::Symbol { symbol: symbol("BTC-USD") } },
        Command::ClearCache { scope: CacheScope::Timeframe { timeframe: Timeframe::ALL[0] } },
    ]);
    let mut all: Vec<_> = (1..).zip(&commands).map(|(number, command)| submission(id(number), command)).collect();
    let longest = format!(r#"{{"text":"{}"}}"#, "x".repeat(Body::MAX_BYTES - 11));
    let odd = [
        ("dance", r#"{"tempo":"presto é €","nul":"\u0000","exact":1.50,"big":123456789012345678901234567890}"#),
        ("pause", r#"{ "b": 1,  "a": 2 }"#),
        ("pause", "not JSON"),
        ("pause", ""),
        ("resume", &longest),
    ];
    for (number, (kind, body)) in (100..).zip(odd) {
        all.push(Submission::unchecked(id(number), kind, body, actor(&widest)));
    }
    let expiries = [Expiry::Never, Expiry::After(Duration::MAX)];
    for (number, expiry) in (200..).zip(expiries) {
        all.push(pause(id(number)).with_expiry(expiry));
    }
    all
}

/// The sequence number `number`.
pub(super) fn seq(number: u64) -> Seq {
    Seq::new(number).expect("sequence numbers of the suite are valid")
}
