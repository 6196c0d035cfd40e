//! A simulated fleet: units of one model that differ within manufacturing tolerances, each challenged in many sessions.
//!
//! Sessions are a week apart, each has its own ambient temperature, and chips slow down with age. All results follow from the
//! seed alone, however many threads simulate.

use crate::substrate::{Discipline, Twin};
use anyhow::{Context, Result};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use thermine_sim::{Device, Params, Spread};
use thermine_units::model::Model;
use thermine_units::record::Recorder;
use thermine_units::seed;

use super::challenge::{Challenge, Plan};
use super::features::Features;
use super::response::{self, Response};
use crate::observer::Bar;
use crate::threads::on_all_cores;

/// The surroundings and the ageing of the fleet. All figures are assumptions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// Range of the ambient temperature of a session, °C, uniformly distributed: a room without air conditioning.
    pub ambient_c: (f64, f64),
    /// Weeks between sessions.
    pub weeks: f64,
    /// Part of its speed that a chip loses in its first year, as a mean over units. For one unit it is multiplied by e to
    /// the power of `ageing_spread` times a standard normal number. Bias temperature instability slows logic by some per
    /// cent in years, as time to the power of about 0.2 (Alam and Mahapatra, Microelectron. Reliab. 45(1), 2005).
    pub ageing: f64,
    ageing_spread: f64,
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

/// What fleet to simulate.
#[derive(Debug, Clone)]
pub(super) struct FleetSpec {
    pub(super) plan: Plan,
    pub(super) params: Params,
    pub(super) world: World,
    pub(super) units: usize,
    pub(super) sessions: usize,
    /// Whether units differ; if not, the fleet is a control.
    pub(super) differ: bool,
    /// Numbers of jobs at each place that features are computed from, rising.
    pub(super) lengths: Vec<usize>,
    pub(super) seed: u64,
}

/// One session of one unit.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Features at each of the fleet's lengths.
    pub(super) values: Vec<Vec<Option<f64>>>,
    pub(super) soonest: Option<f64>,
    pub(super) ambient_c: f64,
    pub(super) week: f64,
}

/// Exponent of ageing in time.
const AGEING_EXPONENT: f64 = 0.2;

/// Weeks of a year.
const YEAR: f64 = 52.18;

/// Serial number of a unit, far from those of another seed.
fn serial(seed: u64, unit: usize) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(unit as u64)
}

impl FleetSpec {
    /// Units that differ, as yet none of them.
    pub(super) fn new(plan: Plan, params: Params, seed: u64) -> FleetSpec {
        FleetSpec {
            plan,
            params,
            world: World::default(),
            units: 0,
            sessions: 0,
            differ: true,
            lengths: Vec::new(),
            seed,
        }
    }

    /// Seed of a session: of its challenge and of all its randomness.
    pub(super) fn session_seed(&self, unit: usize, session: usize) -> u64 {
        let name = format!("puf/session/{unit}/{session}");
        seed::stream(self.seed, &name).random()
    }

    /// Physics, ambient temperature in °C and week of unit `unit` in session `session`.
    pub(super) fn device(&self, unit: usize, session: usize) -> (Params, f64, f64) {
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
    pub(super) fn twin(&self, unit: usize, session: usize) -> (Twin, f64, f64) {
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
    pub(super) fn respond(&self, unit: usize, session: usize) -> Result<(Response, f64, f64)> {
        let (mut twin, ambient_c, week) = self.twin(unit, session);
        let challenge = Challenge::new(&self.plan, self.session_seed(unit, session));
        let response = response::put_simulated(&challenge, &mut twin)
            .with_context(|| format!("unit {unit}, session {session}"))?;
        Ok((response, ambient_c, week))
    }

    /// Jobs at each place of the longest challenge.
    pub(super) fn longest(&self) -> usize {
        self.lengths.last().copied().unwrap_or_default()
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

/// All sessions of all units of `fleet`; `bar` moves with each unit.
///
/// # Errors
/// If a unit fails.
pub(super) fn simulate(fleet: &FleetSpec, bar: &Bar) -> Result<Vec<Vec<Session>>> {
    let features = Features::of(&fleet.plan);
    let units = on_all_cores(fleet.units, |unit| {
        let sessions: Result<Vec<Session>> = (0..fleet.sessions)
            .map(|session| fleet.session(&features, unit, session))
            .collect();
        bar.step();
        sessions
    });
    units.into_iter().collect()
}
