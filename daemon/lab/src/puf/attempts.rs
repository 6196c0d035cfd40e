//! Tries every attack on units of a fleet: how often each passes for another unit.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::exact;
use thermine_reservoir::identity::{Population, Probe, Profile};

use super::attacks::{self, Emulator, Relayed, Replayed};
use super::challenge::Challenge;
use super::claims::{FeatureSet, Table, block, enrolled};
use super::features::Features;
use super::fleet::{FleetSpec, Session};
use super::response::{Response, put_simulated, time_bound};
use crate::observer::Bar;

/// Most units that each attack is tried against.
pub(super) const VICTIMS: usize = 25;

/// Delays of the relay, ms: both ways together. 1 ms is some 100 km of glass fibre.
const DELAYS_MS: [f64; 4] = [1.0, 5.0, 20.0, 100.0];

/// A number of cases out of some.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cases {
    /// Cases that were counted.
    pub cases: u64,
    /// Number of cases in all.
    pub of: u64,
    /// Their proportion with its exact 95 % interval; absent without a case.
    pub exact: Option<Estimate>,
}

impl Cases {
    pub(super) fn new(cases: u64, of: u64) -> Cases {
        Cases {
            cases,
            of,
            exact: exact::proportion(cases, of),
        }
    }
}

/// One way to pass for another unit, tried once against each victim.
#[derive(Debug, Serialize)]
pub struct Attack {
    /// The way, in words.
    pub name: String,
    /// Responses that are likely enough to be the unit's.
    pub likely: Cases,
    /// Responses within the time bound.
    pub in_time: Cases,
    /// Responses that are both.
    pub accepted: Cases,
}

/// The responses to one kind of attack.
#[derive(Debug, Default)]
struct Tally {
    likely: u64,
    in_time: u64,
    accepted: u64,
    all: u64,
}

impl Tally {
    fn take(&mut self, (likely, in_time): (bool, bool)) {
        self.all += 1;
        self.likely += u64::from(likely);
        self.in_time += u64::from(in_time);
        self.accepted += u64::from(likely && in_time);
    }

    fn named(&self, name: String) -> Attack {
        Attack {
            name,
            likely: Cases::new(self.likely, self.all),
            in_time: Cases::new(self.in_time, self.all),
            accepted: Cases::new(self.accepted, self.all),
        }
    }
}

/// Judges responses as `verify` does.
struct Judge<'a> {
    spec: &'a FleetSpec,
    features: &'a Features,
    columns: &'a [usize],
    population: &'a Population,
    profile: Profile,
    bound: Option<f64>,
    threshold: f64,
}

impl Judge<'_> {
    /// Whether `response` is likely enough, and whether it keeps the time bound.
    fn judge(&self, response: &Response) -> Result<(bool, bool)> {
        let plan = &self.spec.plan;
        let values = self.features.values(plan, response, self.spec.longest());
        let answer = block(&values, self.columns)
            .and_then(|block| Probe::of(self.population, &[block]))
            .context("the response lacks a feature of the profile")?;
        let soonest = response.soonest(plan);
        Ok((
            self.profile.log_ratio(self.population, &answer) >= self.threshold,
            self.bound
                .is_none_or(|bound| soonest.is_some_and(|soonest| soonest <= bound)),
        ))
    }
}

/// Tries every attack on units of the even half of `fleet`, judged by the population of the odd half.
///
/// # Errors
/// If the fleet is too small, or a simulated unit fails.
pub(super) fn attack(
    spec: &FleetSpec,
    features: &Features,
    fleet: &[Vec<Session>],
    threshold: f64,
    bar: &Bar,
) -> Result<(Vec<Attack>, Replayed)> {
    let table = Table::of(
        &features.list,
        fleet,
        spec.lengths.len() - 1,
        FeatureSet::Both,
        &[],
    );
    let population = table.population(|unit| unit % 2 == 1)?;
    let mut cloned = Tally::default();
    let mut old = Tally::default();
    let mut relays: Vec<Tally> = (0..=DELAYS_MS.len()).map(|_| Tally::default()).collect();
    // A session after those of the fleet: its challenges are new.
    let session = spec.sessions;
    for unit in (0..spec.units).step_by(2).take(VICTIMS) {
        let blocks = &table.units[unit];
        let first = enrolled(blocks.len());
        let profile = Profile::enrol(&population, &blocks[..first]);
        let judge = Judge {
            spec,
            features,
            columns: &table.columns,
            population: &population,
            profile: profile.context("too few sessions to enrol")?,
            bound: enrolment_bound(&fleet[unit]),
            threshold,
        };
        let challenge = Challenge::new(&spec.plan, spec.session_seed(unit, session));

        let known = known(&table, blocks, first, features.list.len());
        let emulator = Emulator::new(&spec.plan, features, known, challenge.seed);
        let mut emulator = emulator.context("the model has no twin")?;
        cloned.take(judge.judge(&put_simulated(&challenge, &mut emulator)?)?);

        let (response, ..) = spec.respond(unit, first)?;
        old.take(judge.judge(&response)?);

        for (tally, delay) in relays.iter_mut().zip([0.0].into_iter().chain(DELAYS_MS)) {
            let (twin, ..) = spec.twin(unit, session);
            let mut far = Relayed::new(twin, Duration::from_secs_f64(1e-3 * delay));
            tally.take(judge.judge(&put_simulated(&challenge, &mut far)?)?);
        }
        bar.step();
    }
    let mut attacks = vec![
        relays[0].named("none: the unit itself, one session later".into()),
        cloned.named("cloned: a program that knows the profile".into()),
        old.named("replayed: an old response, if its jobs are not checked".into()),
    ];
    for (tally, delay) in relays[1..].iter().zip(DELAYS_MS) {
        attacks.push(tally.named(format!("relayed: the unit itself, {delay} ms further away")));
    }
    let challenge = |session| Challenge::new(&spec.plan, spec.session_seed(0, session));
    Ok((attacks, attacks::replay(&challenge(0), &challenge(session))))
}

/// The time bound from the sessions that a unit is enrolled from.
fn enrolment_bound(sessions: &[Session]) -> Option<f64> {
    let first = &sessions[..enrolled(sessions.len())];
    let soonest: Vec<f64> = first.iter().filter_map(|session| session.soonest).collect();
    time_bound(&soonest)
}

/// Units that keep their own time bound in their last session.
pub(super) fn in_time(fleet: &[Vec<Session>]) -> Cases {
    let mut kept = 0;
    let mut all = 0;
    for sessions in fleet {
        let last = sessions.last().and_then(|session| session.soonest);
        if let Some((bound, soonest)) = enrolment_bound(sessions).zip(last) {
            all += 1;
            kept += u64::from(soonest <= bound);
        }
    }
    Cases::new(kept, all)
}

/// The knowledge of an attacker that has seen all enrolment sessions of a unit: the mean of each feature.
fn known(table: &Table, blocks: &[Vec<f64>], first: usize, features: usize) -> Vec<Option<f64>> {
    let mut known = vec![None; features];
    for (place, column) in table.columns.iter().enumerate() {
        let sum: f64 = blocks[..first].iter().map(|block| block[place]).sum();
        known[*column] = Some(sum / first as f64);
    }
    known
}
