use std::io::{self, Write};

use crossterm::{
    cursor::{Hide, MoveTo, Show},
    queue,
    terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen},
};

/// A whole screen of text, redrawn in place. Whatever happens, the terminal is given back as it was.
pub(crate) struct Screen {
    out: io::Stdout,
    open: bool,
}

impl Screen {
    pub(crate) fn open() -> io::Result<Self> {
        let mut out = io::stdout();
        queue!(out, EnterAlternateScreen, Hide)?;
        out.flush()?;
        Ok(Self { out, open: true })
    }

    /// Columns and rows; a usual size where the terminal does not say.
    pub(crate) fn size() -> (usize, usize) {
        terminal::size().map_or((100, 40), |(columns, rows)| (usize::from(columns.max(20)), usize::from(rows.max(5))))
    }

    /// Draws lines from the top; what does not fit is left out. Lines must fit the columns.
    pub(crate) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let (_, rows) = Self::size();
        for (row, line) in (0_u16..).zip(lines.iter().take(rows)) {
            queue!(self.out, MoveTo(0, row))?;
            self.out.write_all(line.as_bytes())?;
            queue!(self.out, Clear(ClearType::UntilNewLine))?;
        }
        queue!(self.out, Clear(ClearType::FromCursorDown))?;
        self.out.flush()
    }

    pub(crate) fn close(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.open) {
            return Ok(());
        }
        queue!(self.out, Show, LeaveAlternateScreen)?;
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = self.close();
    }
}

/// The first `columns` visible characters of a line; colour codes take no room.
pub(crate) fn cut(line: &str, columns: usize) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut visible, mut in_code) = (0, false);
    for character in line.chars() {
        match character {
            '\u{1b}' => in_code = true,
            'm' if in_code => {
                in_code = false;
                out.push(character);
                continue;
            }
            _ => {}
        }
        if in_code {
            out.push(character);
        } else if visible < columns {
            visible += 1;
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_by_what_is_seen() {
        assert_eq!(cut("abcdef", 3), "abc");
        assert_eq!(cut("a\u{1b}[31mbc\u{1b}[0mdef", 2), "a\u{1b}[31mb\u{1b}[0m");
    }
}
