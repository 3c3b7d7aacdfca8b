use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use livermore_core::{
    control::{
        BusCapability, CommandBus, CommandQuery, CommandRecord, CommandStatus, ControlError, EmbeddedCommandLog,
        Overview, Signals, Submission,
    },
    ids::{CommandId, UserId},
};

/// A log without signals, waited on as the trait does it.
#[derive(Debug)]
pub(super) struct Deaf(pub(super) EmbeddedCommandLog);

#[async_trait]
impl CommandBus for Deaf {
    fn capability(&self) -> BusCapability {
        self.0.capability()
    }

    async fn submit(&self, user: UserId, submission: &Submission) -> Result<CommandRecord, ControlError> {
        self.0.submit(user, submission).await
    }

    async fn record(&self, user: UserId, id: CommandId) -> Result<Option<CommandStatus>, ControlError> {
        self.0.record(user, id).await
    }

    async fn cancel(&self, user: UserId, id: CommandId) -> Result<CommandRecord, ControlError> {
        self.0.cancel(user, id).await
    }

    async fn history(&self, user: UserId, query: CommandQuery) -> Result<Vec<CommandStatus>, ControlError> {
        self.0.history(user, query).await
    }

    async fn overview(&self, user: UserId) -> Result<Overview, ControlError> {
        self.0.overview(user).await
    }

    async fn signals(&self, _: UserId) -> Result<Signals, ControlError> {
        Ok(stream::pending().boxed())
    }

    async fn close(&self) {
        CommandBus::close(&self.0).await;
    }
}
