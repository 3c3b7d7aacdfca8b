use livermore_core::settings::Actor;

use crate::failure::Failure;

/// Who acts here: the account that runs the program.
pub(crate) fn actor() -> Result<Actor, Failure> {
    let account = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_default();
    let name = if account.is_empty() { "cli".to_owned() } else { format!("cli:{account}") };
    Actor::new(&name).or_else(|_| Actor::new("cli")).map_err(Failure::Argument)
}
