//! All units of a rack and what serves them, from start to stop.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use thermine_proxy::Hub;
use thermine_units::clock::Clock;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::attendant::{self, Attendant};
pub use super::changes::Changes;
use super::health;
use super::keeper::{House, Keeper};
use super::lent::{Lent, begun, carry_out, entered};
use super::{permit, publish, wall};
use crate::lab::attach::Rig;
use crate::lab::config::Config;
use crate::lab::config::folders::Folders;
use crate::lab::config::rack::Rack;
use crate::lab::observer::Progress;
use crate::lab::request::ReadCommand;
use crate::lab::session::{Context, SAFE_END};
use crate::live::Live;
use crate::live::snapshot::Progress as Standing;
use crate::proxy::Running;
use crate::queue::found::Found;
use crate::queue::store::{End, Entry};
use crate::queue::{Queue, QueueError};
use thermine_capture::error_chain::chain;

/// Name of the file in the data folder that a daemon holds while it runs.
const LOCK: &str = "daemon.lock";

/// Wall time that all units together are given to be left safe: a session's safe end, and what comes before and after it.
/// The service's `TimeoutStopSec` is longer.
const STOPPING: Duration = SAFE_END.saturating_add(Duration::from_secs(35));

/// The daemon.
#[derive(Debug)]
pub struct Daemon {
    rack: Rack,
    house: House,
    keepers: Vec<Kept>,
    proxy: Option<Running>,
    /// Of the jobs that were offered and have not ended.
    known: HashMap<u64, Progress>,
    /// The job that needs no unit, if one runs.
    alone: Option<(JoinHandle<()>, CancellationToken)>,
    _lock: File,
}

/// A unit's task.
#[derive(Debug)]
struct Kept {
    config: Config,
    trained: Option<PathBuf>,
    is_proxied: bool,
    stop: CancellationToken,
    jobs: mpsc::Sender<Lent>,
    task: JoinHandle<()>,
}

impl Daemon {
    /// Starts everything that `rack` names. Units come in by themselves: none is waited for. With `is_virtual`,
    /// simulated units that name no speed run in virtual time; `read_command` reads the queued jobs of older versions.
    ///
    /// # Errors
    /// If another daemon has the data folder, or the queue or the proxy cannot be had.
    pub async fn start(
        rack: Rack,
        is_virtual: bool,
        read_command: ReadCommand,
        context: &Context,
    ) -> Result<Daemon> {
        let data = &rack.daemon.data;
        let queue = Queue::open(data, read_command)?;
        let lock = lock(data)?;
        let again = queue.recover()?;
        if again > 0 {
            tracing::warn!(
                again,
                "experiments were running when the program was last ended"
            );
        }
        let live = Live::new(wall::now_ms());
        let proxy = match &rack.proxy {
            None => None,
            Some(config) => {
                // Before any unit can connect.
                let watch = |hub: &Hub| {
                    let units = rack.units.iter().chain(&rack.proxied);
                    units.for_each(|config| permit::watch(hub, config));
                };
                Some(Running::start(config, rack.daemon.seed, watch).await?)
            }
        };
        let house = House {
            live,
            queue,
            base: Arc::new(Rig::new(Clock::real())?),
            context: context.clone(),
            daemon: rack.daemon.clone(),
            hub: proxy.as_ref().map(|proxy| proxy.hub.clone()),
            is_virtual,
        };
        let mut daemon = Daemon {
            rack: Rack {
                units: Vec::new(),
                proxied: Vec::new(),
                readouts: Vec::new(),
                ..rack.clone()
            },
            house,
            keepers: Vec::new(),
            proxy,
            known: HashMap::new(),
            alone: None,
            _lock: lock,
        };
        daemon.apply(rack).await?;
        Ok(daemon)
    }

    /// What is known now.
    pub fn live(&self) -> &Live {
        &self.house.live
    }

    /// The experiments.
    pub fn queue(&self) -> &Queue {
        &self.house.queue
    }

    /// The folders that jobs may read.
    pub fn folders(&self) -> Folders {
        self.house.daemon.folders()
    }

    /// Names of the units: experiments may be queued for each.
    pub fn units(&self) -> Vec<&str> {
        let units = self.keepers.iter();
        units.map(|kept| kept.config.unit.name.as_str()).collect()
    }

    /// Takes over another state of the rack: units that are as they were go on untouched.
    ///
    /// # Errors
    /// If what runs cannot be read from the queue; then nothing has changed.
    pub async fn apply(&mut self, rack: Rack) -> Result<Changes> {
        let found = self.found()?;
        let mut changes = Changes {
            later: self.needs_restart(&rack),
            ..Changes::default()
        };
        let trained = |config: &Config| {
            let of = rack
                .readouts
                .iter()
                .find(|served| served.unit == config.unit.name);
            of.map(|served| served.file.clone())
        };
        let wanted: Vec<(&Config, bool)> = rack
            .units
            .iter()
            .map(|config| (config, false))
            .chain(rack.proxied.iter().map(|config| (config, true)))
            .collect();
        let same = |kept: &Kept, config: &Config, is_proxied: bool| {
            kept.config == *config
                && kept.is_proxied == is_proxied
                && kept.trained == trained(config)
                // One whose task has ended by itself is begun anew.
                && !kept.task.is_finished()
        };
        let (stay, go): (Vec<Kept>, Vec<Kept>) = std::mem::take(&mut self.keepers)
            .into_iter()
            .partition(|kept| wanted.iter().any(|(config, is)| same(kept, config, *is)));
        let gone: Vec<String> = go
            .iter()
            .map(|kept| kept.config.unit.name.clone())
            .collect();
        // They let go of ports that their successors may want.
        end_all(go, &self.house.context).await;
        self.keepers = stay;
        for name in &gone {
            if !wanted.iter().any(|(config, _)| config.unit.name == *name) {
                self.house.live.forget(name);
                if let Some(hub) = &self.house.hub {
                    hub.forget(name);
                }
                changes.removed.push(name.clone());
            }
        }
        let mut kept_in_order = Vec::new();
        for (index, (config, is_proxied)) in wanted.iter().enumerate() {
            let name = &config.unit.name;
            if let Some(at) = self
                .keepers
                .iter()
                .position(|kept| kept.config.unit.name == *name)
            {
                kept_in_order.push(self.keepers.swap_remove(at));
                continue;
            }
            if gone.contains(name) {
                changes.changed.push(name.clone());
            } else {
                changes.added.push(name.clone());
            }
            if let Some(hub) = &self.house.hub {
                permit::watch(hub, config);
            }
            let mut unit = publish::unknown(config, self.house.speed(config));
            if let Some(found) = found.get(name) {
                unit.verdict.clone_from(&found.verdict);
                unit.tpf.clone_from(&found.filter);
            }
            self.house.live.unit(unit);
            // Units of one rack differ, and one keeps its own.
            let seed = self.house.daemon.seed.wrapping_add(index as u64 * 1000);
            kept_in_order.push(self.kept((*config).clone(), *is_proxied, trained(config), seed));
        }
        self.keepers = kept_in_order;
        self.rack = Rack {
            daemon: self.rack.daemon.clone(),
            proxy: self.rack.proxy.clone(),
            ..rack
        };
        Ok(changes)
    }

    fn needs_restart(&self, rack: &Rack) -> Vec<&'static str> {
        let mut later = Vec::new();
        if rack.daemon != self.rack.daemon {
            later.push("[daemon]");
        }
        if rack.proxy != self.rack.proxy {
            later.push("the proxy");
        }
        later
    }

    /// What the last experiments have found of each unit.
    fn found(&self) -> Result<HashMap<String, Found>> {
        let mut entries = self.house.queue.list()?;
        entries.sort_by_key(|entry| entry.job.id);
        let mut last: HashMap<String, Found> = HashMap::new();
        for Entry { job, found, .. } in entries {
            let of = last.entry(job.unit).or_default();
            of.verdict = found.verdict.or(of.verdict.take());
            of.filter = found.filter.or(of.filter.take());
        }
        Ok(last)
    }

    fn kept(&self, config: Config, is_proxied: bool, trained: Option<PathBuf>, seed: u64) -> Kept {
        let stop = CancellationToken::new();
        let house = self.house.clone();
        let (sender, jobs) = mpsc::channel(1);
        let task = match (&self.proxy, is_proxied) {
            (Some(proxy), true) => {
                let attendant = Attendant {
                    house,
                    config: config.clone(),
                    seed,
                    hub: proxy.hub.clone(),
                    pool: proxy.address,
                    jobs,
                    next: None,
                    stop: stop.clone(),
                    standing: health::Standing::shared(),
                };
                tokio::spawn(attendant.attend())
            }
            _ => {
                let keeper = Keeper::new(
                    house,
                    config.clone(),
                    seed,
                    trained.clone(),
                    jobs,
                    stop.clone(),
                );
                tokio::spawn(keeper.keep())
            }
        };
        Kept {
            config,
            trained,
            is_proxied,
            stop,
            jobs: sender,
            task,
        }
    }

    /// Looks at the queue and at the proxy, and tells what is new. To be called every second or so.
    ///
    /// # Errors
    /// If the queue cannot be read: a locked file is only slow, a broken one is said.
    pub async fn tick(&mut self) -> Result<(), QueueError> {
        self.tell_proxy();
        let queue = self.house.queue.clone();
        let listed = tokio::task::spawn_blocking(move || queue.list()).await;
        let mut entries = match listed {
            Ok(entries) => entries?,
            Err(_) => return Ok(()),
        };
        if (self.alone.as_ref()).is_some_and(|(task, _)| task.is_finished()) {
            self.alone = None;
        }
        let now = wall::now_ms();
        let busy: Vec<String> = entries
            .iter()
            .filter(|entry| entry.job.progress == Standing::Running)
            .map(|entry| entry.job.unit.clone())
            .collect();
        for entry in &mut entries {
            let is_due = entry.job.due_ms.is_none_or(|due| due <= now);
            match (entry.job.progress, self.known.get(&entry.job.id)) {
                (Standing::Running, Some(progress)) => {
                    let (done, all) = progress.steps();
                    entry.job.steps = (all > 0).then_some((done, all));
                    if entry.is_cancelled {
                        progress.stop();
                    }
                }
                (Standing::Waiting, _) if is_due && !busy.contains(&entry.job.unit) => {
                    self.offer(entry);
                }
                _ => {}
            }
        }
        let is_open = |id: &u64| {
            entries.iter().any(|entry| {
                let open = matches!(entry.job.progress, Standing::Running | Standing::Waiting);
                entry.job.id == *id && open
            })
        };
        self.known.retain(|id, _| is_open(id));
        let jobs = entries.into_iter().map(|entry| entry.job);
        self.house.live.jobs(jobs.collect());
        Ok(())
    }

    /// Offers a job to its unit, which begins it when it is free. Offered twice, it is begun once.
    fn offer(&mut self, entry: &Entry) {
        let id = entry.job.id;
        let lent = || Lent {
            entry: entry.clone(),
            progress: self
                .known
                .get(&id)
                .cloned()
                .unwrap_or_else(|| Progress::hidden(&self.house.context.apart())),
        };
        let lent = if entry.job.unit.is_empty() {
            if self.alone.is_some() {
                return;
            }
            let lent = lent();
            let stop = CancellationToken::new();
            let task = tokio::spawn(alone(lent.clone(), self.house.clone(), stop.clone()));
            self.alone = Some((task, stop));
            lent
        } else {
            let unit = &entry.job.unit;
            let kept = self
                .keepers
                .iter()
                .find(|kept| kept.config.unit.name == *unit);
            let Some(kept) = kept else {
                return;
            };
            let lent = lent();
            if kept.jobs.try_send(lent.clone()).is_err() {
                return;
            }
            lent
        };
        self.known.insert(id, lent.progress);
    }

    fn tell_proxy(&self) {
        let Some(proxy) = &self.proxy else { return };
        self.house
            .live
            .proxy(Some(attendant::account(&proxy.hub, proxy.address)));
    }

    /// Waits until the proxy has ended by itself, which it does if its journal fails; for ever without one.
    pub async fn proxy_failed(&self) {
        match &self.proxy {
            Some(proxy) => proxy.failed().await,
            None => std::future::pending().await,
        }
    }

    /// Ends everything: units are left safe, the experiments that run wait for the next start, the journals are
    /// complete.
    ///
    /// # Errors
    /// If a journal could not be completed.
    pub async fn stop(mut self) -> Result<()> {
        if let Some((_, stop)) = &self.alone {
            stop.cancel();
        }
        end_all(self.keepers, &self.house.context).await;
        if let Some((task, _)) = self.alone {
            let _ = task.await;
        }
        self.house.hub = None;
        if let Some(proxy) = self.proxy {
            proxy.stop().await?;
        }
        if let Ok(base) = Arc::try_unwrap(self.house.base) {
            let _ = tokio::time::timeout(STOPPING, base.close()).await;
        }
        Ok(())
    }
}

/// Carries out a job that needs no unit, until it is done or soon after `stop`.
async fn alone(lent: Lent, house: House, stop: CancellationToken) {
    let id = lent.entry.job.id;
    let queue = house.queue;
    if !begun(queue.clone(), id).await {
        return;
    }
    let folder = lent.folder(&house.daemon.data);
    let progress = lent.progress;
    let carried = carry_out(
        lent.entry.request,
        house.daemon,
        None,
        folder,
        progress.clone(),
    );
    let mut carried = std::pin::pin!(carried);
    let ended = tokio::select! {
        ended = &mut carried => Some(ended),
        () = stop.cancelled() => None,
    };
    let end = match ended {
        Some(Ok(outcome)) => End::Done(
            outcome.folder.display().to_string(),
            Box::new(outcome.found),
        ),
        Some(Err(_)) if progress.is_stopped() => End::Cancelled,
        Some(Err(error)) => End::Failed(chain(&error)),
        None => {
            progress.stop();
            // Its process is killed at the next look at it.
            let _ = carried.await;
            End::Interrupted
        }
    };
    entered(queue, id, end).await;
}

/// Ends these units' tasks, all at once.
async fn end_all(kept: Vec<Kept>, context: &Context) {
    for one in &kept {
        one.stop.cancel();
    }
    let all = async {
        for one in kept {
            if one.task.await.is_err() {
                tracing::error!(unit = one.config.unit.name, "its task has failed");
            }
        }
    };
    if tokio::time::timeout(STOPPING, all).await.is_err() {
        let units = context.not_safe().join(", ");
        tracing::error!(units, "not left safe in time: check them now");
    }
}

/// Takes the data folder, which only one daemon can have.
fn lock(data: &Path) -> Result<File> {
    let path = data.join(LOCK);
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => bail!(
            "another `thermine run` has the data folder {}: end it, or name another daemon.data",
            data.display()
        ),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
