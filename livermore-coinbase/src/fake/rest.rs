use axum::{
    Router,
    body::Body,
    extract::{Query, Request},
    http::{Response, header},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{
    RestFault, When,
    answer::Answer,
    engine::{Engine, lock},
    socket::Shared,
    wire::Wire,
};

/// Where the exchange's API lives on its host.
pub(super) const BASE: &str = "/api/v3/brokerage";

/// A request in the terms of the exchange.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    /// With the base.
    pub(super) full_path: &'a str,
    /// The parts behind the base.
    pub(super) path: Vec<&'a str>,
    pub(super) query: Vec<(String, String)>,
    pub(super) token: Option<&'a str>,
}

impl Asked<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// A whole number; `Err` when there is something that is none.
    pub(super) fn whole(&self, name: &str) -> Result<Option<i64>, Answer> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| Answer::invalid(&format!("{name} argument is invalid - a whole number is expected")))
        };
        self.get(name).map(parse).transpose()
    }
}

/// Serves the REST side until the server stops.
pub(super) async fn listen(listener: TcpListener, shared: Shared) {
    let handler = shared.clone();
    let router = Router::new().fallback(move |request: Request| answer(request, handler.clone()));
    let (ready, wires) = mpsc::channel(64);
    let address = listener.local_addr();
    shared.tasks.spawn(accept(listener, ready, shared.clone()));
    let stop = shared.stop.clone();
    let serving = axum::serve(Ready { wires, address }, router).with_graceful_shutdown(stop.cancelled_owned());
    // It never fails; every connection ends with the server by itself.
    let _ = serving.await;
}

/// Hands over connections whose handshake is done, so that a slow one holds up nobody.
async fn accept(listener: TcpListener, ready: mpsc::Sender<Wire>, shared: Shared) {
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file handles, mostly: some may be free again soon.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let (shared, ready) = (shared.clone(), ready.clone());
        shared.tasks.clone().spawn(async move {
            tokio::select! {
                () = shared.stop.cancelled() => {}
                () = hand_over(stream, &ready, &shared) => {}
            }
        });
    }
}

async fn hand_over(stream: TcpStream, ready: &mpsc::Sender<Wire>, shared: &Shared) {
    if let Some(wire) = shared.wire(stream).await {
        // Fails only when nobody serves any more.
        let _ = ready.send(wire.until(&shared.stop)).await;
    }
}

/// Connections that are ready to be served.
struct Ready {
    wires: mpsc::Receiver<Wire>,
    address: std::io::Result<std::net::SocketAddr>,
}

impl axum::serve::Listener for Ready {
    type Io = Wire;
    type Addr = ();

    async fn accept(&mut self) -> (Wire, ()) {
        match self.wires.recv().await {
            Some(wire) => (wire, ()),
            // Nobody accepts any more: the server stops.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        self.address.as_ref().map(|_| ()).map_err(|error| error.kind().into())
    }
}

async fn answer(request: Request, shared: Shared) -> Response<Body> {
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).map(|Query(query)| query);
    let full_path = request.uri().path();
    let path = full_path.strip_prefix(BASE).unwrap_or_default();
    let asked = Asked {
        method: request.method().as_str(),
        full_path,
        path: path.split('/').skip(1).collect(),
        query: query.unwrap_or_default(),
        token: token.and_then(|value| value.strip_prefix("Bearer ")),
    };
    let (answer, fault) = lock(&shared.engine).answer(&asked);
    if fault == Some(RestFault::Hang) {
        shared.stop.cancelled().await;
    }
    answer.into_response(fault.as_ref())
}

impl Engine {
    /// The answer, and what spoils it on the way.
    pub(super) fn answer(&mut self, asked: &Asked<'_>) -> (Answer, Option<RestFault>) {
        let number = self.stats.requests;
        self.stats.requests += 1;
        let rate = self.windows.requests.count();
        self.stats.most_requests_in_a_second = self.stats.most_requests_in_a_second.max(rate);
        self.trigger(|when| when == When::Request(number));
        let fault = self.waiting.answers.pop_front();
        let answer = fault.as_ref().and_then(Answer::instead).unwrap_or_else(|| self.right_answer(asked));
        self.stats.too_many_requests += u64::from(answer.status == 429);
        (answer, fault)
    }

    fn right_answer(&mut self, asked: &Asked<'_>) -> Answer {
        let is_public = matches!(asked.path.first(), Some(&"time" | &"market"));
        let limits = &self.options.limits;
        let (rate, limit) = if is_public {
            (self.windows.public_requests.count(), limits.public_requests_per_second)
        } else {
            (self.windows.private_requests.count(), limits.private_requests_per_second)
        };
        if rate > limit {
            return Answer::too_many(self.options.limits.retry_after.as_deref());
        }
        if asked.method != "GET" {
            return Answer::unknown_path();
        }
        let mut answer = if is_public { self.public(asked) } else { self.private(asked) };
        if is_public {
            answer.headers.push(("cache-control", "public, max-age=14400".to_owned()));
        } else if answer.status == 200 {
            let remaining = limit.saturating_sub(rate);
            answer.headers.push(("x-ratelimit-limit", limit.to_string()));
            answer.headers.push(("x-ratelimit-remaining", remaining.to_string()));
            answer.headers.push(("x-ratelimit-reset", "1".to_owned()));
        }
        answer
    }
}
