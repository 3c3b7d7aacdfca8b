//! Commands sent one at a time, of which the slow ones count too, and by many senders at once.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::runtime::Runtime;

use crate::table::Plan;

/// A way to send commands: the product, or what it is measured against.
#[async_trait(?Send)]
pub(crate) trait Way {
    /// Sends one that changes the desired state and waits for its end.
    async fn send(&mut self) -> Told;

    /// So many senders, each with a user of its own, send so many commands one after the other and wait until each is
    /// decided.
    async fn crowd(&mut self, senders: usize, each: usize);
}

/// How long one command took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// From before it was recorded until its sender knew its outcome.
    pub(crate) decided: Duration,
    /// From then on until its sender knew that it is in effect.
    pub(crate) effective: Duration,
}

/// What is measured of one profile. The floor comes first.
pub(crate) struct Profile<'a> {
    pub(crate) title: &'a str,
    /// Commands sent each way, one at a time.
    pub(crate) calls: usize,
    /// Commands in all of each crowd.
    pub(crate) crowd: usize,
    /// The most the median of a decision should be, in floors.
    pub(crate) decided: Option<f64>,
    /// The least part of the floor's commands per second, where there are many senders.
    pub(crate) throughput: Option<f64>,
    pub(crate) floor: &'a mut dyn Way,
    pub(crate) product: &'a mut dyn Way,
}

/// Senders at once.
const CROWDS: [usize; 3] = [1, 64, MOST_SENDERS];
/// Users a way must be prepared for.
pub(crate) const MOST_SENDERS: usize = 1_000;
/// Users in a run that does not measure.
const FEW_SENDERS: usize = 8;
/// Times the cases take turns; of each crowd the median counts.
const ROUNDS: usize = 3;

/// How many users the ways must be prepared for.
pub(crate) fn senders(plan: &Plan) -> usize {
    if plan.is_smoke_test() { FEW_SENDERS } else { MOST_SENDERS }
}

impl Profile<'_> {
    /// Measures and prints. Returns how many targets were missed.
    pub(crate) fn run(self, plan: &Plan, runtime: &Runtime) -> usize {
        let Self { title, calls, crowd, decided: target, throughput, floor, product } = self;
        let mut ways = [floor, product];
        if plan.is_smoke_test() {
            for way in &mut ways {
                runtime.block_on(way.send());
                runtime.block_on(way.crowd(FEW_SENDERS, 2));
            }
            println!("{title}: {} ways run, not measured", ways.len());
            return 0;
        }
        println!("\n{title}");
        // An even number leaves the desired state as it was.
        let per_turn = (calls / TURNS).next_multiple_of(2);
        let mut told: [Vec<Told>; 2] = [Vec::new(), Vec::new()];
        for turn in 0..=TURNS {
            for (way, told) in ways.iter_mut().zip(&mut told) {
                let turns = runtime.block_on(async {
                    let mut turns = Vec::with_capacity(per_turn);
                    for _ in 0..per_turn {
                        turns.push(way.send().await);
                    }
                    turns
                });
                // The first turn is for getting warm.
                if turn > 0 {
                    told.extend(turns);
                }
            }
        }
        println!(
            "  {:<34} {:>9} {:>9}   {:>5} {:>5}   {:>7}",
            "one sender", "p50 us", "p99 us", "p50", "p99", "target"
        );
        let decided = told.each_ref().map(|told| Spread::of(told.iter().map(|told| told.decided)));
        let effective = told.each_ref().map(|told| Spread::of(told.iter().map(|told| told.effective)));
        let mut missed = print("decided", &decided, target) + print("then effective", &effective, None);
        println!("  {:<34} {:>9}   {:>5}   {:>7}", "many senders", "commands/s", "part", "target");
        for senders in CROWDS {
            let each = (crowd / senders).max(1);
            let mut rates: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
            for _ in 0..ROUNDS {
                for (way, rates) in ways.iter_mut().zip(&mut rates) {
                    rates.push(rate(runtime, &mut **way, senders, each));
                }
            }
            let [floor, product] = rates.map(|mut rates| {
                rates.sort_by(f64::total_cmp);
                rates[rates.len() / 2]
            });
            println!("  {:<34} {floor:>9.0}", format!("{senders} at once: by hand"));
            let target = throughput.filter(|_| senders > 1);
            missed += print_part(&format!("{senders} at once: the log"), product, product / floor, target);
        }
        missed
    }
}

/// Turns in which the ways send one at a time.
const TURNS: usize = 20;

#[allow(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
#[allow(clippy::cast_precision_loss, reason = "a count of commands fits")]
fn rate(runtime: &Runtime, way: &mut dyn Way, senders: usize, each: usize) -> f64 {
    let begun = Instant::now();
    runtime.block_on(way.crowd(senders, each));
    (senders * each) as f64 / begun.elapsed().as_secs_f64()
}

/// The middle and the slow end of many times, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Spread {
    p50: f64,
    p99: f64,
}

impl Spread {
    fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut micros: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e6).collect();
        micros.sort_by(f64::total_cmp);
        let at = |percent: usize| micros[(micros.len() * percent / 100).min(micros.len() - 1)];
        Self { p50: at(50), p99: at(99) }
    }
}

fn print(what: &str, [floor, product]: &[Spread; 2], target: Option<f64>) -> usize {
    println!("  {:<34} {:>9.1} {:>9.1}", format!("{what}: by hand"), floor.p50, floor.p99);
    let ratio = product.p50 / floor.p50;
    let name = format!("{what}: runner and wait");
    print!("  {name:<34} {:>9.1} {:>9.1}   {ratio:>5.2} {:>5.2}  ", product.p50, product.p99, product.p99 / floor.p99);
    verdict(target.map(|target| (format!("<= {target:.2}"), ratio <= target)))
}

fn print_part(name: &str, rate: f64, part: f64, target: Option<f64>) -> usize {
    print!("  {name:<34} {rate:>9.0}   {part:>5.2}  ");
    verdict(target.map(|target| (format!(">= {target:.2}"), part >= target)))
}

fn verdict(target: Option<(String, bool)>) -> usize {
    match target {
        Some((target, true)) => println!(" {target}  ok"),
        Some((target, false)) => {
            println!(" {target}  MISSED");
            return 1;
        }
        None => println!("       -"),
    }
    0
}
