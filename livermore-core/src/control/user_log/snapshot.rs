use super::{Entry, Term, UserLog};
use crate::ids::Seq;

impl UserLog {
    /// Few entries that make this log again: what a journal is shortened to.
    pub fn entries(&self) -> Vec<Entry> {
        let Self { user: _, desired, observed, epoch, term, records, ids: _, open: _, last_seq } = self;
        let mut entries = vec![Entry::Rebased(desired.clone())];
        if let Some(Term { holder, until }) = term {
            entries.push(Entry::Leased { epoch: *epoch, holder: holder.clone(), until: *until });
        }
        // Before the commands: what it says of jobs is in their records already, as far as they have heard it.
        entries.extend(observed.clone().map(Entry::Observed));
        entries.extend(records.values().cloned().map(Box::new).map(Entry::Submitted));
        if records.keys().next_back().copied().unwrap_or(Seq::ZERO) < *last_seq {
            entries.push(Entry::Numbered { last_seq: *last_seq });
        }
        entries
    }

    /// How many commands wait to be decided.
    pub fn waiting(&self) -> usize {
        self.open.len()
    }
}
