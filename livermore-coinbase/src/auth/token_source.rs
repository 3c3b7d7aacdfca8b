use super::{ApiKey, ExchangeClock, Jwt};
use crate::CoinbaseError;

/// Makes tokens by the exchange's time. Ask it at the moment of sending, never earlier: a token lives two minutes, and
/// what waits for its turn may wait longer.
#[derive(Debug, Clone)]
pub struct TokenSource {
    key: ApiKey,
    clock: ExchangeClock,
}

impl TokenSource {
    /// Tokens of this key, by this clock.
    pub const fn new(key: ApiKey, clock: ExchangeClock) -> Self {
        Self { key, clock }
    }

    /// The key.
    pub const fn key(&self) -> &ApiKey {
        &self.key
    }

    /// A token for a REST request that is sent now. `path` is without the query.
    pub fn for_request(&self, method: &str, host: &str, path: &str) -> Result<Jwt, CoinbaseError> {
        self.key.jwt_for_request(method, host, path, self.clock.now())
    }

    /// A token for a WebSocket message that is sent now.
    pub fn for_socket(&self) -> Result<Jwt, CoinbaseError> {
        self.key.jwt_for_socket(self.clock.now())
    }
}
