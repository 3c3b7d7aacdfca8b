use livermore_core::control::{Desired, Overview};
use serde_json::json;

use super::options::Talk;
use crate::{bus, failure::Failure, output, runtime};

/// Gives the desired state a generation past the one that its runner has reported, if the log has forgotten that one.
pub(super) fn run(talk: &Talk) -> Result<(), Failure> {
    let (before, after) = runtime::block_on(async {
        let bus = bus::open_for_sender(&talk.bus).await?;
        let rebased = async {
            let before = bus.senders.overview(talk.user).await?;
            Ok((before, bus.runners.rebase(talk.user).await?))
        }
        .await;
        bus.close().await;
        rebased.map_err(Failure::Control)
    })?;
    if talk.json {
        return output::json(&json!({
            "user": talk.user,
            "rebased": is_rebased(&before, &after),
            "before": before.desired.generation,
            "reported": before.observed.map(|observed| observed.generation),
            "generation": after.generation,
            "phase": after.phase,
        }));
    }
    let Desired { generation, phase, .. } = &after;
    output::line(&if is_rebased(&before, &after) {
        format!("rebased: what user {} wants is generation {generation} from now on, {phase}", talk.user)
    } else {
        format!("nothing to do: the log of user {} knows all that was reported (generation {generation})", talk.user)
    })
}

fn is_rebased(before: &Overview, after: &Desired) -> bool {
    before.desired.generation != after.generation
}
