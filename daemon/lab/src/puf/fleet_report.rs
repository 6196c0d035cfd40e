//! Error rates, distances, drift, control and attacks of a simulated fleet.

use anyhow::Result;
use serde::Serialize;
use thermine_reservoir::identity::trials::{Operating, Resampling};
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;

use super::attacks::Replayed;
use super::attempts::{self, Attack, Cases, VICTIMS};
use super::challenge::{Plan, Size};
use super::claims::{self, ClaimDetail, ClaimRow, FeatureSet, Table};
use super::features::Features;
use super::fleet::{self, FleetSpec, World};
use super::verify::FALSE_ACCEPT;
use crate::config::Config;
use crate::experiment::arms::twin_of;
use crate::observer::Progress;
use crate::request::declare::request;
use crate::request::findings::Findings;
use crate::threads::computed;

/// Resamples of an interval.
const RESAMPLES: usize = 1000;

/// Factor from one length of a challenge to the next.
const LENGTHS: usize = 2;

request! {
    /// A simulated fleet to be challenged.
    pub struct FleetRequest {
        /// Model of all units: one with a controller.
        model: Model = Model::AntminerS9;
        /// Number of units.
        fleet: usize = 100 => within(8, 10_000);
        /// Sessions of each unit; the first half enrols it.
        sessions: usize = 20 => within(4, 1000);
        /// Jobs at each operating point of a challenge.
        jobs: u32 = Size::USUAL.jobs => within(2, 10_000);
        /// Shares of each job.
        shares: u32 = Size::USUAL.shares => within(2, 10_000);
        /// Whether the second operating point is half duty instead of a higher clock, as with a unit that cannot be set.
        fixed_clock: bool = false;
        /// Part of other units that are accepted at the most, if the model holds.
        false_accept: f64 = FALSE_ACCEPT => probability();
        /// Seed of everything.
        seed: u64 = 1;
    }
    also FleetRequest::check_model;
}

impl FleetRequest {
    fn check_model(&self, found: &mut Findings) {
        if let Err(error) = twin_of(self.model) {
            found.add(format!("unit {}: {error}", self.model));
        }
    }

    fn spec(&self) -> Result<FleetSpec> {
        let params = twin_of(self.model)?;
        let difficulty = Config::simulated(self.model)?.step.difficulty.get();
        let size = Size {
            jobs: self.jobs,
            shares: self.shares,
        };
        let plan = Plan::new(self.model, &params, !self.fixed_clock, size, difficulty);
        Ok(FleetSpec {
            units: self.fleet,
            sessions: self.sessions,
            lengths: lengths(self.jobs as usize),
            ..FleetSpec::new(plan, params, self.seed)
        })
    }
}

/// Everything that was found.
#[derive(Debug, Serialize)]
pub struct FleetReport {
    version: &'static str,
    /// Where the numbers come from: a simulation.
    pub provenance: Provenance,
    /// Seed of everything.
    pub seed: u64,
    /// Number of units.
    pub fleet: usize,
    /// Sessions of each unit.
    pub sessions: usize,
    /// What all challenges have in common.
    pub plan: Plan,
    /// Surroundings and ageing of the units.
    pub world: World,
    /// Resamples of an interval.
    pub resamples: usize,
    /// Features that were not used because some session lacks them.
    pub left_out: Vec<String>,
    /// Error rates by set of features and length.
    pub rows: Vec<ClaimRow>,
    /// The longest challenge, by set of features.
    pub details: Vec<ClaimDetail>,
    /// Error rates of a fleet whose units are all alike.
    pub control: Vec<ClaimRow>,
    /// Units that keep their own time bound.
    pub in_time: Cases,
    /// The success of each attack.
    pub attacks: Vec<Attack>,
    /// Shares of one challenge sent in response to another.
    pub replayed: Replayed,
    /// The ROC curve of the longest challenge, by set of features.
    #[serde(skip)]
    pub curves: Vec<(FeatureSet, Vec<Operating>)>,
}

/// Simulates the fleet that `request` asks for, judges its claims and tries the attacks.
///
/// # Errors
/// If the request is wrong, a simulated unit fails, or the work was interrupted.
pub async fn run(request: &FleetRequest, progress: &Progress) -> Result<FleetReport> {
    request.check()?;
    let (spec, parts) = (request.spec()?, progress.clone());
    let threshold = (1.0 / request.false_accept).ln();
    computed(progress.context(), move || find(&spec, threshold, &parts)).await
}

/// Numbers of jobs of shorter and shorter challenges, down to one; rising.
fn lengths(jobs: usize) -> Vec<usize> {
    let mut lengths = vec![jobs];
    while let Some(&last) = lengths.last().filter(|last| **last > 1) {
        lengths.push((last / LENGTHS).max(1));
    }
    lengths.reverse();
    lengths
}

fn find(spec: &FleetSpec, threshold: f64, progress: &Progress) -> Result<FleetReport> {
    let resampling = Resampling {
        resamples: RESAMPLES,
        seed: spec.seed,
    };
    let features = Features::of(&spec.plan);
    let fleet = fleet::simulate(spec, &progress.bar("fleet", spec.units))?;
    let mut rows = Vec::new();
    let mut details = Vec::new();
    let mut curves = Vec::new();
    let last = spec.lengths.len() - 1;
    let bar = progress.bar("judging", FeatureSet::ALL.len() * spec.lengths.len());
    for evidence in FeatureSet::ALL {
        for (length, &jobs) in spec.lengths.iter().enumerate() {
            let shares = spec.plan.shares_at(jobs as u32);
            let table = Table::of(&features.list, &fleet, length, evidence, &[]);
            bar.step();
            if table.columns.is_empty() {
                continue;
            }
            let judged = claims::judge(&table)?;
            rows.push(claims::row(&judged, evidence, (jobs, shares), resampling));
            if length == last {
                details.push(claims::detail(
                    &judged, evidence, shares, threshold, &fleet, resampling,
                ));
                curves.push((evidence, judged.trials.characteristic()));
            }
        }
    }
    let control = control(spec, &features, resampling, progress)?;
    let bar = progress.bar("attacks", VICTIMS);
    let (attacks, replayed) = attempts::attack(spec, &features, &fleet, threshold, &bar)?;
    let kept = Table::of(&features.list, &fleet, last, FeatureSet::Both, &[]).columns;
    let left_out = (0..features.list.len()).filter(|i| !kept.contains(i));
    Ok(FleetReport {
        version: env!("CARGO_PKG_VERSION"),
        provenance: Provenance::Simulated,
        seed: spec.seed,
        fleet: spec.units,
        sessions: spec.sessions,
        plan: spec.plan.clone(),
        world: spec.world.clone(),
        resamples: RESAMPLES,
        left_out: left_out.map(|i| features.list[i].name.clone()).collect(),
        rows,
        details,
        control,
        in_time: attempts::in_time(&fleet),
        attacks,
        replayed,
        curves,
    })
}

/// Error rates of the longest challenge to a fleet whose units are all alike.
fn control(
    spec: &FleetSpec,
    features: &Features,
    resampling: Resampling,
    progress: &Progress,
) -> Result<Vec<ClaimRow>> {
    let jobs = spec.longest();
    let alike = FleetSpec {
        differ: false,
        lengths: vec![jobs],
        ..spec.clone()
    };
    let fleet = fleet::simulate(&alike, &progress.bar("control", spec.units))?;
    let mut rows = Vec::new();
    for evidence in FeatureSet::ALL {
        let table = Table::of(&features.list, &fleet, 0, evidence, &[]);
        if !table.columns.is_empty() {
            let judged = claims::judge(&table)?;
            let shares = spec.plan.shares_at(jobs as u32);
            rows.push(claims::row(&judged, evidence, (jobs, shares), resampling));
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::super::challenge::tests::plan;
    use super::*;
    use crate::session::Context;
    use thermine_sim::Params;

    #[test]
    fn lengths_halve_down_to_one_job() {
        assert_eq!(lengths(12), [1, 3, 6, 12]);
        assert_eq!(lengths(1), [1]);
    }

    #[test]
    fn a_small_fleet_is_told_apart_and_one_of_equals_is_not() {
        let spec = FleetSpec {
            plan: plan(6, 20),
            params: Params::s9(),
            world: World::default(),
            units: 8,
            sessions: 4,
            differ: true,
            lengths: vec![1, 6],
            seed: 3,
        };
        let progress = Progress::hidden(&Context::new("test"));
        let found = find(&spec, 1000f64.ln(), &progress).expect("found");
        assert_eq!((found.rows.len(), found.details.len()), (6, 3));
        assert_eq!((found.curves.len(), found.control.len()), (3, 3));
        let both = &found.details[2];
        assert_eq!((both.genuine, both.false_claims), (16, 48));
        assert!(both.equal_error.value < 0.2, "{:?}", both.equal_error);
        assert!(both.intra.value < both.inter.value);
        for row in &found.control {
            assert!(row.equal_error.high > 0.3, "{row:?}");
        }
        assert_eq!(found.replayed.shares, 14);
        let json = serde_json::to_value(&found).expect("json");
        assert_eq!(json["provenance"], "simulated");
        // Everything follows from the seed.
        let respond = |unit| spec.respond(unit, 1).expect("answered").0;
        assert_eq!(respond(1), respond(1));
        assert_ne!(respond(1), respond(2));
    }
}
