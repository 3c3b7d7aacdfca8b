use super::*;

/// The exchange lists what the connection has; what was listed and is not any more was dropped by the exchange.
#[test]
fn a_subscription_the_exchange_drops_is_asked_for_again() {
    let mut desk = Desk::live(&plan(&["BTC-USD", "ETH-USD"]));
    desk.beat(4);
    let both: &[&str] = &["BTC-USD", "ETH-USD"];
    desk.confirm(&[("heartbeats", &[]), ("candles", &["BTC-USD"]), ("trades", both)]);
    assert_eq!(desk.take(), [subscribe("candles", &["ETH-USD"])]);
    desk.confirm(&[("heartbeats", &[]), ("candles", both), ("trades", both)]);
    desk.beat(10);
    assert_eq!(desk.take(), []);
}

#[test]
fn an_answer_to_an_earlier_message_takes_nothing_away() {
    let mut desk = Desk::new(&plan(&["BTC-USD"]));
    desk.input(Input::Start);
    desk.input(Input::Reached(Stage::Upgrade));
    desk.data("trades", &["BTC-USD"]);
    desk.said.clear();
    desk.confirm(&[("heartbeats", &[])]);
    desk.confirm(&[("heartbeats", &[]), ("candles", &["BTC-USD"])]);
    desk.beat(10);
    assert_eq!(desk.take(), [], "data has confirmed what the answers do not list yet");
}

#[test]
fn data_before_the_confirmation_is_accepted() {
    let mut desk = Desk::new(&plan(&["BTC-USD"]));
    desk.input(Input::Start);
    desk.input(Input::Reached(Stage::Upgrade));
    desk.said.clear();
    assert_eq!(desk.data("candles", &["BTC-USD"]), Verdict::Accept);
    assert!(matches!(desk.notices()[..], [Notice::Connected { .. }]));
}
