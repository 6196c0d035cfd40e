//! Tells what a unit reads, what its shares say and how it is, once a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use thermine_drivers::evidence::Evidence;
use thermine_drivers::interlock::{Permission, withheld};
use thermine_drivers::poller::{Freshness, Latest};
use thermine_units::clock::Clock;
use thermine_units::unit::Telemetry;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::health::{Reading as Newest, Standing};
use super::share_stats::{ShareStats, histogram};
use super::{expected, wall};
use crate::live::Live;
use crate::live::snapshot::{Health, Reading, Shares, Unit};
use crate::queue::found::provenance;
use thermine_lab::config::Config;

/// Wall time between two tellings.
const EVERY: Duration = Duration::from_secs(1);
/// Tellings between two histograms: their law is tested by bootstrap.
const HISTOGRAM_EVERY: u64 = 15;

/// A unit before its first reading, whose time runs at this speed.
pub(super) fn unknown(config: &Config, speed: Option<f64>) -> Unit {
    Unit {
        name: config.unit.name.clone(),
        model: config.unit.model.to_string(),
        algorithm: config.unit.model.algorithm().name().into(),
        provenance: provenance(&config.provenance(false)),
        doubt: None,
        speed,
        health: Health::Starting,
        why: None,
        activity: "being brought in".into(),
        read_ms: None,
        hash_rate_ghs: None,
        expected_ghs: None,
        duty: None,
        claimed_ghs: None,
        temperatures: Vec::new(),
        fans: Vec::new(),
        watts: None,
        shares: Shares::default(),
        hardware_errors: None,
        intervals: None,
        board: None,
        learning: None,
        verdict: None,
        tpf: None,
    }
}

/// Tells that a unit has failed and is not read at present: how it `standing` then is.
pub(super) fn failed(live: &Live, name: &str, standing: &Mutex<Standing>) {
    let (health, why) = standing
        .lock()
        .judge(Newest::NotOffered, None, Instant::now());
    live.change(name, |unit| {
        unit.health = health;
        unit.why = why;
        unit.forget_readings();
        unit.hash_rate_ghs = None;
        unit.expected_ghs = None;
        unit.duty = None;
    });
}

/// What is told of a unit, and where it comes from.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) live: Live,
    pub(super) config: Config,
    pub(super) latest: watch::Receiver<Latest>,
    /// `None` where another than this program judges its shares.
    pub(super) stats: Option<Arc<Mutex<ShareStats>>>,
    pub(super) clock: Clock,
    pub(super) seed: u64,
    pub(super) standing: Arc<Mutex<Standing>>,
    /// Of its interlock, if it has one.
    pub(super) permission: Option<watch::Receiver<Permission>>,
    /// What was seen of it; `None` of a simulated unit.
    pub(super) evidence: Option<Evidence>,
}

/// The telling, until this is dropped.
pub(super) type Guard = AbortOnDropHandle<()>;

impl Publisher {
    /// Tells once a second from now on.
    pub(super) fn start(self) -> Guard {
        AbortOnDropHandle::new(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            for count in 0.. {
                ticks.tick().await;
                self.tell();
                if count % HISTOGRAM_EVERY == 3 {
                    self.tell_intervals().await;
                }
            }
        }))
    }

    pub(super) fn tell(&self) {
        let latest = self.latest.borrow().clone();
        let now = self.clock.now();
        let model = self.config.unit.model;
        let freshness = latest.freshness(now, model.limits().stale_after);
        let (health, why, is_current) = self.judge(&latest, freshness);
        let telemetry = latest.telemetry.as_ref().filter(|_| is_current);
        let gauged = self.stats.as_ref().map(|stats| {
            let mut stats = stats.lock();
            let driven = stats.driven(now);
            (stats.hash_rate(now), driven, stats.shares(), stats.board())
        });
        let seen = self.evidence.as_ref().map(|evidence| {
            if let Some(identity) = &latest.identity {
                evidence.identity(identity);
            }
            (evidence.doubt(), evidence.provenance())
        });
        self.live.change(&self.config.unit.name, |unit| {
            if let Some((hash_rate, driven, shares, board)) = gauged {
                unit.hash_rate_ghs = hash_rate;
                unit.expected_ghs =
                    driven.and_then(|driven| expected::ghs(&self.config, driven, telemetry));
                unit.duty = driven.map(|driven| driven.duty);
                unit.shares = shares;
                unit.board = board;
            }
            if let Some((doubt, of)) = seen {
                unit.provenance = provenance(&of);
                unit.doubt = doubt;
            }
            unit.health = health;
            unit.why = why;
            unit.forget_readings();
            if let Some(reading) = &latest.telemetry {
                let age = self.clock.wall(now.since(reading.taken));
                let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
                unit.read_ms = Some(wall::now_ms().saturating_sub(age_ms));
            }
            if let Some(reading) = telemetry {
                read(unit, reading);
            }
        });
    }

    /// How the unit is and why, and whether its newest reading is that of now.
    fn judge(&self, latest: &Latest, freshness: Freshness) -> (Health, Option<String>, bool) {
        // Bare chips tell nothing of themselves: they are as well as their line.
        let newest = match freshness {
            _ if self.config.unit.model.is_bare() => Newest::NotOffered,
            Freshness::Never => Newest::Never,
            Freshness::Fresh(_) => Newest::Fresh,
            Freshness::Stale(age) => Newest::Old(self.clock.wall(age)),
        };
        let error = latest.last_error.as_ref().map(ToString::to_string);
        let at = Instant::now();
        let mut standing = self.standing.lock();
        if let Some(permission) = &self.permission {
            standing.withheld(withheld(permission).as_ref());
        }
        let (health, why) = standing.judge(newest, error.as_deref(), at);
        let is_current = match freshness {
            Freshness::Fresh(age) => standing.is_since_failure(self.clock.wall(age), at),
            Freshness::Never | Freshness::Stale(_) => false,
        };
        (health, why, is_current)
    }

    async fn tell_intervals(&self) {
        let Some(stats) = &self.stats else { return };
        let intervals = {
            let stats = stats.lock();
            stats.last_intervals()
        };
        let seed = self.seed;
        // Some milliseconds of arithmetic.
        let made = tokio::task::spawn_blocking(move || histogram(&intervals, seed)).await;
        if let Ok(made) = made {
            self.live
                .change(&self.config.unit.name, |unit| unit.intervals = made);
        }
    }
}

/// Enters a reading.
fn read(unit: &mut Unit, reading: &Telemetry) {
    unit.claimed_ghs = reading.hash_rate.map(|rate| rate.0 * 1e-9);
    unit.watts = reading.power.map(|power| power.0);
    unit.hardware_errors = reading.hardware_errors;
    for board in &reading.boards {
        for (sensor, value) in [
            ("pcb_temp", board.pcb_temp),
            ("chip_temp", board.chip_temp),
            ("regulator_temp", board.regulator_temp),
        ] {
            unit.temperatures.extend(value.map(|value| Reading {
                name: format!("board{}.{sensor}", board.slot),
                value: value.0,
            }));
        }
    }
    let fans = reading.fans.iter().enumerate();
    unit.fans = fans
        .map(|(i, fan)| Reading {
            name: format!("fan{i}"),
            value: fan.0,
        })
        .collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::health::Work;
    use std::time::Instant;
    use thermine_units::clock::Nanos;
    use thermine_units::model::Model;
    use thermine_units::quantity::{Celsius, HashRate};
    use thermine_units::unit::{Board, Identity};

    fn reading(taken: Nanos) -> Telemetry {
        Telemetry {
            taken,
            boards: vec![Board {
                slot: 6,
                chip_temp: Some(Celsius(71.0)),
                ..Board::default()
            }],
            hash_rate: Some(HashRate(13.5e12)),
            ..Telemetry::default()
        }
    }

    /// A unit that is only watched, and what is published of it.
    fn watched() -> (watch::Sender<Latest>, Publisher) {
        let mut config = Config::simulated(Model::AntminerS9).expect("sound");
        config.unit.simulated = None;
        let (sender, latest) = watch::channel(Latest::default());
        let live = Live::new(0);
        live.unit(unknown(&config, Some(1.0)));
        let publisher = Publisher {
            live,
            latest,
            stats: None,
            clock: Clock::real(),
            seed: 1,
            standing: Standing::shared(),
            permission: None,
            evidence: Some(Evidence::new(Model::AntminerS9)),
            config,
        };
        (sender, publisher)
    }

    fn told(publisher: &Publisher) -> Unit {
        publisher.tell();
        publisher.live.snapshot().units.remove(0)
    }

    #[test]
    fn only_a_fresh_reading_is_shown_and_an_old_one_is_known_by_its_age() {
        let (latest, publisher) = watched();
        assert_eq!(told(&publisher).health, Health::Starting);
        latest.send_modify(|latest| latest.telemetry = Some(reading(publisher.clock.now())));
        let fresh = told(&publisher);
        assert_eq!(fresh.health, Health::Well);
        assert_eq!(fresh.temperatures[0].value, 71.0);
        assert_eq!(fresh.claimed_ghs, Some(13_500.0));
        // A clock that runs so fast that the same reading is soon too old.
        let aged = Publisher {
            clock: Clock::scaled(1e6),
            ..publisher
        };
        latest.send_modify(|latest| latest.telemetry = Some(reading(Nanos::ZERO)));
        while aged.clock.now() < Nanos::from_seconds(60.0) {}
        let old = told(&aged);
        assert_eq!(old.health, Health::Stale);
        assert!(old.temperatures.is_empty() && old.claimed_ghs.is_none());
        assert!(old.read_ms.is_some());
    }

    #[test]
    fn a_unit_that_fails_shows_nothing_until_it_is_read_again() {
        let (latest, publisher) = watched();
        latest.send_modify(|latest| latest.telemetry = Some(reading(publisher.clock.now())));
        assert_eq!(told(&publisher).temperatures.len(), 1);
        publisher
            .standing
            .lock()
            .work(Work::Failed("it hung up".into()), Instant::now());
        failed(
            &publisher.live,
            &publisher.config.unit.name,
            &publisher.standing,
        );
        let lost = told(&publisher);
        assert_eq!(
            (lost.health, lost.why.as_deref()),
            (Health::Lost, Some("it hung up"))
        );
        assert!(lost.temperatures.is_empty());
        latest.send_modify(|latest| latest.telemetry = Some(reading(publisher.clock.now())));
        assert_eq!(
            told(&publisher).temperatures.len(),
            1,
            "newer than the failure"
        );
    }

    #[test]
    fn a_unit_is_an_unverified_device_until_it_has_said_who_it_is() {
        let (latest, publisher) = watched();
        let before = told(&publisher);
        assert_eq!(before.provenance.name(), "unverified_device");
        assert!(before.doubt.is_some());
        let named = |model: &str| Identity {
            model: Some(model.into()),
            ..Identity::default()
        };
        latest.send_modify(|latest| latest.identity = Some(named("Antminer S9")));
        let known = told(&publisher);
        assert_eq!((known.provenance.name(), known.doubt), ("device", None));
        latest.send_modify(|latest| latest.identity = Some(named("Antminer T9")));
        assert_eq!(told(&publisher).provenance.name(), "unverified_device");
    }
}
