use livermore_core::ids::CommandId;

use crate::{clock, failure::Failure};

/// Random bytes of the operating system.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Failure::Start(std::io::Error::other(error.to_string())))?;
    Ok(bytes)
}

/// A new name for a command.
pub(crate) fn command_id() -> Result<CommandId, Failure> {
    Ok(CommandId::from_parts(clock::now()?, bytes()?))
}
