use serde_json::{Value, json};

use super::{Channel, When, connection::Out, engine::Engine, text};

impl Engine {
    /// Sends a message of a channel to a client, through whatever goes wrong on the way. `symbol` is the product it
    /// tells of, where it is one.
    pub(super) fn emit(&mut self, id: u64, channel: Channel, symbol: Option<&str>, events: Value) {
        self.send(id, channel.on_the_wire(), Some(channel), symbol, events);
    }

    /// The answer to a subscription: all the connection is subscribed to.
    pub(super) fn acknowledge(&mut self, id: u64) {
        let Some(connection) = self.connections.get(&id) else { return };
        let mut all = serde_json::Map::new();
        for (channel, products) in &connection.channels {
            let names: Vec<&str> = match channel {
                Channel::Heartbeats => vec!["heartbeats"],
                Channel::User | Channel::FuturesBalanceSummary => vec!["00000000-0000-0000-0000-000000000000"],
                _ => products.iter().map(String::as_str).collect(),
            };
            if !names.is_empty() {
                all.insert(channel.as_str().to_owned(), json!(names));
            }
        }
        self.send(id, "subscriptions", None, None, json!([{ "subscriptions": all }]));
    }

    /// A message outside of all channels; it has no sequence number.
    pub(super) fn refuse(&mut self, id: u64, message: &str) {
        self.stats.errors_sent += 1;
        let speaks = self.connections.get(&id).is_some_and(|client| !client.holds_back(None, None, self.elapsed_ms));
        if speaks {
            let body = json!({ "type": "error", "message": message });
            self.deliver(id, Out::Text(body.to_string().into()));
        }
    }

    /// A message with an envelope. Nothing held back takes a number; everything lost does.
    pub(super) fn send(&mut self, id: u64, name: &str, channel: Option<Channel>, symbol: Option<&str>, events: Value) {
        let Some(connection) = self.connections.get(&id) else { return };
        if connection.holds_back(channel, symbol, self.elapsed_ms) {
            return;
        }
        let number = self.frames_made;
        self.frames_made += 1;
        self.trigger(|when| when == When::Frame(number));
        // The fault may have ended the connection, or silenced it; one that loses frames shall lose this one.
        let (now, now_ms) = (self.told_now(), self.elapsed_ms);
        let noise = self.options.noise;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.holds_back(channel, symbol, now_ms) {
            return;
        }
        let sequence = connection.next_sequence;
        connection.next_sequence += 1;
        connection.last_sent_ms = now_ms;
        let mut frame = json!({
            "channel": name,
            "timestamp": text::time(now, nanos(sequence, noise)),
            "sequence_num": sequence,
        });
        frame["events"] = events;
        if noise {
            frame["client_id"] = "".into();
            frame["gateway"] = json!({ "zone": null, "lag_us": sequence % 90 });
        }
        let frames = usize::try_from(id).ok().and_then(|id| self.stats.frames.get_mut(id));
        frames.into_iter().for_each(|frames| *frames += 1);
        self.pass_troubles(id, frame.to_string());
    }

    fn pass_troubles(&mut self, id: u64, frame: String) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let troubles = &mut connection.troubles;
        if troubles.lose > 0 {
            troubles.lose -= 1;
            return;
        }
        let text = frame.into();
        let out = match &mut troubles.slow {
            Some((frames, bytes, pause_ms)) if *frames > 0 => {
                *frames -= 1;
                Out::Slow { text, bytes: *bytes, pause_ms: *pause_ms }
            }
            _ => Out::Text(text),
        };
        if std::mem::take(&mut troubles.reorder) {
            troubles.held = Some(out);
            return;
        }
        let held = troubles.held.take();
        let twice = match (&out, std::mem::take(&mut troubles.duplicate)) {
            (Out::Text(text), true) => Some(Out::Text(text.clone())),
            _ => None,
        };
        self.deliver(id, out);
        twice.into_iter().chain(held).for_each(|out| self.deliver(id, out));
    }

    /// Gives a frame to the connection's task, or loses it when that has too many waiting.
    pub(super) fn deliver(&mut self, id: u64, out: Out) {
        let Some(connection) = self.connections.get(&id) else { return };
        if !connection.push(out) {
            self.stats.frames_lost_to_slow_readers += 1;
        }
    }
}

/// Digits below the millisecond: mostly nine in all, sometimes fewer, and with noise sometimes none.
const fn nanos(sequence: u64, noise: bool) -> u32 {
    let mixed = sequence.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    #[allow(clippy::cast_possible_truncation, reason = "below a million")]
    let nanos = (mixed % 1_000_000) as u32;
    if noise && sequence.is_multiple_of(5) { 0 } else { nanos }
}
