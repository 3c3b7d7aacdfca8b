use std::sync::LazyLock;

use redis::Cmd;

/// A program that the server runs as one step.
pub(crate) struct Script {
    body: String,
    hash: String,
}

impl Script {
    /// A script with the parts that several share.
    fn new(body: &str) -> Self {
        Self::alone(&format!("{}\n{body}", include_str!("../lua/common.lua")))
    }

    fn alone(body: &str) -> Self {
        let hash = redis::Script::new(body).get_hash().to_owned();
        Self { body: body.to_owned(), hash }
    }

    /// Runs it by its hash.
    pub(crate) fn call(&self, keys: &[String], arguments: &[&[u8]]) -> Cmd {
        Self::command("EVALSHA", &self.hash, keys, arguments)
    }

    /// Runs it whole, after which the server knows its hash.
    pub(crate) fn call_whole(&self, keys: &[String], arguments: &[&[u8]]) -> Cmd {
        Self::command("EVAL", &self.body, keys, arguments)
    }

    fn command(name: &str, script: &str, keys: &[String], arguments: &[&[u8]]) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(keys.len()).arg(keys);
        for argument in arguments {
            command.arg(*argument);
        }
        command
    }
}

/// Records a command.
pub(crate) static APPEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../lua/append.lua")));
/// Reads commands, and takes one back.
pub(crate) static LOOK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../lua/look.lua")));
/// Takes, keeps and gives back leases.
pub(crate) static LEASE: LazyLock<Script> = LazyLock::new(|| Script::alone(include_str!("../lua/lease.lua")));
/// Begins to decide a command, ends it, or gives the attempt back.
pub(crate) static DECIDE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../lua/decide.lua")));
/// Takes a report, or an operator's word.
pub(crate) static OBSERVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../lua/observe.lua")));
/// Drops old commands.
pub(crate) static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../lua/forget.lua")));
