//! API keys, and the short-lived tokens made with them.

mod api_key;
mod clock;
mod credentials;
mod jwt;
mod key_name;
mod secret_text;
mod token_source;

#[cfg(test)]
mod tests;

pub use api_key::ApiKey;
pub use clock::{ClockSkew, ExchangeClock};
pub use credentials::Credentials;
pub use jwt::Jwt;
pub use key_name::KeyName;
pub use token_source::TokenSource;
