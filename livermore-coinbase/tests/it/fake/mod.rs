//! The fake exchange, seen by clients that share no code with the product's.

mod channels;
pub(crate) mod client;
mod connections;
mod rest;
mod rest_faults;
mod server;
mod tokens;
mod ws_faults;

use livermore_coinbase::fake::{Clock, FakeServer, FakeServerBuilder, Limits};

/// A server that waits for the test, without limits on rates.
fn manual() -> FakeServerBuilder {
    FakeServer::builder().clock(Clock::Manual).limits(Limits::without_rates())
}

async fn started() -> FakeServer {
    manual().start().await.unwrap()
}
