use std::{collections::HashMap, io::IsTerminal, pin::Pin, time::Duration};

use futures_util::StreamExt;
use livermore_core::{
    ErrorKind,
    control::{CommandBus, CommandQuery, CommandStatus, ControlError, Signals, Stage},
    ids::{CommandId, Seq},
};
use tokio::time::timeout;

use super::{
    document,
    options::Talk,
    send::{again, ended},
    table, text,
};
use crate::{
    bus,
    failure::Failure,
    interrupt::interrupt,
    output, runtime,
    screen::{Screen, cut},
};

/// How often it looks without a signal.
const POLL: Duration = Duration::from_secs(1);
/// So many of the newest commands are followed: more than can be undecided.
const FOLLOWED: usize = 200;
/// So many are shown at first.
const SHOWN: usize = 20;

pub(super) fn run(talk: &Talk, id: Option<CommandId>) -> Result<(), Failure> {
    runtime::block_on(async {
        let bus = bus::open_for_sender(&talk.bus).await?;
        let result = match id {
            Some(id) => one(talk, bus.senders.as_ref(), id).await,
            None => all(talk, bus.senders.as_ref()).await,
        };
        bus.close().await;
        result
    })
}

/// Follows one command to its effect.
async fn one(talk: &Talk, bus: &dyn CommandBus, id: CommandId) -> Result<(), Failure> {
    let mut interrupted = std::pin::pin!(interrupt());
    let mut bell = Bell::of(bus, talk).await;
    let mut last = None;
    loop {
        let looked = tokio::select! {
            looked = bus.record(talk.user, id) => looked,
            () = &mut interrupted => return Err(Failure::NotWatched { id, again: again(talk, id) }),
        };
        match bell.reached(looked)? {
            Some(None) => return Err(ControlError::NotFound { id }.into()),
            Some(Some(status)) => {
                if last.as_ref() != Some(&status) {
                    tell(talk, &status)?;
                }
                if Stage::Effective.is_reached(&status) {
                    return ended(&status);
                }
                last = Some(status);
            }
            None => {}
        }
        tokio::select! {
            () = bell.rung() => {}
            () = &mut interrupted => return Err(Failure::NotWatched { id, again: again(talk, id) }),
        }
    }
}

/// Follows every command of a user until Ctrl-C.
async fn all(talk: &Talk, bus: &dyn CommandBus) -> Result<(), Failure> {
    let mut interrupted = std::pin::pin!(interrupt());
    let mut bell = Bell::of(bus, talk).await;
    let live = !talk.json && std::io::stdout().is_terminal();
    let mut view = if live { View::Live(Screen::open()?, Vec::new()) } else { View::Lines(Lines::default()) };
    loop {
        let looked = tokio::select! {
            looked = bus.history(talk.user, CommandQuery::newest(FOLLOWED)) => looked,
            () = &mut interrupted => return view.close(),
        };
        if let Some(commands) = bell.reached(looked)? {
            view.show(talk, commands)?;
        }
        tokio::select! {
            () = bell.rung() => {}
            () = &mut interrupted => return view.close(),
        }
    }
}

/// Tells when to look again, and whether the log is in reach.
struct Bell {
    signals: Option<Signals>,
    has_answered: bool,
    out_of_reach: bool,
}

impl Bell {
    async fn of(bus: &dyn CommandBus, talk: &Talk) -> Self {
        // Only speed: without signals it looks every second.
        let signals = timeout(POLL, bus.signals(talk.user)).await.ok().and_then(Result::ok);
        Self { signals, has_answered: false, out_of_reach: false }
    }

    /// What was read; nothing while the log is out of reach, which is told once. It must have been in reach before.
    fn reached<T>(&mut self, looked: Result<T, ControlError>) -> Result<Option<T>, Failure> {
        match looked {
            Ok(found) => {
                self.has_answered = true;
                if std::mem::take(&mut self.out_of_reach) {
                    eprintln!("livermore: the command log answers again");
                }
                Ok(Some(found))
            }
            Err(error) if self.has_answered && error.kind() == ErrorKind::Unavailable => {
                if !std::mem::replace(&mut self.out_of_reach, true) {
                    eprintln!("livermore: {error}; trying again");
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn rung(&mut self) {
        let Some(signals) = &mut self.signals else { return tokio::time::sleep(POLL).await };
        if let Ok(None) = timeout(POLL, Pin::new(signals).next()).await {
            self.signals = None;
        }
    }
}

/// Where changes are shown.
enum View {
    /// A table, redrawn in place; what it showed last.
    Live(Screen, Vec<String>),
    /// A line per change.
    Lines(Lines),
}

#[derive(Default)]
struct Lines {
    known: HashMap<Seq, CommandStatus>,
    begun: bool,
}

impl View {
    fn show(&mut self, talk: &Talk, mut commands: Vec<CommandStatus>) -> Result<(), Failure> {
        match self {
            Self::Live(screen, shown) => {
                let (columns, rows) = Screen::size();
                commands.truncate(rows.saturating_sub(3));
                *shown = vec![format!("commands of user {}   Ctrl-C ends", talk.user), String::new()];
                shown.extend(table::lines(&commands));
                shown.truncate(rows);
                *shown = shown.iter().map(|line| cut(line, columns)).collect();
                Ok(screen.draw(shown)?)
            }
            Self::Lines(lines) => lines.show(talk, commands),
        }
    }

    /// Leaves the last picture on the terminal.
    fn close(self) -> Result<(), Failure> {
        let Self::Live(mut screen, shown) = self else { return Ok(()) };
        screen.close()?;
        shown.iter().try_for_each(|line| output::line(line))
    }
}

impl Lines {
    fn show(&mut self, talk: &Talk, commands: Vec<CommandStatus>) -> Result<(), Failure> {
        let newest = commands.len();
        for (place, status) in commands.iter().enumerate().rev() {
            let is_news = self.known.get(&status.record.seq) != Some(status);
            let is_old = !self.begun && place >= SHOWN.min(newest) && !status.record.is_open();
            if is_news && !is_old {
                tell(talk, status)?;
            }
        }
        self.begun = true;
        // Only what is still among the newest is remembered.
        self.known = commands.into_iter().map(|status| (status.record.seq, status)).collect();
        Ok(())
    }
}

fn tell(talk: &Talk, status: &CommandStatus) -> Result<(), Failure> {
    if talk.json {
        let document = document::document(talk.user, status.record.id, Some(status));
        return output::line(&document.to_string());
    }
    output::line(&format!("{}  {}", status.record.id, text::sentence(status)))
}
