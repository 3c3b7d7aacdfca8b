use std::{collections::VecDeque, ops::RangeInclusive};

/// The numbers of the messages of one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Sequence {
    last: Option<u64>,
    /// The number the first message must have, if it must.
    first: Option<u64>,
    /// What was told as missing lately, so that a late message can be told from a repeated one.
    missing: VecDeque<RangeInclusive<u64>>,
}

/// Older gaps are forgotten: who still needs what was lost in them asks the exchange's history.
const REMEMBERED_GAPS: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Next,
    /// So many were skipped before this one.
    Jump(u64),
    Duplicate,
    Late,
}

impl Sequence {
    pub(super) fn new(first: Option<u64>) -> Self {
        Self { last: None, first, missing: VecDeque::new() }
    }

    pub(super) fn observe(&mut self, number: u64) -> Step {
        let expected = match self.last {
            Some(last) if number <= last => return self.old(number),
            Some(last) => last + 1,
            // A first message below the first number is a wrong belief about the exchange, not a loss.
            None => self.first.filter(|first| *first <= number).unwrap_or(number),
        };
        self.last = Some(number);
        if number == expected {
            return Step::Next;
        }
        if self.missing.len() == REMEMBERED_GAPS {
            self.missing.pop_front();
        }
        self.missing.push_back(expected..=number - 1);
        Step::Jump(number - expected)
    }

    fn old(&mut self, number: u64) -> Step {
        let Some(at) = self.missing.iter().position(|range| range.contains(&number)) else { return Step::Duplicate };
        let (from, to) = self.missing.remove(at).map_or((number, number), RangeInclusive::into_inner);
        // What is left of the range stays missing. Both ends are in range: an empty part is not kept.
        if number < to {
            self.missing.insert(at, number + 1..=to);
        }
        if from < number {
            self.missing.insert(at, from..=number - 1);
        }
        while self.missing.len() > REMEMBERED_GAPS {
            self.missing.pop_front();
        }
        Step::Late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(first: Option<u64>, numbers: &[u64]) -> Vec<Step> {
        let mut sequence = Sequence::new(first);
        numbers.iter().map(|number| sequence.observe(*number)).collect()
    }

    #[test]
    fn every_kind_of_step() {
        use Step::{Duplicate, Jump, Late, Next};
        assert_eq!(steps(None, &[7, 8, 8, 3, 9]), [Next, Next, Duplicate, Duplicate, Next]);
        assert_eq!(
            steps(Some(0), &[0, 1, 5, 3, 3, 2, 4, 4]),
            [Next, Next, Jump(3), Late, Duplicate, Late, Late, Duplicate]
        );
        assert_eq!(steps(Some(0), &[2, 0, 3]), [Jump(2), Late, Next]);
        assert_eq!(steps(Some(5), &[2, 3]), [Next, Next]);
        assert_eq!(steps(None, &[0, u64::MAX, u64::MAX]), [Next, Jump(u64::MAX - 1), Duplicate]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut sequence = Sequence::new(None);
        for number in (0..10_000).step_by(10) {
            sequence.observe(number);
        }
        assert_eq!(sequence.missing.len(), REMEMBERED_GAPS);
        assert_eq!(sequence.observe(5), Step::Duplicate, "forgotten");
        for number in (9_800..9_990).filter(|number| number % 2 == 1) {
            sequence.observe(number);
        }
        assert!(sequence.missing.len() <= REMEMBERED_GAPS);
    }
}
