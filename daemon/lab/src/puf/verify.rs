//! Judges by a profile whether a unit is the enrolled one: one fresh challenge, one response, one decision.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use thermine_reservoir::identity::Probe;
use thermine_units::provenance::Provenance;

use super::driven::{self, Purpose, Questions};
use super::features::Features;
use super::profile::Enrolled;
use super::response::Response;
use crate::backend::Backend;
use crate::config::Config;
use crate::observer::Progress;
use crate::request::declare::request;

/// Part of other units that are accepted at the most, unless the user says another, if the model holds.
pub(super) const FALSE_ACCEPT: f64 = 0.001;

request! {
    /// A verification.
    pub struct VerifyRequest {
        /// What is challenged: `wire` or `twin`.
        backend: Backend = Backend::Wire => drives();
        /// Number of a simulated unit among those of its model; absent for the configuration's.
        serial: Option<u64> = None;
        /// Seed of the challenge and of a simulated unit; absent for an unpredictable one.
        seed: Option<u64> = None;
        /// Part of other units that are accepted at the most, if the model holds.
        false_accept: f64 = FALSE_ACCEPT => probability();
    }
}

/// What was decided, and by what.
#[derive(Debug, Serialize)]
pub struct Decision {
    /// Name of the unit in its configuration.
    pub unit: String,
    /// Where the response comes from.
    pub provenance: Provenance,
    profile: String,
    /// Seed of the challenge.
    pub challenge_seed: u64,
    /// Whether the challenge was drawn from the system's randomness.
    pub fresh: bool,
    /// Shares of the response.
    pub shares: u64,
    /// Logarithm of the likelihood ratio of the enrolled unit and another.
    pub log_ratio: f64,
    /// Logarithm of the likelihood ratio from which on the unit is accepted.
    pub threshold: f64,
    /// Distance from the profile, in standard deviations within a unit.
    pub distance: Option<f64>,
    /// Time of the first share after its job, the shortest of all jobs, in seconds.
    pub soonest_s: Option<f64>,
    /// Time that `soonest_s` must not exceed, in seconds.
    pub bound_s: Option<f64>,
    /// Whether it does not.
    pub in_time: bool,
    /// Whether the unit is taken for the enrolled one.
    pub accepted: bool,
}

/// Checks that the profile `enrolled`, read from `file`, can be of the unit of `config`.
///
/// # Errors
/// If it is of another unit or model.
pub fn check_unit(enrolled: &Enrolled, file: &Path, config: &Config) -> Result<()> {
    let unit = &config.unit;
    if enrolled.unit != unit.name {
        bail!(
            "{} is the profile of {}, and the unit is {}",
            file.display(),
            enrolled.unit,
            unit.name
        );
    }
    if enrolled.plan.model != unit.model {
        bail!(
            "{} is of a unit of model {}, and this is a {}",
            file.display(),
            enrolled.plan.model,
            unit.model
        );
    }
    Ok(())
}

/// Challenges the unit of `config`, which is [`prepared`](super::prepared), and judges it by the profile `enrolled` of the
/// file `profile`. The capture goes into `folder`.
///
/// # Errors
/// If the request is wrong, the profile is of another unit, the unit or the capture fails, or the work was interrupted.
pub async fn run(
    request: &VerifyRequest,
    config: &Config,
    (profile, enrolled): (&Path, &Enrolled),
    folder: &Path,
    progress: &Progress,
) -> Result<Decision> {
    request.check()?;
    check_unit(enrolled, profile, config)?;
    let questions = Questions {
        purpose: Purpose::Verify,
        backend: request.backend,
        plan: &enrolled.plan,
        challenges: 1,
        seed: driven::fresh(request.seed)?,
    };
    let answered = driven::ask(questions, config, folder, progress).await?;
    let response = answered.responses.first().context("no response")?;
    let (log_ratio, distance) = judge(enrolled, response)?;
    let threshold = (1.0 / request.false_accept).ln();
    let soonest_s = response.soonest(&enrolled.plan);
    // Without an enrolled bound there is none to keep; with one, a response must be seen to keep it.
    let in_time = enrolled
        .bound_s
        .is_none_or(|bound| soonest_s.is_some_and(|soonest| soonest <= bound));
    Ok(Decision {
        unit: enrolled.unit.clone(),
        provenance: answered.provenance,
        profile: profile.display().to_string(),
        challenge_seed: answered.challenges.first().copied().unwrap_or_default(),
        fresh: request.seed.is_none(),
        shares: response.shares(),
        log_ratio,
        threshold,
        distance,
        soonest_s,
        bound_s: enrolled.bound_s,
        in_time,
        accepted: in_time && log_ratio >= threshold,
    })
}

/// The logarithm of the likelihood ratio of `response`, and its distance from the profile.
fn judge(enrolled: &Enrolled, response: &Response) -> Result<(f64, Option<f64>)> {
    let plan = &enrolled.plan;
    let features = Features::of(plan);
    let values = features.values(plan, response, plan.jobs as usize);
    let mut block = Vec::new();
    for name in &enrolled.features {
        let place = features.list.iter().position(|f| &f.name == name);
        let value = place.and_then(|place| values[place]).with_context(|| {
            format!(
                "the profile needs `{name}`, which the unit did not report: is a board or a sensor missing?"
            )
        })?;
        block.push(value);
    }
    let answer = Probe::of(&enrolled.population, &[block])
        .context("the response holds a value that is not finite")?;
    let log_ratio = enrolled.profile.log_ratio(&enrolled.population, &answer);
    Ok((log_ratio, enrolled.profile.distance(&answer)))
}
