//! `livermore replay`: recorded candles through the pipeline that live ones take.

mod input;
mod lines;
mod opening;
mod output;
mod summary;

use std::{
    io::{self, IsTerminal},
    thread,
};

use indicatif::ProgressBar;

use livermore_core::{
    alert::AlertRules,
    exchange::CandleCsv,
    indicator::MacdVConfig,
    market::{Quality, SequenceError},
};

use self::{
    input::Input,
    lines::{Line, Lines, PrinterEnded},
    opening::Row,
    output::Output,
    summary::Summary,
};
use crate::{
    cli::{Format, ReplayOptions},
    clock::Stopwatch,
    failure::Failure,
    pipeline::{Pipeline, PipelineConfig},
};

/// Rows between two looks at the progress bar.
const PROGRESS_EVERY: u64 = 8_192;

pub(crate) fn run(options: &ReplayOptions) -> Result<(), Failure> {
    let stopwatch = Stopwatch::start();
    let mut pipeline = Pipeline::new(config(options))?;
    let input = Input::open(&options.file)?;
    let terminal = io::stdout().is_terminal();
    let progress = input.progress(!terminal);
    let watched = terminal && options.file == "-";
    let format = format(options, terminal);
    let output = Output::new(io::stdout(), format, watched);
    let (rows, alerts) = thread::scope(|scope| {
        let (lines, batches) = Lines::channel(watched);
        let printer = scope.spawn(move || output.write(&batches));
        let read = read(options, format.is_some(), input, &mut pipeline, lines, &progress);
        // A printer that failed is why reading stopped.
        printer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).and(read)
    })?;
    progress.finish_and_clear();
    eprintln!("{}", Summary::of(&pipeline, rows, alerts, stopwatch.elapsed()));
    Ok(())
}

/// Takes the whole input through the pipeline; returns the numbers of rows and alerts.
fn read(
    options: &ReplayOptions,
    bars_are_printed: bool,
    input: Input,
    pipeline: &mut Pipeline,
    mut lines: Lines,
    progress: &ProgressBar,
) -> Result<(u64, u64), Failure> {
    let name = input.name.clone();
    let mut file = CandleCsv::new(input.name, input.source, options.timeframe)?;
    let opening = opening::read(&name, &mut file, options.timeframe)?;
    lines.push(Line::Header)?;
    let mut alerts = 0;
    let mut take = |row: Row| {
        pipeline.push(&row.candle, Quality::Fresh, |reading, evaluation| {
            if bars_are_printed {
                lines.push(Line::Bar(*reading))?;
            }
            alerts += evaluation.alerts.len() as u64;
            let mut printed = evaluation.alerts.into_iter().filter(|_| options.alerts);
            Ok(printed.try_for_each(|alert| lines.push(Line::Alert(Box::new(alert))))?)
        })
    };
    for row in opening {
        take(row).map_err(|failure| placed(failure, &file, row.line))?;
    }
    while let Some(candle) = file.read()? {
        let row = Row { line: file.line(), candle };
        take(row).map_err(|failure| placed(failure, &file, row.line))?;
        if file.rows() % PROGRESS_EVERY == 0 {
            progress.set_position(file.bytes());
        }
    }
    Ok((file.rows(), alerts))
}

fn config(options: &ReplayOptions) -> PipelineConfig {
    let mut rules = AlertRules::default();
    if let Some(levels) = &options.levels {
        rules = rules.with_levels(levels.clone());
    }
    PipelineConfig {
        symbol: options.symbol.clone(),
        timeframe: options.timeframe,
        targets: vec![options.to.unwrap_or(options.timeframe)],
        indicator: MacdVConfig::default().with_atr_seed(options.atr_seed.into()),
        rules,
        max_fill: options.max_fill,
    }
}

/// How bars are printed, if they are.
fn format(options: &ReplayOptions, terminal: bool) -> Option<Format> {
    match (options.format, options.alerts) {
        (Some(format), _) => Some(format),
        (None, true) => None,
        (None, false) if terminal => Some(Format::Table),
        (None, false) => Some(Format::Csv),
    }
}

/// Says where in the file a candle stands that the pipeline refused.
fn placed<R: io::Read>(failure: Failure, file: &CandleCsv<R>, line: u64) -> Failure {
    match failure {
        Failure::Sequence(error @ SequenceError::HoleTooLong { .. }) => {
            Failure::Hole(file.out_of_sequence(line, &error))
        }
        Failure::Sequence(error) => Failure::Csv(file.out_of_sequence(line, &error)),
        other => other,
    }
}

impl From<PrinterEnded> for Failure {
    /// Never seen: the printer's own failure goes before it.
    fn from(_: PrinterEnded) -> Self {
        Self::Output(io::ErrorKind::BrokenPipe.into())
    }
}
