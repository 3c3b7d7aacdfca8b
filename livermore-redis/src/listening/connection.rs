//! The one connection on which everything is heard.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use redis::{ConnectionInfo, PushInfo, PushKind, Value, aio::MultiplexedConnection};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};

use super::{REST, Shared, Topic};
use crate::{
    RedisConfig, RedisError,
    config::target,
    error::{Class, class_of},
    link::{connect, is_alive, jittered},
};

/// As many messages as may wait to be sorted.
const QUEUE: usize = 4_096;
/// Channels of one subscription.
const BATCH: usize = 500;
/// The shortest pause between two attempts to connect, and the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Listens, until aborted.
pub(super) async fn keep(servers: Vec<ConnectionInfo>, config: RedisConfig, name: String, shared: Arc<Shared>) {
    let mut pause = SHORTEST_PAUSE;
    let mut reported = false;
    for server in servers.iter().cycle() {
        let (sender, mut messages) = mpsc::channel(QUEUE);
        // Only this protocol lets a connection be pinged while it listens.
        let login = server.redis_settings().clone().set_protocol(redis::ProtocolVersion::RESP3);
        let server = server.clone().set_redis_settings(login);
        let place = target(&server);
        let heard = {
            let shared = Arc::clone(&shared);
            move |info: PushInfo| {
                if info.kind == PushKind::Disconnection {
                    shared.lost.notify_one();
                } else if info.kind == PushKind::Message && sender.try_send(info).is_err() {
                    shared.overflown.store(true, Ordering::Relaxed);
                }
                Ok(())
            }
        };
        let ended = match connect(server, &config, &name, heard).await {
            Ok(connection) => {
                let since = Instant::now();
                let ended = listen(connection, &mut messages, &config, &shared, &mut reported).await;
                if since.elapsed() >= Duration::from_secs(1) {
                    pause = SHORTEST_PAUSE;
                }
                ended
            }
            Err(ended) => ended,
        };
        shared.working.store(false, Ordering::Relaxed);
        shared.failed.store(true, Ordering::Relaxed);
        let (error, least) = ended;
        if !reported {
            tracing::warn!(server = place, connection = name, %error, "doorbell: degraded");
            reported = true;
        }
        sleep(jittered(pause.max(least))).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Listens on one connection; returns why it has ended, and how long to wait before the next.
async fn listen(
    mut connection: MultiplexedConnection,
    messages: &mut mpsc::Receiver<PushInfo>,
    config: &RedisConfig,
    shared: &Shared,
    reported: &mut bool,
) -> (RedisError, Duration) {
    let mut subscribed = HashSet::new();
    // A word about an older connection may be left over; this one is asked before it is given up.
    let every = config.ping_interval();
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rests = interval_at(Instant::now() + REST, REST);
    let mut missed = 0;
    {
        let mut state = shared.state();
        state.touched = state.wanted.keys().copied().collect();
    }
    if let Err(ended) = follow(&mut connection, &mut subscribed, shared).await {
        return ended;
    }
    if std::mem::take(reported) {
        tracing::info!("doorbell: working");
    }
    shared.working.store(true, Ordering::Relaxed);
    shared.failed.store(false, Ordering::Relaxed);
    shared.miss();
    loop {
        tokio::select! {
            message = messages.recv() => {
                let Some(info) = message else { return lost() };
                hear(shared, &info);
                if shared.overflown.swap(false, Ordering::Relaxed) {
                    shared.miss();
                }
            }
            () = shared.changed.notified() => {
                if let Err(ended) = follow(&mut connection, &mut subscribed, shared).await {
                    return ended;
                }
            }
            () = shared.lost.notified() => {
                if is_alive(&mut connection, config).await != Some(true) {
                    return lost();
                }
            }
            _ = rests.tick() => shared.end_rests(),
            _ = ticks.tick() => match is_alive(&mut connection, config).await {
                Some(true) => missed = 0,
                Some(false) => return lost(),
                None if missed > 0 => return lost(),
                None => missed += 1,
            }
        }
    }
}

fn lost() -> (RedisError, Duration) {
    (RedisError::NoAnswer { step: "listening".to_owned(), source: None }, Duration::ZERO)
}

/// Subscribes to what is wanted and not heard, and ceases to hear what is not wanted any more.
async fn follow(
    connection: &mut MultiplexedConnection,
    subscribed: &mut HashSet<Topic>,
    shared: &Shared,
) -> Result<(), (RedisError, Duration)> {
    let (changes, mut begin, mut cease) = {
        let mut state = shared.state();
        let touched: HashSet<Topic> = state.touched.drain(..).collect();
        let (wanted, not): (Vec<Topic>, Vec<Topic>) =
            touched.into_iter().partition(|topic| state.wanted.contains_key(topic));
        (state.changes, wanted, not)
    };
    begin.retain(|topic| !subscribed.contains(topic));
    cease.retain(|topic| subscribed.contains(topic));
    for (topics, wanted) in [(&begin, true), (&cease, false)] {
        let names: Vec<String> = topics.iter().map(|topic| topic.name()).collect();
        for names in names.chunks(BATCH) {
            let done = if wanted { connection.subscribe(names).await } else { connection.unsubscribe(names).await };
            if let Err(error) = done {
                let least = class_of(&error).map_or(Duration::ZERO, Class::pause);
                return Err((RedisError::new("subscribing", &error), least));
            }
        }
    }
    subscribed.extend(begin);
    cease.iter().for_each(|topic| {
        subscribed.remove(topic);
    });
    shared.heard_up_to.send_replace(changes);
    Ok(())
}

fn hear(shared: &Shared, info: &PushInfo) {
    let parts: Vec<&[u8]> = info
        .data
        .iter()
        .filter_map(|value| match value {
            Value::BulkString(bytes) => Some(bytes.as_slice()),
            Value::SimpleString(text) => Some(text.as_bytes()),
            _ => None,
        })
        .collect();
    if let [channel, payload] = parts.as_slice()
        && let Ok(channel) = str::from_utf8(channel)
    {
        shared.hear(channel, payload);
    }
}
