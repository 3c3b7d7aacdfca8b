use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use livermore_core::{
    control::{
        BusCapability, CommandBus, CommandQuery, CommandRecord, CommandStatus, ControlError, EmbeddedCommandLog,
        Overview, Signal, Signals, Submission,
    },
    ids::{CommandId, UserId},
};

/// A log of which nothing is heard but these signals, whatever happens; waited on as the trait does it.
#[derive(Debug)]
pub(crate) struct Misheard {
    pub(crate) log: EmbeddedCommandLog,
    pub(crate) heard: Vec<Signal>,
}

#[async_trait]
impl CommandBus for Misheard {
    fn capability(&self) -> BusCapability {
        self.log.capability()
    }

    async fn submit(&self, user: UserId, submission: &Submission) -> Result<CommandRecord, ControlError> {
        self.log.submit(user, submission).await
    }

    async fn record(&self, user: UserId, id: CommandId) -> Result<Option<CommandStatus>, ControlError> {
        self.log.record(user, id).await
    }

    async fn cancel(&self, user: UserId, id: CommandId) -> Result<CommandRecord, ControlError> {
        self.log.cancel(user, id).await
    }

    async fn history(&self, user: UserId, query: CommandQuery) -> Result<Vec<CommandStatus>, ControlError> {
        self.log.history(user, query).await
    }

    async fn overview(&self, user: UserId) -> Result<Overview, ControlError> {
        self.log.overview(user).await
    }

    async fn signals(&self, _: UserId) -> Result<Signals, ControlError> {
        Ok(stream::iter(self.heard.clone()).chain(stream::pending()).boxed())
    }

    async fn close(&self) {
        CommandBus::close(&self.log).await;
    }
}
