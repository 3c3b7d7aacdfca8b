//! Inboxes that die, freeze, and come back.

use std::time::Duration;

use tokio::time::Instant;

use super::buses::{Inbox, Kind, on_every_bus};

on_every_bus!(
    another_inbox_takes_over_from_a_killed_one,
    case_40_a_frozen_inbox_is_refused_when_it_wakes,
    case_12_a_stopped_inbox_gives_its_leases_back,
    a_second_request_to_end_is_obeyed_at_once,
    a_plane_that_fails_is_tried_again,
    nothing_of_a_payload_reaches_the_log,
);

/// Another process must have taken over by then.
const TAKEOVER: Duration = Duration::from_secs(15);

fn a_leader_and_a_standby(bus: &super::buses::Bus, delay: &str) -> (Inbox, Inbox) {
    let leader = bus.inbox(&["--holder", "first", "--plane-delay", "1ms", "--decide-delay", delay]);
    leader.told("leading");
    let standby = bus.inbox(&["--holder", "second", "--plane-delay", "1ms"]);
    standby.told("standingBy");
    (leader, standby)
}

fn another_inbox_takes_over_from_a_killed_one(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let (mut leader, standby) = a_leader_and_a_standby(&bus, "30s");
    let id = bus.recorded(&["pause"]);
    leader.told("deciding");
    leader.signal("KILL");
    let killed = Instant::now();
    leader.ended();
    let decided = standby.told_that("decided", |event| event["id"] == id.as_str());
    let took = killed.elapsed();
    assert!(took < TAKEOVER, "{took:?}");
    assert_eq!((&decided["verdict"], &decided["code"]), (&"applied".into(), &"changed".into()));
    assert_eq!(bus.run(&["command", "watch", &id]).code, Some(0));
    assert!(!leader.events().iter().any(|event| event["event"] == "decided"));
    println!("taken over after {took:?}");
}

fn case_40_a_frozen_inbox_is_refused_when_it_wakes(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let (leader, standby) = a_leader_and_a_standby(&bus, "3s");
    let id = bus.recorded(&["pause", "--level", "mute"]);
    leader.told("deciding");
    leader.signal("STOP");
    let frozen = Instant::now();
    standby.told_that("decided", |event| event["id"] == id.as_str());
    assert!(frozen.elapsed() < TAKEOVER, "{:?}", frozen.elapsed());
    let taken = standby.told("leading");
    let before = bus.json(&["command", "show", &id]);
    leader.signal("CONT");
    // Its decision was on the way when it froze.
    let refused = leader.told_that("refused", |event| event["step"] == "decide");
    assert_eq!(refused["current"], taken["epoch"]);
    leader.told("lost");
    assert!(!leader.events().iter().any(|event| event["event"] == "decided"));
    assert_eq!(bus.json(&["command", "show", &id]), before);
    assert_eq!(before["epoch"], taken["epoch"]);
    // And the one that has taken over goes on.
    assert_eq!(bus.run(&["resume", "--timeout", "30s"]).code, Some(0));
}

fn case_12_a_stopped_inbox_gives_its_leases_back(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    for signal in ["TERM", "INT"] {
        let (mut leader, standby) = a_leader_and_a_standby(&bus, "0s");
        leader.signal(signal);
        let asked = Instant::now();
        assert_eq!(leader.ended(), Some(0));
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        leader.told("end");
        standby.told("leading");
        // It looks for free leases every 3 s; a lease that was not given back would have lasted 10.
        assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    }
}

fn a_second_request_to_end_is_obeyed_at_once(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let mut inbox = bus.inbox(&["--decide-delay", "60s"]);
    inbox.told("leading");
    bus.recorded(&["pause"]);
    inbox.told("deciding");
    inbox.signal("INT");
    inbox.told("ending");
    inbox.signal("INT");
    assert_eq!(inbox.ended(), Some(130));
}

fn a_plane_that_fails_is_tried_again(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let inbox = bus.inbox(&["--plane-delay", "1ms", "--plane-fails", "2"]);
    let degraded = inbox.told("degraded");
    assert_eq!(degraded["component"], "pretended plane");
    inbox.told("converged");
    assert_eq!(bus.run(&["pause", "--timeout", "30s"]).code, Some(0));
}

fn nothing_of_a_payload_reaches_the_log(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let mut inbox = bus.inbox(&["--plane-delay", "1ms"]);
    for arguments in [&["symbols", "add", "CANARY-USD"][..], &["backfill", "CANARY-USD", "--wait", "effective"]] {
        assert_eq!(bus.run(&[arguments, &["--timeout", "30s"]].concat()).code, Some(0));
    }
    inbox.signal("TERM");
    assert_eq!(inbox.ended(), Some(0));
    inbox.told("end");
    let told = format!("{:?}", inbox.events());
    assert!(told.contains("force-backfill") && told.contains("add-symbol"), "{told}");
    assert!(!told.contains("CANARY") && !told.contains(livermore_tests::postgres::PASSWORD), "{told}");
    let listed = bus.get(&["command", "list"]);
    assert!(!listed.contains("CANARY"), "{listed}");
}
