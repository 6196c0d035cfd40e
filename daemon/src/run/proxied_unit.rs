//! One task for each unit that mines through the proxy: it reads and guards the unit, which gets no work while its
//! interlock withholds it, and gives it to experiments.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use parking_lot::Mutex;
use thermine_drivers::evidence::Evidence;
use thermine_drivers::interlock::may_be_lent;
use thermine_drivers::poller::Latest;
use thermine_proxy::Hub;
use thermine_proxy::account::{Account, Phase};
use thermine_reservoir::describe::exact;
use thermine_units::clock::Nanos;
use thermine_units::record::Verdict;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::claimed_job::{ClaimedJob, FreeUnit};
use super::health::{Standing, Work};
use super::permit::Permit;
use super::publish::{self, Publisher};
use super::shared::Shared;
use crate::live::snapshot::{Estimate, Proxy, Shares};
use thermine_capture::error_chain::chain;
use thermine_lab::attach::machine::comes_from;
use thermine_lab::config::Config;
use thermine_lab::session::{Ending, Lock, label};

/// Wall time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Looks over which the hash rate is taken: a minute.
const LOOKS: usize = 61;

/// The task of a proxied unit.
#[derive(Debug)]
pub(super) struct ProxiedUnit {
    pub(super) shared: Shared,
    pub(super) config: Config,
    pub(super) seed: u64,
    pub(super) hub: Hub,
    pub(super) pool: SocketAddr,
    pub(super) jobs: mpsc::Receiver<ClaimedJob>,
    /// A job that waits until the unit's interlock is released.
    pub(super) next: Option<ClaimedJob>,
    pub(super) stop: CancellationToken,
    pub(super) standing: Arc<Mutex<Standing>>,
}

impl ProxiedUnit {
    /// Watches the unit until the task is stopped.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new(self.seed);
        loop {
            let why = match self.stay().await {
                Ok(None) => return,
                Ok(Some(job)) => {
                    let rig = self.shared.base.behind(self.hub.clone(), self.pool);
                    let unit = FreeUnit {
                        config: &self.config,
                        lender: Arc::new(rig),
                    };
                    job.run(&self.shared, Some(unit), &self.stop).await;
                    continue;
                }
                Err(error) => chain(&error),
            };
            tracing::warn!(unit = self.config.unit.name, why, "lost");
            self.standing.lock().work(Work::Failed(why), Instant::now());
            publish::failed(&self.shared.live, &self.config.unit.name, &self.standing);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(backoff.next()) => {}
            }
        }
    }

    /// Stays with the unit until it is stopped or the unit is wanted for a job.
    async fn stay(&mut self) -> Result<Option<ClaimedJob>> {
        let name = &self.config.unit.name;
        let stratum = self.config.stratum.as_ref();
        let worker = stratum.map_or(name, |stratum| &stratum.worker).clone();
        let simulated = &self.config.unit.simulated;
        let rig = self.shared.rig(&self.config);
        let lock = Lock::of(&self.config, &self.shared.context)?;
        let (latest, guard) = rig.attend(&self.config, self.pool, self.seed).await?;
        let permission = guard.permission();
        let clock = rig.clock().clone();
        // However this task ends, the guard leaves the unit safe.
        let label = label(&self.config);
        let ending = Ending::new(guard, rig, lock, label, &self.shared.context);
        let _permit = Permit::follow(self.hub.clone(), name, permission.clone());
        let publisher = Publisher {
            live: self.shared.live.clone(),
            config: self.config.clone(),
            latest,
            stats: None,
            clock: clock.clone(),
            seed: self.seed,
            standing: self.standing.clone(),
            permission: Some(permission.clone()),
            evidence: simulated
                .is_none()
                .then(|| Evidence::new(self.config.unit.model)),
        };
        let away = format!(
            "it is not connected to the proxy: set its pool to stratum+tcp://{}, its worker to {worker}",
            self.pool
        );
        self.standing
            .lock()
            .work(Work::Awaited(away.clone()), Instant::now());
        let mut witness = Witness::default();
        let mut rate = Rate::default();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let job = loop {
            if may_be_lent(&permission)
                && let Some(job) = self.next.take()
            {
                break Some(job);
            }
            tokio::select! {
                () = self.stop.cancelled() => break None,
                job = self.jobs.recv(), if self.next.is_none() => match job {
                    Some(job) => {
                        self.next = Some(job);
                        continue;
                    }
                    None => break None,
                },
                _ = ticks.tick() => {}
            }
            ensure!(
                permission.has_changed().is_ok(),
                "{name}: its interlock has ended: it is started again"
            );
            let (account, agent) = self.seen(&worker);
            let account = account.as_ref();
            match account {
                Some(_) => self.standing.lock().work(Work::Given, Instant::now()),
                None => self.away(&away),
            }
            if let Some(evidence) = &publisher.evidence {
                witness.tell(evidence, account, agent.as_deref(), &publisher.latest);
            }
            publisher.tell();
            let rate = rate.of(account, clock.now());
            self.tell(account, rate);
        };
        ending.finish().await;
        Ok(job)
    }

    /// What the proxy sees of the unit, which mines as `worker`, and the firmware that it names.
    fn seen(&self, worker: &str) -> (Option<Account>, Option<Arc<str>>) {
        let (mut account, mut agent) = (None::<Account>, None);
        // Others may mine under its name: what is told of the unit must be its own. A unit that reconnects may have two
        // connections for a while.
        for seen in (self.hub.seen().iter())
            .filter(|seen| seen.worker == worker && comes_from(&self.config, seen.peer.ip()))
        {
            match &mut account {
                Some(account) => account.add(&seen.account),
                None => account = Some(seen.account.clone()),
            }
            agent.clone_from(&seen.agent);
        }
        (account, agent)
    }

    /// The unit is not connected: it is still awaited, or has gone.
    fn away(&self, why: &str) {
        let mut standing = self.standing.lock();
        if !standing.is_awaited() {
            standing.work(Work::Failed(why.to_string()), Instant::now());
        }
    }

    fn tell(&self, account: Option<&Account>, rate: Option<Estimate>) {
        self.shared.live.change(&self.config.unit.name, |unit| {
            unit.hash_rate_ghs = rate;
            if let Some(account) = account {
                unit.shares = shares(account);
            }
            unit.activity = match account {
                Some(_) => "proxied".into(),
                None => "proxied, not connected".into(),
            };
        });
    }
}

/// What the proxy sees of a unit, as evidence of what the unit is.
#[derive(Debug, Default)]
struct Witness {
    works: bool,
    hashes: f64,
    shares: u64,
}

impl Witness {
    fn tell(
        &mut self,
        evidence: &Evidence,
        account: Option<&Account>,
        agent: Option<&str>,
        latest: &watch::Receiver<Latest>,
    ) {
        let works = account.is_some_and(|account| account.phase() == Phase::Hashing);
        if works != self.works {
            self.works = works;
            evidence.working(works);
        }
        let Some(account) = account else { return };
        evidence.agent(agent);
        let (hashes, shares) = (account.hashes, account.count(Verdict::Accepted));
        if let Some(new) = shares.checked_sub(self.shares) {
            evidence.shares(new, (hashes - self.hashes).max(0.0));
        }
        (self.hashes, self.shares) = (hashes, shares);
        if let Some(reading) = &latest.borrow().telemetry {
            evidence.reading(reading);
        }
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

/// The hash rate of the last looks at the account, in the unit's own time: a simulated unit may live faster than the
/// proxy's clock, and what it claims is in its time too.
#[derive(Debug, Default)]
struct Rate(VecDeque<Look>);

/// A look at an account.
#[derive(Debug)]
struct Look {
    /// On the unit's clock.
    at: Nanos,
    /// How long the account has been kept, by the proxy's clock.
    kept: Duration,
    hashes: f64,
    shares: u64,
}

impl Rate {
    fn of(&mut self, account: Option<&Account>, now: Nanos) -> Option<Estimate> {
        let Some(account) = account else {
            self.0.clear();
            return None;
        };
        let look = Look {
            at: now,
            kept: account.hashing + account.idle() + account.held,
            hashes: account.hashes,
            shares: account.count(Verdict::Accepted),
        };
        // A unit that reconnects has a new account.
        let is_new = |last: &Look| last.kept > look.kept || last.shares > look.shares;
        if self.0.back().is_some_and(is_new) {
            self.0.clear();
        }
        if self.0.len() == LOOKS {
            self.0.pop_front();
        }
        let first = self.0.front().unwrap_or(&look);
        let (span, n) = (look.at.since(first.at), look.shares - first.shares);
        let hashes = look.hashes - first.hashes;
        self.0.push_back(look);
        let rate = exact::rate(n, span.as_secs_f64())?;
        let ghs = hashes / n.max(1) as f64 * 1e-9;
        (n > 0).then_some(Estimate {
            value: rate.value * ghs,
            low: rate.low * ghs,
            high: rate.high * ghs,
            n,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thermine_proxy::account::Phase;
    use thermine_units::pow::{Algorithm, Difficulty};

    /// An account after `seconds` of the proxy's time with `shares` of difficulty 256.
    fn account(seconds: f64, shares: u64, algorithm: Algorithm) -> Account {
        let mut account = Account::new(Nanos::ZERO);
        account.enter(Phase::Hashing, Nanos::ZERO);
        let difficulty = Difficulty::new(256.0).expect("a difficulty");
        for _ in 0..shares {
            account.judged(Verdict::Accepted, Some(difficulty), algorithm);
        }
        account.at(Nanos::from_seconds(seconds))
    }

    #[test]
    fn a_unit_that_lives_faster_than_the_proxy_is_rated_in_its_own_time() {
        for (algorithm, hashes) in [
            (Algorithm::Sha256d, 2f64.powi(40)),
            (Algorithm::Lbry, 2f64.powi(32)),
        ] {
            for speed in [1.0, 5.0] {
                let mut rate = Rate::default();
                let mut last = None;
                // Two shares a second of the unit's time.
                for second in 0..=50 {
                    let seconds = f64::from(second);
                    let shares = (2.0 * speed * seconds) as u64;
                    let account = account(seconds, shares, algorithm);
                    last = rate.of(Some(&account), Nanos::from_seconds(speed * seconds));
                }
                let last = last.expect("shares");
                let expected = 2.0 * hashes * 1e-9;
                assert!((last.value / expected - 1.0).abs() < 1e-3, "{last:?}");
                assert!(last.low < expected && expected < last.high, "{last:?}");
            }
        }
    }

    #[test]
    fn a_unit_that_has_reconnected_is_rated_by_its_new_account_alone() {
        let mut rate = Rate::default();
        let at = Nanos::from_seconds;
        let sha = Algorithm::Sha256d;
        assert_eq!(rate.of(Some(&account(100.0, 500, sha)), at(100.0)), None);
        assert_eq!(rate.of(Some(&account(1.0, 501, sha)), at(101.0)), None);
        let rated = rate.of(Some(&account(2.0, 511, sha)), at(102.0));
        assert_eq!(rated.map(|rate| rate.n), Some(10));
        assert_eq!(rate.of(None, at(103.0)), None);
    }
}
