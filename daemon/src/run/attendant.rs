//! A unit that mines through the proxy: it is read and guarded, gets no work while its interlock withholds it, and is
//! held by experiments.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use thermine_drivers::clock::Nanos;
use thermine_drivers::interlock::{Hazard, withheld};
use thermine_drivers::pow::Difficulty;
use thermine_drivers::record::Verdict;
use thermine_drivers::vbm::Hub;
use thermine_drivers::vbm::account::Account;
use thermine_reservoir::describe::exact;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::keeper::House;
use super::lent::Lent;
use super::permit::Permit;
use super::publish::Publisher;
use crate::causes::chain;
use crate::config::Config;
use crate::live::snapshot::{Estimate, Health, Proxy, Shares};

/// Wall time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Looks over which the hash rate is taken: a minute.
const LOOKS: usize = 61;
/// Wall time that the unit is given to confirm that it is safe.
const PARTING: Duration = Duration::from_secs(10);

/// Attends to a unit.
#[derive(Debug)]
pub(super) struct Attendant {
    pub(super) house: House,
    pub(super) config: Config,
    pub(super) seed: u64,
    pub(super) hub: Hub,
    pub(super) pool: SocketAddr,
    pub(super) jobs: mpsc::Receiver<Lent>,
    /// A job that waits until the unit's interlock is released.
    pub(super) next: Option<Lent>,
    pub(super) stop: CancellationToken,
}

impl Attendant {
    /// Attends to the unit until it is stopped.
    pub(super) async fn attend(mut self) {
        let mut backoff = Backoff::new(self.seed);
        loop {
            let why = match self.stay().await {
                Ok(None) => return,
                Ok(Some(lent)) => {
                    let rig = self.house.base.behind(self.hub.clone(), self.pool);
                    lent.on_unit(&self.house, &self.config, Arc::new(rig), &self.stop)
                        .await;
                    continue;
                }
                Err(error) => chain(&error),
            };
            tracing::warn!(unit = self.config.unit.name, why, "lost");
            self.house.live.change(&self.config.unit.name, |unit| {
                unit.health = Health::Lost;
                unit.why = Some(why);
            });
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(backoff.next()) => {}
            }
        }
    }

    /// Stays with the unit until it is stopped or the unit is wanted for a job.
    async fn stay(&mut self) -> Result<Option<Lent>> {
        let name = &self.config.unit.name;
        let worker = self
            .config
            .stratum
            .as_ref()
            .map_or(name, |stratum| &stratum.worker);
        let rig = self.house.rig(&self.config);
        let (latest, guard) = rig.attend(&self.config, self.pool, self.seed).await?;
        let permission = guard.permission();
        let _permit = Permit::follow(self.hub.clone(), name, permission.clone());
        let publisher = Publisher {
            live: self.house.live.clone(),
            name: name.clone(),
            model: self.config.unit.model,
            latest,
            gauge: None,
            clock: rig.clock().clone(),
            seed: self.seed,
        };
        let mut rate = Rate::default();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let lent = loop {
            if !withheld(&permission).is_some_and(|cause| cause.hazard.is_trip())
                && let Some(lent) = self.next.take()
            {
                break Some(lent);
            }
            tokio::select! {
                () = self.stop.cancelled() => break None,
                lent = self.jobs.recv(), if self.next.is_none() => match lent {
                    Some(lent) => {
                        self.next = Some(lent);
                        continue;
                    }
                    None => break None,
                },
                _ = ticks.tick() => {}
            }
            publisher.tell();
            ensure!(
                !guard.is_over(),
                "{name}: its interlock has ended: it is started again"
            );
            let seen = self.hub.seen();
            let account = seen.iter().find(|seen| seen.worker == *worker);
            let account = account.map(|seen| &seen.account);
            let hazard = withheld(&permission);
            self.tell(
                account,
                rate.of(account),
                hazard.as_ref().map(|cause| &cause.hazard),
            );
        };
        if !matches!(tokio::time::timeout(PARTING, guard.end()).await, Ok(true)) {
            tracing::warn!(
                unit = name,
                "has NOT confirmed its safe operating point: look after it"
            );
        }
        let _ = tokio::time::timeout(PARTING, rig.close()).await;
        Ok(lent)
    }

    fn tell(&self, account: Option<&Account>, rate: Option<Estimate>, hazard: Option<&Hazard>) {
        self.house.live.change(&self.config.unit.name, |unit| {
            unit.hash_rate_ghs = rate;
            if let Some(account) = account {
                unit.shares = shares(account);
            }
            unit.activity = match account {
                Some(_) => "proxied".into(),
                None => "proxied, not connected".into(),
            };
            match hazard {
                None | Some(Hazard::Unread) if account.is_none() => {
                    unit.health = Health::Lost;
                    unit.why = Some(format!(
                        "it is not connected to the proxy: set its pool to stratum+tcp://{}",
                        self.pool
                    ));
                }
                // Whether its readings are fresh is the publisher's to say.
                None => {
                    if unit.health != Health::Stale {
                        unit.health = Health::Well;
                        unit.why = None;
                    }
                }
                Some(Hazard::Unread) => {}
                Some(Hazard::Stale { .. }) => unit.health = Health::Stale,
                Some(hazard) => {
                    unit.health = Health::Tripped;
                    unit.why = Some(format!("{hazard}; it is given no work until it is well"));
                }
            }
        });
    }
}

/// What the proxy does now.
pub(super) fn account(hub: &Hub, listen: SocketAddr) -> Proxy {
    let total = hub.total();
    let (idle, hashing) = (total.idle().as_secs_f64(), total.hashing.as_secs_f64());
    let here = idle + hashing;
    // Without queued work a unit stands still from each answer until the pool has replied to it and sent more.
    let latency = total.answer.0.as_secs_f64();
    let part = |waiting: f64, all: f64| (all > 0.0).then(|| waiting / all);
    Proxy {
        listen: listen.to_string(),
        pool: hub
            .current()
            .map(|template| template.subscription.pool.clone()),
        units: hub.count() as u64,
        waiting: part(idle, here),
        waiting_without: part(idle + latency, here + latency),
        shares: shares(&total),
        forwarded: (total.forwarded, total.pool_accepted, total.refused()),
    }
}

/// Shares of an account, by what they were worth.
fn shares(account: &Account) -> Shares {
    let all: u64 = account.judged.iter().sum();
    let (accepted, stale, duplicate) = (
        account.count(Verdict::Accepted),
        account.count(Verdict::Stale),
        account.count(Verdict::Duplicate),
    );
    Shares {
        accepted,
        stale,
        duplicate,
        refused: all - accepted - stale - duplicate,
    }
}

/// The hash rate of the last minute, from looks at the account.
#[derive(Debug, Default)]
struct Rate(VecDeque<(Nanos, f64, u64)>);

impl Rate {
    fn of(&mut self, account: Option<&Account>) -> Option<Estimate> {
        let Some(account) = account else {
            self.0.clear();
            return None;
        };
        let time = account.hashing + account.idle() + account.held;
        let now = Nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let look = (now, account.difficulty, account.count(Verdict::Accepted));
        // A unit that has come anew begins with nothing.
        if self.0.back().is_some_and(|(_, _, count)| *count > look.2) {
            self.0.clear();
        }
        self.0.push_back(look);
        if self.0.len() > LOOKS {
            self.0.pop_front();
        }
        let first = self.0.front()?;
        let n = look.2 - first.2;
        let rate = exact::rate(n, look.0.since(first.0).as_secs_f64())?;
        let mean = (look.1 - first.1) / n.max(1) as f64;
        let ghs = mean * Difficulty::ONE.hashes() * 1e-9;
        (n > 0).then_some(Estimate {
            value: rate.value * ghs,
            low: rate.low * ghs,
            high: rate.high * ghs,
            n,
        })
    }
}
