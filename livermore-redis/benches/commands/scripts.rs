//! The scripts of the log, and what they are called with.

use livermore_core::{
    control::{Desired, Submission},
    ids::UserId,
    keys,
};
use redis::{Cmd, aio::MultiplexedConnection};

/// The hashes under which the server knows them.
pub(crate) struct Scripts {
    pub(crate) append: String,
    pub(crate) decide: String,
    pub(crate) look: String,
    pub(crate) observe: String,
    pub(crate) lease: String,
}

impl Scripts {
    pub(crate) async fn load(connection: &mut MultiplexedConnection) -> Self {
        let common = include_str!("../../lua/common.lua");
        let mut load = async |script: String| -> String {
            let mut command = redis::cmd("SCRIPT");
            command.arg("LOAD").arg(script).query_async(connection).await.expect("a script the server takes")
        };
        Self {
            append: load(format!("{common}\n{}", include_str!("../../lua/append.lua"))).await,
            decide: load(format!("{common}\n{}", include_str!("../../lua/decide.lua"))).await,
            look: load(format!("{common}\n{}", include_str!("../../lua/look.lua"))).await,
            observe: load(format!("{common}\n{}", include_str!("../../lua/observe.lua"))).await,
            lease: load(include_str!("../../lua/lease.lua").to_owned()).await,
        }
    }

    pub(crate) fn take_lease(&self, user: UserId, holder: &str) -> Cmd {
        let mut command = call(&self.lease, user);
        command.arg(&["acquire", holder, "3600000", "bench"]);
        command
    }

    pub(crate) fn submit(&self, user: UserId, submission: &Submission) -> Cmd {
        let mut command = with_common(&self.append, user);
        command.arg(submission.id().to_string()).arg(submission.kind()).arg(submission.body().as_str());
        command.arg(submission.hash().as_str()).arg(String::from(submission.sender().clone()));
        command.arg(&["", "0", "100"]).arg(keys::control_channel(user)).arg("bench").arg("");
        command
    }

    pub(crate) fn next(&self, lease: &Lease, turn: u64) -> Cmd {
        let mut command = with_common(&self.decide, lease.user);
        command.arg(&[&lease.epoch, &lease.holder, "next"]).arg(turn);
        command
    }

    /// To apply a command, with the next desired state if it changes.
    pub(crate) fn decide(&self, lease: &Lease, seq: &str, next: Option<&Desired>) -> Cmd {
        let mut command = with_common(&self.decide, lease.user);
        command.arg(&[&lease.epoch, &lease.holder, "decide", seq, "0", "applied"]);
        match next {
            Some(next) => {
                let json = serde_json::to_string(next).expect("plain data");
                command.arg(&["changed", "", "1"]).arg(next.generation.to_string()).arg(json)
            }
            None => command.arg(&["unchanged", "", "0", "", ""]),
        };
        command
    }

    pub(crate) fn look(&self, user: UserId, submission: &Submission) -> Cmd {
        let mut command = with_common(&self.look, user);
        command.arg("find").arg(submission.id().to_string());
        command
    }

    pub(crate) fn observe(&self, lease: &Lease, generation: &str, observed: &str) -> Cmd {
        let mut command = with_common(&self.observe, lease.user);
        command.arg(&["observe", &lease.epoch, &lease.holder, generation, observed]);
        command.arg(keys::signals_channel(lease.user));
        command
    }
}

/// A lease as the scripts want to see it.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) user: UserId,
    pub(crate) epoch: String,
    pub(crate) holder: String,
}

fn call(script: &str, user: UserId) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(script).arg(3);
    command.arg(keys::command_log(user)).arg(keys::command_state(user)).arg(keys::command_ended(user));
    command
}

/// What all scripts but that of the leases begin with: a day, and a thousand commands.
fn with_common(script: &str, user: UserId) -> Cmd {
    let mut command = call(script, user);
    command.arg(keys::command_done_prefix(user)).arg(keys::ack_prefix(user)).arg(&["86400000", "1000"]);
    command
}
