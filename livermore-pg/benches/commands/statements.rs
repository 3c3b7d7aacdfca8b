//! The statements of the log, written by hand with the columns the log reads.

use sqlx::{PgConnection, Row, postgres::PgRow};

/// The columns of a command.
macro_rules! command {
    () => {
        "(f.command).id::text, (f.command).kind, (f.command).body, (f.command).body_hash, (f.command).sender, \
         (f.command).verdict, (f.command).code, (f.command).detail, (f.command).job::text, \
         (f.command).seq, livermore.millis((f.command).submitted_at), livermore.millis((f.command).not_after), \
         (f.command).generation, (f.command).epoch, livermore.millis((f.command).decided_at), \
         (f.command).attempts, (f.command).changed"
    };
}

pub(crate) const ACQUIRE: &str = "SELECT epoch FROM livermore.lease_acquire(ARRAY[$1::bigint], $2, 3600000)";
pub(crate) const SUBMIT: &str = concat!(
    "SELECT f.outcome, f.seen, f.here, ",
    command!(),
    " FROM livermore.command_submit($1, $2::text::uuid, $3, $4, $5, $6, false, NULL, 100) AS f"
);
pub(crate) const NEXT: &str = concat!(
    "SELECT f.outcome, f.state::text, f.report::text, ",
    command!(),
    ", livermore.millis(f.at) FROM livermore.command_next($1, $2, $3) AS f"
);
pub(crate) const DECIDE: &str = concat!(
    "SELECT f.outcome, f.seen, f.here, ",
    command!(),
    " FROM livermore.command_decide($1, $2, $3, $4, 'applied', $5, NULL, $6, false, $7::text::jsonb) AS f"
);
pub(crate) const STATUS: &str = concat!(
    "SELECT f.report::text, f.epoch, NULL, ",
    command!(),
    " FROM livermore.command_status($1, $2::text::uuid) AS f"
);
pub(crate) const OBSERVE: &str =
    "SELECT f.outcome, f.seen, f.here FROM livermore.command_observe($1, $2, $3, $4::text::jsonb, '{}', '{}') AS f";

/// What was read of a command; all of it is read, as the product does.
#[derive(Debug)]
#[allow(dead_code, reason = "reading it is the work")]
pub(crate) struct Seen {
    /// Id, kind, payload, hash, sender, verdict, code, detail and job.
    pub(crate) texts: [Option<String>; 9],
    /// Sequence number, when it was submitted, until when it counts, generation, epoch, when it was decided.
    pub(crate) numbers: [Option<i64>; 6],
    pub(crate) attempts: Option<i32>,
    pub(crate) changed: Option<bool>,
}

impl Seen {
    /// The command in a row, from its fourth column on.
    pub(crate) fn of(row: &PgRow) -> Self {
        Self {
            texts: std::array::from_fn(|index| row.get(3 + index)),
            numbers: std::array::from_fn(|index| row.get(12 + index)),
            attempts: row.get(18),
            changed: row.get(19),
        }
    }
}

/// A lease as the statements want to see it.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) user: i64,
    pub(crate) epoch: i64,
    pub(crate) holder: String,
}

impl Lease {
    pub(crate) async fn take(connection: &mut PgConnection, user: i64, holder: &str) -> Self {
        let asked = sqlx::query_scalar(ACQUIRE).bind(user).bind(holder);
        let epoch = asked.fetch_one(connection).await.expect("a free lease");
        Self { user, epoch, holder: holder.to_owned() }
    }
}
