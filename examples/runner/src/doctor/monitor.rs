use livermore_core::{
    control::{Health, Overview},
    ids::UserId,
};
use serde_json::{Value, json};

use super::check::{Check, Status};

const MONITOR: &str = "monitor";

/// Who decides the user's commands, and whether the data plane is as they want it.
pub(super) fn examine(user: UserId, overview: &Overview) -> Check {
    let Overview { desired, observed, runner } = overview;
    let wanted = desired.generation;
    let reached = observed.as_ref().map(|observed| observed.generation);
    let check = match (runner, observed) {
        (_, Some(observed)) if observed.generation > wanted => {
            let found = format!(
                "generation {} was reached, and the log knows only {wanted}: it has lost what came later",
                observed.generation
            );
            Check::new(MONITOR, Status::Fail, found).next(format!(
                "restore the log from a newer copy, or take what it wants for right: \
                     livermore command rebase --user {user}"
            ))
        }
        (None, _) => Check::new(MONITOR, Status::Ok, format!("no monitor of user {user} runs")),
        (Some(runner), Some(observed)) if observed.epoch == runner.epoch && observed.held_back => {
            let found = format!(
                "{} runs it; {} by a pause over its socket that the log has not decided",
                runner.holder, observed.phase
            );
            Check::new(MONITOR, Status::Warn, found)
        }
        (Some(runner), Some(observed)) if observed.epoch == runner.epoch => match &observed.health {
            Health::Degraded { component, cause } => {
                let found = format!("{} runs it; {component} does not work: {cause}", runner.holder);
                Check::new(MONITOR, Status::Warn, found)
            }
            Health::Converged if observed.generation == wanted => {
                let found = format!("{} runs it; generation {wanted} is reached ({})", runner.holder, observed.phase);
                Check::new(MONITOR, Status::Ok, found)
            }
            Health::Converged | Health::Converging => {
                let found = format!(
                    "{} runs it; on the way from generation {} to {wanted}",
                    runner.holder, observed.generation
                );
                Check::new(MONITOR, Status::Ok, found)
            }
        },
        (Some(runner), _) => {
            Check::new(MONITOR, Status::Ok, format!("{} runs it, and has not reported yet", runner.holder))
        }
    };
    let lease = runner.as_ref().map(|runner| u64::try_from(runner.remaining.as_millis()).unwrap_or(u64::MAX));
    let health = observed.as_ref().map(|observed| json!(observed.health));
    check
        .fact("user", user.get())
        .fact("holder", json!(runner.as_ref().map(|runner| runner.holder.as_str())))
        .fact("epoch", json!(runner.as_ref().map(|runner| runner.epoch)))
        .fact("leaseForMs", json!(lease))
        .fact("desiredGeneration", json!(wanted))
        .fact("observedGeneration", json!(reached))
        .fact("health", health.unwrap_or(Value::Null))
}
