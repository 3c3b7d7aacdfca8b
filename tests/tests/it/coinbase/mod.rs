//! The commands that ask Coinbase, against a server that speaks as it does.

mod candles;
mod doctor;
mod live;
mod scan;
mod sim_server;

use livermore_coinbase::fake::{Clock, FakeKey, FakeMarket, FakeServer};
use livermore_core::exchange::SimulatorConfig;
use livermore_tests::{Finished, livermore, run};
use tokio::runtime::Runtime;

/// When live data begins on the servers of these tests: 2026-01-05T00:00:00Z.
const START: i64 = 1_767_571_200;

/// An exchange within the test.
struct Exchange {
    runtime: Runtime,
    server: FakeServer,
}

impl Exchange {
    /// One whose clock stands still.
    fn standing() -> Self {
        Self::with(Clock::Manual)
    }

    fn with(clock: Clock) -> Self {
        // The first use builds the command: the market must not run on meanwhile.
        drop(livermore(&[]));
        let runtime = Runtime::new().unwrap();
        let market = FakeMarket::simulated(SimulatorConfig::default().with_seed(7).with_history_minutes(3_000));
        let builder = FakeServer::builder().market(market).seed(7).clock(clock);
        let builder = builder.key(FakeKey::ed25519(7)).key(FakeKey::es256(8).without_view());
        let server = runtime.block_on(builder.start()).unwrap();
        Self { runtime, server }
    }

    fn urls(&self) -> [String; 2] {
        [self.server.rest_url(), self.server.ws_url()]
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        run(&at(&self.urls(), arguments), b"")
    }

    /// Ends, and tells where it was.
    fn gone(self) -> [String; 2] {
        let urls = self.urls();
        self.runtime.block_on(self.server.shutdown());
        urls
    }
}

/// The command line with these addresses.
fn at<'a>([rest, ws]: &'a [String; 2], arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--rest-url", rest, "--ws-url", ws]].concat()
}

/// Every command that needs the exchange says so when it is away, at once or after a few tries.
#[test]
fn without_the_exchange_every_command_ends_with_exit_code_3() {
    let urls = Exchange::standing().gone();
    let commands = [
        &["candles", "BTC-USD", "--timeframe", "1m", "--from", "2026-01-04"][..],
        &["scan"],
        &["run", "--market", "coinbase"],
        &["doctor", "--market", "coinbase", "--bus", "memory", "--store", "file:./no-such-folder"],
    ];
    std::thread::scope(|scope| {
        for command in commands {
            let arguments = at(&urls, command);
            scope.spawn(move || {
                let ended = run(&arguments, b"");
                assert_eq!(ended.code, Some(3), "{command:?}: {}", ended.stderr);
                let told = format!("{}{}", ended.stdout, ended.stderr);
                assert!(told.contains("Coinbase cannot be reached: reading"), "{command:?}: {told}");
                assert!(told.contains("nobody listens there"), "{command:?}: {told}");
            });
        }
    });
}

#[test]
fn a_wrong_command_line_is_exit_code_2_with_what_to_write() {
    for (arguments, expected) in [
        (&["candles", "BTC-USD", "--from", "2026-01-04"][..], "--timeframe"),
        (&["candles", "BTC-USD", "--timeframe", "1m", "--from", "yesterday"], "write 2026-11-01"),
        (&["candles", "BTC-USD", "--timeframe", "3m", "--from", "2026-01-04"], "3m"),
        (
            &["candles", "BTC-USD", "--timeframe", "1m", "--from", "2026-01-04", "--to", "2026-01-03"],
            "the range ends (2026-01-03T00:00:00Z) before it begins (2026-01-04T00:00:00Z)",
        ),
        (
            &["candles", "BTC-USD", "--timeframe", "1m", "--from", "0", "--format", "jsonl", "--output", "x"],
            "--output writes CSV",
        ),
        (&["scan", "--top", "0"], "--top"),
        (&["scan", "--rest-url", "http://example.com/"], "restUrl is not encrypted"),
        (&["scan", "--rest-url", "https://user:hunter2@example.com/"], "restUrl has a login"),
        (&["run"], "--market"),
        (&["run", "--market", "coinbse"], "a similar value exists: 'coinbase'"),
        (&["run", "--market", "coinbase", "--symbols", "btc/usd"], "did you mean \"BTC-USD\"?"),
        (&["run", "--market", "coinbase", "--ws-url", "https://example.com"], "wsUrl does not start with wss://"),
        (&["sim-server", "--speed", "0"], "must be a number over 0"),
        (&["sim-server", "--csv", "BTC-USD"], "write SYMBOL=FILE"),
        (&["sim-server", "--csv", "BTC-USD=no-such-file.csv"], "no-such-file.csv: cannot be read"),
        (&["doctor", "--market", "coinbase", "--rest-url", "nowhere"], "restUrl cannot be read"),
    ] {
        let finished = run(arguments, b"");
        assert_eq!(finished.code, Some(2), "{arguments:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(expected), "{arguments:?}: {}", finished.stderr);
        assert!(!finished.stderr.contains("hunter2"), "{}", finished.stderr);
        assert_eq!(finished.stdout, "", "{arguments:?}");
    }
}
