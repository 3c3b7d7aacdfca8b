use std::{io::Write, sync::mpsc::Receiver};

use livermore_core::{alert::Alert, indicator::Reading};
use serde::Serialize;

use super::lines::Line;
use crate::{
    cli::Format,
    failure::Failure,
    number::{price, push_exact, push_integer, push_json},
};

/// Large enough that writing costs little beside computing.
const BUFFER: usize = 1 << 16;

/// Bars and alerts as text.
pub(super) struct Output<W: Write> {
    sink: W,
    buffer: Vec<u8>,
    /// `None`: bars are not printed.
    format: Option<Format>,
    /// Bytes that are gathered before they are written; 1 writes every line at once.
    gather: usize,
}

impl<W: Write> Output<W> {
    /// `watched`: someone follows the output while the input is still coming.
    pub(super) fn new(sink: W, format: Option<Format>, watched: bool) -> Self {
        let gather = if watched { 1 } else { BUFFER };
        Self { sink, buffer: Vec::with_capacity(BUFFER + 1_024), format, gather }
    }

    /// Writes every line that comes.
    pub(super) fn write(mut self, batches: &Receiver<Vec<Line>>) -> Result<(), Failure> {
        for line in batches.iter().flatten() {
            match line {
                Line::Header => self.begin()?,
                Line::Bar(reading) => self.bar(&reading)?,
                Line::Alert(alert) => self.alert(&alert)?,
            }
            if self.buffer.len() >= self.gather {
                self.flush()?;
            }
        }
        self.flush()
    }

    fn begin(&mut self) -> Result<(), Failure> {
        match self.format {
            Some(Format::Csv) => {
                self.buffer.extend_from_slice(b"time,close,macd_v,signal,histogram,atr,stage,synthetic\n");
            }
            Some(Format::Table) => writeln!(
                self.buffer,
                "{:20}  {:>14}  {:>9}  {:>9}  {:>9}  {:>12}  stage",
                "time", "close", "MACD-V", "signal", "histogram", "ATR"
            )?,
            Some(Format::Jsonl) | None => {}
        }
        Ok(())
    }

    fn bar(&mut self, reading: &Reading) -> Result<(), Failure> {
        match self.format {
            Some(Format::Csv) => self.csv(reading),
            Some(Format::Jsonl) => self.jsonl(reading),
            Some(Format::Table) => self.table(reading)?,
            None => {}
        }
        Ok(())
    }

    fn alert(&mut self, alert: &Alert) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.buffer, &AlertLine::from(alert)).map_err(std::io::Error::from)?;
        self.buffer.push(b'\n');
        Ok(())
    }

    fn csv(&mut self, reading: &Reading) {
        let (out, point) = (&mut self.buffer, &reading.point);
        push_integer(out, reading.time.as_secs());
        for value in [Some(reading.close), point.macd_v(), point.signal(), point.histogram(), point.atr()] {
            out.push(b',');
            push_exact(out, value);
        }
        out.push(b',');
        out.extend_from_slice(point.stage().map_or("", |stage| stage.as_str()).as_bytes());
        out.extend_from_slice(if reading.synthetic { b",true\n" } else { b",false\n" });
    }

    fn jsonl(&mut self, reading: &Reading) {
        let (out, point) = (&mut self.buffer, &reading.point);
        out.extend_from_slice(b"{\"time\":");
        push_integer(out, reading.time.as_secs());
        for (key, value) in [
            ("close", Some(reading.close)),
            ("macdV", point.macd_v()),
            ("signal", point.signal()),
            ("histogram", point.histogram()),
            ("atr", point.atr()),
        ] {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            push_json(out, value);
        }
        match point.stage() {
            Some(stage) => {
                out.extend_from_slice(b",\"stage\":\"");
                out.extend_from_slice(stage.as_str().as_bytes());
                out.push(b'"');
            }
            None => out.extend_from_slice(b",\"stage\":null"),
        }
        out.extend_from_slice(if reading.synthetic { b",\"synthetic\":true}\n" } else { b",\"synthetic\":false}\n" });
    }

    fn table(&mut self, reading: &Reading) -> Result<(), Failure> {
        let point = &reading.point;
        let two = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.2}"));
        let stage = match (point.stage(), point.not_ready()) {
            (Some(stage), _) => stage.to_string(),
            (None, Some(reason)) => format!("({reason})"),
            (None, None) => String::new(),
        };
        writeln!(
            self.buffer,
            "{:20}  {:>14}  {:>9}  {:>9}  {:>9}  {:>12}  {stage}{}",
            reading.time.to_string(),
            price(reading.close),
            two(point.macd_v()),
            two(point.signal()),
            two(point.histogram()),
            point.atr().map_or_else(String::new, price),
            if reading.synthetic { "  no trades" } else { "" },
        )?;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.sink.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(self.sink.flush()?)
    }
}

/// An alert as `--alerts` prints it. `time` is the start of the bar in UNIX seconds, as in the other formats.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertLine<'a> {
    time: i64,
    symbol: &'a str,
    timeframe: &'static str,
    kind: &'static str,
    level: Option<f64>,
    direction: &'static str,
    price: f64,
    macd_v: f64,
    signal: f64,
    histogram: f64,
    stage: &'static str,
}

impl<'a> From<&'a Alert> for AlertLine<'a> {
    fn from(alert: &'a Alert) -> Self {
        Self {
            time: alert.time.as_secs(),
            symbol: alert.symbol.as_str(),
            timeframe: alert.timeframe.as_str(),
            kind: alert.kind.as_str(),
            level: alert.kind.level(),
            direction: alert.direction.as_str(),
            price: alert.price,
            macd_v: alert.macd_v,
            signal: alert.signal,
            histogram: alert.histogram,
            stage: alert.stage.as_str(),
        }
    }
}
