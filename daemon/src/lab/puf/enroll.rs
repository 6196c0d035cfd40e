//! Measures a unit's profile, relative to a population of simulated units of its model.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use thermine_reservoir::identity::{Kind, Population, Profile};

use super::challenge::{Plan, Size};
use super::claims::block;
use super::driven::{self, Purpose, Questions};
use super::features::Features;
use super::fleet::{self, FleetSpec, Session, World};
use super::key::Key;
use super::profile::{self, Enrolled};
use super::response::time_bound;
use crate::lab::backend::Backend;
use crate::lab::config::Config;
use crate::lab::observer::Progress;
use crate::lab::request::findings::{Findings, Wrong};
use crate::lab::threads::computed;

/// An enrolment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnrollRequest {
    /// What is challenged: `wire` or `twin`.
    pub backend: Backend,
    /// Number of a simulated unit among those of its model; absent for the configuration's.
    pub serial: Option<u64>,
    /// Seed of the challenges and of a simulated unit; absent for an unpredictable one.
    pub seed: Option<u64>,
    /// Challenges that the profile is measured from.
    pub blocks: u32,
    /// Jobs at each operating point of a challenge.
    pub jobs: u32,
    /// Shares of each job.
    pub shares: u32,
    /// Simulated units of the model that the profile is relative to.
    pub others: u32,
    /// Sessions of each of these units.
    pub other_sessions: u32,
}

impl Default for EnrollRequest {
    fn default() -> EnrollRequest {
        EnrollRequest {
            backend: Backend::Wire,
            serial: None,
            seed: None,
            blocks: 6,
            jobs: Size::default().jobs,
            shares: Size::default().shares,
            others: 24,
            other_sessions: 4,
        }
    }
}

impl EnrollRequest {
    /// Looks for everything that is wrong.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut found = Findings::default();
        found.drives(self.backend);
        found.within("blocks", self.blocks, 2, 1000);
        found.within("jobs", self.jobs, 2, 100_000);
        found.within("shares", self.shares, 2, 100_000);
        found.within("others", self.others, 4, 10_000);
        found.within("other-sessions", self.other_sessions, 2, 1000);
        found.all()
    }
}

/// An enrolled unit.
#[derive(Debug, Serialize)]
pub struct EnrollReport {
    /// What the profile holds.
    pub enrolled: Enrolled,
    /// Shares that count.
    pub shares: u64,
    /// The capture of the responses.
    pub capture: PathBuf,
    /// The profile.
    pub profile: PathBuf,
    /// Name of the key that signed it.
    pub key: String,
}

/// Enrolls the unit of `config`, which is [`prepared`](super::prepared): its capture goes into `folder`, its profile, signed
/// with `key`, to the new file `profile`.
///
/// # Errors
/// If the request is wrong, the unit or a file fails, or the work was interrupted.
pub async fn run(
    request: &EnrollRequest,
    config: &Config,
    key: &Key,
    (folder, profile): (&Path, &Path),
    progress: &Progress,
) -> Result<EnrollReport> {
    request.check()?;
    let params = driven::model_params(config)?;
    let size = Size {
        jobs: request.jobs,
        shares: request.shares,
    };
    let model = config.unit.model;
    let is_settable = driven::is_settable(model, request.backend);
    let difficulty = config.step.difficulty.get();
    let plan = Plan::new(model, &params, is_settable, size, difficulty);
    let questions = Questions {
        purpose: Purpose::Enroll,
        backend: request.backend,
        plan: &plan,
        challenges: request.blocks,
        seed: driven::fresh(request.seed)?,
    };
    let answered = driven::ask(questions, config, folder, progress).await?;
    let others = FleetSpec {
        plan: plan.clone(),
        params,
        world: World::default(),
        units: request.others as usize,
        sessions: request.other_sessions as usize,
        differ: true,
        lengths: vec![request.jobs as usize],
        // The same others for every unit of the same model and plan.
        seed: 1,
    };
    let population_of = format!(
        "{} simulated units of model {model}, {} sessions each, seed {}, assumed spread",
        others.units, others.sessions, others.seed
    );
    let bar = progress.bar("others", others.units);
    let simulate = move || fleet::simulate(&others, &bar);
    let fleet = computed(progress.context(), simulate).await?;

    let features = Features::of(&plan);
    let own: Vec<Vec<Option<f64>>> = answered
        .responses
        .iter()
        .map(|response| features.values(&plan, response, size.jobs as usize))
        .collect();
    let (columns, population) = population(&features, &fleet, &own)?;
    let blocks: Option<Vec<Vec<f64>>> = own.iter().map(|values| block(values, &columns)).collect();
    let measured = blocks.and_then(|blocks| Profile::enrol(&population, &blocks));
    let soonest = answered.responses.iter().filter_map(|r| r.soonest(&plan));
    let enrolled = Enrolled {
        unit: config.unit.name.clone(),
        provenance: answered.provenance,
        program: env!("CARGO_PKG_VERSION").into(),
        seed: questions.seed,
        config_hash: answered.config_hash,
        features: columns
            .iter()
            .map(|i| features.list[*i].name.clone())
            .collect(),
        bound_s: time_bound(&soonest.collect::<Vec<_>>()),
        profile: measured.context("the unit's responses have no feature in common")?,
        plan,
        population,
        population_of,
    };
    profile::write(profile, &enrolled, key)?;
    Ok(EnrollReport {
        enrolled,
        shares: answered.responses.iter().map(|r| r.shares()).sum(),
        capture: answered.capture,
        profile: profile.to_path_buf(),
        key: key.id(),
    })
}

/// The features that the unit and all others have, and the population of the others in them.
fn population(
    features: &Features,
    fleet: &[Vec<Session>],
    own: &[Vec<Option<f64>>],
) -> Result<(Vec<usize>, Population)> {
    let sessions = fleet.iter().flatten().map(|session| &session.values[0]);
    let all: Vec<&Vec<Option<f64>>> = sessions.chain(own).collect();
    let columns: Vec<usize> = (0..features.list.len())
        .filter(|i| all.iter().all(|values| values[*i].is_some()))
        .collect();
    let units: Option<Vec<Vec<Vec<f64>>>> = fleet
        .iter()
        .map(|sessions| {
            let blocks = sessions.iter();
            blocks
                .map(|session| block(&session.values[0], &columns))
                .collect()
        })
        .collect();
    let kinds: Vec<Kind> = columns.iter().map(|i| features.list[*i].kind()).collect();
    let population = Population::fit(&units.unwrap_or_default(), &kinds)
        .context("the simulated others make no population")?;
    Ok((columns, population))
}
