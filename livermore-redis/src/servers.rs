use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use livermore_core::{ids::UserId, keys};
use redis::{Cmd, ConnectionInfo, Pipeline, Value};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use crate::{
    RedisConfig, RedisError,
    config::{Role, at},
    link::{Answer, Link},
    reply::{Reply, ServerInfo, text},
    script::Script,
};

/// The server, or the masters of a cluster, and which of them has a user's keys.
pub(crate) struct Servers {
    config: RedisConfig,
    role: Role,
    seeds: Vec<ConnectionInfo>,
    map: RwLock<Map>,
    /// When the map was read last; held while it is read.
    reading: Mutex<Instant>,
}

struct Map {
    links: HashMap<String, Arc<Link>>,
    /// First slot, last slot, and who has them; none on a single server.
    slots: Vec<(u16, u16, Arc<Link>)>,
    /// The one to ask when it does not matter.
    any: Arc<Link>,
    closed: bool,
}

/// Commands of one batch that travel together.
const BATCH: usize = 256;
/// The map is not read more often than this: when a cluster is in trouble, everybody wants a new one.
const MAP_PAUSE: Duration = Duration::from_millis(200);

impl Servers {
    /// Connects to the first server that answers, and finds the others of its cluster.
    pub(crate) async fn open(config: &RedisConfig, role: Role) -> Result<(Self, ServerInfo), RedisError> {
        let seeds = config.servers()?;
        let mut last = RedisError::Closed;
        for seed in &seeds {
            let link = Link::start(seed.clone(), config, role);
            let info = match ServerInfo::read(&link).await {
                Ok(info) => info,
                Err(error) => {
                    last = error;
                    continue;
                }
            };
            let any = Arc::new(link);
            let map = Map {
                links: HashMap::from([(seed.addr().to_string(), Arc::clone(&any))]),
                slots: Vec::new(),
                any,
                closed: false,
            };
            let servers = Self {
                config: config.clone(),
                role,
                seeds: seeds.clone(),
                map: RwLock::new(map),
                reading: Mutex::new(Instant::now()),
            };
            if info.is_cluster {
                servers.read_map().await?;
            }
            return Ok((servers, info));
        }
        Err(last)
    }

    /// Every server that holds keys.
    pub(crate) fn all(&self) -> Vec<Arc<Link>> {
        self.read(|map| {
            let mut links: Vec<Arc<Link>> = Vec::new();
            for (_, _, link) in &map.slots {
                if !links.iter().any(|known| Arc::ptr_eq(known, link)) {
                    links.push(Arc::clone(link));
                }
            }
            if links.is_empty() { vec![Arc::clone(&map.any)] } else { links }
        })
    }

    /// Runs a script on one user's keys.
    pub(crate) async fn eval(
        &self,
        step: &str,
        user: UserId,
        script: &Script,
        arguments: &[&[u8]],
    ) -> Result<Reply, RedisError> {
        let keys = user_keys(user);
        match self.run(step, user, &script.call(&keys, arguments)).await? {
            Answer::Value(value) => Ok(Reply(value)),
            Answer::NoScript => match self.run(step, user, &script.call_whole(&keys, arguments)).await? {
                Answer::Value(value) => Ok(Reply(value)),
                Answer::NoScript | Answer::Moved(_) => Err(RedisError::unexpected(step)),
            },
            Answer::Moved(error) => Err(error),
        }
    }

    /// Runs a script on many users' keys; one answer each, in order.
    pub(crate) async fn eval_each<'a>(
        &self,
        step: &str,
        script: &Script,
        calls: impl IntoIterator<Item = (UserId, Vec<Vec<u8>>)> + 'a,
    ) -> Result<Vec<Reply>, RedisError> {
        let calls: Vec<(UserId, Vec<Vec<u8>>)> = calls.into_iter().collect();
        let command = |index: usize, whole: bool| {
            let (user, arguments) = &calls[index];
            let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
            let keys = user_keys(*user);
            if whole { script.call_whole(&keys, &arguments) } else { script.call(&keys, &arguments) }
        };
        let users: Vec<UserId> = calls.iter().map(|(user, _)| *user).collect();
        let answers = self.run_each(step, &users, |index| command(index, false)).await?;
        let mut replies = Vec::with_capacity(answers.len());
        for (index, answer) in answers.into_iter().enumerate() {
            let answer = match answer {
                // The first to be sent whole teaches the server; the others of the batch repeat the short form.
                Answer::NoScript => self.run(step, users[index], &command(index, true)).await?,
                other => other,
            };
            match answer {
                Answer::Value(value) => replies.push(Reply(value)),
                Answer::Moved(error) => return Err(error),
                Answer::NoScript => return Err(RedisError::unexpected(step)),
            }
        }
        Ok(replies)
    }

    /// Runs one command on each user's keys; one answer each, in order.
    pub(crate) async fn run_each(
        &self,
        step: &str,
        users: &[UserId],
        command: impl Fn(usize) -> Cmd,
    ) -> Result<Vec<Answer>, RedisError> {
        let mut answers: Vec<Option<Answer>> = users.iter().map(|_| None).collect();
        for (link, indexes) in self.by_link(users) {
            for indexes in indexes.chunks(BATCH) {
                let mut batch = Pipeline::with_capacity(indexes.len());
                for index in indexes {
                    batch.add_command(command(*index));
                }
                let came = link.run_all(step, &batch).await;
                let came = match came {
                    Err(RedisError::Unreachable { .. }) if self.is_cluster() => {
                        // Its keys may have gone to another node meanwhile.
                        self.read_map().await?;
                        continue;
                    }
                    other => other?,
                };
                for (index, answer) in indexes.iter().zip(came) {
                    answers[*index] = Some(answer);
                }
            }
        }
        let mut complete = Vec::with_capacity(users.len());
        for (index, answer) in answers.into_iter().enumerate() {
            complete.push(match answer {
                Some(Answer::Moved(_)) | None => self.run(step, users[index], &command(index)).await?,
                Some(answer) => answer,
            });
        }
        Ok(complete)
    }

    /// Runs a command on one user's keys, wherever they are.
    pub(crate) async fn run(&self, step: &str, user: UserId, command: &Cmd) -> Result<Answer, RedisError> {
        let first = self.link(user)?.run(step, command).await;
        let moved = match &first {
            Ok(Answer::Moved(_)) => true,
            Err(RedisError::Unreachable { .. }) => self.is_cluster(),
            _ => false,
        };
        if !moved || self.read_map().await.is_err() {
            return first;
        }
        self.link(user)?.run(step, command).await
    }

    /// Runs a command that does not depend on any key.
    pub(crate) async fn run_anywhere(&self, step: &str, command: &Cmd) -> Result<Value, RedisError> {
        let links = self.all();
        let mut last = RedisError::Closed;
        for link in links {
            match link.run(step, command).await {
                Ok(Answer::Value(value)) => return Ok(value),
                Ok(Answer::NoScript) => return Err(RedisError::unexpected(step)),
                Ok(Answer::Moved(error)) | Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Ends every connection.
    pub(crate) fn close(&self) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        map.closed = true;
        map.links.values().for_each(|link| link.close());
        map.links.clear();
        map.slots.clear();
        map.any.close();
    }

    fn read<T>(&self, look: impl FnOnce(&Map) -> T) -> T {
        look(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_cluster(&self) -> bool {
        self.read(|map| !map.slots.is_empty())
    }

    fn link(&self, user: UserId) -> Result<Arc<Link>, RedisError> {
        let slot = slot(&keys::command_state(user));
        self.read(|map| {
            if map.closed {
                return Err(RedisError::Closed);
            }
            let found = map.slots.iter().find(|(first, last, _)| (*first..=*last).contains(&slot));
            Ok(Arc::clone(found.map_or(&map.any, |(_, _, link)| link)))
        })
    }

    fn by_link(&self, users: &[UserId]) -> Vec<(Arc<Link>, Vec<usize>)> {
        let mut groups: Vec<(Arc<Link>, Vec<usize>)> = Vec::new();
        for (index, user) in users.iter().enumerate() {
            let Ok(link) = self.link(*user) else { continue };
            match groups.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &link)) {
                Some((_, indexes)) => indexes.push(index),
                None => groups.push((link, vec![index])),
            }
        }
        groups
    }

    /// Asks the cluster who has which keys.
    async fn read_map(&self) -> Result<(), RedisError> {
        const STEP: &str = "asking the cluster who has which keys";
        let asked = Instant::now();
        let mut last_read = self.reading.lock().await;
        if *last_read > asked {
            return Ok(()); // Somebody else has just read it.
        }
        if self.is_cluster() {
            sleep(MAP_PAUSE.saturating_sub(last_read.elapsed())).await;
        }
        let value = self.run_anywhere(STEP, &cluster_slots()).await;
        let value = match value {
            Ok(value) => value,
            // Everyone we knew is gone: begin anew.
            Err(error) => self.ask_seeds(STEP, error).await?,
        };
        let ranges = slot_ranges(value).ok_or_else(|| RedisError::unexpected(STEP))?;
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        if map.closed {
            return Err(RedisError::Closed);
        }
        let seed = self.seeds.first().ok_or(RedisError::Closed)?;
        let mut links = HashMap::new();
        let mut slots = Vec::with_capacity(ranges.len());
        for (first, last, host, port) in ranges {
            // A node that does not know its own address is reached where it was asked.
            let server = if host.is_empty() || host == "?" { seed.clone() } else { at(seed, &host, port) };
            let address = server.addr().to_string();
            let known = map.links.remove(&address).or_else(|| links.get(&address).map(Arc::clone));
            let link = known.unwrap_or_else(|| Arc::new(Link::start(server, &self.config, self.role)));
            links.insert(address, Arc::clone(&link));
            slots.push((first, last, link));
        }
        if let Some((_, _, link)) = slots.first() {
            map.any = Arc::clone(link);
        }
        map.links = links;
        map.slots = slots;
        *last_read = Instant::now();
        Ok(())
    }

    async fn ask_seeds(&self, step: &str, mut last: RedisError) -> Result<Value, RedisError> {
        for seed in &self.seeds {
            let link = Link::start(seed.clone(), &self.config, self.role);
            match link.run(step, &cluster_slots()).await {
                Ok(Answer::Value(value)) => return Ok(value),
                Ok(_) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.close();
    }
}

/// The keys every script gets: the stream, the state and the history.
pub(crate) fn user_keys(user: UserId) -> [String; 3] {
    [keys::command_log(user), keys::command_state(user), keys::command_ended(user)]
}

/// The part of a cluster a key belongs to: CRC16 (XMODEM) of what stands in the first braces, or of all of it.
pub(crate) fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(key);
    let crc = hashed.bytes().fold(0_u16, |crc, byte| {
        (0..8)
            .fold(crc ^ (u16::from(byte) << 8), |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 })
    });
    crc % 16_384
}

fn cluster_slots() -> Cmd {
    let mut command = redis::cmd("CLUSTER");
    command.arg("SLOTS");
    command
}

/// First slot, last slot, and the address of their master.
fn slot_ranges(value: Value) -> Option<Vec<(u16, u16, String, u16)>> {
    let Value::Array(ranges) = value else { return None };
    let range = |range: Value| {
        let Value::Array(parts) = range else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = parts.as_slice() else { return None };
        let [host, Value::Int(port), ..] = master.as_slice() else { return None };
        let host = text(host).unwrap_or_default();
        Some((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, host, u16::try_from(*port).ok()?))
    };
    ranges.into_iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_38_all_keys_of_a_user_are_in_one_slot() {
        // From the cluster specification, and `CLUSTER KEYSLOT`.
        assert_eq!(slot("123456789"), 12_739);
        assert_eq!(slot("{}x"), slot("{}x"));
        let mut seed = 0x5eed_u64;
        println!("seed {seed:#x}");
        for _ in 0..1_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let user = UserId::new((seed >> 11).max(1)).unwrap();
            let id = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
            let all = [
                keys::command_log(user),
                keys::command_state(user),
                keys::command_ended(user),
                keys::command_done(user, id),
            ];
            for key in &all {
                assert_eq!(slot(key), slot(&user.to_string()), "{key}");
                assert!(key.contains(&format!("{{{user}}}")) && !key.contains(['*', '?', '[']), "{key}");
            }
        }
    }
}
