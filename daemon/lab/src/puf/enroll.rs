//! Measures a unit's profile, relative to a population of simulated units of its model.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use thermine_reservoir::identity::Profile;

use super::challenge::{Plan, Size};
use super::claims::{FeatureSet, Table, block};
use super::driven::{self, Purpose, Questions};
use super::features::Features;
use super::fleet::{self, FleetSpec};
use super::key::Key;
use super::profile::{self, Enrolled};
use super::response::time_bound;
use crate::backend::Backend;
use crate::config::Config;
use crate::observer::Progress;
use crate::request::declare::request;
use crate::threads::computed;

request! {
    /// What to enrol, and how often it is asked.
    pub struct EnrollRequest {
        /// What is challenged: `wire` or `twin`.
        backend: Backend = Backend::Wire => drives();
        /// Number of a simulated unit among those of its model; absent for the configuration's.
        serial: Option<u64> = None;
        /// Seed of the challenges and of a simulated unit; absent for an unpredictable one.
        seed: Option<u64> = None;
        /// Challenges that the profile is measured from.
        blocks: u32 = 6 => within(2, 1000);
        /// Jobs at each operating point of a challenge.
        jobs: u32 = Size::USUAL.jobs => within(2, 100_000);
        /// Shares of each job.
        shares: u32 = Size::USUAL.shares => within(2, 100_000);
        /// Simulated units of the model that the profile is relative to.
        others: u32 = 24 => within(4, 10_000);
        /// Sessions of each of these units.
        other_sessions: u32 = 4 => within(2, 1000);
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
    /// Where the profile was written.
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
        units: request.others as usize,
        sessions: request.other_sessions as usize,
        lengths: vec![request.jobs as usize],
        // The same others for every unit of the same model and plan.
        ..FleetSpec::new(plan.clone(), params, 1)
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
    let table = Table::of(&features.list, &fleet, 0, FeatureSet::Both, &own);
    let population = table
        .population(|_| true)
        .context("the simulated others make no population")?;
    let blocks = own.iter().map(|values| block(values, &table.columns));
    let blocks: Option<Vec<Vec<f64>>> = blocks.collect();
    let measured = blocks.and_then(|blocks| Profile::enrol(&population, &blocks));
    let soonest = answered.responses.iter().filter_map(|r| r.soonest(&plan));
    let enrolled = Enrolled {
        unit: config.unit.name.clone(),
        provenance: answered.provenance,
        program: env!("CARGO_PKG_VERSION").into(),
        seed: questions.seed,
        config_hash: answered.config_hash,
        features: (table.columns.iter())
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
