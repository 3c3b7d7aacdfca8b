//! Prints the lines of a Redis ACL file for one user: `cargo run -p livermore-redis --example acl -- 7 SHA256`.
//!
//! The second argument is the SHA-256 of the password, for example from `printf %s "$PASSWORD" | sha256sum`.

use std::process::ExitCode;

use livermore_redis::acl::{AclRole, line};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (user, hash) = (arguments.next().and_then(|user| user.parse().ok()), arguments.next());
    let hash = hash.filter(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let (Some(user), Some(hash), None) = (user, hash, arguments.next()) else {
        eprintln!("usage: acl USER SHA256, where SHA256 is that of the password in 64 hexadecimal digits");
        return ExitCode::from(2);
    };
    for role in AclRole::ALL {
        println!("{}", line(role, user, &hash));
    }
    ExitCode::SUCCESS
}
