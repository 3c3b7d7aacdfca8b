use livermore_core::exchange::supervisor::FeedError;

use super::*;

/// Only pings arrive: they are not handed in, and neither errors nor repeated messages keep a connection alive.
#[test]
fn case_75_only_pings_arrive_and_the_data_watchdog_trips() {
    for noise in 0..3 {
        let mut desk = Desk::live(&plan(&["BTC-USD"]));
        let begin = desk.now;
        for _ in 0..9 {
            desk.wait(SECOND);
            let message = Message::Heartbeat { channel: "heartbeats", counter: Some(desk.counter) };
            let verdict = match noise {
                0 => Verdict::Accept,
                1 => desk.input(Input::Message { sequence: None, message: Message::Error(FeedError::Other) }),
                _ => desk.input(Input::Message { sequence: Some(0), message }),
            };
            assert_eq!(verdict, if noise == 2 { Verdict::Duplicate } else { Verdict::Accept });
        }
        assert!(desk.said.is_empty(), "{:?}", desk.said);
        desk.wait(SECOND);
        let (at, action) = desk.said.remove(0);
        assert_eq!((at, action), (begin + 10 * SECOND, disconnect(DisconnectReason::Silence)), "noise {noise}");
        let notices = desk.notices();
        assert_eq!(notices[0], Notice::Disconnected { reason: DisconnectReason::Silence });
        assert!(matches!(notices[1], Notice::Reconnecting { attempt: 1, .. }), "{notices:?}");
    }
}

/// A jump of the numbers or of the heartbeat counter is told and counted, and mended by subscribing again, though not
/// again and again.
#[test]
fn case_76_a_jump_is_a_gap_and_is_mended_by_subscribing_again() {
    let mut desk = Desk::live(&plan(&["BTC-USD"]));
    desk.sequence += 3;
    assert_eq!(desk.heartbeat(), Verdict::Accept);
    let again = subscribe("candles", &["BTC-USD"]);
    assert_eq!(desk.take(), [Action::Tell(Notice::Gap { missing: 3, channel: None }), again.clone()]);

    // Two heartbeats are missing, one of which the numbers tell.
    (desk.sequence, desk.counter) = (desk.sequence + 1, desk.counter + 2);
    assert_eq!(desk.heartbeat(), Verdict::Accept);
    let gaps = [(1, None), (1, Some("heartbeats"))];
    assert_eq!(desk.notices(), gaps.map(|(missing, channel)| Notice::Gap { missing, channel }));
    desk.beat(4);
    assert_eq!(desk.take(), [], "not again within five seconds");
    desk.beat(2);
    assert_eq!(desk.take(), [again], "but then");
    let counts = desk.supervisor.status().counts;
    assert_eq!((counts.gaps, counts.missing, counts.resubscriptions), (3, 5, 2));

    // What was told as missing may still come, once.
    let late = Message::Other;
    let verdict = desk.input(Input::Message { sequence: Some(3), message: late });
    assert_eq!(verdict, Verdict::Late);
    assert_eq!(desk.input(Input::Message { sequence: Some(3), message: late }), Verdict::Duplicate);
}

#[test]
fn case_76_numbers_and_counters_that_begin_anew_are_no_gap() {
    let mut desk = Desk::live(&plan(&["BTC-USD"]));
    desk.beat(5);
    desk.counter = 3; // another machine of the exchange behind the same connection
    assert_eq!(desk.heartbeat(), Verdict::Accept);
    desk.input(Input::Closed { code: None });
    desk.reconnect();
    desk.input(Input::Reached(Stage::Upgrade));
    desk.said.clear();
    (desk.sequence, desk.counter) = (0, 77);
    desk.heartbeat();
    assert!(matches!(desk.notices()[..], [Notice::Connected { epoch }] if epoch.get() == 1));
    assert_eq!(desk.supervisor.status().counts.gaps, 0);

    let mut config = SupervisorConfig::default();
    config.first_sequence = Some(0);
    let mut desk = Desk::with(config, &plan(&["BTC-USD"]), 1);
    desk.input(Input::Start);
    desk.input(Input::Reached(Stage::Upgrade));
    desk.said.clear();
    desk.sequence = 2;
    desk.heartbeat();
    assert_eq!(desk.notices()[1], Notice::Gap { missing: 2, channel: None }, "where the first number is known");
}

/// A hundred drops of five connections: every pause within its bound, and never more connects in a second than all of
/// them may make together.
#[test]
fn case_79_pauses_are_random_within_bounds_and_connects_are_few() {
    let budget = ConnectionBudget::new(4, 8);
    let mut config = SupervisorConfig::default();
    config.longest_pause = SECOND; // or the pauses alone would keep the connects apart
    let plan = plan(&["BTC-USD"]);
    let mut feeds: Vec<Supervisor> =
        (0..5).map(|seed| Supervisor::new(config.clone(), &plan, budget.clone(), seed)).collect();
    let (mut connects, mut pauses, mut drops) = (Vec::new(), Vec::new(), 0);
    feeds.iter_mut().for_each(|feed| _ = feed.handle(SECOND, Input::Start));
    let mut now = SECOND;
    while drops < 100 {
        for feed in &mut feeds {
            while let Some(action) = feed.next_action() {
                match action {
                    Action::Connect { .. } => {
                        connects.push(now);
                        drops += 1;
                        let _ = feed.handle(now, Input::Closed { code: Some(1006) });
                    }
                    Action::Tell(Notice::Reconnecting { attempt, delay, .. }) => pauses.push((attempt, delay)),
                    _ => {}
                }
            }
        }
        now = feeds.iter().filter_map(Supervisor::next_wakeup).min().unwrap().max(now);
        feeds.iter_mut().for_each(|feed| _ = feed.handle(now, Input::Tick));
    }
    assert!(
        connects.windows(5).all(|five| five[4] >= five[0] + SECOND),
        "more than 4 connects in a second: {connects:?}"
    );
    assert!(pauses.iter().all(|(attempt, pause)| *pause <= if *attempt == 1 { SECOND / 2 } else { SECOND }));
    let short = pauses.iter().filter(|(_, pause)| *pause < SECOND / 4).count();
    assert!(short > pauses.len() / 10, "full jitter reaches down to nothing: {pauses:?}");
}

#[test]
fn case_79_the_bound_doubles_and_falls_back_only_after_health() {
    let mut desk = Desk::new(&plan(&["BTC-USD"]));
    desk.input(Input::Start);
    let mut bound = SECOND / 2;
    for attempt in 1..=10 {
        desk.said.clear();
        desk.input(Input::Failed(livermore_core::exchange::supervisor::ConnectFailure::Unreachable));
        let notices = desk.notices();
        let [Notice::Reconnecting { attempt: told, delay, .. }] = notices[..] else { panic!("{notices:?}") };
        assert!(told == attempt && delay <= bound, "try {told} after {delay:?}, bound {bound:?}");
        bound = (bound * 2).min(60 * SECOND);
        desk.reconnect();
    }
    // 29 seconds of data are not enough, 31 are.
    for (seconds, expected) in [(29, 11), (31, 1)] {
        desk.connect();
        desk.beat(seconds);
        desk.said.clear();
        desk.input(Input::Closed { code: Some(1001) });
        let notices = desk.notices();
        assert!(matches!(notices[1], Notice::Reconnecting { attempt, .. } if attempt == expected), "{notices:?}");
        desk.reconnect();
    }
}

/// The first subscription goes out at once, heartbeats before all others, one channel per message, few in a second.
#[test]
fn case_80_the_first_subscription_goes_out_at_once() {
    let names = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"];
    let plan = names
        .into_iter()
        .fold(FeedPlan::new(), |plan, name| plan.with_channel(ChannelPlan::of(name, symbols(&["BTC-USD", "ETH-USD"]))));
    let mut desk = Desk::new(&plan.with_channel(ChannelPlan::heartbeats("heartbeats")));
    desk.input(Input::Start);
    desk.wait(4 * SECOND);
    desk.said.clear();
    let up = desk.now;
    desk.input(Input::Reached(Stage::Upgrade));
    for _ in 0..25 {
        desk.heartbeat();
        desk.wait(SECOND / 10);
    }
    let sent: Vec<(Duration, Action)> =
        desk.said.drain(..).filter(|(_, action)| matches!(action, Action::Subscribe { .. })).collect();
    assert_eq!(sent[0], (up, subscribe("heartbeats", &[])));
    for (n, (at, action)) in sent.iter().enumerate().skip(1) {
        assert_eq!(*action, subscribe(names[n - 1], &["BTC-USD", "ETH-USD"]));
        assert!(*at <= up + 2 * SECOND, "{at:?}");
    }
    assert_eq!(sent.len(), 9);
    assert!(sent.windows(5).all(|five| five[4].0 >= five[0].0 + SECOND), "{sent:?}");
}

/// What a confirmation leaves out is asked for again, product by product, waiting longer each time, and stays visible.
#[test]
fn case_80_a_partial_confirmation_is_retried_per_product() {
    let plan = FeedPlan::new()
        .with_channel(ChannelPlan::heartbeats("heartbeats"))
        .with_channel(ChannelPlan::of("candles", symbols(&["BTC-USD", "ETH-USD", "NOT-USD"])));
    let mut desk = Desk::new(&plan);
    desk.input(Input::Start);
    desk.input(Input::Reached(Stage::Upgrade));
    let begin = desk.now;
    desk.confirm(&[("heartbeats", &[]), ("candles", &["BTC-USD"])]);
    desk.data("candles", &["ETH-USD"]); // data is a confirmation as well
    desk.said.clear();
    desk.beat(60);
    let again = subscribe("candles", &["NOT-USD"]);
    let unconfirmed = Action::Tell(Notice::Unconfirmed { channel: "candles", product: Some(symbol("NOT-USD")) });
    let at = |seconds: u32| begin + seconds * SECOND;
    let expected = [(at(3), unconfirmed), (at(3), again.clone()), (at(9), again.clone()), (at(21), again.clone())];
    assert_eq!(desk.said, expected, "after 3, 6 and 12 seconds, and then no more");
    let status = desk.subscription("candles", "NOT-USD");
    assert_eq!((status.tries, status.confirmed, status.unconfirmed), (4, false, true));
    for product in ["BTC-USD", "ETH-USD"] {
        let status = desk.subscription("candles", product);
        assert_eq!((status.tries, status.confirmed, status.unconfirmed), (0, true, false), "{product}");
    }
    desk.said.clear();
    desk.data("candles", &["NOT-USD"]);
    assert_eq!(desk.notices(), [Notice::Confirmed { channel: "candles", product: Some(symbol("NOT-USD")) }]);
}
