//! Access rules for Redis: one login per user and role, which reaches that user's keys and channels and nothing else.
//!
//! The rules come from one table, from which the server's ACL file, the documentation's sample and the tests are made.

use livermore_core::{ids::UserId, keys};

/// What a login is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AclRole {
    /// A runner whose command log is in Redis.
    Runner,
    /// A sender whose command log is in Redis. It runs the same scripts on the same keys as the runner: who may record a
    /// command can also write what the scripts write. Give it to programs you trust with the user's monitor.
    Sender,
    /// A runner or a sender whose command log is elsewhere; also a program that sends plain messages. It may ring, and
    /// forge a ring: that is why bells and acknowledgements are only hints.
    Bell,
    /// The ingress of plain messages.
    Ingress,
}

/// Parts of the table.
const CONNECTION: &[&str] = &["hello", "ping", "client|setname"];
const SCRIPTS: &[&str] = &[
    "eval",
    "evalsha",
    "time",
    "del",
    "exists",
    "pexpire",
    "hdel",
    "hexists",
    "hget",
    "hgetall",
    "hset",
    "hsetnx",
    "xadd",
    "xdel",
    "xrange",
    "xtrim",
    "zadd",
    "zrange",
    "zrem",
    "zremrangebyrank",
    "zrevrangebyscore",
];
const STORE: &[&str] = &["info", "cluster|slots"];
const LEASES: &[&str] = &["hmget", "hstrlen"];
const LISTEN: &[&str] = &["subscribe", "unsubscribe"];
const PUBLISH: &[&str] = &["publish"];
const CLOCK: &[&str] = &["time"];

impl AclRole {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Runner, Self::Sender, Self::Bell, Self::Ingress];

    /// The name, as part of a login.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Runner => "runner",
            Self::Sender => "sender",
            Self::Bell => "bell",
            Self::Ingress => "ingress",
        }
    }

    /// The commands it needs; no other is allowed.
    pub fn commands(self) -> Vec<&'static str> {
        let parts: &[&[&'static str]] = match self {
            Self::Runner => &[CONNECTION, STORE, SCRIPTS, LEASES, LISTEN, PUBLISH],
            Self::Sender => &[CONNECTION, STORE, SCRIPTS, LISTEN, PUBLISH],
            Self::Bell => &[CONNECTION, LISTEN, PUBLISH],
            Self::Ingress => &[CONNECTION, CLOCK, LISTEN, PUBLISH],
        };
        let mut commands: Vec<&str> = parts.concat();
        commands.sort_unstable();
        commands.dedup();
        commands
    }

    /// Whether it reads and writes keys.
    pub const fn has_keys(self) -> bool {
        matches!(self, Self::Runner | Self::Sender)
    }
}

/// The name of a login: `livermore-{role}-{user}`.
pub fn login(role: AclRole, user: UserId) -> String {
    format!("livermore-{}-{user}", role.as_str())
}

/// The rules of one login, as words of `ACL SETUSER`. Nothing is allowed that is not named.
pub fn rules(role: AclRole, user: UserId) -> Vec<String> {
    let mut rules = ["resetkeys", "resetchannels", "nocommands"].map(ToOwned::to_owned).to_vec();
    if role.has_keys() {
        rules.push(format!("~{}", key_pattern(user)));
    }
    rules.push(format!("&{}", keys::control_channel(user)));
    rules.push(format!("&{}", keys::ack_pattern(user)));
    rules.extend(role.commands().into_iter().map(|command| format!("+{command}")));
    rules
}

/// One line of an ACL file. `password_sha256` is the SHA-256 of the login's password in 64 hexadecimal digits: the
/// password itself stands nowhere.
pub fn line(role: AclRole, user: UserId, password_sha256: &str) -> String {
    format!("user {} on #{password_sha256} {}", login(role, user), rules(role, user).join(" "))
}

/// All keys of a user's command log, and no other's.
fn key_pattern(user: UserId) -> String {
    let state = keys::command_state(user);
    let prefix = state.strip_suffix("state").unwrap_or(&state);
    format!("{prefix}*")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `change-me`.
    const SAMPLE: &str = "e2186dbdb1bb4193608605e84f33208765b5693b55edd4f730a719a100eeea6f";

    #[test]
    fn the_sample_file_is_made_from_the_table() {
        let user = UserId::new(7).unwrap();
        let lines: String = AclRole::ALL.iter().map(|role| line(*role, user, SAMPLE) + "\n").collect();
        assert_eq!(include_str!("../acl/user-7.acl"), lines, "write this to livermore-redis/acl/user-7.acl:\n{lines}");
    }

    #[test]
    fn no_role_gets_what_reaches_further() {
        for role in AclRole::ALL {
            let rules = rules(role, UserId::new(7).unwrap()).join(" ");
            for never in
                ["keys", "scan", "flushall", "flushdb", "config", "script", "acl", "+@all", "~*", "&*", "debug"]
            {
                assert!(!rules.split(' ').any(|rule| rule == never || rule == format!("+{never}")), "{never}: {rules}");
            }
        }
    }

    #[test]
    fn rules_of_similar_users_do_not_meet() {
        let rules = |user| rules(AclRole::Runner, UserId::new(user).unwrap()).join(" ");
        assert!(rules(7).contains("~livermore:{7}:* &channel:control:7 &channel:ack:7:* "));
        assert!(!rules(7).contains("70") && !rules(70).contains("{7}"));
    }
}
