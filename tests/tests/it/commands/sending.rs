//! What a sender is told.

use std::process::Stdio;

use livermore_tests::{Finished, livermore};

use super::buses::{Kind, on_every_bus};
use crate::stores::eventually;

on_every_bus!(
    a_command_is_decided_and_becomes_effective,
    without_an_inbox_it_is_pending_and_decided_later,
    what_the_monitor_refuses_is_exit_code_5,
    the_same_id_is_one_command,
    what_is_not_decided_can_be_taken_back,
    a_watch_tells_each_change,
);

mod alone {
    use super::{a_list_has_what_was_asked_for, what_is_wrong_is_refused_before_anything_is_recorded};
    use crate::commands::buses::on_every_log;

    on_every_log!(what_is_wrong_is_refused_before_anything_is_recorded, a_list_has_what_was_asked_for);
}

const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

fn a_command_is_decided_and_becomes_effective(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let inbox = bus.inbox(&["--plane-delay", "10ms"]);
    inbox.told("leading");
    let patient = ["--timeout", "30s"];
    for arguments in [
        &["pause", "--level", "hold"][..],
        &["pause"],
        &["resume"],
        &["mode", "scalper-macdv"],
        &["symbols", "add", "BTC-USD"],
        &["symbols", "add", "ETH-USD", "SOL-USD"],
        &["symbols", "remove", "ETH-USD", "SOL-USD"],
        &["cache", "clear"],
        &["cache", "clear", "--symbol", "BTC-USD"],
        &["cache", "clear", "--timeframe", "5m"],
        &["reload"],
        &["backfill", "BTC-USD", "--timeframes", "5m,1h", "--days", "3", "--wait", "effective"],
        &["command", "send", "force-backfill", "--payload", r#"{"symbols":["BTC-USD"]}"#, "--wait", "effective"],
    ] {
        let sent = bus.run(&[arguments, &patient].concat());
        assert_eq!(sent.code, Some(0), "{arguments:?}: {}", sent.stderr);
        assert!(
            sent.stdout.lines().all(|line| line.contains("applied and effective")),
            "{arguments:?}: {}",
            sent.stdout
        );
    }
    // A backfill takes long: what is waited for is that it has been taken on.
    let sent = bus.json(&[&["backfill", "BTC-USD"][..], &patient].concat());
    assert_eq!(sent["state"], "applied");
    let watched = bus.run(&["command", "watch", sent["id"].as_str().unwrap()]);
    assert_eq!(watched.code, Some(0), "{}", watched.stderr);
    assert!(watched.stdout.lines().last().unwrap().contains("applied and effective"), "{}", watched.stdout);
    let decided = inbox.events().iter().filter(|event| event["event"] == "decided").count();
    assert_eq!(decided, 15, "each once");
}

fn without_an_inbox_it_is_pending_and_decided_later(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let sent = bus.run(&["pause", "--timeout", "200ms"]);
    assert_eq!(sent.code, Some(4), "{}", sent.stderr);
    let id = sent.stderr.lines().next().unwrap().strip_prefix("livermore: pause ").unwrap().to_owned();
    for part in [&format!("recorded under id {id}, not decided so far"), &format!("livermore command show {id} --bus ")]
    {
        assert!(sent.stderr.contains(part), "{part}: {}", sent.stderr);
    }
    assert!(sent.stdout.contains("pause: recorded, not decided so far (seq 1)"), "{}", sent.stdout);
    let shown = bus.get(&["command", "show", &id]);
    assert!(shown.contains("not decided so far") && shown.contains("never expires"), "{shown}");
    assert_eq!(bus.json(&["command", "show", &id])["state"], "undecided");
    let inbox = bus.inbox(&["--plane-delay", "1ms"]);
    inbox.told_that("decided", |event| event["id"] == id.as_str());
    // Decided before anything was started.
    let first = inbox.told("converged");
    assert_eq!(first["phase"], "stopped", "{first}");
    assert_eq!(bus.run(&["command", "watch", &id]).code, Some(0));
    assert!(bus.get(&["command", "show", &id]).contains("pause: applied and effective (changed, seq 1"));
}

fn what_is_wrong_is_refused_before_anything_is_recorded(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let many = vec!["X-USD"; 51];
    for (arguments, parts) in [
        (&["command", "send", "paus"][..], &["did you mean \"pause\"?", "accepted: pause, resume,", "clear-cache"][..]),
        (&["command", "send", "pause", "--payload", "{"], &["--payload: is not JSON, line 1, column"]),
        (&["command", "send", "pause", "--payload", "[]"], &["/payload: is not an object"]),
        (&["command", "send", "pause", "--payload", r#"{"levl":"mute"}"#], &["/payload/levl", "unknown field"]),
        (&["command", "send", "add-symbol"], &["missing field `symbol`"]),
        (
            &["command", "send", "bulk-add-symbols", "--payload", r#"{"symbols":["A-USD","A-USD","B-USD","B-USD"]}"#],
            &["/payload/symbols/1: is there twice", "/payload/symbols/3: is there twice"],
        ),
        (&["pause", "--level", "deep"], &["/payload/level", "mute"]),
        (&["mode", "scalper"], &["/payload/mode", "scalper-macdv"]),
        (&["symbols", "add", "btc/usd"], &["/payload/symbol", "did you mean \"BTC-USD\"?"]),
        (&["symbols", "remove", "BTC-USD", "eth usd"], &["/payload/symbol"]),
        (&["backfill", "BTC-USD", "--timeframes", "60m", "--days", "3"], &["/payload/timeframes/0", "1h"]),
        (&["backfill", "BTC-USD", "--days", "366"], &["/payload/days: is not a whole number from 1 to 365"]),
        (&[&["backfill"][..], &many].concat(), &["/payload/symbols: has 51 entries; at most 50"]),
        (&["cache", "clear", "--timeframe", "7m"], &["/payload/timeframe"]),
        (&["cache", "clear", "--timeframe", "5m", "--symbol", "BTC-USD"], &["cannot be used with"]),
        (&["symbols", "remove", "BTC-USD", "ETH-USD", "--id", ID], &["remove them one by one"]),
        (&["pause", "--id", "7"], &["is not a UUID"]),
        (&["pause", "--timeout", "soon"], &["write 20s, 5m or 1h"]),
        (&["pause", "--not-after", "nevr"], &["or never"]),
        (&["pause", "--user", "0"], &["--user"]),
        (&["command", "show", ID], &["there is no command"]),
        (&["command", "cancel", ID], &["there is no command"]),
        (&["command", "watch", ID], &["there is no command"]),
    ] {
        let refused = bus.run(arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.stderr);
        assert_eq!(refused.stdout, "", "{arguments:?}");
        for part in parts {
            assert!(refused.stderr.contains(part), "{arguments:?}, {part}: {}", refused.stderr);
        }
    }
    assert_eq!(bus.json(&["command", "list"]), serde_json::json!([]));
    assert!(bus.run(&["command", "list"]).stderr.contains("no command of user 1"));
}

fn what_the_monitor_refuses_is_exit_code_5(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let expired = bus.run(&["resume", "--not-after", "50ms", "--timeout", "10s"]);
    assert_eq!(expired.code, Some(5), "{}", expired.stderr);
    assert!(expired.stderr.contains("expired (expired): it was not decided in time"), "{}", expired.stderr);
    let _inbox = bus.inbox(&["--plane-delay", "1ms"]);
    let rejected = bus.run(&["mode", "scalper-orderbook", "--timeout", "30s"]);
    assert_eq!(rejected.code, Some(5), "{}", rejected.stderr);
    for part in ["rejected (not_implemented)", "accepted: ", "scalper-macdv"] {
        assert!(rejected.stderr.contains(part), "{}", rejected.stderr);
    }
    let rejected = bus.run(&["reload", "--revision", "99", "--timeout", "30s", "--json"]);
    assert_eq!(rejected.code, Some(5), "{}", rejected.stderr);
    let printed = crate::settings_json::json(&rejected.stdout);
    assert_eq!((&printed["state"], &printed["code"]), (&"rejected".into(), &"no_such_revision".into()));
    let id = printed["id"].as_str().unwrap();
    assert_eq!(bus.run(&["command", "watch", id]).code, Some(5));
    assert_eq!(bus.run(&["command", "show", id]).code, Some(0), "asking is no failure");
}

fn the_same_id_is_one_command(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let send = |level: &str| bus.run(&["pause", "--level", level, "--id", ID, "--wait", "none"]);
    let first = send("mute");
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert!(!first.stderr.contains("before"), "{}", first.stderr);
    let again = send("mute");
    assert_eq!((again.code, &again.stdout), (Some(0), &first.stdout));
    assert!(again.stderr.contains("was recorded before; sending it again changes nothing"), "{}", again.stderr);
    let other = send("hold");
    assert_eq!(other.code, Some(6), "{}", other.stderr);
    assert!(other.stderr.contains(&format!("the command id {ID} was used before for another command")));
    // Another user's ids are another user's.
    assert_eq!(bus.run(&["resume", "--id", ID, "--wait", "none", "--user", "2"]).code, Some(0));
    let _inbox = bus.inbox(&["--plane-delay", "1ms"]);
    let decided = bus.run(&["pause", "--level", "mute", "--id", ID, "--timeout", "30s"]);
    assert_eq!(decided.code, Some(0), "{}", decided.stderr);
    assert!(decided.stdout.contains("applied and effective (changed, seq 1, generation 1"), "{}", decided.stdout);
    assert_eq!(bus.json(&["command", "list"]).as_array().unwrap().len(), 1);
}

fn what_is_not_decided_can_be_taken_back(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let id = bus.recorded(&["pause"]);
    let cancelled = bus.get(&["command", "cancel", &id]);
    assert!(cancelled.contains("pause: cancelled (cancelled, seq 1"), "{cancelled}");
    assert_eq!(bus.json(&["command", "cancel", &id])["state"], "cancelled", "again does no harm");
    let inbox = bus.inbox(&["--plane-delay", "1ms"]);
    let sent = bus.json(&["pause", "--level", "mute", "--timeout", "30s"]);
    let late = bus.run(&["command", "cancel", sent["id"].as_str().unwrap()]);
    assert_eq!(late.code, Some(5), "{}", late.stderr);
    assert!(late.stderr.contains("cannot be taken back: it has ended before, applied"), "{}", late.stderr);
    assert!(!inbox.events().iter().any(|event| event["event"] == "decided" && event["id"] == id.as_str()));
}

fn a_list_has_what_was_asked_for(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let kept: Vec<String> = (0..3).map(|_| bus.recorded(&["pause"])).collect();
    bus.get(&["command", "cancel", &kept[1]]);
    let ids = |arguments: &[&str]| -> Vec<String> {
        let listed = bus.json(&[&["command", "list"][..], arguments].concat());
        listed.as_array().unwrap().iter().map(|command| command["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&[]), [&*kept[2], &kept[1], &kept[0]], "newest first");
    assert_eq!(ids(&["--limit", "1"]), [&*kept[2]]);
    assert_eq!(ids(&["--open"]), [&*kept[2], &kept[0]]);
    assert_eq!(ids(&["--user", "2"]), Vec::<String>::new());
    let table = bus.get(&["command", "list"]);
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(
        rows[0].split_whitespace().collect::<Vec<_>>(),
        ["id", "seq", "kind", "state", "code", "sent", "took", "by"]
    );
    assert!(rows[1].contains("undecided") && rows[2].contains("cancelled"), "{table}");
    assert_eq!(rows.len(), 4);
}

fn a_watch_tells_each_change(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let url = bus.url();
    let (before, folder) = (bus.recorded(&["pause"]), tempfile::TempDir::new().unwrap());
    let out = folder.path().join("out");
    let mut command = livermore(&["command", "watch", "--bus", &url]);
    let mut watch = command.stdout(std::fs::File::create(&out).unwrap()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = || std::fs::read_to_string(&out).unwrap();
    eventually("what is there already", || lines().contains(&format!("{before}  pause: recorded, not decided")));
    let _inbox = bus.inbox(&["--plane-delay", "1ms"]);
    eventually("its effect", || lines().contains(&format!("{before}  pause: applied and effective")));
    let after = bus.recorded(&["resume"]);
    eventually("another command", || lines().contains(&format!("{after}  resume: applied and effective")));
    let pid = watch.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    eventually("its end", || watch.try_wait().unwrap().is_some());
    assert_eq!(Finished::of(&watch.wait_with_output().unwrap()).code, Some(0));
}
