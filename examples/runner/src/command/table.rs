use livermore_core::control::CommandStatus;

use super::text::{printable, state, took};

/// A heading and a row per command.
pub(super) fn lines(commands: &[CommandStatus]) -> Vec<String> {
    let heading =
        row(["id", "seq", "kind", "state", "code", "sent", "took", "by"].map(str::to_owned)).trim_end().to_owned();
    let mut lines = vec![heading];
    lines.extend(commands.iter().map(line));
    lines
}

/// One command.
pub(super) fn line(status: &CommandStatus) -> String {
    let record = &status.record;
    let code = record.outcome.as_ref().map_or("-", |outcome| outcome.code.as_str());
    row([
        record.id.to_string(),
        record.seq.to_string(),
        printable(&record.kind),
        state(status).to_owned(),
        printable(code),
        // To the second, as in a clock.
        record.submitted_at.to_string().chars().take(19).collect(),
        took(status).unwrap_or_else(|| "-".to_owned()),
        printable(record.sender.as_str()),
    ])
}

fn row([id, seq, kind, state, code, sent, took, by]: [String; 8]) -> String {
    format!("{id:36}  {seq:>5}  {kind:16}  {state:10}  {code:16}  {sent:19}  {took:>8}  {by}")
}
