//! Messages of the TypeScript system, on both logs with Redis; and Redis beside PostgreSQL, there and gone.

use std::time::Duration;

use livermore_tests::redis::{Redis, own};
use serde_json::Value;
use tokio::time::Instant;

use super::buses::{Bus, Inbox, Kind};

fn bell_url(bell: &Redis) -> String {
    format!("redis://{}", bell.address())
}

#[allow(clippy::disallowed_methods, reason = "real processes, real time")]
fn unix_millis() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()
}

/// What the user's own tools would send.
fn publish(server: &Redis, kind: &str, request: &str) {
    let now = unix_millis();
    let message = format!(r#"{{"type":"{kind}","timestamp":{now},"requestId":"{request}"}}"#);
    server.run(&["PUBLISH", "channel:control:7", &message]);
}

/// A plain message pauses its user's monitor and nobody else's.
fn a_message_is_a_command_of_its_user(bus: &Bus, server: &Redis, bell: &[&str]) {
    let inbox = |user: &str, store: &str| {
        bus.inbox(&[&["--user", user, "--holder", store, "--plane-delay", "1ms"], bell].concat())
    };
    let (seven, seventy) = (inbox("7", "seven"), inbox("70", "seventy"));
    seven.told("leading");
    seventy.told("leading");
    // Whoever listens, listens soon.
    let deadline = Instant::now() + Duration::from_secs(20);
    let told = loop {
        publish(server, "pause", "abc123");
        let listed: Value = bus.json(&["command", "list", "--user", "7"]);
        if let Some(command) = listed.as_array().and_then(|commands| commands.first()) {
            break command.clone();
        }
        assert!(Instant::now() < deadline, "nobody heard the message: {:?}", seven.events());
    };
    assert_eq!(told["kind"], "pause");
    let id = told["id"].as_str().unwrap();
    assert_eq!(bus.run(&["command", "watch", id, "--user", "7"]).code, Some(0));
    // The same request is the same command, however often it comes.
    publish(server, "pause", "abc123");
    publish(server, "resume", "abc124");
    seven.told_that("decided", |event| event["kind"] == "resume");
    let listed = bus.json(&["command", "list", "--user", "7"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
    let others = bus.json(&["command", "list", "--user", "70"]);
    assert_eq!(others.as_array().map(Vec::len), Some(0), "{others}");
    assert!(!seventy.events().iter().any(|event| event["event"] == "decided"));
}

#[test]
fn case_34_plain_messages_on_redis() {
    let Some(bus) = Kind::Redis.fresh() else { return };
    let Bus::Redis(server) = &bus else { panic!("not on Redis") };
    a_message_is_a_command_of_its_user(&bus, server, &[]);
}

#[test]
fn case_34_plain_messages_beside_postgresql() {
    if livermore_tests::postgres::shared().is_none() {
        return;
    }
    let (Some(bus), Some(bell)) = (Kind::Postgres.fresh(), own(&[])) else { return };
    a_message_is_a_command_of_its_user(&bus, &bell, &["--bell", &bell_url(&bell)]);
}

/// Without Redis a command is slower, never lost.
#[test]
fn w04_redis_beside_postgresql_may_go_away() {
    if livermore_tests::postgres::shared().is_none() {
        return;
    }
    let (Some(bus), Some(bell)) = (Kind::Postgres.fresh(), own(&[])) else { return };
    let url = bell_url(&bell);
    let inbox: Inbox = bus.inbox(&["--plane-delay", "1ms", "--bell", &url]);
    inbox.told("leading");
    bell.kill();
    assert_eq!(bus.run(&["pause", "--bell", &url, "--timeout", "15s"]).code, Some(0));
    bell.restart();
    assert_eq!(bus.run(&["resume", "--bell", &url, "--timeout", "15s"]).code, Some(0));
}

#[test]
fn a_bell_without_postgresql_is_refused() {
    let Some(bus) = Kind::Folder.fresh() else { return };
    let refused = bus.run(&["pause", "--bell", "redis://localhost"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--bell"), "{}", refused.stderr);
}
