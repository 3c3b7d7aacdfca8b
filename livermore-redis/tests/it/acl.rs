//! The access rules, on a server that enforces them.

use std::time::Duration;

use livermore_core::{
    control::{CommandBus, CommandInbox, CommandQuery, ControlError, ControlPolicy, Doorbell},
    ids::Seq,
};
use livermore_redis::{
    RedisBell, RedisConfig, RedisError,
    acl::{AclRole, login, rules},
};
use livermore_tests::redis::{self, Redis};
use tokio::time::Instant;

use crate::support::{TTL, bell, config, decide_next, lease, open, pause, user};

const PASSWORD: &str = "canary-password";

/// A server where only these logins, and the tests' own, may do anything.
fn guarded(users: &[u64]) -> Option<Redis> {
    let server = redis::durable()?;
    for id in users {
        for role in AclRole::ALL {
            let name = login(role, user(*id));
            let rules = rules(role, user(*id));
            let password = format!(">{PASSWORD}");
            let mut command = vec!["ACL", "SETUSER", &name, "reset", "on", &password];
            command.extend(rules.iter().map(String::as_str));
            assert_eq!(server.run(&command), "OK", "{command:?}");
        }
    }
    Some(server)
}

fn as_role(server: &Redis, role: AclRole, id: u64) -> RedisConfig {
    config(format!("redis://{}:{PASSWORD}@{}/", login(role, user(id)), server.address()))
}

#[tokio::test]
async fn runner_and_sender_can_do_their_work() {
    let Some(server) = guarded(&[7]) else { return };
    let runner = open(&as_role(&server, AclRole::Runner, 7)).await;
    let sender = open(&as_role(&server, AclRole::Sender, 7)).await;
    let mut bells = runner.bells(&[user(7)]).await.unwrap();
    let mut signals = sender.signals(user(7)).await.unwrap();
    server.run(&["SCRIPT", "FLUSH"]);
    let (command, other) = (pause(), pause());
    sender.submit(user(7), &command).await.unwrap();
    bell(&mut bells).await.unwrap();
    let held = lease(&runner, user(7), "runner").await;
    decide_next(&runner, &held).await.unwrap();
    crate::support::signal(&mut signals).await.unwrap();
    runner.observe(&held, crate::basics::observed(1)).await.unwrap();
    crate::support::signal(&mut signals).await.unwrap();
    sender.submit(user(7), &other).await.unwrap();
    sender.cancel(user(7), other.id()).await.unwrap();
    assert_eq!(sender.history(user(7), CommandQuery::newest(9)).await.unwrap().len(), 2);
    assert_eq!(runner.waiting(&[user(7)]).await.unwrap(), []);
    runner.renew(std::slice::from_ref(&held), TTL).await.unwrap();
    runner.rebase(user(7)).await.unwrap();
    runner.forget(&[user(7)]).await.unwrap();
    runner.release(&[held]).await.unwrap();
}

#[tokio::test]
async fn another_users_log_and_bell_are_out_of_reach() {
    let Some(server) = guarded(&[7]) else { return };
    let log = open(&as_role(&server, AclRole::Runner, 7)).await;
    for id in [8, 70, 77] {
        let error = log.submit(user(id), &pause()).await.unwrap_err();
        assert!(matches!(error, ControlError::Setup { .. }) && error.to_string().contains("lacks a right"), "{error}");
        assert!(log.waiting(&[user(id)]).await.is_err());
    }
    let bell = RedisBell::open(&as_role(&server, AclRole::Bell, 7)).unwrap();
    let _refused = bell.bells(&[user(8)]).await.unwrap();
    let denied = || server.run(&["ACL", "LOG"]).matches("channel").count();
    crate::support::eventually("the server refuses", TTL, async || {
        (denied() > 0).then_some(()).ok_or("not yet".to_owned())
    })
    .await;
    assert_eq!(server.run(&["DBSIZE"]), "0", "nothing was written");
}

/// What each login must not do, whoever holds its password.
#[tokio::test]
async fn logins_reach_nothing_else() {
    let Some(server) = guarded(&[7, 8]) else { return };
    let tries: [&[&str]; 14] = [
        &["HGETALL", "livermore:{8}:state"],
        &["HSET", "livermore:{70}:state", "a", "b"],
        &["XADD", "livermore:{8}:log", "*", "a", "b"],
        &["EVAL", "return redis.call('HGETALL', 'livermore:{8}:state')", "0"],
        &["PUBLISH", "channel:control:8", "1"],
        &["PUBLISH", "channel:ack:70:x", "1"],
        &["SUBSCRIBE", "channel:control:77"],
        &["PSUBSCRIBE", "channel:*"],
        &["PSUBSCRIBE", "channel:control:7*"],
        &["FLUSHALL"],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["CONFIG", "GET", "*"],
        &["ACL", "LIST"],
    ];
    for role in AclRole::ALL {
        for command in tries {
            let answer = server.run_as(&login(role, user(7)), PASSWORD, command);
            let refused = answer.starts_with("-NOPERM") || answer.contains("user executing the script");
            assert!(refused, "{role:?} {command:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn case_41_rights_taken_away_are_a_clear_error_and_no_storm() {
    let Some(server) = guarded(&[7]) else { return };
    let log = open(&as_role(&server, AclRole::Runner, 7)).await;
    log.submit(user(7), &pause()).await.unwrap();
    let name = login(AclRole::Runner, user(7));
    server.run(&["ACL", "SETUSER", &name, "-evalsha", "-eval"]);
    let error = log.submit(user(7), &pause()).await.unwrap_err();
    assert!(error.to_string().contains("lacks a right") && !error.to_string().contains(PASSWORD), "{error}");
    // The login itself is gone: its connections are closed, and it is not tried again in a hurry.
    server.run(&["ACL", "SETUSER", &name, "off"]);
    server.run(&["CLIENT", "KILL", "USER", &name]);
    let failures = || server.run(&["INFO", "stats"]);
    let began = Instant::now();
    let mut refused = 0;
    while began.elapsed() < Duration::from_secs(4) {
        match log.submit(user(7), &pause()).await {
            Err(ControlError::Setup { reason }) => {
                assert!(reason.contains("login was refused") && !reason.contains(PASSWORD), "{reason}");
                refused += 1;
            }
            Err(error) => assert!(error.is_retryable(), "{error}"),
            Ok(record) => panic!("{record:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(refused > 0, "{}", failures());
    let attempts = server.run(&["ACL", "LOG", "100"]).matches("\nauth\n").count();
    assert!(attempts <= 4, "{attempts} entries about logins in 4 s");
    server.run(&["ACL", "SETUSER", &name, "on", "+evalsha", "+eval"]);
    crate::support::eventually("it comes back", Duration::from_secs(12), async || {
        log.submit(user(7), &pause()).await.map_err(|error| error.to_string())
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_is_told_and_never_printed() {
    let Some(server) = guarded(&[7]) else { return };
    let wrong = config(format!("redis://{}:{PASSWORD}x@{}/", login(AclRole::Runner, user(7)), server.address()));
    let error = livermore_redis::RedisCommandLog::open(&wrong, ControlPolicy::default()).await.unwrap_err();
    assert!(matches!(error, RedisError::Setup { .. }), "{error:?}");
    let bell = RedisBell::open(&wrong).unwrap();
    bell.ring(user(7), Seq::ZERO);
    let shown = format!("{error} {error:?} {wrong:?} {bell:?}");
    assert!(shown.contains("login was refused") && !shown.contains(PASSWORD), "{shown}");
}
