//! Tells what a unit reads and what its shares say, once a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thermine_drivers::clock::Clock;
use thermine_drivers::poller::{Freshness, Latest};
use thermine_drivers::unit::Telemetry;
use thermine_drivers::units::Model;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::gauge::{Gauge, histogram};
use super::wall;
use crate::config::Config;
use crate::live::Live;
use crate::live::snapshot::{Health, Provenance, Reading, Shares, Unit};

/// Wall time between two tellings.
const EVERY: Duration = Duration::from_secs(1);
/// Tellings between two histograms: their law is tested by bootstrap.
const HISTOGRAM_EVERY: u64 = 15;

/// A unit of which nothing is known yet.
pub(super) fn unknown(config: &Config) -> Unit {
    Unit {
        name: config.unit.name.clone(),
        model: config.unit.model.to_string(),
        provenance: match config.unit.simulated {
            Some(_) => Provenance::Simulated,
            None => Provenance::UnverifiedDevice,
        },
        health: Health::Starting,
        why: None,
        activity: "being brought in".into(),
        read_ms: None,
        hash_rate_ghs: None,
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

/// What is told of a unit, and where it comes from.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) live: Live,
    pub(super) name: String,
    pub(super) model: Model,
    pub(super) latest: watch::Receiver<Latest>,
    /// `None` where another than this program judges its shares.
    pub(super) gauge: Option<Arc<Mutex<Gauge>>>,
    pub(super) clock: Clock,
    pub(super) seed: u64,
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

    /// Tells once.
    pub(super) fn tell(&self) {
        let latest = self.latest.borrow().clone();
        let now = self.clock.now();
        let limit = self.model.limits().stale_after;
        let freshness = latest.freshness(now, limit);
        let gauged = self.gauge.as_ref().map(|gauge| {
            let mut gauge = gauge.lock().unwrap_or_else(PoisonError::into_inner);
            (gauge.hash_rate(now), gauge.shares(), gauge.board())
        });
        self.live.change(&self.name, |unit| {
            if let Some((hash_rate, shares, board)) = gauged {
                unit.hash_rate_ghs = hash_rate;
                unit.shares = shares;
                unit.board = board;
            }
            if let Some(reading) = &latest.telemetry {
                let age = self.clock.wall(now.since(reading.taken));
                read(unit, reading, age);
            }
            // Bare chips tell nothing of themselves: they are as well as their line.
            match (unit.health, freshness) {
                (Health::Well, Freshness::Stale(age)) if !self.model.is_bare() => {
                    unit.health = Health::Stale;
                    let reason = latest.last_error.as_ref().map(ToString::to_string);
                    unit.why = Some(format!(
                        "its last reading is {:.0} s old ({}): check that its control interface answers",
                        age.as_secs_f64(),
                        reason.as_deref().unwrap_or("no answer")
                    ));
                }
                // Of one that is only watched, a reading is all there is to wait for.
                (Health::Starting, Freshness::Fresh(_)) if self.gauge.is_none() => {
                    unit.health = Health::Well;
                }
                (Health::Stale, Freshness::Fresh(_)) => {
                    unit.health = Health::Well;
                    unit.why = None;
                }
                _ => {}
            }
        });
    }

    async fn tell_intervals(&self) {
        let Some(gauge) = &self.gauge else { return };
        let intervals = {
            let gauge = gauge.lock().unwrap_or_else(PoisonError::into_inner);
            gauge.last_intervals()
        };
        let seed = self.seed;
        // Some milliseconds of arithmetic.
        let made = tokio::task::spawn_blocking(move || histogram(&intervals, seed)).await;
        if let Ok(made) = made {
            self.live.change(&self.name, |unit| unit.intervals = made);
        }
    }
}

/// Enters a reading of this age.
fn read(unit: &mut Unit, reading: &Telemetry, age: Duration) {
    let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    unit.read_ms = Some(wall::now_ms().saturating_sub(age_ms));
    unit.claimed_ghs = reading.hash_rate.map(|rate| rate.0 * 1e-9);
    unit.watts = reading.power.map(|power| power.0);
    unit.hardware_errors = reading.hardware_errors;
    unit.temperatures.clear();
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
