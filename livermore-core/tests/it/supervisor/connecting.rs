use livermore_core::exchange::supervisor::{ConnectFailure, FeedError, RefusalReason};

use super::*;

fn starting() -> Desk {
    let mut desk = Desk::new(&plan(&["BTC-USD"]));
    desk.input(Input::Start);
    assert_eq!(desk.take(), [Action::Connect { attempt: 0 }]);
    desk
}

fn failed(status: u16, retry_after: Option<Duration>) -> Desk {
    let mut desk = starting();
    desk.input(Input::Failed(ConnectFailure::Status { status, retry_after }));
    desk
}

#[test]
fn every_stage_has_a_timeout_of_its_own() {
    for (reached, hangs) in [(None, Stage::Tcp), (Some(Stage::Tcp), Stage::Tls), (Some(Stage::Tls), Stage::Upgrade)] {
        let mut desk = starting();
        if let Some(reached) = reached {
            desk.wait(4 * SECOND);
            desk.input(Input::Reached(reached));
        }
        assert_eq!(state(&desk), FeedState::Connecting(hangs));
        let begin = desk.now;
        desk.wait(5 * SECOND);
        assert_eq!(desk.said[0], (begin + 5 * SECOND, disconnect(DisconnectReason::Timeout(hangs))));
        assert!(!desk.said.iter().any(|(_, action)| matches!(action, Action::Tell(Notice::Disconnected { .. }))));
    }
}

#[test]
fn refused_credentials_end_it_until_the_next_start() {
    for status in [401, 403] {
        let mut desk = failed(status, None);
        let reason = RefusalReason::Status(status);
        let refused = Action::Tell(Notice::Refused { reason });
        assert_eq!(desk.take(), [disconnect(DisconnectReason::Refused), refused]);
        desk.wait(3_600 * SECOND);
        assert_eq!((desk.take(), state(&desk)), (vec![], FeedState::Refused(reason)));
        desk.input(Input::Start);
        assert_eq!(desk.take(), [Action::Connect { attempt: 0 }]);
    }
}

#[test]
fn an_exchange_that_asks_for_a_pause_gets_one() {
    let s = |seconds: u64| Duration::from_secs(seconds);
    for (status, asked, least, most) in [
        (429, None, 15, 16),
        (503, None, 15, 16),
        (503, Some(s(40)), 40, 41),
        (429, Some(s(86_400)), 300, 301),
        (500, None, 0, 1),
    ] {
        let mut desk = failed(status, asked);
        let notices = desk.notices();
        let [Notice::Reconnecting { delay, reason, .. }] = notices[..] else { panic!("{notices:?}") };
        assert_eq!(reason, DisconnectReason::Status(status));
        assert!((s(least)..s(most)).contains(&delay), "{status} {asked:?}: {delay:?}");
    }
    for (code, least) in [(1000, 0), (1001, 0), (1006, 0), (1008, 15), (1011, 0), (1013, 15)] {
        let mut desk = Desk::live(&plan(&["BTC-USD"]));
        desk.input(Input::Closed { code: Some(code) });
        let notices = desk.notices();
        let [Notice::Disconnected { .. }, Notice::Reconnecting { delay, .. }] = notices[..] else {
            panic!("{notices:?}")
        };
        assert!((s(least)..s(least + 1)).contains(&delay), "{code}: {delay:?}");
    }
}

#[test]
fn case_90_a_write_that_hangs_ends_the_connection() {
    let mut desk = Desk::live(&plan(&["BTC-USD"]));
    desk.input(Input::WriteStarted);
    desk.beat(4);
    desk.input(Input::WriteFinished);
    desk.input(Input::WriteStarted);
    desk.beat(4);
    assert_eq!(desk.take(), []);
    desk.wait(SECOND);
    assert_eq!(desk.take()[0], disconnect(DisconnectReason::WriteTimeout));
}

#[test]
fn repeated_failures_to_authenticate_are_a_refusal_where_credentials_are_needed() {
    let user = ChannelPlan::plain("user").with_credentials();
    for (plan, tries) in [
        (FeedPlan::new().with_channel(user.clone()), Some(3)),
        (FeedPlan::new().with_channel(user.optional()), None),
        (FeedPlan::new().with_channel(ChannelPlan::plain("user")), None),
    ] {
        let mut desk = Desk::new(&plan.with_channel(ChannelPlan::heartbeats("heartbeats")));
        desk.input(Input::Start);
        desk.input(Input::Reached(Stage::Upgrade));
        for _ in 0..100 {
            if state(&desk) == FeedState::Subscribing || state(&desk) == FeedState::Live {
                desk.beat(1);
                // Two words for each message: only one of them can be meant.
                for _ in 0..2 {
                    let message = Message::Error(FeedError::Authentication);
                    desk.input(Input::Message { sequence: None, message });
                }
            }
        }
        let asked = desk.said.iter().filter(|(_, action)| *action == subscribe("user", &[])).count();
        let refused =
            |tries| Action::Tell(Notice::Refused { reason: RefusalReason::Channel { channel: "user", tries } });
        let last = desk.said.pop().map(|(_, action)| action);
        match tries {
            Some(tries) => assert_eq!((asked, last), (3, Some(refused(tries)))),
            None => assert!(asked <= 4 && state(&desk) == FeedState::Live, "{asked} {last:?}"),
        }
    }
}

/// Numbers of a configuration file at the edges of their type.
#[test]
fn endless_waits_and_none_at_all_are_survived() {
    for wait in [Duration::ZERO, Duration::MAX] {
        let mut config = SupervisorConfig::default();
        (config.silence, config.stage_timeout, config.write_timeout) = (wait, wait, wait);
        (config.first_pause, config.longest_pause, config.confirmation) = (wait, wait, wait);
        (config.healthy_after, config.throttled_pause, config.gap_resubscription) = (wait, wait, wait);
        let trades = ChannelPlan::of("trades", symbols(&["BTC-USD"])).with_cadence(Cadence::Within(wait));
        let mut desk = Desk::with(config, &FeedPlan::new().with_channel(trades), 3);
        desk.input(Input::Start);
        desk.input(Input::Reached(Stage::Upgrade));
        desk.data("trades", &["BTC-USD"]);
        desk.sequence += 5;
        desk.data("trades", &["BTC-USD"]);
        desk.input(Input::WriteStarted);
        desk.wait(SECOND);
        desk.input(Input::Closed { code: Some(1013) });
        desk.wait(SECOND);
        assert!(desk.notices().contains(&Notice::Gap { missing: 5, channel: None }));
    }
}

#[test]
fn a_stop_at_any_moment_is_the_end() {
    let moments: [fn(&mut Desk); 6] = [
        |_| {},
        |desk| _ = desk.input(Input::Start),
        |desk| {
            desk.input(Input::Start);
            desk.input(Input::Reached(Stage::Tcp));
        },
        |desk| {
            desk.input(Input::Start);
            desk.input(Input::Reached(Stage::Upgrade));
        },
        |desk| {
            desk.input(Input::Start);
            desk.connect();
        },
        |desk| {
            desk.input(Input::Start);
            desk.input(Input::Closed { code: None });
        },
    ];
    for (n, moment) in moments.into_iter().enumerate() {
        let mut desk = Desk::new(&plan(&["BTC-USD"]));
        moment(&mut desk);
        desk.said.clear();
        desk.input(Input::Stop);
        let expected = if (1..5).contains(&n) { vec![disconnect(DisconnectReason::Stopped)] } else { vec![] };
        assert_eq!(desk.take(), expected, "moment {n}");
        assert_eq!(desk.data("trades", &["BTC-USD"]), Verdict::Stray);
        desk.input(Input::Reached(Stage::Upgrade));
        desk.input(Input::Closed { code: None });
        desk.input(Input::Stop);
        desk.wait(3_600 * SECOND);
        assert_eq!((desk.take(), desk.supervisor.next_wakeup()), (vec![], None), "moment {n}");
    }
}

/// A shell that was slow to take its actions must not open, after the stop, what it was told before.
#[test]
fn a_stop_takes_back_what_was_not_done_yet() {
    let mut desk = Desk::new(&plan(&["BTC-USD"]));
    let _ = desk.supervisor.handle(desk.now, Input::Start);
    let _ = desk.supervisor.handle(desk.now, Input::Stop);
    assert_eq!(desk.supervisor.next_action(), None);
    let _ = desk.supervisor.handle(desk.now, Input::Start);
    let _ = desk.supervisor.handle(desk.now, Input::Closed { code: None });
    let _ = desk.supervisor.handle(desk.now, Input::Stop);
    assert_eq!(desk.supervisor.next_action(), None, "connect and disconnect cancel out");
}
