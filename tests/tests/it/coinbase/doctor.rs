//! `livermore doctor --market coinbase`.

use livermore_coinbase::fake::{FakeKey, Fault};
use livermore_tests::{Finished, livermore, run};
use serde_json::Value;
use tempfile::TempDir;

use super::{Exchange, at};
use crate::settings_json::{check, documented, json};

/// The rows about the exchange, with a key in the usual variables.
fn rows(exchange: &Exchange, key: Option<&FakeKey>) -> (Finished, Vec<Value>) {
    let folder = TempDir::new().unwrap();
    let store = format!("file:{}", folder.path().display());
    let urls = exchange.urls();
    let arguments = ["doctor", "--market", "coinbase", "--json", "--bus", "memory", "--store", &store];
    let mut command = livermore(&at(&urls, &arguments));
    match key {
        Some(key) => command.env("COINBASE_API_KEY", key.name()).env("COINBASE_API_SECRET", key.secret()),
        None => command.env_remove("COINBASE_API_KEY").env_remove("COINBASE_API_SECRET"),
    };
    let ended = Finished::of(&command.output().unwrap());
    let facts = documented("Facts of a check");
    let rows = json(&ended.stdout)["checks"].as_array().unwrap().clone();
    for row in &rows {
        check("A check", row);
        for fact in row["facts"].as_object().into_iter().flat_map(|facts| facts.keys()) {
            assert!(facts.contains_key(fact), "{fact} is printed and not documented: {row}");
        }
    }
    let about = |row: &Value| ["exchange", "clock", "key"].contains(&row["check"].as_str().unwrap());
    let rows = rows.into_iter().filter(about).collect();
    (ended, rows)
}

fn statuses(rows: &[Value]) -> Vec<(&str, &str)> {
    rows.iter().map(|row| (row["check"].as_str().unwrap(), row["status"].as_str().unwrap())).collect()
}

#[test]
fn a_plain_doctor_stays_offline() {
    let folder = TempDir::new().unwrap();
    let store = format!("file:{}", folder.path().display());
    let examined = run(&["doctor", "--bus", "memory", "--store", &store], b"").success();
    assert!(examined.contains("skip  exchange     not asked; --market coinbase asks it"), "{examined}");
}

/// The server lives in another month than this machine.
#[test]
fn the_clock_is_compared_and_a_key_is_not_needed() {
    let exchange = Exchange::standing();
    let (ended, rows) = rows(&exchange, None);
    assert_eq!(statuses(&rows), [("exchange", "ok"), ("clock", "warn"), ("key", "skip")]);
    assert!(rows[1]["found"].as_str().unwrap().contains("this machine's clock is"), "{}", rows[1]);
    assert!(rows[1]["facts"]["offsetMs"].as_i64().unwrap().abs() > 2_000, "{}", rows[1]);
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
}

#[test]
fn a_clock_that_is_right_is_no_warning() {
    let exchange = Exchange::standing();
    let behind = machine_now() - exchange.server.now().as_millis();
    exchange.server.inject(Fault::Skew { offset_ms: behind });
    let (_, rows) = rows(&exchange, None);
    assert_eq!(statuses(&rows)[1], ("clock", "ok"), "{}", rows[1]);
}

#[allow(clippy::disallowed_methods, reason = "the machine's clock is what is compared")]
fn machine_now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

#[test]
fn what_a_key_may_do_is_told_and_never_the_key() {
    let exchange = Exchange::standing();
    for (key, status, code, words) in [
        (FakeKey::ed25519(7), None, 0, "the key may"),
        (FakeKey::es256(8), Some("fail"), 2, "the key"),
        (FakeKey::ed25519(99), Some("fail"), 2, "again with fresh tokens"),
    ] {
        let (ended, rows) = rows(&exchange, Some(&key));
        assert_eq!(ended.code, Some(code), "{}", ended.stdout);
        let row = &rows[2];
        if let Some(status) = status {
            assert_eq!(row["status"], status, "{row}");
        }
        assert!(row["found"].as_str().unwrap().contains(words), "{row}");
        let told = format!("{}{}", ended.stdout, ended.stderr);
        let secret = key.secret();
        let middle: String =
            secret.lines().nth(usize::from(secret.lines().count() > 1)).unwrap().chars().take(20).collect();
        assert!(!told.contains(&middle) && !told.contains(key.name()), "{told}");
    }
}
