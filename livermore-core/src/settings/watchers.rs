use std::collections::HashMap;

use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use super::WatchEvents;
use crate::ids::{Revision, UserId};

/// The watches of a store within this process, by user. A watch holds one revision, the newest not yet read.
#[derive(Debug, Default)]
pub(super) struct Watchers(HashMap<UserId, watch::Sender<Revision>>);

impl Watchers {
    /// A stream of what [`tell`](Self::tell) says of `user` from now on.
    pub(super) fn watch(&mut self, user: UserId) -> WatchEvents {
        // Whoever is watched no longer is forgotten at the next watch, so that the map stays as small as its use.
        self.0.retain(|_, sender| sender.receiver_count() > 0);
        let receiver = self.0.entry(user).or_insert_with(|| watch::Sender::new(Revision::ZERO)).subscribe();
        stream::unfold(receiver, async |mut receiver| {
            receiver.changed().await.ok()?;
            let revision = *receiver.borrow_and_update();
            Some((revision, receiver))
        })
        .boxed()
    }

    pub(super) fn tell(&self, user: UserId, revision: Revision) {
        if let Some(sender) = self.0.get(&user) {
            sender.send_replace(revision);
        }
    }

    /// Ends every stream.
    pub(super) fn end(&mut self) {
        self.0.clear();
    }
}
