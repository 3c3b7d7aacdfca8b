//! F: a candle file to alerts, against only reading its numbers.

use std::{path::PathBuf, process::Command};

use crate::common::{
    data,
    table::{Plan, Section},
    work,
};

const NUMBERS: &str = "csv crate: lines, six numbers each";

/// Twice the time is half the speed.
const TARGET: Option<f64> = Some(2.0);

pub(crate) fn replay(plan: &Plan) -> usize {
    // A smoke test needs no million bars, and a long case needs fewer rounds.
    let (minutes, rounds) = if plan.is_smoke_test() { (5_000, 1) } else { (1_010_000, 15) };
    let plan = plan.with_rounds(rounds);
    let candles = data::candles(1, minutes, 1);
    let text = data::csv(&candles);
    let (rows, (bars, alerts)) = (candles.len() as u64, work::replay(&text).expect("a right file"));
    let title =
        format!("F. Replay of {rows} lines ({} MB): {bars} bars, {alerts} alerts; time per line", text.len() >> 20);
    let runner = Runner::from_env(&text);
    let mut section = Section::new(title);
    section.case("csv crate: lines", rows, &[], || {
        work::csv_lines(&text).expect("a right file");
    });
    section.case(NUMBERS, rows, &[], || {
        work::csv_numbers(&text).expect("a right file");
    });
    section.case("CandleCsv to Evaluator", rows, &[(NUMBERS, TARGET)], || {
        work::replay(&text).expect("a right file");
    });
    if let Some(runner) = &runner {
        section.case("livermore replay --format csv", rows, &[(NUMBERS, TARGET)], || runner.replay());
    }
    let missed = section.run(&plan);
    if runner.is_none() {
        println!("  (set LIVERMORE_BIN to a built `livermore` to measure its `replay --format csv` as well)");
    }
    missed
}

/// The whole program, from a file to CSV that nobody reads.
struct Runner {
    program: String,
    file: PathBuf,
}

impl Runner {
    fn from_env(text: &[u8]) -> Option<Self> {
        let program = std::env::var("LIVERMORE_BIN").ok()?;
        let file = std::env::temp_dir().join(format!("livermore-bench-{}.csv", std::process::id()));
        std::fs::write(&file, text).expect("the directory for temporary files takes one");
        Some(Self { program, file })
    }

    fn replay(&self) {
        let status = Command::new(&self.program)
            .arg("replay")
            .arg(&self.file)
            .args(["--symbol", "BTC-USD", "--timeframe", "1m", "--format", "csv"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        assert!(status.expect("LIVERMORE_BIN is a program").success(), "replay failed");
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // Best effort: a file left among the temporary ones harms nobody.
        let _ = std::fs::remove_file(&self.file);
    }
}
