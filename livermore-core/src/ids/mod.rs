//! Validated names and numbers: parsed once at the edge, correct everywhere after.
//!
//! Each type here has a fallible constructor that names what is wrong and, for names, what was probably meant.
//! Deserialising goes through the same constructor, so a value of one of these types is always valid.

mod command_id;
mod counter;
mod exchange;
mod invalid;
mod symbol;
mod timeframe;
mod timestamp;
mod user_id;

pub use command_id::CommandId;
pub use counter::{Epoch, Generation, Revision, Seq};
pub use exchange::Exchange;
pub use invalid::{InvalidId, did_you_mean};
pub use symbol::Symbol;
pub use timeframe::Timeframe;
pub use timestamp::Timestamp;
pub use user_id::UserId;

/// The largest integer that JSON numbers carry exactly in every implementation: 2^53 - 1.
pub(crate) const MAX_JSON_INTEGER: u64 = (1 << 53) - 1;
