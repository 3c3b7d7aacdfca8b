//! One user never sees the commands of another.

use livermore_core::control::{CommandBus, CommandInbox, CommandQuery};
use livermore_pg::PgConfig;
use sqlx::{Connection, Executor, PgConnection};

use super::support::{decide_next, id, lease, log, log_of, pause, report, resume};
use crate::support::{APP, database, user};

const TABLES: [&str; 4] = ["desired", "command", "observed", "lease"];

async fn seen(app: &mut PgConnection) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in TABLES {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM livermore.{table}"));
        counts.push(sqlx::query_scalar(sql).fetch_one(&mut *app).await.unwrap());
    }
    counts
}

#[tokio::test]
async fn case_64_without_a_tenant_there_are_no_commands() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    for number in [7, 8] {
        log.submit(user(number), &pause(1)).await.unwrap();
        let lease = lease(&log, number).await;
        decide_next(&log, &lease).await.unwrap();
        log.observe(&lease, report(1)).await.unwrap();
    }
    let mut app = PgConnection::connect(&database.url(APP)).await.unwrap();
    assert_eq!(seen(&mut app).await, [0; 4]);
    for table in TABLES {
        let changed = app.execute(sqlx::AssertSqlSafe(format!("UPDATE livermore.{table} SET user_id = user_id"))).await;
        assert_eq!(changed.unwrap().rows_affected(), 0, "{table}");
    }
    let refused = app.execute("INSERT INTO livermore.desired (user_id) VALUES (9)").await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501");
    let mut one = app.begin().await.unwrap();
    one.execute("SELECT set_config('app.user_id', '7', true)").await.unwrap();
    assert_eq!(seen(&mut one).await, [1; 4]);
    let others = one.execute("DELETE FROM livermore.command WHERE user_id = 8").await.unwrap();
    assert_eq!(others.rows_affected(), 0);
    drop(one);
    assert!(app.execute("DELETE FROM livermore.lease").await.is_err(), "nobody's right");
}

#[tokio::test]
async fn nobody_deletes_what_is_undecided() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    log.submit(user(7), &pause(1)).await.unwrap();
    let mut app = PgConnection::connect(&database.url(APP)).await.unwrap();
    let mut one = app.begin().await.unwrap();
    one.execute("SELECT set_config('app.user_id', '7', true)").await.unwrap();
    let gone = one.execute("DELETE FROM livermore.command").await.unwrap();
    assert_eq!(gone.rows_affected(), 0);
    one.rollback().await.unwrap();
    // The owner may take a user away with everything.
    database.run("DELETE FROM livermore.users WHERE id = 7").await;
    assert!(log.record(user(7), id(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn case_65_two_users_alternate_on_one_connection() {
    let Some(database) = database().await else { return };
    let config = PgConfig { max_connections: 1, ..database.config() };
    let log = log_of(&config).await;
    let leases = [lease(&log, 7).await, lease(&log, 8).await];
    for round in 0..500 {
        let number = 7 + round % 2;
        let command = if round % 4 < 2 { pause(round) } else { resume(round) };
        let record = log.submit(user(number), &command).await.unwrap();
        assert_eq!((record.user, record.seq.get()), (user(number), round / 2 + 1), "round {round}");
        let lease = &leases[usize::from(number == 8)];
        let decided = decide_next(&log, lease).await.unwrap().unwrap();
        assert_eq!(decided.id, id(round));
        assert!(log.record(user(15 - number), id(round)).await.unwrap().is_none());
    }
    for number in [7, 8] {
        let all = log.history(user(number), CommandQuery::newest(1_000)).await.unwrap();
        assert_eq!(all.len(), 250);
        assert!(all.iter().all(|status| status.record.user == user(number)));
    }
}
