use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    fs::{self, File},
    io,
    ops::Bound,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    task::spawn_blocking,
};

use super::{
    FileFinding, FileReport, FileStoreConfig, FileWarning,
    user_files::{Index, UserFiles, users_folder},
};
use crate::{
    disk::{NotLocked, lock, private_folder},
    ids::{Revision, UserId},
    settings::{
        HistoryEntry, HistoryQuery, Save, SettingsError, SettingsStore, StoreCapability, Stored, Verdict, WatchEvents,
        watchers::Watchers,
    },
};

/// Users are spread over so many locks: saves of one user come one after the other, those of others beside them.
const SHARDS: usize = 16;

/// Settings in a folder: for one process on one machine.
///
/// # Files
/// `users/7.json` holds what is stored for user 7, `users/7.history.jsonl` one line per save; every line is JSON and
/// has a checksum. They are readable by their owner only. Copy the folder to back it up while no process uses it.
///
/// # One process
/// The folder is locked from [`open`](Self::open) to [`close`](SettingsStore::close), or until the store is dropped or
/// the process ends. A second process waits for [`lock_wait`](FileStoreConfig::lock_wait) and then fails with
/// [`Busy`](SettingsError::Busy), naming the folder.
///
/// # Failures
/// A save is written to the history first, then the document is replaced by renaming; both are safe on the disk before
/// the save returns. A process that ends anywhere in between leaves a state that the next [`open`](Self::open) makes
/// whole: a whole line in the history counts, a torn one does not. A save that fails because the disk is full leaves
/// what was there. As with every store, a save that answered [`Unavailable`](SettingsError::Unavailable) may be there
/// all the same: save again with the same cause.
///
/// # History
/// At least the newest [`history`](FileStoreConfig::history) revisions of each user are kept; a cause is known as long
/// as its revision is.
pub struct FileSettingsStore {
    inner: Arc<Inner>,
}

struct Inner {
    config: FileStoreConfig,
    shards: [Arc<AsyncMutex<Shard>>; SHARDS],
    /// Everybody with a stored document; no other process can add to it.
    users: Mutex<BTreeSet<UserId>>,
    watchers: Mutex<Watchers>,
    closed: AtomicBool,
    lock: Mutex<Option<File>>,
}

/// The users whose files are known to agree, with what is known of their histories.
type Shard = HashMap<UserId, Option<Index>>;

impl FileSettingsStore {
    /// Opens a folder, makes it where it is not there, and mends what an interrupted save has left.
    pub async fn open(config: FileStoreConfig) -> Result<(Self, FileReport), SettingsError> {
        let users = users_folder(&config.folder);
        private_folder(&users).map_err(|error| setup(&config.folder, &error))?;
        let file = lock(&config.folder, "lock", config.lock_wait).await.map_err(|error| not_locked(&error))?;
        let inner = Inner {
            config,
            shards: Default::default(),
            users: Mutex::default(),
            watchers: Mutex::default(),
            closed: AtomicBool::new(false),
            lock: Mutex::new(Some(file)),
        };
        let recovered = spawn_blocking(move || {
            let report = inner.recover()?;
            Ok((Self { inner: Arc::new(inner) }, report))
        });
        recovered.await.unwrap_or_else(|_| Err(interrupted()))
    }

    /// Runs `work` on the files of a user, with nobody else at them. It runs to its end even when nobody waits for it.
    async fn with<T: Send + 'static>(
        &self,
        user: UserId,
        work: impl FnOnce(&Inner, &UserFiles<'_>, &mut Shard) -> Result<T, SettingsError> + Send + 'static,
    ) -> Result<T, SettingsError> {
        let mut shard = self.shard(user).await;
        let inner = self.inner.clone();
        inner.check_open()?;
        let done = spawn_blocking(move || {
            let files = UserFiles::new(&inner.config, user);
            inner.settle(user, &files, &mut shard)?;
            work(&inner, &files, &mut shard)
        });
        done.await.unwrap_or_else(|_| Err(interrupted()))
    }

    async fn shard(&self, user: UserId) -> OwnedMutexGuard<Shard> {
        self.inner.shard(user).clone().lock_owned().await
    }
}

#[async_trait]
impl SettingsStore for FileSettingsStore {
    fn capability(&self) -> StoreCapability {
        StoreCapability { durable: true, shared: false }
    }

    async fn load(&self, user: UserId) -> Result<Option<Stored>, SettingsError> {
        self.with(user, |_, files, _| Ok(files.current()?.map(|entry| entry.stored()))).await
    }

    async fn save(&self, user: UserId, save: Save) -> Result<Revision, SettingsError> {
        self.with(user, move |inner, files, shard| inner.save(user, save, files, shard)).await
    }

    async fn history(&self, user: UserId, query: HistoryQuery) -> Result<Vec<HistoryEntry>, SettingsError> {
        self.with(user, move |_, files, _| files.history(query)).await
    }

    async fn watch(&self, user: UserId) -> Result<WatchEvents, SettingsError> {
        let mut watchers = lock_of(&self.inner.watchers);
        // Asked under the lock, so that no watch begins after `close` has ended them all.
        self.inner.check_open()?;
        Ok(watchers.watch(user))
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, SettingsError> {
        self.inner.check_open()?;
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(lock_of(&self.inner.users).range((after, Bound::Unbounded)).take(limit).copied().collect())
    }

    async fn close(&self) {
        self.inner.closed.store(true, Ordering::SeqCst);
        for shard in &self.inner.shards {
            drop(shard.lock().await); // whoever is writing has finished
        }
        lock_of(&self.inner.watchers).end();
        lock_of(&self.inner.lock).take();
    }
}

impl Inner {
    fn check_open(&self) -> Result<(), SettingsError> {
        if self.closed.load(Ordering::SeqCst) { Err(SettingsError::Closed) } else { Ok(()) }
    }

    fn shard(&self, user: UserId) -> &Arc<AsyncMutex<Shard>> {
        let [first, ..] = &self.shards;
        let index = usize::try_from(user.get() % SHARDS as u64).unwrap_or_default();
        self.shards.get(index).unwrap_or(first)
    }

    /// Mends what a failed write of this process has left, before anything else is done.
    fn settle(&self, user: UserId, files: &UserFiles<'_>, shard: &mut Shard) -> Result<(), SettingsError> {
        let known = lock_of(&self.users).contains(&user);
        if known && !shard.contains_key(&user) {
            files.recover()?;
            shard.insert(user, None);
        }
        Ok(())
    }

    fn save(
        &self,
        user: UserId,
        save: Save,
        files: &UserFiles<'_>,
        shard: &mut Shard,
    ) -> Result<Revision, SettingsError> {
        save.check()?;
        let mut index = match shard.remove(&user).flatten() {
            Some(index) => index,
            None => files.index()?,
        };
        let known = save.cause.as_ref().and_then(|cause| index.revision_of(cause));
        let current = files.current().map(|entry| entry.map(|entry| entry.stored()));
        let entry = match current.and_then(|stored| save.decide(stored, known)) {
            Ok(Verdict::Write(entry)) => entry,
            Ok(Verdict::Known(revision)) => {
                shard.insert(user, Some(index));
                return Ok(revision);
            }
            Err(error) => {
                if lock_of(&self.users).contains(&user) {
                    shard.insert(user, Some(index));
                }
                return Err(error);
            }
        };
        // Known before the write: after a failed first save there may be something to recover.
        lock_of(&self.users).insert(user);
        if let Err(error) = files.write(&entry, &mut index) {
            if files.recover().is_ok() && matches!(files.current(), Ok(None)) {
                lock_of(&self.users).remove(&user);
            }
            return Err(error);
        }
        // The save is done; a history that could not be shortened is shortened after the next one.
        let shortened = files.compact(&mut index);
        shard.insert(user, shortened.is_ok().then_some(index));
        lock_of(&self.watchers).tell(user, entry.revision);
        Ok(entry.revision)
    }

    /// Goes through the whole folder. Called once, before anybody else can see the store.
    fn recover(&self) -> Result<FileReport, SettingsError> {
        let mut found = BTreeSet::new();
        let mut report = FileReport::default();
        let folder = users_folder(&self.config.folder);
        let fail = |error: io::Error| setup(&self.config.folder, &error);
        for entry in fs::read_dir(&folder).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            match name.to_str().map(owner) {
                Some(Owner::User(user)) => {
                    found.insert(user);
                }
                Some(Owner::Known) => {}
                Some(Owner::Nobody) | None => report.warnings.push(FileWarning {
                    file: Path::new("users").join(&name),
                    user: None,
                    finding: FileFinding::Stray,
                }),
            }
        }
        for user in found {
            let files = UserFiles::new(&self.config, user);
            let warnings = files.recover()?;
            let saved = !matches!(files.current(), Ok(None));
            report.warnings.extend(warnings);
            if saved {
                report.users += 1;
                lock_of(&self.users).insert(user);
                if let Ok(mut shard) = self.shard(user).try_lock() {
                    shard.insert(user, None);
                }
            }
        }
        Ok(report)
    }
}

/// Whose a file is, by its name.
enum Owner {
    User(UserId),
    /// Nobody's, but ours.
    Known,
    Nobody,
}

fn owner(name: &str) -> Owner {
    if name.ends_with(".json.damaged") {
        return Owner::Known;
    }
    let plain = name.strip_suffix(".tmp").unwrap_or(name);
    let user = plain.strip_suffix(".history.jsonl").or_else(|| plain.strip_suffix(".json"));
    match user.and_then(|user| user.parse::<UserId>().ok().filter(|id| id.to_string() == user)) {
        Some(user) => Owner::User(user),
        None => Owner::Nobody,
    }
}

fn lock_of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done under these locks can panic half way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn setup(folder: &Path, error: &io::Error) -> SettingsError {
    SettingsError::Setup { reason: format!("the folder {} cannot be used: {error}", folder.display()) }
}

fn not_locked(error: &NotLocked) -> SettingsError {
    match error {
        NotLocked::Held { .. } => SettingsError::Busy { step: error.to_string() },
        NotLocked::Failed { .. } => SettingsError::Setup { reason: error.to_string() },
    }
}

fn interrupted() -> SettingsError {
    SettingsError::Unavailable { step: "the program is ending".to_owned(), source: None }
}

impl fmt::Debug for FileSettingsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = self.inner.closed.load(Ordering::SeqCst);
        f.debug_struct("FileSettingsStore")
            .field("folder", &self.inner.config.folder)
            .field("closed", &closed)
            .finish_non_exhaustive()
    }
}
