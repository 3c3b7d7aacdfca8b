use livermore_coinbase::fake::{Fault, FaultScript, Keep, RestFault, Target};

/// Something of everything, every few seconds of real time.
pub(crate) fn faults() -> FaultScript {
    let target = Target::Any;
    FaultScript::new()
        .random(3.0, Fault::LoseFrames { target, frames: 2 })
        .random(3.0, Fault::Duplicate(target))
        .random(1.0, Fault::Reset(target))
        .random(1.0, Fault::Close { target, code: 1001, reason: "the server goes away".to_owned() })
        .random(0.5, Fault::Silence { target, keep: Keep::Nothing, for_ms: 15_000 })
        .random(2.0, Fault::Rest { answer: RestFault::Html { status: 502 }, times: 1 })
        .random(1.0, Fault::Rest { answer: RestFault::TooManyRequests { retry_after: Some("1".to_owned()) }, times: 1 })
}
