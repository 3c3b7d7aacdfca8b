//! Clocks that are wrong: of senders, of monitors, of Redis beside PostgreSQL.

use livermore_tests::{Finished, livermore, redis::own, time_of_day};
use serde_json::Value;

use super::buses::{Bus, Kind, on_every_bus, without_secrets};
use crate::settings_json::json;

on_every_bus!(case_11_an_hour_more_or_less_at_sender_or_monitor_changes_nothing);

/// Runs a command on a bus, at another time of day.
fn run_at(bus: &Bus, offset: &str, arguments: &[&str]) -> Option<Finished> {
    let mut command = livermore(&[arguments, &["--bus", &bus.url()]].concat());
    Some(without_secrets(Finished::of(&command.envs(time_of_day(offset)?).output().unwrap())))
}

fn lifetime(command: &Value) -> i64 {
    command["notAfter"].as_i64().unwrap() - command["submittedAt"].as_i64().unwrap()
}

fn case_11_an_hour_more_or_less_at_sender_or_monitor_changes_nothing(kind: Kind) {
    for (sender, monitor) in [("+1h", "-1h"), ("-1h", "+1h")] {
        let (Some(bus), Some(clock)) = (kind.fresh(), time_of_day(monitor)) else { return };
        let now = bus.recorded(&["pause"]);
        let now = bus.json(&["command", "show", &now])["submittedAt"].as_i64().unwrap();
        let late = ["resume", "--not-after", "100ms", "--wait", "none", "--json"];
        let sent = ["reload", "--not-after", "1m", "--wait", "none", "--json"];
        let Some(late) = run_at(&bus, sender, &late) else { return };
        let Some(sent) = run_at(&bus, sender, &sent) else { return };
        let (late, sent) = (json(&late.success()), json(&sent.success()));
        assert_eq!((lifetime(&late), lifetime(&sent)), (100, 60_000));
        assert!((sent["submittedAt"].as_i64().unwrap() - now).abs() < 60_000, "{sent} is not by the log's clock");
        crate::stores::eventually("the short-lived command is overdue", || {
            let asked = bus.json(&["command", "list"]);
            let listed = asked.as_array().unwrap().iter().find(|listed| listed["id"] == late["id"]).cloned();
            listed.is_some_and(|listed| listed["state"] == "expired") || overdue(&bus, &late)
        });

        let leader = bus.inbox_with(&["--holder", "leader", "--plane-delay", "1ms"], &clock);
        leader.told("leading");
        let standby = bus.inbox(&["--holder", "standby", "--plane-delay", "1ms"]);
        standby.told("standingBy");
        for (command, state) in [(&late, "expired"), (&sent, "applied")] {
            let id = command["id"].as_str().unwrap();
            let code = if state == "applied" { 0 } else { 5 };
            assert_eq!(bus.run(&["command", "watch", id]).code, Some(code));
            assert_eq!(bus.json(&["command", "show", id])["state"], state, "sender {sender}, monitor {monitor}");
        }
        let Some(waited) = run_at(&bus, sender, &["resume", "--timeout", "30s"]) else { return };
        assert_eq!(waited.code, Some(0), "{}", waited.stderr);
        assert!(!standby.events().iter().any(|event| event["event"] == "leading"), "{:?}", standby.events());
    }
}

/// Whether the log's clock is past the end of a command.
fn overdue(bus: &Bus, command: &Value) -> bool {
    let probe = bus.recorded(&["pause"]);
    bus.json(&["command", "show", &probe])["submittedAt"].as_i64() > command["notAfter"].as_i64()
}

/// Redis rings and is asked for no time: here it has none to give, so a wrong one makes no difference.
#[test]
fn case_42_the_clock_of_redis_does_not_matter_beside_postgresql() {
    if livermore_tests::postgres::shared().is_none() {
        return;
    }
    let (Some(bus), Some(bell)) = (Kind::Postgres.fresh(), own(&["rename-command TIME \"\""])) else { return };
    assert!(bell.run(&["TIME"]).starts_with("-ERR unknown command"));
    let url = format!("redis://{}", bell.address());
    let late = bus.recorded(&["resume", "--not-after", "1ms", "--bell", &url]);
    let inbox = bus.inbox(&["--plane-delay", "1ms", "--bell", &url]);
    inbox.told("leading");
    for command in ["pause", "resume", "pause"] {
        let sent = [command, "--bell", &url, "--not-after", "1m", "--timeout", "30s", "--json"];
        let told = json(&bus.run(&sent).success());
        assert_eq!((&told["state"], lifetime(&told)), (&"applied".into(), 60_000), "{told}");
    }
    assert_eq!(bus.json(&["command", "show", &late])["state"], "expired");
    assert!(!inbox.events().iter().any(|event| event["event"] == "lost"), "{:?}", inbox.events());
    let used = bell.run(&["INFO", "commandstats"]);
    assert!(used.contains("cmdstat_publish:") && used.contains("cmdstat_subscribe:"), "it did not ring: {used}");
    // Nothing that lives by the clock of Redis.
    assert_eq!(bell.run(&["DBSIZE"]), "0");
}
