//! Drives the unit, records what it finds, and judges it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};
use thermine_lab::substrate::{Discipline, Substrate, Twin};
use thermine_reservoir::tpf::trial::RateRatio;
use thermine_sim::device::Device;
use thermine_units::provenance::Provenance;
use thermine_units::seed;

use super::report::{TrialReport, verdict};
use super::trial::{Outcome, Trial};
use crate::causes::{ending, kept};
use crate::lab::backend::Backend;
use crate::lab::config::Config;
use crate::lab::experiment::arms::twin_params;
use crate::lab::observer::{Notices, Progress};
use crate::lab::request::FilterTrial;
use crate::lab::session::{Session, with_unit};
use thermine_capture::{RunMeta, Store};

/// Name of the stream in the capture.
const STREAM: &str = "tpf-live";

/// Checks that the unit of `config` can be driven as `request` asks.
///
/// # Errors
/// If the request is wrong, or a twin is asked for and the unit has none.
pub fn check_unit(request: &FilterTrial, config: &Config) -> Result<()> {
    request.check()?;
    if request.backend == Backend::Twin {
        if config.unit.simulated.is_none() {
            bail!(
                "--backend twin is a simulation, but {} is not configured as a simulated unit",
                config.unit.name
            );
        }
        twin_params(config)?;
    }
    Ok(())
}

/// Runs the trial on the unit of `config`, recorded in the new file `capture`.
///
/// # Errors
/// As [`check_unit`]; if the unit or the capture fails, or the trial was interrupted. The capture then keeps what was
/// recorded.
pub async fn run(
    request: &FilterTrial,
    config: &Config,
    capture: &Path,
    progress: &Progress,
) -> Result<TrialReport> {
    check_unit(request, config)?;
    let (text, config_hash) = config.fingerprint()?;
    let meta = RunMeta {
        seed: request.seed,
        config: text,
        config_hash: config_hash.clone(),
        task: serde_json::json!({ "tpf_live": { "pairs": request.pairs, "block": request.block } }),
        provenance: config.provenance(request.backend == Backend::Twin),
    };
    let store = Store::create(capture, &meta)?;
    let remarks = Remarks {
        progress,
        all: Mutex::default(),
    };
    let mut trial = Trial::new(request, &config.step, progress);
    let done = drive(&mut trial, config, &store, &remarks).await;
    let state = ending(&done);
    let finished = tokio::task::spawn_blocking(move || store.finish(&state)).await?;
    let (outcome, provenance) = done.map_err(|error| kept(error, capture))?;
    finished?;
    if let (steps @ 1.., away) = trial.interrupted {
        remarks.remark(&format!(
            "the unit's connection broke in {steps} steps, {:.1} s in all; they were repeated and are not counted",
            away.as_secs_f64()
        ));
    }
    let anytime = outcome.evidence.interval();
    let e_value = outcome.evidence.e_value();
    Ok(TrialReport {
        version: env!("CARGO_PKG_VERSION"),
        unit: config.unit.name.clone(),
        backend: request.backend,
        provenance,
        seed: request.seed,
        config_hash,
        algorithm: config.unit.model.algorithm(),
        difficulty: config.step.difficulty.get(),
        power: trial.power,
        train: request.train,
        block: request.block,
        settle: request.settle,
        horizon: request.pairs,
        pairs: outcome.course.len() as u32,
        stopped_by_evidence: outcome.course.len() < request.pairs as usize,
        filter: outcome.filter,
        pass: outcome.pass,
        ratio: RateRatio::of(outcome.filter.counted, outcome.pass.counted),
        verdict: verdict(anytime, e_value, trial.power),
        e_value,
        anytime,
        course: outcome.course,
        counterfactual: outcome.counterfactual,
        remarks: remarks
            .all
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner),
    })
}

async fn drive(
    trial: &mut Trial<'_>,
    config: &Config,
    store: &Store,
    remarks: &Remarks<'_>,
) -> Result<(Outcome, Provenance)> {
    let (context, seed) = (remarks.progress.context(), trial.request.seed);
    if trial.request.backend == Backend::Twin {
        let model = config.unit.model;
        let mut twin = Twin::new(
            Device::warm(&twin_params(config)?, seed),
            model,
            Discipline::Dialogue,
            model.switch_dead_time(),
            seed::stream(seed, "twin"),
            store.stream(STREAM),
        );
        let outcome = context.unless_stopped(trial.run(&mut twin)).await?;
        return Ok((outcome, twin.provenance()));
    }
    let session = Session {
        context,
        config,
        seed,
        notices: remarks,
    };
    with_unit(session, async |unit| {
        let mut driven = unit.drive(Discipline::Dialogue, store.stream(STREAM))?;
        let outcome = trial.run(&mut driven).await?;
        let provenance = driven.provenance();
        unit.release(driven).await?;
        Ok((outcome, provenance))
    })
    .await
}

/// Keeps for the report which settings of the unit differ from those asked for.
struct Remarks<'a> {
    progress: &'a Progress,
    all: Mutex<Vec<String>>,
}

impl Notices for Remarks<'_> {
    fn notice(&self, line: &str) {
        self.progress.say(line);
    }

    fn remark(&self, line: &str) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(line.to_string());
    }
}
