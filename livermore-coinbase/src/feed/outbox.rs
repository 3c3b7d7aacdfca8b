use std::{
    collections::{HashSet, VecDeque},
    hash::Hash,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_core::Stream;

/// What a slow reader may miss of its events.
pub(crate) trait Queued: Send + 'static {
    /// Names what the event is the state of.
    type Key: Eq + Hash;

    /// Set where a later event of the same key says everything this one says: a ticker, a candle that is still forming.
    fn key(&self) -> Option<Self::Key>;

    /// Whether it may be lost where there is no other way, if the loss is [told](Self::lost).
    fn is_expendable(&self) -> bool;

    /// Adds `self`, which is lost, to what an earlier loss says, or begins one.
    fn lost(self, earlier: Option<Self>) -> Self
    where
        Self: Sized;
}

/// The events on their way from the socket to a reader who takes his time. Putting one in never waits; the reader sees it
/// when it is [sent](Self::send), which is one step for all that were put in.
///
/// Above [`COMPACT`] events, those are dropped that a later one replaces; above [`MOST`], expendable ones make place for
/// word of their loss. What is neither (candles that are closed, connections that came and went) is always kept: there is
/// little of it.
#[derive(Debug)]
pub(crate) struct Outbox<E: Queued> {
    queue: Arc<Mutex<Queue<E>>>,
    unsent: Vec<E>,
}

/// The reader's end of an [`Outbox`].
#[derive(Debug)]
pub(crate) struct Inbox<E> {
    queue: Arc<Mutex<Queue<E>>>,
    /// Taken out of the queue together, to be read one by one.
    taken: VecDeque<E>,
}

#[derive(Debug)]
struct Queue<E> {
    events: VecDeque<E>,
    /// Tidied up when it is as long as this.
    compact_at: usize,
    closed: bool,
    reader: Option<Waker>,
}

/// A reader behind by less reads every event.
const COMPACT: usize = 2_048;
/// A reader behind by more loses expendable events.
const MOST: usize = 16_384;
/// So many are taken out together; what the reader has taken is not dropped any more.
const TAKEN: usize = 128;

/// Both ends.
pub(crate) fn outbox<E: Queued>() -> (Outbox<E>, Inbox<E>) {
    let queue = Queue { events: VecDeque::new(), compact_at: COMPACT, closed: false, reader: None };
    let queue = Arc::new(Mutex::new(queue));
    (Outbox { queue: Arc::clone(&queue), unsent: Vec::new() }, Inbox { queue, taken: VecDeque::new() })
}

impl<E: Queued> Outbox<E> {
    /// Puts an event in.
    #[inline]
    pub(crate) fn push(&mut self, event: E) {
        self.unsent.push(event);
    }

    /// Hands over what was put in, and wakes the reader if he waits.
    pub(crate) fn send(&mut self) {
        if !self.unsent.is_empty() {
            let Self { queue, unsent } = self;
            with(queue, |queue| unsent.drain(..).for_each(|event| queue.push(event)));
        }
    }
}

/// Changes the queue, and wakes the reader if he waits.
fn with<E>(queue: &Mutex<Queue<E>>, work: impl FnOnce(&mut Queue<E>)) {
    let waker = {
        // A queue cannot be left half changed by a panic elsewhere.
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut queue);
        queue.reader.take()
    };
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<E: Queued> Drop for Outbox<E> {
    fn drop(&mut self) {
        self.send();
        with(&self.queue, |queue| queue.closed = true);
    }
}

impl<E: Queued> Queue<E> {
    fn push(&mut self, event: E) {
        self.events.push_back(event);
        if self.events.len() >= self.compact_at {
            self.drop_replaced();
            if self.events.len() >= MOST {
                self.drop_expendable();
            }
            // What is left cannot be dropped soon again: look only after as much has come.
            self.compact_at = (2 * self.events.len()).clamp(COMPACT, MOST.max(self.events.len() + COMPACT));
        }
    }

    fn drop_replaced(&mut self) {
        let mut later = HashSet::new();
        let events = std::mem::take(&mut self.events);
        let kept = events.into_iter().rev().filter(|event| event.key().is_none_or(|key| later.insert(key)));
        self.events = kept.collect();
        self.events.make_contiguous().reverse();
    }

    fn drop_expendable(&mut self) {
        let events = std::mem::take(&mut self.events);
        let mut loss: Option<E> = None;
        for event in events {
            if event.is_expendable() {
                loss = Some(event.lost(loss.take()));
            } else {
                self.events.extend(loss.take());
                self.events.push_back(event);
            }
        }
        self.events.extend(loss);
    }
}

impl<E: Queued> Stream for Inbox<E> {
    type Item = E;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<E>> {
        match self.taken.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None => self.poll_queue(context),
        }
    }
}

impl<E: Queued> Inbox<E> {
    fn poll_queue(&mut self, context: &mut Context<'_>) -> Poll<Option<E>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.events.len() <= TAKEN {
            std::mem::swap(&mut self.taken, &mut queue.events);
            queue.compact_at = COMPACT;
        } else {
            self.taken.extend(queue.events.drain(..TAKEN));
        }
        if let Some(event) = self.taken.pop_front() {
            return Poll::Ready(Some(event));
        }
        if queue.closed {
            return Poll::Ready(None);
        }
        if !queue.reader.as_ref().is_some_and(|reader| reader.will_wake(context.waker())) {
            queue.reader = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl<E> Unpin for Inbox<E> {}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    enum Event {
        State(u8, u64),
        Trade(u64),
        Lost(u64),
        Close(u64),
    }

    impl Queued for Event {
        type Key = u8;

        fn key(&self) -> Option<u8> {
            if let Self::State(key, _) = self { Some(*key) } else { None }
        }

        fn is_expendable(&self) -> bool {
            matches!(self, Self::Trade(_) | Self::Lost(_))
        }

        fn lost(self, earlier: Option<Self>) -> Self {
            let count = |event: Option<Self>| if let Some(Self::Lost(count)) = event { count } else { 0 };
            let own = if let Self::Lost(count) = self { count } else { 1 };
            Self::Lost(own + count(earlier))
        }
    }

    fn drain(inbox: &mut Inbox<Event>) -> Vec<Event> {
        std::iter::from_fn(|| inbox.next().now_or_never().flatten()).collect()
    }

    #[test]
    fn a_reader_who_keeps_up_reads_everything_in_order() {
        let (mut outbox, mut inbox) = outbox();
        let mut read = Vec::new();
        for number in 0..10_000 {
            outbox.push(Event::State(1, number));
            outbox.send();
            if number % 1_000 == 999 {
                read.extend(drain(&mut inbox));
            }
        }
        assert_eq!(read, (0..10_000).map(|number| Event::State(1, number)).collect::<Vec<_>>());
        drop(outbox);
        assert_eq!(inbox.next().now_or_never(), Some(None));
    }

    #[test]
    fn a_slow_reader_loses_states_that_were_replaced_and_nothing_else() {
        let (mut outbox, mut inbox) = outbox();
        for number in 0..1_000_000_u64 {
            outbox.push(Event::State(u8::try_from(number % 50).unwrap(), number));
            if number % 1_000 == 0 {
                outbox.push(Event::Close(number));
            }
            outbox.send();
        }
        let read = drain(&mut inbox);
        assert!(read.len() < 8_000, "{}", read.len());
        let closes: Vec<_> = read.iter().filter(|event| matches!(event, Event::Close(_))).cloned().collect();
        assert_eq!(closes, (0..1_000).map(|number| Event::Close(1_000 * number)).collect::<Vec<_>>());
        for key in 0..50 {
            let last = read.iter().rfind(|event| event.key() == Some(key));
            assert_eq!(last, Some(&Event::State(key, 999_950 + u64::from(key))));
        }
    }

    #[test]
    fn what_is_lost_is_counted_where_it_was_lost() {
        let (mut outbox, mut inbox) = outbox();
        for number in 0..100_000 {
            outbox.push(Event::Trade(number));
            if number == 50_000 {
                outbox.push(Event::Close(number));
            }
            outbox.send();
        }
        let read = drain(&mut inbox);
        assert!(read.len() <= MOST, "{}", read.len());
        let close = read.iter().position(|event| *event == Event::Close(50_000)).unwrap();
        let told = |events: &[Event]| -> u64 {
            events.iter().map(|event| if let Event::Lost(count) = event { *count } else { 1 }).sum()
        };
        assert_eq!(told(&read[..close]), 50_001, "before the close");
        assert_eq!(told(&read[close + 1..]), 49_999, "after it");
    }
}
