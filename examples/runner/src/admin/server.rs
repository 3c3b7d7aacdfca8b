use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use livermore_core::control::{CommandBus, CommandKind, Executor, Holder, PauseRefused, Recording, VolatilePause};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    time::{sleep, timeout},
};

use super::{AdminSocket, Answer, LONGEST_LINE, Request};
use crate::{account, random};

/// Most connections that are looked at; more wait until they are.
const CONNECTIONS: usize = 4;
/// Longest wait for a request, and for its answer to be taken.
const PATIENCE: Duration = Duration::from_secs(2);
/// So long the log may take to decide a pause before it is told that it has not.
const FOR_THE_LOG: Duration = Duration::from_secs(2);

/// Answers requests for as long as it is polled.
pub(crate) async fn serve(socket: &AdminSocket, executor: &Executor, bus: &Arc<dyn CommandBus>, process: &Holder) {
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = socket.listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => connections.push(answer(stream, executor, bus, process).boxed_local()),
                // Too many open files, for example: it may pass.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
            Some(()) = connections.next() => {}
        }
    }
}

async fn answer(stream: UnixStream, executor: &Executor, bus: &Arc<dyn CommandBus>, process: &Holder) {
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let mut reader = BufReader::new(read).take(LONGEST_LINE as u64);
    let answer = match timeout(PATIENCE, reader.read_until(b'\n', &mut line)).await {
        Ok(Ok(_)) => carried_out(&line, executor, bus, process).await.unwrap_or_else(|refused| refused),
        Ok(Err(_)) => return,
        Err(_) => refused(format!("no whole line within {} s", PATIENCE.as_secs())),
    };
    let Ok(mut text) = serde_json::to_vec(&answer) else { return };
    text.push(b'\n');
    // Whoever asked may be gone.
    let _ = timeout(PATIENCE, write.write_all(&text)).await;
}

async fn carried_out(
    line: &[u8],
    executor: &Executor,
    bus: &Arc<dyn CommandBus>,
    process: &Holder,
) -> Result<Answer, Answer> {
    let Request { user, level, .. } = request(line).map_err(refused)?;
    let id = random::command_id().map_err(|failure| refused(failure.to_string()))?;
    let sender = account::actor().map_err(|failure| refused(failure.to_string()))?;
    let laid = executor.pause_volatile(VolatilePause { user, id, level, sender }, Arc::clone(bus)).await;
    let mut recording = laid.map_err(|error| {
        let retryable = !matches!(error, PauseRefused::NotRun { .. });
        Answer::Refused { reason: error.to_string(), retryable }
    })?;
    let decided = recording.wait_for(|recording| matches!(recording, Recording::Decided(_)));
    // What is known at the end of the time is told, whatever it is.
    let _ = timeout(FOR_THE_LOG, decided).await;
    let known = recording.borrow().clone();
    let process = process.to_string();
    Ok(match known {
        Recording::Decided(outcome) => Answer::Recorded {
            user,
            id,
            process,
            verdict: outcome.verdict,
            code: outcome.code.to_string(),
            detail: outcome.detail,
        },
        Recording::Undecided { .. } => Answer::Undecided { user, id, process },
        Recording::Volatile => Answer::Volatile { user, id, process },
    })
}

fn refused(reason: String) -> Answer {
    Answer::Refused { reason, retryable: false }
}

/// What a line asks for, or what is wrong with it.
fn request(line: &[u8]) -> Result<Request, String> {
    let Some(line) = line.strip_suffix(b"\n") else {
        let longest = LONGEST_LINE - 1;
        return Err(format!("no whole line of at most {longest} bytes; write one JSON object and then a line feed"));
    };
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("no JSON: {error}"))?;
    let asked = value.get("command").and_then(Value::as_str).ok_or_else(|| {
        r#"no command; write {"command":"pause","user":1,"level":"stop"}, level being mute, hold or stop"#.to_owned()
    })?;
    if asked != CommandKind::Pause.as_str() {
        return Err(
            "only pause is taken here, because it only stops; send everything else to the log, --bus".to_owned()
        );
    }
    serde_json::from_value(value).map_err(|error| format!("no pause: {error}"))
}

#[cfg(test)]
mod tests {
    use livermore_core::control::PauseLevel;

    use super::*;

    #[test]
    fn a_pause_is_taken_and_nothing_else() {
        let read = |line: &str| request(line.as_bytes()).map(|request| (request.user.get(), request.level));
        assert_eq!(read("{\"command\":\"pause\",\"user\":7}\n"), Ok((7, PauseLevel::Stop)));
        assert_eq!(read("{\"command\":\"pause\",\"user\":7,\"level\":\"mute\"}\n"), Ok((7, PauseLevel::Mute)));
        for (wrong, part) in [
            ("", "no whole line"),
            ("{\"command\":\"pause\",\"user\":7}", "no whole line"),
            ("\n", "no JSON"),
            ("pause 7\n", "no JSON"),
            ("[]\n", "no command"),
            ("{\"command\":7}\n", "no command"),
            ("{\"command\":\"resume\",\"user\":7}\n", "only pause is taken here"),
            ("{\"command\":\"pause\"}\n", "missing field `user`"),
            ("{\"command\":\"pause\",\"user\":0}\n", "user id"),
            ("{\"command\":\"pause\",\"user\":7,\"level\":\"full\"}\n", "unknown variant `full`"),
            ("{\"command\":\"pause\",\"user\":7,\"leve\":\"mute\"}\n", "unknown field `leve`"),
        ] {
            let told = read(wrong);
            assert!(told.as_ref().is_err_and(|told| told.contains(part)), "{wrong:?}: {told:?}");
        }
    }
}
