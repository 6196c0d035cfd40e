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

pub(crate) use super::changes::Changes;
use super::claimed_job::ClaimedJob;
use super::driven_unit::DrivenUnit;
use super::health;
use super::proxied_unit::{self, ProxiedUnit};
use super::shared::Shared;
use super::{permit, publish, wall};
use crate::live::Live;
use crate::live::snapshot::Progress as Standing;
use crate::proxy::Running;
use crate::queue::found::Found;
use crate::queue::store::Entry;
use crate::queue::{Queue, QueueError};
use thermine_lab::attach::Attachments;
use thermine_lab::config::Config;
use thermine_lab::config::folders::Folders;
use thermine_lab::config::rack::Rack;
use thermine_lab::observer::Progress;
use thermine_lab::request::ReadCommand;
use thermine_lab::session::{Context, SAFE_END};

/// Name of the file in the data folder that a daemon holds while it runs.
const LOCK: &str = "daemon.lock";

/// Wall time that all units together are given to be left safe: a session's safe end, and what comes before and after it.
/// The service's `TimeoutStopSec` is longer.
const STOPPING: Duration = SAFE_END.saturating_add(Duration::from_secs(35));

/// All units, the proxy and the queue of one running daemon.
#[derive(Debug)]
pub struct Daemon {
    rack: Rack,
    shared: Shared,
    units: Vec<UnitTask>,
    proxy: Option<Running>,
    /// Of the jobs that were offered and have not ended.
    known: HashMap<u64, Progress>,
    /// The job that needs no unit, if one runs.
    alone: Option<(JoinHandle<()>, CancellationToken)>,
    _lock: File,
}

#[derive(Debug)]
struct UnitTask {
    wanted: Wanted,
    stop: CancellationToken,
    jobs: mpsc::Sender<ClaimedJob>,
    task: JoinHandle<()>,
}

/// A unit as the rack has it.
#[derive(Debug, PartialEq)]
struct Wanted {
    config: Config,
    is_proxied: bool,
    /// The readout that is applied to its live states.
    trained: Option<PathBuf>,
}

impl Wanted {
    /// The units of `rack`, in its order.
    fn of(rack: &Rack) -> Vec<Wanted> {
        let driven = rack.units.iter().map(|config| (config, false));
        let proxied = rack.proxied.iter().map(|config| (config, true));
        let trained = |config: &Config| {
            let mut readouts = rack.readouts.iter();
            let served = readouts.find(|served| served.unit == config.unit.name)?;
            Some(served.file.clone())
        };
        let wanted = driven.chain(proxied).map(|(config, is_proxied)| Wanted {
            config: config.clone(),
            is_proxied,
            trained: trained(config),
        });
        wanted.collect()
    }

    /// Whether one of `all` has the name `name`.
    fn is_named(all: &[Wanted], name: &str) -> bool {
        all.iter().any(|wanted| wanted.config.unit.name == name)
    }
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
        let shared = Shared {
            live,
            queue,
            base: Arc::new(Attachments::new(Clock::real())?),
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
            shared,
            units: Vec::new(),
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
        &self.shared.live
    }

    /// The experiments.
    pub(crate) fn queue(&self) -> &Queue {
        &self.shared.queue
    }

    /// The folders that jobs may read.
    pub(crate) fn folders(&self) -> Folders {
        self.shared.daemon.folders()
    }

    /// Names of the units: experiments may be queued for each.
    pub(crate) fn units(&self) -> Vec<&str> {
        let units = self.units.iter();
        units
            .map(|task| task.wanted.config.unit.name.as_str())
            .collect()
    }

    /// Takes over another state of the rack: units that are as they were go on untouched.
    ///
    /// # Errors
    /// If what runs cannot be read from the queue; then nothing has changed.
    pub(crate) async fn apply(&mut self, rack: Rack) -> Result<Changes> {
        let found = self.found()?;
        let mut changes = Changes {
            later: self.needs_restart(&rack),
            ..Changes::default()
        };
        let wanted = Wanted::of(&rack);
        let gone = self.end_others(&wanted).await;
        for name in gone.iter().filter(|name| !Wanted::is_named(&wanted, name)) {
            self.shared.live.forget(name);
            if let Some(hub) = &self.shared.hub {
                hub.forget(name);
            }
            changes.removed.push(name.clone());
        }
        let mut stay = std::mem::take(&mut self.units);
        for (index, wanted) in wanted.into_iter().enumerate() {
            let name = wanted.config.unit.name.clone();
            let same = |task: &UnitTask| task.wanted.config.unit.name == name;
            let task = match stay.iter().position(same) {
                Some(at) => stay.swap_remove(at),
                None => {
                    let list = match gone.contains(&name) {
                        true => &mut changes.changed,
                        false => &mut changes.added,
                    };
                    list.push(name.clone());
                    // Each unit gets its own seed, which stays the same across reloads.
                    let seed = self.shared.daemon.seed.wrapping_add(index as u64 * 1000);
                    let found = found.get(&name);
                    self.start_unit(wanted, seed, found)
                }
            };
            self.units.push(task);
        }
        self.rack = Rack {
            daemon: self.rack.daemon.clone(),
            proxy: self.rack.proxy.clone(),
            ..rack
        };
        Ok(changes)
    }

    /// Ends the tasks of units that are not `wanted` as they are, and returns the names of these units.
    async fn end_others(&mut self, wanted: &[Wanted]) -> Vec<String> {
        let (stay, go): (Vec<UnitTask>, Vec<UnitTask>) = std::mem::take(&mut self.units)
            .into_iter()
            // A task that has ended by itself is started again.
            .partition(|task| wanted.contains(&task.wanted) && !task.task.is_finished());
        self.units = stay;
        let gone = go.iter().map(|task| task.wanted.config.unit.name.clone());
        let gone = gone.collect();
        // They let go of ports that their successors may want.
        end_all(go, &self.shared.context).await;
        gone
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
        let mut entries = self.shared.queue.list()?;
        entries.sort_by_key(|entry| entry.job.id);
        let mut last: HashMap<String, Found> = HashMap::new();
        for Entry { job, found, .. } in entries {
            let of = last.entry(job.unit).or_default();
            of.verdict = found.verdict.or(of.verdict.take());
            of.filter = found.filter.or(of.filter.take());
        }
        Ok(last)
    }

    /// Starts the task of a unit, of which earlier experiments have `found` something.
    fn start_unit(&self, wanted: Wanted, seed: u64, found: Option<&Found>) -> UnitTask {
        let config = &wanted.config;
        if let Some(hub) = &self.shared.hub {
            permit::watch(hub, config);
        }
        let mut unit = publish::unknown(config, self.shared.speed(config));
        if let Some(found) = found {
            unit.verdict.clone_from(&found.verdict);
            unit.tpf.clone_from(&found.filter);
        }
        self.shared.live.unit(unit);
        let stop = CancellationToken::new();
        let (sender, jobs) = mpsc::channel(1);
        let (shared, config) = (self.shared.clone(), config.clone());
        let task = match (&self.proxy, wanted.is_proxied) {
            (Some(proxy), true) => {
                let unit = ProxiedUnit {
                    shared,
                    config,
                    seed,
                    hub: proxy.hub.clone(),
                    pool: proxy.address,
                    jobs,
                    next: None,
                    stop: stop.clone(),
                    standing: health::Standing::shared(),
                };
                tokio::spawn(unit.run())
            }
            _ => {
                let trained = wanted.trained.clone();
                let unit = DrivenUnit::new(shared, config, seed, trained, jobs, stop.clone());
                tokio::spawn(unit.run())
            }
        };
        UnitTask {
            wanted,
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
        let queue = self.shared.queue.clone();
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
        self.shared.live.jobs(jobs.collect());
        Ok(())
    }

    /// Offers a job to its unit, which begins it when it is free. Offered twice, it is begun once.
    fn offer(&mut self, entry: &Entry) {
        let id = entry.job.id;
        let known = self.known.get(&id).cloned();
        let progress = known.unwrap_or_else(|| Progress::hidden(&self.shared.context.apart()));
        let job = ClaimedJob {
            entry: entry.clone(),
            progress: progress.clone(),
        };
        let name = &entry.job.unit;
        let mut units = self.units.iter();
        if name.is_empty() {
            if self.alone.is_some() {
                return;
            }
            let (shared, stop) = (self.shared.clone(), CancellationToken::new());
            let stopped = stop.clone();
            let task = tokio::spawn(async move { job.run(&shared, None, &stopped).await });
            self.alone = Some((task, stop));
        } else if let Some(unit) = units.find(|task| task.wanted.config.unit.name == *name) {
            if unit.jobs.try_send(job).is_err() {
                return;
            }
        } else {
            return;
        }
        self.known.insert(id, progress);
    }

    fn tell_proxy(&self) {
        let Some(proxy) = &self.proxy else { return };
        self.shared
            .live
            .proxy(Some(proxied_unit::account(&proxy.hub, proxy.address)));
    }

    /// Waits until the proxy has ended by itself, which it does if its journal fails; for ever without one.
    pub(crate) async fn proxy_failed(&self) {
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
        end_all(self.units, &self.shared.context).await;
        if let Some((task, _)) = self.alone {
            let _ = task.await;
        }
        self.shared.hub = None;
        if let Some(proxy) = self.proxy {
            proxy.stop().await?;
        }
        if let Ok(base) = Arc::try_unwrap(self.shared.base) {
            let _ = tokio::time::timeout(STOPPING, base.close()).await;
        }
        Ok(())
    }
}

/// Ends these units' tasks, all at once.
async fn end_all(units: Vec<UnitTask>, context: &Context) {
    for one in &units {
        one.stop.cancel();
    }
    let all = async {
        for one in units {
            if one.task.await.is_err() {
                tracing::error!(unit = one.wanted.config.unit.name, "its task has failed");
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
