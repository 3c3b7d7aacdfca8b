//! Nothing that is printed holds a payload or a password.

use livermore_core::{
    control::{Command, CommandBus, CommandInbox, ControlPolicy, Submission},
    ids::Symbol,
    settings::Actor,
};
use livermore_pg::{PgCommandLog, PgConfig};
use livermore_tests::postgres::PASSWORD;

use super::support::{all_of, id, lease, log, submission};
use crate::support::{database, user};

#[tokio::test]
async fn no_password_and_no_payload_is_printed() {
    const CANARY: &str = "CANARY-USD";
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let add = |number| submission(number, &Command::AddSymbol { symbol: Symbol::new(CANARY).unwrap() });
    let foreign = |kind: &str, body: &str| Submission::unchecked(id(9), kind, body, Actor::new("test").unwrap());
    let policy = ControlPolicy::default();
    let mut said = vec![
        format!("{log:?} {log:#?}"),
        all_of(&PgCommandLog::connect(&PgConfig::from_url(database.url("postgres")), policy).await.unwrap_err()),
        format!("{:?}", log.submit(user(7), &add(1)).await.unwrap()),
        all_of(&log.submit(user(7), &submission(1, &Command::Resume)).await.unwrap_err()),
        all_of(&log.submit(user(7), &foreign(CANARY, "\0")).await.unwrap_err()),
        all_of(&log.submit(user(7), &foreign(&CANARY.repeat(99), CANARY)).await.unwrap_err()),
    ];
    // CHECKs that fail: the server's DETAIL quotes the row.
    database
        .run(
            "ALTER TABLE livermore.command ADD CONSTRAINT command_canary CHECK (seq < 2 AND attempts < 1) NOT VALID;
             ALTER TABLE livermore.desired ADD CONSTRAINT desired_canary CHECK (last_seq < 2) NOT VALID",
        )
        .await;
    said.push(all_of(&log.submit(user(7), &add(2)).await.unwrap_err()));
    let lease = lease(&log, 7).await;
    said.push(all_of(&log.next(&lease).await.unwrap_err()));
    // What cannot be read is named by place.
    database.run(r#"UPDATE livermore.desired SET state = '{"jobs": "CANARY-USD"}'"#).await;
    said.push(all_of(&log.states(&lease).await.unwrap_err()));
    for text in &said {
        for canary in [CANARY, PASSWORD] {
            assert!(!text.contains(canary), "{canary}: {text}");
        }
    }
    assert!(said[0].contains("livermore_app on 127.0.0.1"), "{}", said[0]);
}
