use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use livermore_core::{alert::Alert, indicator::Reading};

/// What is printed.
pub(super) enum Line {
    /// What comes before the first bar.
    Header,
    Bar(Reading),
    Alert(Box<Alert>),
}

/// The way of lines from the thread that computes them to the one that prints them: turning numbers into text takes
/// about as long as everything else together.
pub(super) struct Lines {
    batch: Vec<Line>,
    size: usize,
    channel: SyncSender<Vec<Line>>,
}

/// The printing thread has ended and knows why.
pub(super) struct PrinterEnded;

/// Lines handed over at a time: enough that handing over costs nothing.
const BATCH: usize = 1_024;
/// Batches that may wait for the printer before the computing side has to.
const WAITING: usize = 4;

impl Lines {
    /// `watched`: someone follows the output while the input is still coming.
    pub(super) fn channel(watched: bool) -> (Self, Receiver<Vec<Line>>) {
        let size = if watched { 1 } else { BATCH };
        let (channel, batches) = sync_channel(WAITING);
        (Self { batch: Vec::with_capacity(size), size, channel }, batches)
    }

    pub(super) fn push(&mut self, line: Line) -> Result<(), PrinterEnded> {
        self.batch.push(line);
        if self.batch.len() < self.size {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.batch, Vec::with_capacity(self.size));
        self.channel.send(full).map_err(|_| PrinterEnded)
    }
}

impl Drop for Lines {
    /// Hands over what is left, also when reading ended with an error.
    fn drop(&mut self) {
        // A printer that has ended reports it itself.
        let _ = self.channel.send(std::mem::take(&mut self.batch));
    }
}
