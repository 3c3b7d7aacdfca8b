//! `livermore inbox`: decides commands as a monitor does, with a data plane that does nothing.

mod event;
mod lines;
mod narrated;
mod options;
mod plane;

pub(crate) use options::InboxOptions;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use livermore_core::{
    control::{Executor, ExecutorConfig, ExecutorParts, ExecutorStatus, Holder, UserSettingsCommands},
    ids::{Epoch, UserId},
    settings::{SettingsService, SettingsStore},
};
use tokio::{sync::watch, time::timeout};

use self::{
    event::{Event, Reporter},
    narrated::{Narrated, Notes},
    plane::PretendedPlane,
};
#[cfg(unix)]
use crate::admin::{self, AdminSocket};
use crate::{
    bus::{self, Bus, PlainMessages},
    clock,
    failure::Failure,
    interrupt::Interrupts,
    random, runtime, store,
};

/// Longest wait for decisions, data planes and leases to end.
const STOPPING: Duration = Duration::from_secs(8);

pub(crate) fn run(options: &InboxOptions) -> Result<(), Failure> {
    let holder = options.holder.clone().map_or_else(holder, Ok)?;
    runtime::block_on(async {
        // First of all: what is wrong with it must not be told after everything else has begun.
        let socket = admin_socket(options)?;
        let store = store::open(&options.store.store).await?;
        let result = match bus::open(&options.bus).await {
            Ok(bus) => {
                let result = serve(options, holder, &bus, &store, socket.as_ref()).await;
                if !matches!(result, Err(Failure::EndedAtOnce)) {
                    bus.close().await;
                }
                result
            }
            Err(failure) => Err(failure),
        };
        if !matches!(result, Err(Failure::EndedAtOnce)) {
            store.close().await;
        }
        result
    })
}

async fn serve(
    options: &InboxOptions,
    holder: Holder,
    bus: &Bus,
    store: &Arc<dyn SettingsStore>,
    socket: Option<&AdminSocket>,
) -> Result<(), Failure> {
    // First of all: a request to end must find somebody.
    let mut interrupts = Interrupts::new();
    let (reporter, notes) = (Arc::new(Reporter::new(options.json)), Arc::new(Mutex::new(Notes::default())));
    let users = options.users();
    let first = users.first().copied();
    reporter.tell(&Event::Start { holder: holder.to_string(), users: users.len(), bus: options.bus.bus.shown() });
    let parts = ExecutorParts {
        inbox: Arc::new(Narrated {
            inbox: Arc::clone(&bus.runners),
            reporter: Arc::clone(&reporter),
            decide_delay: options.decide_delay,
            notes: Arc::clone(&notes),
        }),
        settings: Arc::new(UserSettingsCommands::new(SettingsService::new(Arc::clone(store)))),
        reconciler: Arc::new(PretendedPlane::new(options.plane_delay, options.plane_fails, Arc::clone(&reporter))),
    };
    let plain = PlainMessages::start(&options.bus, &users, bus)?;
    let executor = Executor::start(parts, ExecutorConfig::new(holder.clone(), users), clock::now_or_epoch);
    let mut news = News::new(executor.status(), &reporter, &notes);
    let typed = async {
        match first {
            // Nobody else can send to a log of one process.
            Some(user) if !bus.senders.capability().shared => {
                lines::submit(lines::read(), Arc::clone(&bus.senders), user, &reporter).await;
            }
            _ => std::future::pending().await,
        }
    };
    let asked_locally = async {
        match socket {
            #[cfg(unix)]
            Some(socket) => admin::serve(socket, &executor, &bus.senders, &holder).await,
            _ => std::future::pending().await,
        }
    };
    let result = tokio::select! {
        () = interrupts.next() => Ok(()),
        failure = reporter.failed() => Err(failure),
        () = news.tell() => Ok(()),
        () = typed => Ok(()),
        () = asked_locally => Ok(()),
    };
    reporter.tell(&Event::Ending);
    if let Some(plain) = plain {
        plain.close().await;
    }
    tokio::select! {
        stopped = timeout(STOPPING, executor.stop()) => stopped.map_err(|_| Failure::NotStopped)?,
        () = interrupts.next() => return Err(Failure::EndedAtOnce),
    }
    news.tell_changes();
    reporter.tell(&Event::End { decided: news.before.decided });
    result
}

#[cfg(unix)]
fn admin_socket(options: &InboxOptions) -> Result<Option<AdminSocket>, Failure> {
    options.admin_socket.as_deref().map(AdminSocket::bind).transpose()
}

/// There is none.
#[cfg(not(unix))]
type AdminSocket = std::convert::Infallible;

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "the same face as where there is one")]
fn admin_socket(_: &InboxOptions) -> Result<Option<AdminSocket>, Failure> {
    Ok(None)
}

/// This process, different for every start.
fn holder() -> Result<Holder, Failure> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    let visible = |character: &char| character.is_ascii_alphanumeric() || "-._".contains(*character);
    let host: String = host.unwrap_or_default().trim().chars().filter(visible).take(60).collect();
    let host = if host.is_empty() { "host" } else { &host };
    let [a, b, c, d] = random::bytes()?;
    let name = format!("{host}:{}:{a:02x}{b:02x}{c:02x}{d:02x}", std::process::id());
    Holder::new(&name).map_err(Failure::Argument)
}

/// Tells what changes in the status of an executor.
struct News<'a> {
    status: watch::Receiver<ExecutorStatus>,
    before: ExecutorStatus,
    led: BTreeMap<UserId, Epoch>,
    reporter: &'a Reporter,
    notes: &'a Mutex<Notes>,
}

impl<'a> News<'a> {
    fn new(status: watch::Receiver<ExecutorStatus>, reporter: &'a Reporter, notes: &'a Mutex<Notes>) -> Self {
        Self { status, before: ExecutorStatus::default(), led: BTreeMap::new(), reporter, notes }
    }

    /// Tells until the executor ends.
    async fn tell(&mut self) {
        while self.status.changed().await.is_ok() {
            self.tell_changes();
        }
    }

    fn tell_changes(&mut self) {
        let now = self.status.borrow_and_update().clone();
        let users: BTreeSet<UserId> = now.leading.keys().chain(self.led.keys()).copied().collect();
        for user in users {
            let epoch = Notes::epoch(self.notes, user);
            match (self.led.get(&user).copied(), now.leading.contains_key(&user)) {
                // Lost and taken again between two looks.
                (Some(before), true) if before != epoch => {
                    self.reporter.tell(&Event::Lost { user, epoch: before });
                    self.leads(user, epoch);
                }
                (None, true) => self.leads(user, epoch),
                (Some(before), false) => {
                    self.led.remove(&user);
                    self.reporter.tell(&Event::Lost { user, epoch: before });
                }
                _ => {}
            }
        }
        if now.standing_by != self.before.standing_by && now.standing_by > 0 {
            self.reporter.tell(&Event::StandingBy { users: now.standing_by });
        }
        for user in now.volatile.keys().chain(self.before.volatile.keys()).copied().collect::<BTreeSet<_>>() {
            let phase = now.volatile.get(&user).copied();
            if phase != self.before.volatile.get(&user).copied() {
                self.reporter.tell(&Event::Volatile { user, phase });
            }
        }
        for (user, what) in &now.held_up {
            if self.before.held_up.get(user) != Some(what) {
                self.reporter.tell(&Event::HeldUp { user: *user, what: what.clone() });
            }
        }
        if now.trouble != self.before.trouble {
            self.reporter.tell(&Event::Trouble { what: now.trouble.clone() });
        }
        self.before = now;
    }

    fn leads(&mut self, user: UserId, epoch: Epoch) {
        self.led.insert(user, epoch);
        self.reporter.tell(&Event::Leading { user, epoch });
    }
}
