//! The request budget of an exchange.

use std::{collections::BTreeMap, time::Duration};

use livermore_core::exchange::{Priority, RateBudget, RateBudgetConfig, Ticket, Turn};
use proptest::prelude::*;

const PRIORITIES: [Priority; 3] = [Priority::LiveRepair, Priority::UserAction, Priority::Backfill];

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn config(per_second: u32, burst: u32) -> RateBudgetConfig {
    let mut config = RateBudgetConfig::default();
    (config.per_second, config.burst) = (per_second, burst);
    config
}

/// Lets every waiting ticket ask whenever one of them may be ready; tells who was, and when.
fn drain(budget: &mut RateBudget, mut waiting: Vec<Ticket>, mut now: Duration) -> Vec<(Duration, Ticket)> {
    let mut served = Vec::new();
    while !waiting.is_empty() {
        let mut next = Duration::MAX;
        waiting.retain(|ticket| match budget.turn(*ticket, now) {
            Turn::Ready => {
                served.push((now, *ticket));
                false
            }
            Turn::Wait { until } => {
                assert!(until > now, "a wait of nothing");
                next = next.min(until);
                true
            }
            Turn::Gone => panic!("{ticket:?} was lost"),
        });
        now = next.max(now);
    }
    served
}

#[test]
fn a_burst_and_then_the_rate() {
    let mut budget = RateBudget::new(&config(5, 3));
    let tickets: Vec<Ticket> = (0..6).map(|_| budget.ask(Priority::Backfill, ms(0))).collect();
    let served = drain(&mut budget, tickets.clone(), ms(0));
    let times = [0, 0, 0, 200, 400, 600];
    assert_eq!(served, times.into_iter().map(ms).zip(tickets).collect::<Vec<_>>());
}

#[test]
fn the_more_urgent_goes_first_whenever_it_asks() {
    let mut budget = RateBudget::new(&config(1, 1));
    let mut ask = |priority| (priority, budget.ask(priority, ms(0)));
    let asked = [Priority::Backfill, Priority::UserAction, Priority::Backfill, Priority::LiveRepair].map(&mut ask);
    let served = drain(&mut budget, asked.iter().map(|(_, ticket)| *ticket).collect(), ms(0));
    let order: Vec<Ticket> = served.into_iter().map(|(_, ticket)| ticket).collect();
    assert_eq!(order, [asked[3].1, asked[1].1, asked[0].1, asked[2].1]);
}

/// Under a load of live repair that takes everything, backfill gets one request in 30 seconds, and no more.
#[test]
fn nobody_is_starved_for_ever() {
    let mut budget = RateBudget::new(&config(1, 1));
    let mut backfill: Vec<Ticket> = (0..10).map(|_| budget.ask(Priority::Backfill, ms(0))).collect();
    let mut live: Vec<Ticket> = (0..3).map(|_| budget.ask(Priority::LiveRepair, ms(0))).collect();
    let mut served = Vec::new();
    for second in 0..=95 {
        let now = Duration::from_secs(second);
        backfill.retain(|ticket| {
            let ready = budget.turn(*ticket, now) == Turn::Ready;
            served.extend(ready.then_some(second));
            !ready
        });
        live.retain(|ticket| budget.turn(*ticket, now) != Turn::Ready);
        while live.len() < 3 {
            live.push(budget.ask(Priority::LiveRepair, now));
        }
    }
    assert_eq!(served, [30, 60, 90]);
}

#[test]
fn a_penalty_stops_everybody_and_ends_without_a_burst() {
    let mut budget = RateBudget::new(&config(5, 8));
    let tickets: Vec<Ticket> = PRIORITIES.map(|priority| budget.ask(priority, ms(0))).to_vec();
    budget.penalise(ms(10_000));
    budget.penalise(ms(4_000)); // shorter than what is in force
    let times: Vec<Duration> = drain(&mut budget, tickets, ms(0)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [10_200, 10_400, 10_600].map(ms));
}

#[test]
fn what_the_exchange_says_is_left_is_believed() {
    let mut budget = RateBudget::new(&config(5, 8));
    budget.observe_remaining(1, ms(0));
    budget.observe_remaining(100, ms(0));
    let tickets: Vec<Ticket> = (0..2).map(|_| budget.ask(Priority::UserAction, ms(0))).collect();
    let times: Vec<Duration> = drain(&mut budget, tickets, ms(0)).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [ms(0), ms(200)]);
}

#[test]
fn a_ticket_given_back_makes_room() {
    let mut budget = RateBudget::new(&config(1, 1));
    let [first, second] = [(); 2].map(|()| budget.ask(Priority::LiveRepair, ms(0)));
    assert_eq!(budget.turn(second, ms(0)), Turn::Wait { until: ms(1_000) });
    budget.cancel(first);
    assert_eq!((budget.turn(first, ms(0)), budget.turn(second, ms(0))), (Turn::Gone, Turn::Ready));
    budget.cancel(second);
    assert_eq!(budget.turn(second, ms(0)), Turn::Gone);
    assert_eq!(PRIORITIES.map(|priority| budget.waiting(priority)), [0; 3]);
}

#[derive(Debug, Clone)]
enum Op {
    Ask(usize),
    Cancel(usize),
    Wait(u64),
    Penalise(u64),
    Remaining(u32),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        8 => (0..3_usize).prop_map(Op::Ask),
        2 => (0..20_usize).prop_map(Op::Cancel),
        4 => (0..1_500_u64).prop_map(Op::Wait),
        1 => (0..3_000_u64).prop_map(Op::Penalise),
        1 => (0..6_u32).prop_map(Op::Remaining),
    ];
    prop::collection::vec(op, 0..120)
}

proptest! {
    /// In every span of time no more than rate and burst allow; no ticket is lost, none is served twice; and where one
    /// is made to wait no less urgent one is served, unless that one had waited for its turn for too long.
    #[test]
    fn never_too_much_never_lost_never_out_of_turn(ops in ops(), per_second in 1..12_u32, burst in 1..6_u32) {
        let mut budget = RateBudget::new(&config(per_second, burst));
        let mut now = ms(0);
        let mut waiting: BTreeMap<Ticket, Priority> = BTreeMap::new();
        let mut served: Vec<Duration> = Vec::new();
        let mut penalty = ms(0);
        for op in ops {
            match op {
                Op::Ask(priority) => {
                    let ticket = budget.ask(PRIORITIES[priority], now);
                    prop_assert!(waiting.insert(ticket, PRIORITIES[priority]).is_none());
                }
                Op::Cancel(n) => {
                    if let Some(ticket) = waiting.keys().nth(n).copied() {
                        budget.cancel(ticket);
                        waiting.remove(&ticket);
                        prop_assert_eq!(budget.turn(ticket, now), Turn::Gone);
                    }
                }
                Op::Wait(passed) => now += ms(passed),
                Op::Penalise(span) => {
                    penalty = penalty.max(now + ms(span));
                    budget.penalise(now + ms(span));
                }
                Op::Remaining(remaining) => budget.observe_remaining(remaining, now),
            }
            // The least urgent asks first, so that order cannot come from the asking.
            let mut askers: Vec<(Ticket, Priority)> = waiting.iter().map(|(ticket, priority)| (*ticket, *priority)).collect();
            askers.sort_by_key(|(ticket, priority)| (std::cmp::Reverse(*priority), *ticket));
            let mut ready = Vec::new();
            for (ticket, priority) in askers {
                match budget.turn(ticket, now) {
                    Turn::Ready => {
                        ready.push(priority);
                        served.push(now);
                        waiting.remove(&ticket);
                        prop_assert!(now >= penalty, "served during a penalty");
                    }
                    Turn::Wait { until } => prop_assert!(until > now),
                    Turn::Gone => prop_assert!(false, "{:?} was lost", ticket),
                }
            }
            let left = waiting.values().min();
            // Three turns at most, one for each priority, can be those of who waited too long.
            let overtakes = ready.iter().filter(|priority| left.is_some_and(|left| **priority > *left)).count();
            prop_assert!(overtakes == 0 || (overtakes <= 2 && now >= Duration::from_secs(30)), "{:?} before {:?}", ready, left);
            for priority in PRIORITIES {
                prop_assert_eq!(budget.waiting(priority), waiting.values().filter(|other| **other == priority).count());
            }
        }
        for (from, begin) in served.iter().enumerate() {
            for (to, end) in served.iter().enumerate().skip(from) {
                let (count, span) = ((to - from + 1) as u128, end.saturating_sub(*begin).as_nanos());
                let most = u128::from(burst) * 1_000_000_000 + span * u128::from(per_second);
                prop_assert!(count * 1_000_000_000 <= most, "{} from {:?} to {:?}", count, begin, end);
            }
        }
        let expected = waiting.len();
        prop_assert_eq!(drain(&mut budget, waiting.into_keys().collect(), now).len(), expected);
    }
}
