use std::{pin::pin, task::Poll};

use futures_util::StreamExt;
use tokio::task::yield_now;

use super::{
    SettingsFixture,
    fixture::{poll_once, revision, save},
};
use crate::{
    ids::Revision,
    settings::{Expect, WatchEvents},
};

/// `watch` yields the user's revision after each save that follows the call.
pub async fn a_watch_tells_each_save_that_follows(fixture: SettingsFixture) {
    let mut early = fixture.watch(1).await; // a user who has never saved can be watched
    fixture.save(1, save(1, Expect::Any)).await;
    let mut late = fixture.watch(1).await;
    assert_eq!(fixture.next(&mut early).await, Some(revision(1)));
    for number in 2..=5 {
        let saved = fixture.save(1, save(number, Expect::Any)).await;
        // Both watches are up to date before each save, so nothing can be told as one.
        assert_eq!(fixture.next(&mut early).await, Some(saved), "the watch from before the first save");
        assert_eq!(fixture.next(&mut late).await, Some(saved), "the watch from after the first save");
    }
}

/// Several saves may be told as one, the last; the newest revision is never missed.
pub async fn a_watch_never_misses_the_newest_revision(fixture: SettingsFixture) {
    let mut unread = fixture.watch(1).await;
    let mut polled = fixture.watch(1).await;
    let mut newest = Revision::ZERO;
    for number in 1..=50 {
        // A wait that was dropped loses nothing, whether or not it was about to end.
        if let Poll::Ready(told) = poll_once(pin!(polled.next())).await {
            assert!(told.is_some(), "a watch ended by itself");
        }
        newest = fixture.save(1, save(number, Expect::Any)).await;
        if number % 7 == 0 {
            yield_now().await;
        }
    }
    assert_eq!(newest, revision(50));
    // What `polled` was told last is not known here: one more save makes sure that something follows.
    catch_up(&fixture, &mut unread, newest).await;
    let newest = fixture.save(1, save(51, Expect::Any)).await;
    catch_up(&fixture, &mut unread, newest).await;
    catch_up(&fixture, &mut polled, newest).await;
}

/// A watch tells of its user only.
pub async fn a_watch_tells_of_its_user_only(fixture: SettingsFixture) {
    let mut watch = fixture.watch(7).await;
    for number in 1..=5 {
        fixture.save(8, save(number, Expect::Any)).await;
    }
    for own in 1..=3 {
        fixture.save(7, save(own, Expect::Any)).await;
        assert_eq!(fixture.next(&mut watch).await, Some(revision(own)), "user 8 is at revision 5 and more");
        fixture.save(8, save(own, Expect::Any)).await;
    }
}

/// Dropping the stream ends it.
///
/// From outside it shows in that watching again and again works, and saves go on.
pub async fn dropping_a_watch_ends_it(fixture: SettingsFixture) {
    for round in 1..=100 {
        let mut watch = fixture.watch(1).await;
        let saved = fixture.save(1, save(round, Expect::Any)).await;
        if round % 3 == 0 {
            assert_eq!(fixture.next(&mut watch).await, Some(saved), "in round {round}");
        }
        drop(watch);
    }
}

/// Reads a watch until it tells `newest`.
async fn catch_up(fixture: &SettingsFixture, watch: &mut WatchEvents, newest: Revision) {
    let mut last = Revision::ZERO;
    while last != newest {
        let told = fixture.next(watch).await;
        let told = told.unwrap_or_else(|| panic!("a watch ended by itself after revision {last}"));
        assert!(told > last && told <= newest, "a watch told {told} after {last}; the newest is {newest}");
        last = told;
    }
}
