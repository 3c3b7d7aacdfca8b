use super::*;

fn stale(channel: &'static str, product: &str, since: Duration) -> Notice {
    Notice::Stale { channel, product: Some(symbol(product)), since }
}

fn recovered(channel: &'static str, product: &str) -> Notice {
    Notice::Recovered { channel, product: Some(symbol(product)) }
}

#[test]
fn heartbeats_do_not_hide_a_dead_stream() {
    let mut desk = Desk::live(&plan(&["BTC-USD", "ETH-USD"]));
    let begin = desk.now;
    desk.data("trades", &["BTC-USD", "ETH-USD"]);
    desk.data("candles", &["BTC-USD", "ETH-USD"]);
    desk.said.clear();
    for _ in 0..6 {
        desk.beat(10);
        desk.data("trades", &["BTC-USD"]);
        desk.data("candles", &["BTC-USD"]);
    }
    assert_eq!(desk.notices(), [stale("trades", "ETH-USD", begin)]);
    assert!(desk.subscription("trades", "ETH-USD").stale);
    desk.data("trades", &["ETH-USD"]);
    assert_eq!(desk.notices(), [recovered("trades", "ETH-USD")]);
    assert!(!desk.subscription("trades", "ETH-USD").stale);
}

#[test]
fn quiet_candles_of_a_quiet_product_are_not_stale_but_silent_ones_of_a_busy_product_are() {
    let mut desk = Desk::live(&plan(&["BTC-USD"]));
    desk.data("candles", &["BTC-USD"]);
    desk.data("trades", &["BTC-USD"]);
    desk.data("candles", &["BTC-USD"]);
    let last = desk.now;
    desk.beat(50);
    assert_eq!(desk.notices(), [], "nothing is traded, so no candle is due");
    desk.data("trades", &["BTC-USD"]);
    desk.beat(14);
    assert_eq!(desk.notices(), []);
    desk.beat(1);
    let again = subscribe("candles", &["BTC-USD"]);
    assert_eq!(desk.take(), [Action::Tell(stale("candles", "BTC-USD", last)), again]);
    desk.data("candles", &["BTC-USD"]);
    assert_eq!(desk.notices(), [recovered("candles", "BTC-USD")]);
}

#[test]
fn a_product_never_heard_of_is_stale() {
    let mut desk = Desk::live(&plan(&["NOT-USD"]));
    let begin = desk.now;
    desk.beat(61);
    assert_eq!(desk.notices(), [stale("candles", "NOT-USD", begin), stale("trades", "NOT-USD", begin)]);
    desk.beat(200);
    assert_eq!(desk.notices(), [], "once");
}

#[test]
fn a_new_connection_forgets_staleness() {
    let mut desk = Desk::live(&plan(&["BTC-USD"]));
    desk.beat(61);
    desk.input(Input::Closed { code: None });
    assert!(!desk.subscription("trades", "BTC-USD").stale);
    desk.reconnect();
    desk.connect();
    desk.data("trades", &["BTC-USD"]);
    assert_eq!(desk.notices(), [], "not recovered: nothing was told to be stale on this connection");
}

#[test]
fn data_under_an_alias_counts_for_the_product_wanted() {
    let plan = plan(&["BTC-USDC"]).with_alias(symbol("BTC-USDC"), symbol("BTC-USD"));
    let mut desk = Desk::new(&plan);
    desk.input(Input::Start);
    desk.input(Input::Reached(Stage::Upgrade));
    desk.confirm(&[("heartbeats", &[]), ("candles", &["BTC-USD"]), ("trades", &[])]);
    assert!(desk.subscription("candles", "BTC-USDC").confirmed);
    assert!(!desk.subscription("trades", "BTC-USDC").confirmed);
    desk.data("trades", &["BTC-USD"]);
    let status = desk.subscription("trades", "BTC-USDC");
    assert_eq!((status.confirmed, status.last_data), (true, Some(desk.now)));
}

/// The path of every frame of a calm feed.
#[test]
fn a_message_that_tells_nothing_allocates_nothing() {
    let products: Vec<Symbol> = (0..100).map(|n| symbol(&format!("P{n}-USD"))).collect();
    let names: Vec<&str> = products.iter().map(Symbol::as_str).collect();
    let mut desk = Desk::live(&plan(&names));
    let mut supervisor = desk.supervisor;
    let mut run = |messages: u64| {
        for _ in 0..messages {
            desk.now += Duration::from_millis(1);
            let some = &products[usize::try_from(desk.sequence % 100).unwrap()..][..1];
            for channel in ["trades", "candles"] {
                let verdict = supervisor.data(desk.now, Some(desk.sequence), channel, some);
                assert_eq!(verdict, Verdict::Accept);
                desk.sequence += 1;
            }
            let message = Message::Other;
            let verdict = supervisor.handle(desk.now, Input::Message { sequence: Some(desk.sequence), message });
            assert_eq!((verdict, supervisor.next_action()), (Verdict::Accept, None));
            desk.sequence += 1;
            assert!(supervisor.next_wakeup().is_some());
        }
    };
    run(300);
    let counted = allocation_counter::measure(|| run(10_000));
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
}
