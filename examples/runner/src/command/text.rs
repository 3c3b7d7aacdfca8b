//! A command in words. What is stored may come from any program: nothing of it reaches a terminal unescaped.

use livermore_core::control::{CommandStatus, Effect, Outcome, Verdict};

use super::document::effect_name;
use crate::{failure::Failure, output};

/// What a command has come to, in one line.
pub(super) fn sentence(status: &CommandStatus) -> String {
    let CommandStatus { record, effect } = status;
    let kind = printable(&record.kind);
    let Some(outcome) = &record.outcome else {
        let known = if record.attempts == 0 { "not decided so far" } else { "being decided" };
        return format!("{kind}: recorded, {known} (seq {})", record.seq);
    };
    let reached = match (outcome.verdict, effect) {
        (Verdict::Applied, Effect::Effective) => "applied and effective".to_owned(),
        (Verdict::Applied, Effect::Failed { reason }) => {
            format!("applied, but its job failed: {}", printable(reason))
        }
        (Verdict::Applied, Effect::None | Effect::Pending) => "applied, not effective yet".to_owned(),
        (verdict, _) => verdict.to_string(),
    };
    let detail = outcome.detail.as_deref().map_or_else(String::new, |detail| format!(": {}", printable(detail)));
    let (code, took) = (printable(outcome.code.as_str()), took(status).unwrap_or_default());
    let at = format!("seq {}, generation {}, {took}", record.seq, outcome.generation);
    format!("{kind}: {reached} ({code}, {at}){detail}")
}

/// Everything about a command, a line each.
pub(super) fn card(status: &CommandStatus) -> Result<(), Failure> {
    let CommandStatus { record, effect } = status;
    output::line(&sentence(status))?;
    let mut rows = vec![
        ("id", record.id.to_string()),
        ("user", record.user.to_string()),
        ("payload", printable(record.body.as_str())),
        ("sent by", printable(record.sender.as_str())),
        ("sent", record.submitted_at.to_string()),
        ("not after", record.not_after.map_or_else(|| "never expires".to_owned(), |time| time.to_string())),
        ("attempts", record.attempts.to_string()),
        ("state", state(status).to_owned()),
    ];
    if let Some(Outcome { decided_at, epoch, .. }) = &record.outcome {
        rows.push(("decided", decided_at.to_string()));
        rows.extend(epoch.map(|epoch| ("epoch", epoch.to_string())));
    }
    rows.push(("effect", effect_name(effect).to_owned()));
    rows.iter().try_for_each(|(name, value)| output::line(&format!("  {name:9}  {value}")))
}

/// Undecided, or the verdict; and whether it is effective.
pub(super) fn state(status: &CommandStatus) -> &'static str {
    match (status.record.outcome.as_ref().map(|outcome| outcome.verdict), &status.effect) {
        (None, _) => "undecided",
        (Some(Verdict::Applied), Effect::Effective) => "effective",
        (Some(Verdict::Applied), Effect::Failed { .. }) => "job failed",
        (Some(verdict), _) => verdict.as_str(),
    }
}

/// How long a command waited for its decision, by the log's clock.
pub(super) fn took(status: &CommandStatus) -> Option<String> {
    let decided = status.record.outcome.as_ref()?.decided_at;
    let millis = decided.millis_since(status.record.submitted_at).max(0);
    Some(match millis {
        0..10_000 => format!("{millis} ms"),
        10_000..600_000 => format!("{} s", millis / 1_000),
        _ => format!("{} min", millis / 60_000),
    })
}

/// Text of another program, on one line and without control characters.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 500;
    let visible = |character: char| !character.is_control() && !('\u{200b}'..='\u{206f}').contains(&character);
    if text.chars().all(visible) && text.len() <= LONGEST {
        return text.to_owned();
    }
    let shown = text.chars().take(LONGEST);
    let mut out: String =
        shown.map(|character| if visible(character) { character } else { char::REPLACEMENT_CHARACTER }).collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_steered_by_what_is_stored() {
        assert_eq!(printable("pause"), "pause");
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{202e}"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
        assert_eq!(printable(&"x".repeat(9_000)).chars().count(), 501);
    }
}
