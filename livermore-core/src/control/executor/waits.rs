//! Waiting for what may not be there: each of these never returns without it.

use futures_util::{StreamExt, future::BoxFuture};
use tokio::time::{Instant, sleep_until};

use super::super::{Bell, Bells};

pub(super) async fn pending_unless<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// Returns at this time; never without one.
pub(super) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

pub(super) async fn next_bell(bells: &mut Option<Bells>) -> Option<Bell> {
    match bells {
        Some(bells) => bells.next().await,
        None => std::future::pending().await,
    }
}
