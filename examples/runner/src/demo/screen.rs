use std::io::{self, Write};

use crossterm::{
    cursor::{Hide, MoveTo, Show},
    queue,
    terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen},
};

/// A whole screen of text, redrawn in place. Whatever happens, the terminal is given back as it was.
pub(super) struct Screen {
    out: io::Stdout,
    open: bool,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        let mut out = io::stdout();
        queue!(out, EnterAlternateScreen, Hide)?;
        out.flush()?;
        Ok(Self { out, open: true })
    }

    /// Columns and rows; a usual size where the terminal does not say.
    pub(super) fn size() -> (usize, usize) {
        terminal::size().map_or((100, 40), |(columns, rows)| (usize::from(columns.max(20)), usize::from(rows.max(5))))
    }

    /// Draws lines from the top; what does not fit is left out. Lines must fit the columns.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let (_, rows) = Self::size();
        for (row, line) in (0_u16..).zip(lines.iter().take(rows)) {
            queue!(self.out, MoveTo(0, row))?;
            self.out.write_all(line.as_bytes())?;
            queue!(self.out, Clear(ClearType::UntilNewLine))?;
        }
        queue!(self.out, Clear(ClearType::FromCursorDown))?;
        self.out.flush()
    }

    pub(super) fn close(&mut self) -> io::Result<()> {
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
