//! Logs that are not there, do not answer, or are not logs.

use std::{net::TcpListener, time::Duration};

use livermore_tests::{livermore, postgres::PASSWORD, run};
use tempfile::TempDir;
use tokio::time::Instant;

use super::buses::without_secrets;

const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// Every command on a URL that is of no use.
fn useless(url: &str, code: i32, part: &str) {
    let folder = TempDir::new().unwrap();
    let store = format!("file:{}", folder.path().join("settings").display());
    for command in [
        &["pause"][..],
        &["command", "send", "resume", "--json"],
        &["command", "list"],
        &["command", "show", ID],
        &["command", "cancel", ID],
        &["command", "watch"],
        &["command", "watch", ID],
        &["inbox", "--store", &store],
    ] {
        let begun = Instant::now();
        let finished = without_secrets(run(&[command, &["--bus", url]].concat(), b""));
        assert!(begun.elapsed() < Duration::from_secs(30), "{command:?} took {:?}", begun.elapsed());
        assert_eq!(finished.code, Some(code), "{command:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(part), "{command:?}: {}", finished.stderr);
        let sends = command[0] == "pause" || command.contains(&"send");
        assert_eq!(
            finished.stderr.contains("this call has recorded nothing"),
            sends,
            "{command:?}: {}",
            finished.stderr
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_exit_code_3() {
    useless(&format!("postgres://app:{PASSWORD}@127.0.0.1:1/db"), 3, "cannot be reached");
    useless(&format!("redis://app:{PASSWORD}@127.0.0.1:1/0"), 3, "cannot be reached");
}

#[test]
fn case_44_a_server_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    useless(&format!("postgres://app:{PASSWORD}@{}/db", silent.local_addr().unwrap()), 3, "no answer in time");
    // What Redis is asked first is to let it in.
    useless(&format!("redis://app:{PASSWORD}@{}/0", silent.local_addr().unwrap()), 3, "cannot be reached");
}

#[test]
fn a_redis_that_forgets_is_exit_code_2_with_advice() {
    let Some(server) = livermore_tests::redis::own(&[]) else { return };
    useless(&format!("redis://default:{PASSWORD}@{}", server.address()), 2, "appendonly");
}

#[test]
fn what_is_no_log_is_exit_code_2_and_never_quoted() {
    useless(&format!("mysql://app:{PASSWORD}@h/db"), 2, "--bus is no command log");
    for command in [&["pause"][..], &["command", "list"], &["inbox"], &["symbols", "add"]] {
        let typing_error = format!("--bsu=postgres://app:{PASSWORD}@h/db");
        let refused = without_secrets(run(&[command, &[&typing_error]].concat(), b""));
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        let mut help = livermore(&[command, &["--help"]].concat());
        let shown = help.env("LIVERMORE_BUS_URL", format!("postgres://app:{PASSWORD}@h/db")).output().unwrap();
        let shown = without_secrets(livermore_tests::Finished::of(&shown)).success();
        assert!(shown.contains("LIVERMORE_BUS_URL"), "{shown}");
    }
}

#[test]
fn a_log_in_memory_cannot_be_sent_to_from_here() {
    let refused = run(&["pause", "--bus", "memory"], b"");
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("livermore inbox --bus memory"), "{}", refused.stderr);
}
