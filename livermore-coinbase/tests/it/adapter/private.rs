//! Channels beside market data.

use futures_util::StreamExt;
use livermore_coinbase::{ApiKey, ChannelBody, Coinbase, Credentials, KeyName, fake::FakeKey, wire::Kind};
use livermore_core::{ErrorKind, exchange::EventBody};
use tokio::time::timeout;

use super::{PATIENCE, config, fast, symbol};

#[tokio::test]
async fn books_begin_with_a_snapshot() {
    let server = fast(60.0).start().await.unwrap();
    let coinbase = super::adapter(&server);
    let mut books = coinbase.books(vec![symbol("BTC-USD")]).await.unwrap();
    let mut first = None;
    let read = async {
        while let Some(event) = books.next().await {
            if let ChannelBody::Data(update) = event.body {
                if update.kind == Kind::Update {
                    return;
                }
                first.get_or_insert(update);
            }
        }
    };
    timeout(PATIENCE, read).await.unwrap();
    let first = first.unwrap();
    assert_eq!((first.symbol, first.kind), (symbol("BTC-USD"), Kind::Snapshot));
    assert!(first.changes.len() >= 10, "{}", first.changes.len());
}

#[tokio::test]
async fn case_81_the_users_own_channel_needs_a_key_and_a_fresh_token_each_time() {
    let key = FakeKey::es256(3);
    let server = fast(1.0).key(key.clone()).start().await.unwrap();
    let error = super::adapter(&server).user_updates().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    let key = ApiKey::new(KeyName::new(key.name()).unwrap(), &key.secret().into()).unwrap();
    let config = config(&server).with_credentials(Credentials::from_key(key));
    let coinbase = Coinbase::new(&config).unwrap();
    let mut updates = coinbase.user_updates().await.unwrap();
    let read = async {
        while let Some(event) = updates.next().await {
            match event.body {
                ChannelBody::Data(_) => return,
                ChannelBody::Feed(EventBody::Refused { reason }) => panic!("{reason}"),
                ChannelBody::Feed(_) => {}
            }
        }
        panic!("the feed ended");
    };
    timeout(PATIENCE, read).await.unwrap();
    let stats = server.stats();
    assert!(stats.tokens >= 1 && stats.tokens_reused == 0 && stats.tokens_refused == 0, "{stats:?}");
}
