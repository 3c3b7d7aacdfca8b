use std::{collections::VecDeque, io::Write, time::Duration};

use crossterm::style::{Color, Stylize};
use livermore_core::{ids::Timestamp, indicator::Stage};

use super::{
    View,
    event::WatchEvent,
    line_view::text,
    market::{Row, Watch},
};
use crate::{
    clock::Stopwatch,
    failure::Failure,
    number::price,
    screen::{Screen, cut},
};

/// A row per symbol and timeframe, updated in place, with the latest alerts below.
pub(super) struct TableView {
    screen: Screen,
    title: String,
    notes: VecDeque<String>,
    last: Vec<String>,
    drawn: Option<Stopwatch>,
    coloured: bool,
}

/// Faster than the eye; slower than the market at high speed.
const FRAME: Duration = Duration::from_millis(100);
/// Alerts and feed events kept below the table.
const NOTES: usize = 8;

impl TableView {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self {
            screen: Screen::open()?,
            title: String::new(),
            notes: VecDeque::new(),
            last: Vec::new(),
            drawn: None,
            // https://no-color.org
            coloured: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        })
    }

    fn lines(&self, watch: &Watch, now: Timestamp) -> Vec<String> {
        let (columns, rows) = Screen::size();
        let mut lines = vec![
            self.title.clone(),
            format!("{now}   Ctrl-C ends"),
            String::new(),
            format!(
                "{:8} {:>4} {:>12} {:>8} {:>8} {:>8}  {:25}  {:12} data",
                "symbol", "", "price", "MACD-V", "signal", "histo", "-200         0         200", "stage"
            ),
        ];
        let mut symbol = None;
        for row in watch.rows() {
            let repeated = symbol == Some(row.symbol);
            symbol = Some(row.symbol);
            lines.push(self.row(&row, repeated));
        }
        // On a short terminal the notes go first.
        let room = rows.saturating_sub(lines.len() + 1).min(NOTES);
        if room > 0 {
            lines.push(String::new());
            lines.extend(self.notes.iter().rev().take(room).cloned());
        }
        lines.truncate(rows);
        lines.iter().map(|line| cut(line, columns)).collect()
    }

    fn row(&self, row: &Row<'_>, repeated: bool) -> String {
        let point = &row.point;
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
        let stage = point.stage().map_or_else(|| "warming up".to_owned(), |stage| stage.to_string());
        let stage = format!("{stage:12}");
        format!(
            "{:8} {:>4} {:>12} {:>8} {:>8} {:>8}  {}  {} {}",
            if repeated { "" } else { row.symbol.as_str() },
            row.timeframe,
            price(row.price),
            number(point.macd_v()),
            number(point.signal()),
            number(point.histogram()),
            gauge(point.macd_v()),
            match (self.coloured, point.stage()) {
                (true, Some(known)) => stage.with(colour(known)).to_string(),
                _ => stage,
            },
            row.quality,
        )
    }
}

impl View for TableView {
    fn show(&mut self, event: &WatchEvent<'_>) -> Result<(), Failure> {
        match event {
            WatchEvent::Start { .. } => self.title = text(event),
            WatchEvent::Alert(_) | WatchEvent::Feed { .. } => {
                self.notes.push_back(text(event));
                if self.notes.len() > NOTES {
                    self.notes.pop_front();
                }
            }
            WatchEvent::Bar(_) | WatchEvent::Warm { .. } | WatchEvent::End { .. } => {}
        }
        Ok(())
    }

    fn forming(&mut self, watch: &Watch, now: Timestamp) -> Result<(), Failure> {
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < FRAME) {
            return Ok(());
        }
        self.drawn = Some(Stopwatch::start());
        self.last = self.lines(watch, now);
        Ok(self.screen.draw(&self.last)?)
    }

    /// Leaves the last picture on the terminal.
    fn close(&mut self) -> Result<(), Failure> {
        self.screen.close()?;
        let mut out = std::io::stdout().lock();
        self.last.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        Ok(())
    }
}

/// A MACD-V from -200 to 200 as a bar from the middle; the ends are marked when it is beyond.
fn gauge(macd_v: Option<f64>) -> String {
    const LEFT: i32 = -RIGHT;
    const RIGHT: i32 = 12;
    let Some(value) = macd_v else { return " ".repeat(25) };
    #[allow(clippy::cast_possible_truncation, reason = "clamped to the width of the gauge")]
    let filled = (value / 200.0 * f64::from(RIGHT)).round().clamp(-12.0, 12.0) as i32;
    (LEFT..=RIGHT)
        .map(|cell| match cell {
            0 => '|',
            LEFT if value < -200.0 => '<',
            RIGHT if value > 200.0 => '>',
            cell if cell > 0 && cell <= filled => '=',
            cell if cell < 0 && cell >= filled => '=',
            _ => '.',
        })
        .collect()
}

fn colour(stage: Stage) -> Color {
    match stage {
        Stage::Overbought | Stage::Oversold => Color::Magenta,
        Stage::Rallying => Color::Green,
        Stage::Rebounding => Color::DarkGreen,
        Stage::Reversing => Color::Red,
        Stage::Retracing => Color::DarkYellow,
        Stage::Ranging => Color::DarkGrey,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gauge_shows_side_and_size() {
        assert_eq!(gauge(Some(0.0)), "............|............");
        assert_eq!(gauge(Some(100.0)), "............|======......");
        assert_eq!(gauge(Some(-250.0)), "<===========|............");
        assert_eq!(gauge(Some(1e9)).len(), 25);
        assert_eq!(gauge(None).len(), 25);
    }
}
