//! Drives the unit, records what it finds, and judges it.

use std::path::Path;

use crate::substrate::{Discipline, Substrate};
use anyhow::Result;
use parking_lot::Mutex;
use serde_json::json;
use thermine_reservoir::tpf::trial::RateRatio;
use thermine_units::unit::OperatingPoint;

use super::report::{TrialReport, verdict};
use super::request::FilterTrial;
use super::trial::Trial;
use crate::config::Config;
use crate::driven::{self, with_driven};
use crate::observer::{Notices, Progress};
use crate::recording::{run_meta, with_capture};
use crate::session::Session;

/// Name of the stream in the capture.
const STREAM: &str = "tpf-live";

/// Checks that the unit of `config` can be driven as `request` asks.
///
/// # Errors
/// If the request is wrong, or a twin is asked for and the unit has none.
pub fn check_unit(request: &FilterTrial, config: &Config) -> Result<()> {
    request.check()?;
    driven::check(config, request.backend)
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
    let task = json!({ "tpf_live": { "pairs": request.pairs, "block": request.block } });
    let meta = run_meta(config, request.backend, request.seed, task)?;
    let remarks = Remarks {
        progress,
        all: Mutex::default(),
    };
    let session = Session {
        context: progress.context(),
        config,
        seed: request.seed,
        notices: &remarks,
    };
    let mut trial = Trial::new(request, &config.step, progress);
    let recorded = with_capture(&meta, capture, async |store| {
        let how = (request.backend, Discipline::Dialogue);
        let into = (OperatingPoint::UNCHANGED, store.stream(STREAM));
        with_driven(session, how, into, async |unit| {
            let outcome = trial.run(unit).await?;
            Ok((outcome, unit.provenance()))
        })
        .await
    });
    let (outcome, provenance) = recorded.await?.found;
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
        config_hash: meta.config_hash,
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
        remarks: remarks.all.into_inner(),
    })
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
        let mut all = self.all.lock();
        all.push(line.to_string());
    }
}
