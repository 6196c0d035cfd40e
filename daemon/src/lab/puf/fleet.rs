//! A simulated fleet: units of one model that differ as they may be made, each asked in many sessions.
//!
//! Sessions lie a week apart, at an ambient temperature of their own, and the chips slow down with age. Units are
//! simulated on as many threads as there are; what comes of each follows from the seed alone.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use thermine_lab::substrate::{Discipline, Twin};
use thermine_sim::{Device, Params, Spread};
use thermine_units::model::Model;
use thermine_units::record::Recorder;
use thermine_units::seed;

use super::challenge::{Challenge, Plan};
use super::features::Features;
use super::response::{self, Response};
use crate::lab::observer::Bar;

/// What is assumed of the world that the fleet stands in. All figures are assumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct World {
    /// Ambient temperature of a session, evenly between the two, °C: a room without air conditioning.
    pub(crate) ambient_c: (f64, f64),
    /// Weeks between sessions.
    pub(crate) weeks: f64,
    /// Part of its speed that a chip loses in its first year, in the mean over units; of one unit that times e to the
    /// power of `ageing_spread` times a standard normal number. Bias temperature instability slows logic by some
    /// per cent in years, as time to the power of about 0.2 (Alam and Mahapatra, Microelectron. Reliab. 45(1), 2005).
    pub(crate) ageing: f64,
    pub(crate) ageing_spread: f64,
}

impl Default for World {
    fn default() -> World {
        World {
            ambient_c: (18.0, 32.0),
            weeks: 1.0,
            ageing: 0.01,
            ageing_spread: 0.3,
        }
    }
}

/// A fleet to be simulated.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) plan: Plan,
    pub(crate) params: Params,
    pub(crate) world: World,
    pub(crate) units: usize,
    pub(crate) sessions: usize,
    /// Whether units differ at all; without, the control.
    pub(crate) differ: bool,
    /// Numbers of jobs at each place up to which features are taken, rising.
    pub(crate) lengths: Vec<usize>,
    pub(crate) seed: u64,
}

/// One session of one unit.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Features at each of the order's lengths.
    pub(crate) values: Vec<Vec<Option<f64>>>,
    pub(crate) soonest: Option<f64>,
    pub(crate) ambient_c: f64,
    pub(crate) week: f64,
}

/// Exponent of ageing in time.
const AGEING_EXPONENT: f64 = 0.2;

/// Weeks of a year.
const YEAR: f64 = 52.18;

/// Serial numbers of a seed's units: far from those of another seed.
fn serial(seed: u64, unit: usize) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(unit as u64)
}

impl Order {
    /// Seed of a session: of its challenge and of all that chance does in it.
    pub(crate) fn session_seed(&self, unit: usize, session: usize) -> u64 {
        let name = format!("puf/session/{unit}/{session}");
        seed::stream(self.seed, &name).random()
    }

    /// Unit `unit` as it stands in session `session`: its physics, and where it stands.
    pub(crate) fn device(&self, unit: usize, session: usize) -> (Params, f64, f64) {
        let serial = serial(self.seed, unit);
        let (low, high) = self.world.ambient_c;
        let name = format!("puf/ambient/{unit}/{session}");
        let ambient_c = seed::stream(self.seed, &name).random_range(low..=high);
        let week = session as f64 * self.world.weeks;
        let own = if self.differ {
            use rand_distr::{Distribution, StandardNormal};
            let deviation: f64 = StandardNormal.sample(&mut seed::stream(serial, "puf/ageing"));
            (self.world.ageing_spread * deviation).exp()
        } else {
            1.0
        };
        let slower = self.world.ageing * own * (week / YEAR).powf(AGEING_EXPONENT);
        let model = &self.params;
        let params = Params {
            ambient_c,
            fmax_mhz: model.fmax_mhz * (1.0 - slower),
            fmax_spread: if self.differ { model.fmax_spread } else { 0.0 },
            spread: if self.differ {
                Spread::assumed(serial)
            } else {
                Spread::default()
            },
            ..model.clone()
        };
        (params, ambient_c, week)
    }

    /// The twin of unit `unit` in session `session`.
    pub(crate) fn twin(&self, unit: usize, session: usize) -> (Twin, f64, f64) {
        let (params, ambient_c, week) = self.device(unit, session);
        let seed = self.session_seed(unit, session);
        let model: Model = self.plan.model;
        let twin = Twin::new(
            Device::warm(&params, seed),
            model,
            Discipline::Dialogue,
            model.switch_dead_time(),
            seed::stream(seed, "twin"),
            Recorder::discard(),
        );
        (twin, ambient_c, week)
    }

    /// The response of unit `unit` in session `session` to that session's own challenge.
    pub(crate) fn respond(&self, unit: usize, session: usize) -> Result<(Response, f64, f64)> {
        let (mut twin, ambient_c, week) = self.twin(unit, session);
        let challenge = Challenge::new(&self.plan, self.session_seed(unit, session));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let put = response::put(&challenge, &mut twin, response::Break::Fail, || ());
        let response = runtime
            .block_on(put)
            .with_context(|| format!("unit {unit}, session {session}"))?;
        Ok((response, ambient_c, week))
    }

    fn session(&self, features: &Features, unit: usize, session: usize) -> Result<Session> {
        let (response, ambient_c, week) = self.respond(unit, session)?;
        let values = self
            .lengths
            .iter()
            .map(|jobs| features.values(&self.plan, &response, *jobs));
        Ok(Session {
            values: values.collect(),
            soonest: response.soonest(&self.plan),
            ambient_c,
            week,
        })
    }
}

/// All sessions of all units of `order`; `bar` moves with each unit.
///
/// # Errors
/// If a unit fails.
pub(crate) fn simulate(order: &Order, bar: &Bar) -> Result<Vec<Vec<Session>>> {
    let features = Features::of(&order.plan);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let done = Mutex::new(vec![None; order.units]);
    let work = || -> Result<()> {
        loop {
            let unit = next.fetch_add(1, Ordering::Relaxed);
            if unit >= order.units {
                return Ok(());
            }
            let sessions: Result<Vec<Session>> = (0..order.sessions)
                .map(|session| order.session(&features, unit, session))
                .collect();
            let sessions = sessions?;
            if let Ok(mut done) = done.lock() {
                done[unit] = Some(sessions);
            }
            bar.step();
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut result = Ok(());
        for worker in workers {
            let ended = worker
                .join()
                .unwrap_or_else(|_| Err(anyhow!("a thread of the simulation ended early")));
            result = result.and(ended);
        }
        result
    })?;
    let done = done
        .into_inner()
        .map_err(|_| anyhow!("a thread of the simulation ended early"))?;
    done.into_iter()
        .map(|sessions| sessions.context("a unit was not simulated"))
        .collect()
}
