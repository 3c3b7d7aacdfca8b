//! The contract of command logs, each clause on a user or a server of its own.

use std::sync::Arc;

use livermore_core::{control::ControlPolicy, testkit::CommandLogFixture};
use livermore_redis::{RedisCommandLog, RedisConfig};

use crate::support::config;

/// A fixture whose log is on a server that nobody else uses.
async fn fixture(config: RedisConfig, policy: ControlPolicy, guard: impl Send + 'static) -> CommandLogFixture {
    let log = RedisCommandLog::open(&config, policy.clone()).await.unwrap();
    let again = policy.clone();
    CommandLogFixture::new(Arc::new(log.clone()), Arc::new(log), policy)
        .with_reopen(move || {
            let (config, policy) = (config.clone(), again.clone());
            async move {
                let log = RedisCommandLog::open(&config, policy).await.unwrap();
                (Arc::new(log.clone()) as _, Arc::new(log) as _)
            }
        })
        .with_guard(guard)
}

/// Without a server, each clause ends well, and says that it was skipped.
macro_rules! contract {
    ($server:path, $fresh:expr) => {
        async fn fresh(policy: ControlPolicy) -> CommandLogFixture {
            match $server() {
                Some(server) => $fresh(server, policy).await,
                None => {
                    let log = livermore_core::control::EmbeddedCommandLog::in_memory(policy.clone(), super::wall_clock());
                    CommandLogFixture::new(Arc::new(log.clone()), Arc::new(log), policy)
                }
            }
        }
        livermore_core::command_log_contract!(fresh, #[tokio::test]);
    };
}

/// A clock for the log that stands in where there is no server.
fn wall_clock() -> impl Fn() -> livermore_core::ids::Timestamp + Send + Sync + 'static {
    let began = tokio::time::Instant::now();
    move || {
        let passed = i64::try_from(began.elapsed().as_millis()).unwrap();
        livermore_core::ids::Timestamp::from_secs(1_522_800_000).unwrap().checked_add_millis(passed).unwrap()
    }
}

mod standalone {
    use super::*;

    contract!(livermore_tests::redis::durable, async |server: livermore_tests::redis::Redis, policy| {
        let config = config(server.url());
        fixture(config, policy, server).await
    });
}

/// The same in the older protocol.
mod resp2 {
    use super::*;

    contract!(livermore_tests::redis::durable, async |server: livermore_tests::redis::Redis, policy| {
        let config = config(format!("{}?protocol=resp2", server.url()));
        fixture(config, policy, server).await
    });
}

mod cluster {
    use super::*;

    contract!(livermore_tests::redis::cluster, async |cluster: livermore_tests::redis::Cluster, policy| {
        let config = config(cluster.url());
        fixture(config, policy, cluster).await
    });
}

/// Through a proxy that passes on a few bytes at a time.
mod in_pieces {
    use super::*;

    contract!(livermore_tests::redis::durable, async |server: livermore_tests::redis::Redis, policy| {
        let proxy = livermore_tests::fault_proxy::FaultProxy::start(server.address()).await.unwrap();
        proxy.split(Some(48));
        let config = RedisConfig { response_timeout_ms: 5_000, ..config(livermore_tests::redis::url(proxy.address())) };
        fixture(config, policy, (server, proxy)).await
    });
}

/// On a server that refuses every command that blocks, and every one that looks through all keys.
mod without_blocking_and_keys {
    use super::*;

    contract!(livermore_tests::redis::durable, async |server: livermore_tests::redis::Redis, policy| {
        let refused = ["ACL", "SETUSER", "default", "-@blocking", "-keys", "-scan", "-flushall", "-flushdb"];
        assert_eq!(server.run(&refused), "OK");
        fixture(config(server.url()), policy, server).await
    });
}
