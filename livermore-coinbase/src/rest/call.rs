use livermore_core::{exchange::Priority, ids::Timestamp};
use reqwest::{
    Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, HeaderMap, HeaderValue, RETRY_AFTER},
};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{debug, warn};

use super::{Link, backoff, retry_after};
use crate::{
    CoinbaseError, Fault,
    auth::ClockSkew,
    wire::{Malformed, rest},
};

/// One question to the exchange.
#[derive(Debug)]
pub(super) struct Call {
    /// What is being done, for errors and logs.
    pub(super) step: String,
    /// The path below the base URL, its parts as they are before encoding.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(&'static str, String)>,
    /// Whether a key has to say who asks.
    pub(super) signed: bool,
    /// Most bytes an answer may have.
    pub(super) limit: usize,
}

/// What to do about an answer that is no success.
enum Next {
    /// The token was refused: once more with a new one, by a clock measured again.
    Fresh(CoinbaseError),
    /// All wait, then once more.
    Wait(CoinbaseError),
    /// Once more after a pause.
    Pause(CoinbaseError),
    /// It stays so.
    Stop(CoinbaseError),
}

/// Most bytes read of an answer, unless a call says otherwise.
pub(super) const LIMIT: usize = 1 << 20;
/// Correct keys are refused now and then. Asked so often again, a refusal is believed.
const FRESH_TOKENS: u32 = 2;
/// What the exchange says to a key that may not do this.
const MISSING_SCOPE: &str = "missing required scopes";
/// Most bytes read of an answer that is no success.
const ERROR_LIMIT: usize = 16 << 10;

impl Call {
    pub(super) fn get(step: impl Into<String>, path: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let path = path.into_iter().map(Into::into).collect();
        Self { step: step.into(), path, query: Vec::new(), signed: false, limit: LIMIT }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    pub(super) fn signed(mut self) -> Self {
        self.signed = true;
        self
    }

    /// With another limit of bytes than [`LIMIT`].
    pub(super) fn up_to(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    fn malformed(&self, place: &str, reason: impl Into<String>) -> CoinbaseError {
        CoinbaseError::Malformed { step: self.step.clone(), place: place.to_owned(), reason: reason.into() }
    }

    fn unreadable(&self, malformed: &Malformed) -> CoinbaseError {
        let product = malformed.product().map(|product| format!(" of {product}")).unwrap_or_default();
        self.malformed(&format!("{}{product}", malformed.place()), malformed.flaw().to_string())
    }

    fn unreachable(&self, fault: &str) -> CoinbaseError {
        CoinbaseError::Unreachable { step: self.step.clone(), source: Some(Fault::new(fault.to_owned())) }
    }
}

impl Link {
    /// Asks until there is an answer, a refusal that stays, or no try left. Dropping the future gives everything back.
    pub(super) async fn ask<T>(
        &self,
        priority: Priority,
        call: &Call,
        read: impl Fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, CoinbaseError> {
        let (mut tries, mut refused, mut failed) = (0, 0, 0);
        loop {
            self.throttle.turn(priority).await;
            tries += 1;
            let next = match self.once(call).await {
                Ok(body) => match read(&body) {
                    Ok(value) => return Ok(value),
                    Err(malformed) => Next::Pause(call.unreadable(&malformed)),
                },
                Err(next) => next,
            };
            let error = match next {
                Next::Stop(error) => return Err(error),
                Next::Fresh(error) if refused < FRESH_TOKENS => {
                    refused += 1;
                    // A clock that is off is the usual reason.
                    self.throttle.turn(priority).await;
                    if self.measure().await.is_err() {
                        debug!(step = call.step, "the exchange's clock could not be read");
                    }
                    error
                }
                Next::Fresh(error) => return Err(self.denied(error)),
                Next::Wait(error) | Next::Pause(error) if tries >= self.attempts => return Err(error),
                // The throttle makes everybody wait.
                Next::Wait(error) => error,
                Next::Pause(error) => {
                    failed += 1;
                    sleep(backoff::pause(failed)).await;
                    error
                }
            };
            warn!(step = call.step, attempt = tries, %error, "asking Coinbase again");
        }
    }

    /// Asks for the exchange's time, until it comes or no try is left.
    pub(super) async fn server_time(&self, priority: Priority) -> Result<(Timestamp, ClockSkew), CoinbaseError> {
        let mut tries = 0;
        loop {
            self.throttle.turn(priority).await;
            tries += 1;
            match self.measure().await {
                Ok(measured) => return Ok(measured),
                Err(Next::Wait(_)) if tries < self.attempts => {}
                Err(Next::Pause(_)) if tries < self.attempts => sleep(backoff::pause(tries)).await,
                Err(next) => return Err(next.into_error()),
            }
        }
    }

    /// Asks for the exchange's time, once.
    async fn measure(&self) -> Result<(Timestamp, ClockSkew), Next> {
        let call = Call::get("reading the exchange's clock", ["time"]);
        let asked = self.clock.local();
        let body = self.once(&call).await?;
        let answered = self.clock.local();
        let server = rest::server_time(&body).map_err(|malformed| Next::Pause(call.unreadable(&malformed)))?;
        let skew = self.clock.measured(asked, answered, server);
        if let Some(warning) = skew.warning() {
            warn!(offset_ms = skew.offset_ms, uncertainty_ms = skew.uncertainty_ms, "{warning}");
        }
        Ok((server, skew))
    }

    /// One request, from a token made now to the last byte of the answer.
    async fn once(&self, call: &Call) -> Result<Vec<u8>, Next> {
        let url = self.url(call);
        let mut request = self.http.get(url.clone());
        // The exchange caches public answers for a second; a cache on the way may do so for hours.
        request = request.header(CACHE_CONTROL, "no-cache").header(ACCEPT, "application/json");
        if call.signed {
            request = request.header(AUTHORIZATION, self.authorization(&url).map_err(Next::Stop)?);
        }
        let begun = Instant::now();
        let answer = timeout(self.connect_timeout + self.response_timeout, request.send()).await;
        let response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Next::Pause(call.unreachable(fault(&error)))),
            Err(_) => return Err(Next::Pause(call.unreachable("no answer in time"))),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        debug!(step = call.step, status = status.as_u16(), millis = begun.elapsed().as_millis(), "Coinbase answered");
        let limit = if status.is_success() { call.limit } else { ERROR_LIMIT };
        let body = self.body(call, response, limit, begun).await;
        if status.is_success() {
            self.accepted(&headers);
            return body.map_err(Next::Pause);
        }
        // What the body says only explains: an endless one changes nothing.
        let words = body.map_or_else(|_| String::new(), |body| rest::error_body(&body).to_string());
        Err(self.refusal(call, status, &headers, words))
    }

    fn url(&self, call: &Call) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        url
    }

    fn authorization(&self, url: &Url) -> Result<HeaderValue, CoinbaseError> {
        let no_key = "this needs an API key; set `credentials`";
        let tokens = self.tokens.as_ref().ok_or_else(|| CoinbaseError::Key { reason: no_key.to_owned() })?;
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let token = tokens.for_request("GET", &host, url.path())?;
        let unfit = |_| CoinbaseError::Key { reason: "its token does not fit into a header".to_owned() };
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(unfit)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Reads no more than `limit` bytes, and no longer than allowed.
    async fn body(
        &self,
        call: &Call,
        mut response: Response,
        limit: usize,
        begun: Instant,
    ) -> Result<Vec<u8>, CoinbaseError> {
        if response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            // It was not asked for. A few bytes of it could unpack to gigabytes.
            return Err(call.malformed("the answer", "is compressed, which was not asked for"));
        }
        let too_long = || call.malformed("the answer", format!("is longer than {limit} bytes"));
        let announced = response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if announced > limit {
            return Err(too_long());
        }
        let mut body = Vec::with_capacity(announced);
        let end = begun + self.body_timeout;
        loop {
            let piece = timeout_at(end.min(Instant::now() + self.response_timeout), response.chunk()).await;
            match piece {
                Ok(Ok(Some(piece))) if body.len() + piece.len() > limit => return Err(too_long()),
                Ok(Ok(Some(piece))) => body.extend_from_slice(&piece),
                Ok(Ok(None)) => return Ok(body),
                Ok(Err(error)) => return Err(call.unreachable(fault(&error))),
                Err(_) => return Err(call.unreachable("the answer did not end in time")),
            }
        }
    }

    fn refusal(&self, call: &Call, status: StatusCode, headers: &HeaderMap, words: String) -> Next {
        let step = call.step.clone();
        let words = if words.is_empty() { "no words".to_owned() } else { words };
        let reason = format!("status {}: {words}", status.as_u16());
        match status.as_u16() {
            400 | 405..=428 | 430..=499 => Next::Stop(CoinbaseError::InvalidRequest { step, reason }),
            401 if call.signed => Next::Fresh(CoinbaseError::Denied { step, reason }),
            401 | 403 => {
                let reason = if words.to_ascii_lowercase().contains(MISSING_SCOPE) {
                    "the key lacks a permission; give it `view` in the Developer Platform's portal".to_owned()
                } else {
                    format!("{reason}; check the key's permissions and its list of allowed addresses")
                };
                Next::Stop(CoinbaseError::Denied { step, reason })
            }
            404 => Next::Stop(CoinbaseError::NotFound { step, reason: words }),
            429 => {
                let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let asked = header.and_then(|header| retry_after::parse(header, self.clock.now()));
                let wait = self.throttle.refused(asked);
                Next::Wait(CoinbaseError::RateLimited { step, retry_after: Some(wait) })
            }
            500.. => Next::Pause(CoinbaseError::Failed { step, reason }),
            _ => Next::Stop(call.malformed("the answer", "leads to another address, which is not followed")),
        }
    }

    /// What the headers say of the rate, where they say it.
    fn accepted(&self, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let remaining = text("x-ratelimit-remaining").and_then(|text| text.trim().parse().ok());
        let reset = text("x-ratelimit-reset").and_then(|text| retry_after::parse_reset(text, self.clock.now()));
        self.throttle.accepted(remaining, reset);
    }

    /// A refusal that came again with fresh tokens, with what is known of the clock.
    fn denied(&self, error: CoinbaseError) -> CoinbaseError {
        let CoinbaseError::Denied { step, reason } = error else { return error };
        let clock = match self.clock.skew() {
            Some(skew) => skew.warning(),
            None => Some("the exchange's clock could not be read, so this machine's may be wrong".to_owned()),
        };
        let hint = clock.map(|clock| format!("; {clock}")).unwrap_or_default();
        let reason =
            format!("{reason}, again with fresh tokens; check the key's name and that it was not deleted{hint}");
        CoinbaseError::Denied { step, reason }
    }
}

impl Next {
    fn into_error(self) -> CoinbaseError {
        match self {
            Self::Fresh(error) | Self::Wait(error) | Self::Pause(error) | Self::Stop(error) => error,
        }
    }
}

/// What went wrong below, without the URL that reqwest's own words quote.
fn fault(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no connection in time"
    } else if error.is_connect() {
        "no connection: nobody listens there, the name is unknown, or the certificate is not trusted"
    } else if error.is_body() || error.is_decode() {
        "the answer ended before it was complete"
    } else {
        "the connection ended"
    }
}
