//! The statements of the command log. Each is one round trip.

/// The columns of a command, in the order in which [`RecordRow`](crate::command_rows::RecordRow) reads them.
macro_rules! command {
    () => {
        "(f.command).id::text, (f.command).seq, (f.command).kind, (f.command).body, (f.command).body_hash, \
         (f.command).sender, livermore.millis((f.command).submitted_at), livermore.millis((f.command).not_after), \
         (f.command).attempts, (f.command).verdict, (f.command).code, (f.command).detail, (f.command).changed, \
         (f.command).generation, (f.command).epoch, livermore.millis((f.command).decided_at), (f.command).job::text"
    };
}

/// Outcome, current epoch, the generation seen and the one that is in the log.
macro_rules! refusable {
    () => {
        "SELECT f.outcome, f.current, f.seen, f.here"
    };
}

pub(crate) const SUBMIT: &str = concat!(
    "SELECT f.outcome, NULL::bigint, f.seen, f.here, ",
    command!(),
    " FROM livermore.command_submit($1, $2::text::uuid, $3, $4, $5, $6, $7, $8, $9) AS f"
);

pub(crate) const STATUS: &str = concat!(
    "SELECT ",
    command!(),
    ", NULL::text, f.report::text, f.epoch FROM livermore.command_status($1, $2::text::uuid) AS f"
);

pub(crate) const HISTORY: &str = concat!(
    "SELECT ",
    command!(),
    ", NULL::text, f.report::text, f.epoch FROM livermore.command_history($1, $2, $3) AS f"
);

pub(crate) const OVERVIEW: &str = "SELECT f.state::text, f.report::text, f.holder, f.epoch, f.remaining \
     FROM livermore.command_overview($1) AS f";

pub(crate) const CANCEL: &str = concat!(
    "SELECT f.outcome, NULL::bigint, NULL::bigint, NULL::bigint, ",
    command!(),
    " FROM livermore.command_cancel($1, $2::text::uuid, $3, $4) AS f"
);

pub(crate) const ACQUIRE: &str = "SELECT user_id, epoch FROM livermore.lease_acquire($1, $2, $3)";

pub(crate) const RENEW: &str = "SELECT user_id, epoch FROM livermore.lease_renew($1, $2, $3, $4)";

pub(crate) const WAITING: &str = "SELECT user_id FROM livermore.command_waiting($1) AS user_id";

pub(crate) const NEXT: &str = concat!(
    refusable!(),
    ", ",
    command!(),
    ", f.state::text, f.report::text, livermore.millis(f.at) FROM livermore.command_next($1, $2, $3) AS f"
);

pub(crate) const DECIDE: &str = concat!(
    refusable!(),
    ", ",
    command!(),
    " FROM livermore.command_decide($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb) AS f"
);

pub(crate) const POSTPONE: &str =
    "SELECT f.outcome, f.current, NULL::bigint, NULL::bigint FROM livermore.command_postpone($1, $2, $3, $4) AS f";

pub(crate) const STATES: &str = "SELECT f.outcome, f.current, NULL::bigint, NULL::bigint, f.state::text, f.report::text \
    FROM livermore.command_states($1, $2, $3) AS f";

pub(crate) const OBSERVE: &str = concat!(
    refusable!(),
    " FROM livermore.command_observe($1, $2, $3, $4::text::jsonb, $5::text[]::uuid[], $6::text[]::jsonb[]) AS f"
);

pub(crate) const REBASE: &str = "SELECT f.state::text, NULL::text FROM livermore.command_rebase($1) AS f(state)";

pub(crate) const FORGET: &str = "SELECT livermore.command_forget($1, $2, $3) IS NULL";

#[cfg(all(test, unix))]
mod tests {
    use livermore_tests::postgres::shared;
    use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

    use super::*;
    use crate::{PgConfig, migrate};

    #[tokio::test]
    async fn the_program_may_run_every_statement_on_a_migrated_database() {
        let Some(server) = shared() else { return };
        server.run("postgres", "CREATE ROLE livermore_owner LOGIN; CREATE ROLE livermore_app LOGIN").await;
        server.run("postgres", "CREATE DATABASE statements OWNER livermore_owner").await;
        migrate(&PgConfig::from_url(server.url("livermore_owner", "statements")), Some("livermore_app")).await.unwrap();
        let mut app = PgConnection::connect(&server.url("livermore_app", "statements")).await.unwrap();
        let all = [
            SUBMIT, STATUS, HISTORY, CANCEL, ACQUIRE, RENEW, WAITING, NEXT, DECIDE, POSTPONE, STATES, OBSERVE, REBASE,
            FORGET,
        ];
        for (number, sql) in all.into_iter().enumerate() {
            if let Err(error) = app.execute(AssertSqlSafe(format!("PREPARE s{number} AS {sql}"))).await {
                panic!("{sql}: {error}");
            }
        }
    }
}
