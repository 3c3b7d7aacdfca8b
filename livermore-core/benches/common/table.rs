//! Measuring cases side by side, and the table of their ratios.

use std::time::{Duration, Instant};

/// How much to measure.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Measurements of every case.
    rounds: usize,
    /// Nanoseconds one of them should take at least.
    sample_nanos: f64,
    /// Letters of the sections to run; empty for all.
    sections: Vec<String>,
}

impl Plan {
    /// Cargo passes `--bench` under `cargo bench` only. Everywhere else (`cargo test --all-targets`) one round shows
    /// that the cases run.
    pub(crate) fn from_args() -> Self {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let given = |flag: &str| args.iter().any(|arg| arg == flag);
        let (rounds, sample_nanos) = if given("--bench") && !given("--test") { (101, 1e6) } else { (1, 0.0) };
        Self { rounds, sample_nanos, sections: args.into_iter().filter(|arg| !arg.starts_with('-')).collect() }
    }

    /// The same with so many rounds.
    pub(crate) fn with_rounds(&self, rounds: usize) -> Self {
        Self { rounds, ..self.clone() }
    }

    /// The last line of a run.
    pub(crate) fn summary(&self, missed: usize) -> String {
        match missed {
            _ if self.is_smoke_test() => "Only `cargo bench` measures.".to_owned(),
            0 => "Every target was met.".to_owned(),
            missed => format!("{missed} targets MISSED."),
        }
    }

    /// Whether the cases are only to be run.
    pub(crate) fn is_smoke_test(&self) -> bool {
        self.rounds == 1
    }

    /// Whether a section is wanted: `cargo bench --bench ratios -- A E` runs two.
    pub(crate) fn wants(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|wanted| wanted.eq_ignore_ascii_case(section))
    }
}

/// A ratio to print: to which earlier case, and the most it should be.
pub(crate) type Ratio = (&'static str, Option<f64>);

/// Cases measured in turns, so that what slows the machine for a moment slows all of them.
pub(crate) struct Section<'a> {
    title: String,
    per: &'static str,
    cases: Vec<Case<'a>>,
}

struct Case<'a> {
    name: &'static str,
    items: u64,
    ratios: Vec<Ratio>,
    run: Box<dyn FnMut(u32) -> Duration + 'a>,
    repeat: u32,
    nanos: Vec<f64>,
}

impl<'a> Section<'a> {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self::per(title, "ns/bar")
    }

    /// A table whose times are per something else than a bar.
    pub(crate) fn per(title: impl Into<String>, per: &'static str) -> Self {
        Self { title: title.into(), per, cases: Vec::new() }
    }

    /// Adds a case that works through so many items (bars, unless said otherwise) every time it is run.
    pub(crate) fn case(&mut self, name: &'static str, items: u64, ratios: &[Ratio], run: impl FnMut() + 'a) {
        let mut run: Box<dyn FnMut() + 'a> = Box::new(run);
        self.timed(name, items, ratios, move |times| {
            #[allow(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
            let start = Instant::now();
            for _ in 0..times {
                run();
            }
            start.elapsed()
        });
    }

    /// The same for a case that is to be run so many times and tells how long that took, without what it needed to
    /// prepare.
    pub(crate) fn timed(
        &mut self,
        name: &'static str,
        items: u64,
        ratios: &[Ratio],
        run: impl FnMut(u32) -> Duration + 'a,
    ) {
        self.cases.push(Case {
            name,
            items,
            ratios: ratios.to_vec(),
            run: Box::new(run),
            repeat: 1,
            nanos: Vec::new(),
        });
    }

    /// Measures every case and prints the table. Returns how many targets were missed.
    pub(crate) fn run(mut self, plan: &Plan) -> usize {
        if plan.is_smoke_test() {
            self.cases.iter_mut().for_each(|case| {
                case.measure();
            });
            println!("{}: {} cases run, not measured", self.title, self.cases.len());
            return 0;
        }
        for case in &mut self.cases {
            case.measure(); // warms caches and branch predictors
            let once = case.measure();
            // Saturates, and is never zero.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
            let repeat = (plan.sample_nanos / once).ceil() as u32;
            case.repeat = repeat.max(1);
        }
        for _ in 0..plan.rounds {
            for case in &mut self.cases {
                let nanos = case.measure();
                case.nanos.push(nanos);
            }
        }
        for case in &mut self.cases {
            case.nanos.sort_by(f64::total_cmp);
        }
        self.print()
    }

    fn print(&self) -> usize {
        println!("\n{}", self.title);
        println!("  {:<38} {:>8} {:>8}   {:>6}  {:<30} {:>7}", "case", self.per, "fastest", "ratio", "to", "target");
        let mut missed = 0;
        for case in &self.cases {
            print!("  {:<38} {:>8.2} {:>8.2}", case.name, case.per_item(case.median()), case.per_item(case.nanos[0]));
            if case.ratios.is_empty() {
                println!();
            }
            for (index, (to, target)) in case.ratios.iter().enumerate() {
                let base = self.cases.iter().find(|other| other.name == *to).expect("a case of this section");
                let ratio = case.per_item(case.median()) / base.per_item(base.median());
                let indent = if index == 0 { 0 } else { 58 };
                print!("{:indent$}   {ratio:>6.2}  {to:<30}", "");
                match target {
                    Some(target) if ratio <= *target => println!(" <= {target:.2}  ok"),
                    Some(target) => {
                        missed += 1;
                        println!(" <= {target:.2}  MISSED");
                    }
                    None => println!("       -"),
                }
            }
        }
        missed
    }
}

impl Case<'_> {
    fn measure(&mut self) -> f64 {
        (self.run)(self.repeat).as_secs_f64() * 1e9 / f64::from(self.repeat)
    }

    fn median(&self) -> f64 {
        self.nanos[self.nanos.len() / 2]
    }

    #[allow(clippy::cast_precision_loss, reason = "a count of items fits")]
    fn per_item(&self, nanos: f64) -> f64 {
        nanos / self.items as f64
    }
}
