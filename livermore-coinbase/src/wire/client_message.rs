use livermore_core::ids::Symbol;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::Channel;

/// What a client may say over a WebSocket: one channel, many products.
///
/// The venue answers with the state of the whole connection, not to the single message; see
/// [`Body::Subscriptions`](super::Body::Subscriptions). A token lives for two minutes, so every message needs a fresh
/// one; the subscription outlives it.
#[derive(Debug, Clone)]
pub struct ClientMessage {
    verb: Verb,
    channel: Channel,
    products: Vec<Symbol>,
    jwt: Option<SecretString>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verb {
    Subscribe,
    Unsubscribe,
}

impl ClientMessage {
    /// Asks for a channel, for these products where the channel [has products](Channel::has_products).
    pub fn subscribe(channel: Channel, products: impl IntoIterator<Item = Symbol>) -> Self {
        Self { verb: Verb::Subscribe, channel, products: products.into_iter().collect(), jwt: None }
    }

    /// Gives up these products of a channel, or without products the whole channel.
    pub fn unsubscribe(channel: Channel, products: impl IntoIterator<Item = Symbol>) -> Self {
        Self { verb: Verb::Unsubscribe, channel, products: products.into_iter().collect(), jwt: None }
    }

    /// The same message with a token that proves who asks.
    pub fn with_jwt(mut self, jwt: SecretString) -> Self {
        self.jwt = Some(jwt);
        self
    }

    /// The channel.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// The products.
    pub fn products(&self) -> &[Symbol] {
        &self.products
    }

    /// The text to send. It holds the token: never log it.
    pub fn to_text(&self) -> String {
        #[derive(Serialize)]
        struct Wire<'a> {
            #[serde(rename = "type")]
            verb: Verb,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            product_ids: &'a [Symbol],
            channel: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            jwt: Option<&'a str>,
        }
        let product_ids = if self.channel.has_products() { self.products.as_slice() } else { &[] };
        let wire = Wire {
            verb: self.verb,
            product_ids,
            channel: self.channel.subscribe_name(),
            jwt: self.jwt.as_ref().map(ExposeSecret::expose_secret),
        };
        // Texts and lists of texts always have a JSON form.
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_what_the_venue_documents() {
        let products = ["ETH-USD", "BTC-USD"].map(|name| Symbol::new(name).unwrap());
        let message = ClientMessage::subscribe(Channel::Level2, products);
        assert_eq!(message.to_text(), r#"{"type":"subscribe","product_ids":["ETH-USD","BTC-USD"],"channel":"level2"}"#);
        let message = ClientMessage::subscribe(Channel::Heartbeats, [Symbol::new("BTC-USD").unwrap()]);
        assert_eq!(message.to_text(), r#"{"type":"subscribe","channel":"heartbeats"}"#);
        let message = ClientMessage::unsubscribe(Channel::Ticker, []);
        assert_eq!(message.to_text(), r#"{"type":"unsubscribe","channel":"ticker"}"#);
    }

    #[test]
    fn the_token_is_sent_and_never_shown() {
        let message = ClientMessage::subscribe(Channel::User, []).with_jwt("header.claims.signature".into());
        assert_eq!(message.to_text(), r#"{"type":"subscribe","channel":"user","jwt":"header.claims.signature"}"#);
        assert!(!format!("{message:?}").contains("claims"), "{message:?}");
    }
}
