use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use livermore_core::{
    control::{CommandKind, PauseLevel, Verdict},
    ids::{CommandId, UserId},
};

use super::{Answer, LONGEST_LINE, Request};
use crate::{failure::Failure, output};

/// Longest wait for an answer: longer than the process at the other end waits for anything.
const PATIENCE: Duration = Duration::from_secs(15);

/// Pauses a user's monitor in the process that listens at `path`. `again` is what to type to ask for a command again.
pub(crate) fn pause(
    path: &Path,
    user: UserId,
    level: PauseLevel,
    json: bool,
    again: impl FnOnce(CommandId) -> String,
) -> Result<(), Failure> {
    let answer = ask(path, &Request { command: CommandKind::Pause.as_str().to_owned(), user, level })?;
    if json {
        output::json(&serde_json::to_value(&answer).map_err(io::Error::from)?)?;
    }
    match answer {
        Answer::Recorded { id, process, verdict: Verdict::Applied, code, .. } => {
            if json {
                Ok(())
            } else {
                output::line(&format!("pause: applied ({code}) as {id}, told by {process}"))
            }
        }
        Answer::Recorded { id, verdict, code, detail, .. } => {
            let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
            let kind = CommandKind::Pause.to_string();
            Err(Failure::Ended { id, kind, verdict: verdict.as_str(), code, detail })
        }
        Answer::Undecided { id, process, .. } => {
            let known = format!(
                "user {user} is paused ({level}) in process {process}; recorded under id {id}, not decided so far"
            );
            Err(Failure::Pending { known, again: again(id) })
        }
        Answer::Volatile { id, process, .. } => {
            let known = format!(
                "volatile: user {user} is paused ({level}) in process {process}, and nowhere else; not recorded yet: \
                 it will be under id {id} as soon as the log can be reached, and is forgotten if that process ends \
                 before"
            );
            Err(Failure::Pending { known, again: again(id) })
        }
        Answer::Refused { reason, retryable } => Err(Failure::AdminRefused { reason, retryable }),
    }
}

fn ask(path: &Path, request: &Request) -> Result<Answer, Failure> {
    let shown = || path.display().to_string();
    let nobody = |error| Failure::NobodyAtAdminSocket { path: shown(), error };
    let unknown = |error: io::Error| Failure::AdminUnanswered { path: shown(), error };
    let mut line = serde_json::to_vec(request).map_err(|error| nobody(error.into()))?;
    line.push(b'\n');
    let stream = UnixStream::connect(path).map_err(nobody)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(nobody)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(nobody)?;
    (&stream).write_all(&line).map_err(unknown)?;
    let mut answer = Vec::new();
    BufReader::new(&stream).take(LONGEST_LINE as u64).read_until(b'\n', &mut answer).map_err(unknown)?;
    if answer.is_empty() {
        return Err(unknown(io::ErrorKind::UnexpectedEof.into()));
    }
    serde_json::from_slice(&answer).map_err(|error| unknown(error.into()))
}
