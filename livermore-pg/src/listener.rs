use std::{sync::Weak, time::Duration};

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Someone who wants to be told what the server is told on some channels.
///
/// Notices are speed and never a guarantee: one is lost when the connection breaks, and a connection may break without a
/// sound.
pub(crate) trait Hearer: Send + Sync + 'static {
    /// The channels.
    const CHANNELS: &'static [&'static str];
    /// What is missing while there is no connection to listen on, for the log.
    const WITHOUT: &'static str;

    /// A notice. Anyone who may connect can write to a channel, so nothing it says is to be trusted.
    fn hear(&self, channel: &str, payload: &str);

    /// Listening has begun, has ended, or could not begin.
    fn listening(&self, listens: bool);

    /// Called once per interval, and soon after listening has begun or ended.
    fn look(&self) -> impl Future<Output = ()> + Send;
}

/// How long the listening connection may take to connect, and to show that it is alive.
pub(crate) const ANSWER: Duration = Duration::from_secs(2);
/// How long to wait before connecting again: a server that ends each connection at once is not run over.
const PAUSE: Duration = Duration::from_millis(200);

/// Listens until the hearer is dropped, over one connection, which is tried and if need be replaced once per interval.
pub(crate) async fn run<H: Hearer>(hearer: Weak<H>, options: PgConnectOptions, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut listener = None;
    loop {
        // While there is no listener, every interval tries for one, the first at once.
        let ticked = match &mut listener {
            None => {
                ticks.tick().await;
                true
            }
            Some(listening) => tokio::select! {
                _ = ticks.tick() => true,
                heard = PgListener::try_recv(listening) => {
                    let Some(hearer) = hearer.upgrade() else { return };
                    if let Ok(Some(notice)) = heard {
                        hearer.hear(notice.channel(), notice.payload());
                    } else {
                        // Notices may have been lost: connect anew, and look.
                        listener = None;
                        hearer.listening(false);
                        ticks.reset_after(every.min(PAUSE));
                    }
                    false
                }
            },
        };
        if !ticked {
            continue;
        }
        let Some(hearer) = hearer.upgrade() else { return };
        if let Some(listening) = &mut listener {
            let alive = sqlx::query("SELECT 1").execute(&mut *listening);
            if !matches!(timeout(ANSWER, alive).await, Ok(Ok(_))) {
                listener = None;
                hearer.listening(false);
            }
        }
        if listener.is_none() {
            listener = timeout(ANSWER, connect(options.clone(), H::CHANNELS)).await.ok().and_then(Result::ok);
            hearer.listening(listener.is_some());
            if listener.is_none() {
                tracing::warn!("no notices of {}; the next try is in {every:?}", H::WITHOUT);
            }
        }
        // After listening has begun, so that nothing falls between the two.
        hearer.look().await;
    }
}

async fn connect(options: PgConnectOptions, channels: &[&str]) -> Result<PgListener, sqlx::Error> {
    // The listener wants a pool to take its one connection from; this one has no other use.
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(ANSWER).idle_timeout(None).max_lifetime(None);
    let mut listener = PgListener::connect_with(&pool.connect_lazy_with(options)).await?;
    listener.eager_reconnect(false);
    listener.listen_all(channels.iter().copied()).await?;
    Ok(listener)
}
