//! Plain messages, from a sender that knows nothing but `PUBLISH` and `SUBSCRIBE`.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use livermore_core::{
    control::{CommandBus, ControlPolicy, DoorbellState, DropReason, EmbeddedCommandLog, PlainAnswer, PlainStatus},
    ids::Timestamp,
};
use livermore_redis::{CompatIngress, RedisCommandLog};
use livermore_tests::redis::{self, Redis, Subscriber};

use crate::support::{TTL, config, decide_next, eventually, lease, log, recorded, user};

struct Stage {
    server: Redis,
    log: RedisCommandLog,
    ingress: CompatIngress,
}

async fn stage() -> Option<Stage> {
    let server = redis::durable()?;
    let log = log(&server).await;
    let ingress = CompatIngress::start(&config(server.url()), &[user(7)], Arc::new(log.clone())).unwrap();
    eventually("it listens", TTL, async || match ingress.state() {
        DoorbellState::Working => Ok(()),
        DoorbellState::Degraded => Err("degraded".to_owned()),
    })
    .await;
    Some(Stage { server, log, ingress })
}

impl Stage {
    fn now(&self) -> i64 {
        self.server.run(&["TIME"]).lines().next().unwrap().parse::<i64>().unwrap() * 1_000
    }

    /// What a sender of the TypeScript system does: subscribe, publish, wait.
    fn send(&self, kind: &str, payload: &str, request: &str, at: i64) -> Subscriber {
        let answers = self.server.subscribe(&format!("channel:ack:7:{request}"));
        let text = format!(r#"{{"type":"{kind}","payload":{payload},"timestamp":{at},"requestId":"{request}"}}"#);
        assert_eq!(self.server.run(&["PUBLISH", "channel:control:7", &text]), "1");
        answers
    }
}

fn answer(from: &mut Subscriber) -> PlainAnswer {
    serde_json::from_str(&from.next_message()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_recorded_answered_decided_and_answered() {
    let Some(stage) = stage().await else { return };
    let mut answers = stage.send("pause", "{}", "abc123", stage.now());
    let accepted = answer(&mut answers);
    assert_eq!((accepted.status, accepted.request_id.as_str()), (PlainStatus::Ack, "abc123"));
    assert_eq!(accepted.data["seq"], 1);
    let runner = lease(&stage.log, user(7), "runner").await;
    let decided = decide_next(&stage.log, &runner).await.unwrap();
    assert_eq!(accepted.data["commandId"], decided.id.to_string());
    let done = answer(&mut answers);
    assert_eq!((done.status, done.data["verdict"].as_str()), (PlainStatus::Success, Some("applied")));
    assert!((done.timestamp.as_millis() - stage.now()).abs() < 60_000);
    // The same message again is the same command, and is answered again.
    let mut again = stage.send("pause", "{}", "abc123", stage.now());
    assert_eq!(answer(&mut again).data["seq"], 1);
    assert_eq!(answer(&mut again).status, PlainStatus::Success);
    assert_eq!(stage.ingress.counters().recorded, 2);
    // Another one under its name is not.
    let mut other = stage.send("resume", "{}", "abc123", stage.now());
    let refused = answer(&mut other);
    assert_eq!(refused.status, PlainStatus::Error);
    assert!(refused.message.unwrap().contains("used before"));
    stage.ingress.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_34_and_35_bad_messages_are_answered_or_counted() {
    let Some(stage) = stage().await else { return };
    let now = stage.now();
    let mut answers = stage.send("paus", "{}", "typo", now);
    let refused = answer(&mut answers);
    assert_eq!(refused.status, PlainStatus::Error);
    assert!(refused.message.unwrap().contains("did you mean \"pause\""));
    assert_eq!(refused.data["problems"][0]["pointer"], "/type");
    let mut answers = stage.send("resume", "{}", "old", now - 120_000);
    assert!(answer(&mut answers).message.unwrap().contains("s old"));
    let deep = format!(r#"{{"requestId":"x","payload":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let large = "x".repeat(65 * 1024);
    let foreign = format!(r#"{{"type":"pause","timestamp":{now},"requestId":"x","userId":8}}"#);
    for text in [deep.as_str(), &large, &foreign, "", "{", "[]", "{} {}", r#"{"requestId":"a","requestId":"b"}"#] {
        stage.server.run(&["PUBLISH", "channel:control:7", text]);
    }
    let counters = eventually("all are counted", TTL, async || {
        let counters = stage.ingress.counters();
        (counters.dropped.values().sum::<u64>() == 8).then(|| counters.clone()).ok_or(format!("{counters:?}"))
    })
    .await;
    assert_eq!(counters.dropped[&DropReason::OtherUser], 1);
    assert_eq!(counters.dropped[&DropReason::TooLarge], 1);
    assert_eq!(counters.dropped[&DropReason::TooDeep], 1);
    assert_eq!((counters.recorded, counters.refused), (0, 2));
    // The loop lives; bells are not messages.
    stage.server.run(&["PUBLISH", "channel:control:7", "12"]);
    let mut answers = stage.send("pause", "{}", "fine", now - 120_000);
    assert_eq!(answer(&mut answers).status, PlainStatus::Ack, "stopping is never too late");
    assert!(stage.log.history(user(8), livermore_core::control::CommandQuery::newest(1)).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn any_command_log_will_do() {
    let Some(server) = redis::own(&[]) else { return };
    let log = EmbeddedCommandLog::in_memory(ControlPolicy::default(), || Timestamp::from_secs(1_700_000_000).unwrap());
    let mut signals = log.signals(user(7)).await.unwrap();
    let ingress = CompatIngress::start(&config(server.url()), &[user(7)], Arc::new(log.clone())).unwrap();
    let id = livermore_core::control::RequestId::new("abc").unwrap().command_id(user(7));
    let mut answers = server.subscribe("channel:ack:7:abc");
    eventually("it listens", TTL, async || {
        let at = server.run(&["TIME"]).lines().next().unwrap().to_owned();
        let text = format!(r#"{{"type":"pause","timestamp":{at}000,"requestId":"abc"}}"#);
        let heard = server.run(&["PUBLISH", "channel:control:7", &text]);
        (heard == "1").then_some(()).ok_or(heard)
    })
    .await;
    assert_eq!(answer(&mut answers).status, PlainStatus::Ack);
    log.cancel(user(7), id).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), signals.next()).await.unwrap();
    let ended = answer(&mut answers);
    assert_eq!((ended.status, ended.data["verdict"].as_str()), (PlainStatus::Error, Some("cancelled")));
    assert_eq!(ingress.counters().recorded, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_user_are_recorded_in_order() {
    let Some(stage) = stage().await else { return };
    let now = stage.now();
    for number in 0..60 {
        let kind = if number % 2 == 0 { "pause" } else { "resume" };
        let text = format!(r#"{{"type":"{kind}","timestamp":{now},"requestId":"r{number}"}}"#);
        stage.server.run(&["PUBLISH", "channel:control:7", &text]);
    }
    eventually("all are recorded", TTL, async || {
        let recorded = stage.ingress.counters().recorded;
        (recorded == 60).then_some(()).ok_or(recorded.to_string())
    })
    .await;
    for number in 0..60 {
        let request = livermore_core::control::RequestId::new(&format!("r{number}")).unwrap();
        let record = recorded(&stage.log, user(7), request.command_id(user(7))).await;
        assert_eq!(record.seq.get(), number + 1);
    }
}
