use super::*;

#[test]
fn a_new_plan_sends_the_difference() {
    let mut desk = Desk::live(&plan(&["BTC-USD", "ETH-USD"]));
    desk.beat(2);
    desk.said.clear();
    desk.input(Input::Plan(plan(&["ETH-USD", "SOL-USD"])));
    desk.wait(2 * SECOND);
    let expected = [
        unsubscribe("candles", &["BTC-USD"]),
        subscribe("candles", &["SOL-USD"]),
        unsubscribe("trades", &["BTC-USD"]),
        subscribe("trades", &["SOL-USD"]),
    ];
    assert_eq!(desk.take(), expected);
    desk.input(Input::Plan(FeedPlan::new().with_channel(ChannelPlan::of("trades", symbols(&["ETH-USD"])))));
    desk.wait(2 * SECOND);
    let expected = [
        unsubscribe("trades", &["SOL-USD"]),
        unsubscribe("heartbeats", &[]),
        unsubscribe("candles", &["ETH-USD", "SOL-USD"]),
    ];
    assert_eq!(desk.take(), expected);
    let names: Vec<_> = desk.supervisor.status().channels.iter().map(|channel| channel.name).collect();
    assert_eq!(names, ["trades"]);
}

#[test]
fn a_plan_changed_while_connecting_is_what_the_connection_begins_with() {
    let mut desk = Desk::new(&plan(&["BTC-USD"]));
    desk.input(Input::Start);
    desk.input(Input::Plan(plan(&["ETH-USD"])));
    desk.said.clear();
    desk.input(Input::Reached(Stage::Upgrade));
    let expected =
        [subscribe("heartbeats", &[]), subscribe("candles", &["ETH-USD"]), subscribe("trades", &["ETH-USD"])];
    assert_eq!(desk.take(), expected);
}

#[test]
fn a_plan_changed_back_before_anything_was_sent_sends_nothing() {
    let mut desk = Desk::live(&plan(&["BTC-USD"]));
    desk.input(Input::Plan(plan(&["BTC-USD", "ETH-USD"])));
    desk.said.clear(); // the rate allows one message more, and it has gone
    desk.input(Input::Plan(plan(&["BTC-USD"])));
    desk.beat(3);
    assert_eq!(desk.take(), [unsubscribe("candles", &["ETH-USD"])], "and nothing of the trades");
}

#[test]
fn many_products_go_in_several_messages() {
    let names: Vec<String> = (0..250).map(|n| format!("P{n}-USD")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut desk = Desk::new(&FeedPlan::new().with_channel(ChannelPlan::of("trades", symbols(&names))));
    desk.input(Input::Start);
    desk.said.clear();
    desk.input(Input::Reached(Stage::Upgrade));
    let sizes: Vec<usize> = (desk.take().iter())
        .map(|action| if let Action::Subscribe { products, .. } = action { products.len() } else { 0 })
        .collect();
    assert_eq!(sizes, [100, 100, 50]);
}
