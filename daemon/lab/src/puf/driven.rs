//! Challenges a unit, over its wire or as a twin, and records its responses in a capture.

use std::path::{Path, PathBuf};

use crate::substrate::Discipline;
use anyhow::{Context as _, Result, bail};
use rand::RngExt;
use serde_json::json;
use thermine_sim::{Params, Spread};
use thermine_units::model::{Model, Wire};
use thermine_units::provenance::Provenance;
use thermine_units::seed;

use super::challenge::{Challenge, Plan};
use super::response::{self, Break, Response};
use crate::backend::Backend;
use crate::config::Config;
use crate::driven::with_driven;
use crate::experiment::arms::twin_params;
use crate::observer::Progress;
use crate::recording::{CAPTURE, run_meta, with_capture};
use crate::session::Session;

/// Name of the stream in the capture.
const STREAM: &str = "puf";

/// The unit of `config`, if it can be challenged by `backend`; a simulated one is made number `serial` of its model.
///
/// # Errors
/// If it is not simulated but `serial` or a twin is asked for, or its model has no twin.
pub fn prepared(mut config: Config, backend: Backend, serial: Option<u64>) -> Result<Config> {
    match &mut config.unit.simulated {
        Some(simulated) => {
            if let Some(serial) = serial {
                simulated.spread = Spread::assumed(serial);
            }
        }
        None if serial.is_some() || backend == Backend::Twin => bail!(
            "--serial and --backend twin are for simulated units, but {} is not configured as one",
            config.unit.name
        ),
        None => {}
    }
    twin_params(&config).context("a unit is compared with simulated ones of its model")?;
    Ok(config)
}

/// Physics of the unit's model at the configured operating point, without what is peculiar to the unit.
pub(super) fn model_params(config: &Config) -> Result<Params> {
    let params = twin_params(config)?;
    let point = config.point.operating_point();
    Ok(Params {
        silicon: Params::default().silicon,
        spread: Spread::default(),
        frequency_mhz: point.frequency.map_or(params.frequency_mhz, |f| f.0),
        voltage_v: point.voltage.map_or(params.voltage_v, |v| v.0),
        fan: point.fan.unwrap_or(params.fan),
        ..params
    })
}

/// Whether a challenge can set the unit's clock.
pub(super) fn is_settable(model: Model, backend: Backend) -> bool {
    backend == Backend::Twin || model.entry().wire == Wire::AxeOs
}

/// `seed`, or an unpredictable one from the system.
pub(super) fn fresh(seed: Option<u64>) -> Result<u64> {
    match seed {
        Some(seed) => Ok(seed),
        None => {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
            // A capture keeps its seed as a signed number.
            Ok(u64::from_le_bytes(bytes) >> 1)
        }
    }
}

/// What a unit is challenged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Enroll,
    Verify,
}

/// Challenges to a unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Questions<'a> {
    pub(super) purpose: Purpose,
    pub(super) backend: Backend,
    pub(super) plan: &'a Plan,
    pub(super) challenges: u32,
    pub(super) seed: u64,
}

/// What a unit answered, and where that is recorded.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) responses: Vec<Response>,
    /// Seeds of the challenges.
    pub(super) challenges: Vec<u64>,
    pub(super) capture: PathBuf,
    pub(super) provenance: Provenance,
    pub(super) config_hash: String,
}

/// Puts `questions` to the unit of `config`, one after another, recorded in `folder`.
///
/// # Errors
/// If the unit or the capture fails; what was recorded until then is kept.
pub(super) async fn ask(
    questions: Questions<'_>,
    config: &Config,
    folder: &Path,
    progress: &Progress,
) -> Result<Answered> {
    let Questions { plan, seed, .. } = questions;
    let mut rng = seed::stream(seed, "puf/challenges");
    let challenges: Vec<u64> = (0..questions.challenges).map(|_| rng.random()).collect();
    // A profile may take its time; a response that is judged may not.
    let (name, on_break) = match questions.purpose {
        Purpose::Enroll => ("enrol", Break::AskAgain),
        Purpose::Verify => ("verify", Break::Fail),
    };
    let task = json!({ "puf": { name: { "plan": plan, "challenges": challenges } } });
    let meta = run_meta(config, questions.backend, seed, task)?;
    let session = Session {
        context: progress.context(),
        config,
        seed,
        notices: progress,
    };
    let steps = plan.places.len() * (plan.jobs as usize + 1) * challenges.len();
    let bar = progress.bar("challenge", steps);
    let place = folder.join(CAPTURE);
    let captured = with_capture(&meta, &place, async |store| {
        let how = (questions.backend, Discipline::Dialogue);
        let into = (config.point.operating_point(), store.stream(STREAM));
        with_driven(session, how, into, async |unit| {
            let mut responses = Vec::new();
            for seed in &challenges {
                let challenge = Challenge::new(plan, *seed);
                responses.push(response::put(&challenge, unit, on_break, || bar.step()).await?);
            }
            Ok(responses)
        })
        .await
    });
    let captured = captured.await?;
    Ok(Answered {
        responses: captured.found,
        challenges,
        capture: captured.place,
        provenance: captured.provenance,
        config_hash: meta.config_hash,
    })
}
