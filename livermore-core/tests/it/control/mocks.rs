//! The mocks, as examples.

use std::{sync::Arc, time::Duration};

use livermore_core::{
    control::{Command, CommandBus, CommandInbox, ControlError, Holder, Stage, Submission, Waited},
    ids::UserId,
    testkit::{MockCommandBus, MockCommandInbox},
};

use super::parsing::{actor, id, record_of};

#[tokio::test]
async fn a_bus_that_answers_what_the_test_says() {
    let mut mock = MockCommandBus::new();
    mock.expect_submit().times(1).returning(|_, _| Ok(record_of(&Command::Resume)));
    let busy = || ControlError::Busy { retry_after: Duration::from_secs(1) };
    mock.expect_submit().returning(move |_, _| Err(busy()));
    mock.expect_wait().returning(|_, id, _, _| Ok(Waited::Pending { id, last: None }));
    mock.expect_cancel().never();

    let bus: Arc<dyn CommandBus> = Arc::new(mock);
    let (user, sent) = (UserId::new(1).unwrap(), Submission::new(id(1), &Command::Resume, actor()).unwrap());
    assert_eq!(bus.submit(user, &sent).await.unwrap().id, id(1));
    let refused = bus.submit(user, &sent).await.unwrap_err();
    assert!(refused.is_retryable(), "{refused}");
    let waited = bus.wait(user, id(1), Stage::Decided, Duration::from_secs(1)).await.unwrap();
    assert_eq!(waited, Waited::Pending { id: id(1), last: None });
}

#[tokio::test]
async fn an_inbox_that_answers_what_the_test_says() {
    let mut mock = MockCommandInbox::new();
    mock.expect_acquire().withf(|users, _, _| users.len() == 2).times(1).returning(|_, _, _| Ok(Vec::new()));
    mock.expect_next().never();

    let inbox: Arc<dyn CommandInbox> = Arc::new(mock);
    let users = [UserId::new(1).unwrap(), UserId::new(2).unwrap()];
    let leases = inbox.acquire(&users, &Holder::new("test").unwrap(), Duration::from_secs(10)).await;
    assert_eq!(leases.unwrap(), []);
}
