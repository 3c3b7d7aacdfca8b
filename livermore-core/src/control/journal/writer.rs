use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::{mpsc, oneshot, watch};
use tracing::warn;

use super::{
    super::{
        Clock, ControlError, Entry,
        ledger::{Ledger, Turn},
        signal_hub::SignalHub,
    },
    FileLogConfig, FileLogReport,
    file::{JournalFile, NAME, NotWritten, Opened},
};
use crate::{
    disk::{NotLocked, lock, private_folder},
    ids::UserId,
    settings::{FileFinding, FileWarning},
};

/// A thread that works on a ledger and writes what happens to its journal.
///
/// Operations that wait are done together and made safe by one write: what is answered is on the disk.
pub(in crate::control) struct Writer {
    folder: PathBuf,
    /// None once it is closed.
    operations: Mutex<Option<mpsc::Sender<Operation>>>,
    /// Its other end goes with the thread.
    ended: watch::Receiver<()>,
}

/// Works on the ledger; what it returns answers, once it is known whether that was written.
type Operation = Box<dyn FnOnce(Result<&mut Turn<'_>, ControlError>) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), ControlError>) + Send>;

/// So many operations may wait; whoever comes then waits until there is room.
const QUEUE: usize = 1_024;

/// So many are written together at most, so that a line stays within some megabytes.
const GROUP: usize = 256;

const LOCK: &str = "commands.lock";

impl Writer {
    /// Locks the folder, reads its journal and starts the thread.
    pub(in crate::control) async fn open(
        config: FileLogConfig,
        clock: Clock,
        hub: Arc<SignalHub>,
    ) -> Result<(Self, FileLogReport), ControlError> {
        private_folder(&config.folder).map_err(|error| {
            let reason = format!("the folder {} cannot be used: {error}", config.folder.display());
            ControlError::Setup { reason }
        })?;
        let lock = lock(&config.folder, LOCK, config.lock_wait).await.map_err(|error| not_locked(&error))?;
        let (operations, queue) = mpsc::channel(QUEUE);
        let (end, ended) = watch::channel(());
        let (opened, report) = oneshot::channel();
        let folder = config.folder.clone();
        let work = move || {
            let result = JournalFile::open(&config).map(|Opened { journal, ledger, torn }| {
                let report = report_of(&ledger, torn);
                (Work { config, clock, hub, ledger, journal: Some(journal), _lock: lock, _end: end }, report)
            });
            match result {
                Ok((work, report)) => {
                    if opened.send(Ok(report)).is_ok() {
                        work.run(queue);
                    }
                }
                Err(error) => drop(opened.send(Err(error))),
            }
        };
        thread::Builder::new().name("livermore-commands".to_owned()).spawn(work).map_err(|error| {
            ControlError::Unavailable { step: format!("starting a thread: {error}"), source: Some(Box::new(error)) }
        })?;
        let report = report.await.unwrap_or_else(|_| Err(thread_ended(&folder)))?;
        Ok((Self { folder, operations: Mutex::new(Some(operations)), ended }, report))
    }

    /// Does one operation and waits until what it has written is safe.
    pub(in crate::control) async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Turn<'_>) -> Result<T, ControlError> + Send + 'static,
    ) -> Result<T, ControlError> {
        let queue = self.operations.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or(ControlError::Closed)?;
        let (sender, answer) = oneshot::channel();
        let operation: Operation = Box::new(move |turn| {
            let result = turn.and_then(work);
            // Nobody may be waiting any more.
            Box::new(move |written| drop(sender.send(written.and(result))))
        });
        queue.send(operation).await.map_err(|_| thread_ended(&self.folder))?;
        drop(queue);
        let lost = || ControlError::OutcomeUnknown { step: thread_ended(&self.folder).to_string(), source: None };
        answer.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Does what waits, and then gives the folder back.
    pub(in crate::control) async fn close(&self) {
        drop(self.operations.lock().unwrap_or_else(PoisonError::into_inner).take());
        // Nothing is ever sent: this ends with the thread.
        let _ = self.ended.clone().changed().await;
    }

    pub(in crate::control) fn is_closed(&self) -> bool {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

/// What the thread has.
struct Work {
    config: FileLogConfig,
    clock: Clock,
    hub: Arc<SignalHub>,
    ledger: Ledger,
    /// None after an error: the ledger may hold what the disk does not, and both are read again.
    journal: Option<JournalFile>,
    // Given back in this order: whoever sees the end can take the folder.
    _lock: File,
    _end: watch::Sender<()>,
}

impl Work {
    fn run(mut self, mut queue: mpsc::Receiver<Operation>) {
        let mut group = Vec::with_capacity(GROUP);
        while queue.blocking_recv_many(&mut group, GROUP) > 0 {
            self.turn(group.drain(..));
        }
    }

    /// Does operations, writes what has happened in them, and then answers them.
    fn turn(&mut self, group: impl Iterator<Item = Operation>) {
        if let Err(error) = self.mend() {
            group.for_each(|operation| operation(Err(copy_of(&error)))(Ok(())));
            return;
        }
        let mut entries = Vec::new();
        let mut answers = Vec::new();
        for operation in group {
            let before = entries.len();
            let answer = operation(Ok(&mut self.ledger.turn((self.clock)(), &mut entries)));
            answers.push((answer, entries.len() > before));
        }
        match self.write(&entries) {
            Ok(()) => {
                self.hub.tell(&entries);
                answers.into_iter().for_each(|(answer, _)| answer(Ok(())));
                self.shorten();
            }
            Err(error) => {
                warn!(error = error.step, undone = error.undone, "commands could not be written down");
                self.journal = None;
                answers.into_iter().for_each(|(answer, has_written)| answer(Err(error.told(has_written))));
            }
        }
    }

    /// Reads everything again after an error.
    fn mend(&mut self) -> Result<(), ControlError> {
        if self.journal.is_none() {
            let Opened { journal, ledger, torn: _ } = JournalFile::open(&self.config)?;
            (self.journal, self.ledger) = (Some(journal), ledger);
        }
        Ok(())
    }

    fn write(&mut self, entries: &[(UserId, Entry)]) -> Result<(), NotWritten> {
        match &mut self.journal {
            Some(journal) if !entries.is_empty() => journal.append(entries),
            _ => Ok(()),
        }
    }

    fn shorten(&mut self) {
        if let Some(journal) = self.journal.as_mut().filter(|journal| journal.is_long())
            && let Err(error) = journal.shorten(&self.ledger)
        {
            warn!(%error, "the journal of commands could not be shortened; it is used as it is");
            // Which of the two is in place is not known. Where this does not work, the next call tries again.
            self.journal = None;
            if self.mend().is_ok() {
                self.journal.as_mut().into_iter().for_each(JournalFile::put_off);
            }
        }
    }
}

impl NotWritten {
    /// What somebody is told whose operation was part of it.
    fn told(&self, has_written: bool) -> ControlError {
        let (step, source) = (self.step.clone(), Some(Box::new(Arc::clone(&self.error)) as _));
        if has_written && !self.undone {
            ControlError::OutcomeUnknown { step, source }
        } else {
            ControlError::Unavailable { step, source }
        }
    }
}

fn report_of(ledger: &Ledger, torn: Option<u64>) -> FileLogReport {
    let torn =
        torn.map(|bytes| FileWarning { file: NAME.into(), user: None, finding: FileFinding::TornLine { bytes } });
    FileLogReport { users: ledger.users(), waiting: ledger.waiting(), warnings: torn.into_iter().collect() }
}

/// The same for another caller.
fn copy_of(error: &ControlError) -> ControlError {
    match error {
        ControlError::Setup { reason } => ControlError::Setup { reason: reason.clone() },
        ControlError::Unavailable { step, .. } => ControlError::Unavailable { step: step.clone(), source: None },
        other => ControlError::Unavailable { step: other.to_string(), source: None },
    }
}

fn not_locked(error: &NotLocked) -> ControlError {
    match error {
        NotLocked::Held { .. } => ControlError::Unavailable { step: error.to_string(), source: None },
        NotLocked::Failed { .. } => ControlError::Setup { reason: error.to_string() },
    }
}

fn thread_ended(folder: &Path) -> ControlError {
    let step = format!("the thread that writes {} has ended; see the log", folder.join(NAME).display());
    ControlError::Unavailable { step, source: None }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("folder", &self.folder)
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
