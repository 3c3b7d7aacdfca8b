use std::{io::BufRead, sync::Arc};

use livermore_core::{
    control::{CommandBus, ControlError},
    ids::UserId,
};
use tokio::sync::mpsc;

use super::{
    event::{Event, Reporter},
    narrated::known_kind,
};
use crate::{account, command::spoken, failure::control_in_full, random};

/// Lines that wait to be recorded; more wait in the pipe.
const WAITING: usize = 16;

/// The lines of standard input, read beside everything else.
pub(super) fn read() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(WAITING);
    // Nothing can interrupt reading a terminal, so it must not be waited for: the thread ends with the program.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// Records the commands of lines until there are no more.
pub(super) async fn submit(mut lines: mpsc::Receiver<String>, bus: Arc<dyn CommandBus>, user: UserId, to: &Reporter) {
    while let Some(line) = lines.recv().await {
        if line.trim().is_empty() {
            continue;
        }
        to.tell(&recorded(&line, bus.as_ref(), user).await.unwrap_or_else(|what| Event::NotSubmitted { what }));
    }
    // At the end of the input it goes on with what there is.
    std::future::pending::<()>().await;
}

async fn recorded(line: &str, bus: &dyn CommandBus, user: UserId) -> Result<Event, String> {
    let refused = |error: ControlError| control_in_full(&error).replace("\n  ", " ");
    let invalid = |problems| refused(ControlError::Invalid { problems });
    let order = spoken(line).map_err(invalid)?;
    let id = random::command_id().map_err(|failure| failure.to_string())?;
    let sender = account::actor().map_err(|failure| failure.to_string())?;
    let submission = order.submission(id, sender).map_err(invalid)?;
    let record = bus.submit(user, &submission).await.map_err(refused)?;
    Ok(Event::Submitted { user, id, seq: record.seq, kind: known_kind(&record.kind) })
}
