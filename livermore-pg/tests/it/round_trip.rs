//! What the program accepts as a document, every store accepts and gives back to the last bit.

use std::sync::Arc;

use livermore_core::settings::{
    Document, Expect, FileSettingsStore, FileStoreConfig, MemorySettingsStore, SettingsStore,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::support::{Database, database, save_of, user};

/// Any text but NUL: quotes, controls, half-width, right-to-left, beyond the first plane.
fn text() -> impl Strategy<Value = String> {
    let exotic = prop::sample::select(vec![
        '"', '\\', '/', '\u{1}', '\u{8}', '\u{7f}', '\u{2028}', '\u{feff}', '\u{ffff}', '🦀',
    ]);
    let letter = prop_oneof![4 => any::<char>(), 2 => prop::char::range(' ', '~'), 1 => exotic];
    prop::collection::vec(letter.prop_filter("NUL is refused", |letter| *letter != '\0'), 0..12)
        .prop_map(String::from_iter)
}

/// Any number that a document may hold: every exponent, both zeros, whole and not, short and long decimals.
fn number() -> impl Strategy<Value = Value> {
    const WHOLE: i64 = (1 << 53) - 1;
    let limit = 9_007_199_254_740_992.0_f64;
    let small = move |number: f64| if number.abs() < limit { number } else { 1.0 / number };
    let any_bits = prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO | prop::num::f64::NEGATIVE;
    prop_oneof![
        (-WHOLE..=WHOLE).prop_map(Value::from),
        (-1_000_i64..1_000).prop_map(Value::from),
        any_bits.prop_map(move |number| json!(small(number))),
        (-9e15..9e15).prop_map(|number: f64| json!(number)),
        (-9e15..9e15).prop_map(|number: f64| json!(number.trunc())),
        (-1_000_000_i32..1_000_000, 0_i32..12)
            .prop_map(|(digits, places)| json!(f64::from(digits) / 10_f64.powi(places))),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        4 => number(),
        3 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..6).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

fn members() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map(text(), value(), 0..6).prop_map(|members| {
        let mut map = Map::from_iter(members);
        map.insert("version".to_owned(), json!(3));
        map
    })
}

/// The most of these members, again and again under other names, that is still a document.
fn as_large_as_may_be(members: &Map<String, Value>) -> Document {
    let of = |count: usize| {
        let again = members.iter().filter(|(name, _)| *name != "version").cycle().take(count).enumerate();
        let mut map: Map<String, Value> =
            again.map(|(index, (name, value))| (format!("{index}{name}"), value.clone())).collect();
        map.insert("version".to_owned(), json!(3));
        Document::new(Value::Object(map)).ok()
    };
    let (mut fits, mut refused) = (0, Document::MAX_BYTES);
    while refused - fits > 1 {
        let middle = usize::midpoint(fits, refused);
        if of(middle).is_some() { fits = middle } else { refused = middle }
    }
    of(fits).unwrap()
}

struct Stores {
    runtime: Runtime,
    all: Vec<(&'static str, Arc<dyn SettingsStore>)>,
    _guards: (Option<Database>, tempfile::TempDir),
}

impl Stores {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (mut stores, database) = runtime.block_on(async {
            let (files, _) = FileSettingsStore::open(FileStoreConfig::new(folder.path())).await.unwrap();
            let memory: Arc<dyn SettingsStore> = Arc::new(MemorySettingsStore::new());
            let mut stores: Vec<(_, Arc<dyn SettingsStore>)> = vec![("memory", memory), ("file", Arc::new(files))];
            let database = database().await;
            if let Some(database) = &database {
                stores.push(("PostgreSQL", Arc::new(database.store().await)));
            }
            (stores, database)
        });
        stores.reverse();
        Self { runtime, all: stores, _guards: (database, folder) }
    }

    /// Saves and loads on each store; every one gives back the same bytes.
    fn check(&self, document: &Document) -> Result<(), TestCaseError> {
        self.runtime.block_on(async {
            for (name, store) in &self.all {
                let saved = store.save(user(7), save_of(document.clone(), Expect::Any)).await;
                prop_assert!(saved.is_ok(), "{} refused it: {:?}", name, saved);
                let loaded = store.load(user(7)).await.unwrap().unwrap().document;
                prop_assert_eq!(&loaded, document, "{}", name);
                prop_assert_eq!(loaded.to_json(), document.to_json(), "{}", name);
            }
            Ok(())
        })
    }
}

fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    if let Err(failure) = TestRunner::new(config).run(strategy, test) {
        panic!("{failure}");
    }
}

#[test]
fn case_52_every_document_comes_back_from_every_store_to_the_last_bit() {
    let stores = Stores::start();
    run(400, &members(), |members| {
        let Ok(document) = Document::new(Value::Object(members)) else { return Ok(()) };
        stores.check(&document)
    });
}

#[test]
fn case_54_what_the_program_accepts_the_database_accepts() {
    let stores = Stores::start();
    run(60, &members(), |members| stores.check(&as_large_as_may_be(&members)));
    // The ones that grow most: numbers next to zero, and nothing but separators.
    for value in [json!(5e-324), json!(-2.225_073_858_507_201_4e-308), json!(1e-7), json!([[], {}]), json!(0)] {
        stores.check(&as_large_as_may_be(&Map::from_iter([(String::new(), value)]))).unwrap();
    }
}
