//! The check of the folder of a registered run, by a person who has nothing else.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use thermine_capture::Capture;
use thermine_capture::verify as shares;

use super::file::{Registration, differing};
use super::run::REGISTRATION;
use crate::backend::Backend;
use crate::config::Config;
use crate::experiment::prediction::{Checked, Kept};
use crate::experiment::recipe::Recipe;
use crate::experiment::run;
use crate::observer::Progress;
use crate::recording::CAPTURE;
use crate::request::{Setup, Train};
use crate::threads::computed;
use crate::train;

/// Largest difference of two scores that are the same to the printed digits.
const PRINTED: f64 = 5e-4;

/// One thing that was checked.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was checked.
    pub what: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was found.
    pub found: String,
}

/// What the check of a folder has found.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// What was checked, in order.
    pub findings: Vec<Finding>,
    /// What the capture says of the predictions.
    pub recomputed: Kept,
}

impl Verified {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.holds)
    }
}

/// What a report says of its registration; the rest is not looked at.
#[derive(Deserialize)]
struct Reported {
    registration: Option<Kept>,
}

/// Checks the folder of a registered run: that its registration is unchanged, that its capture was driven as registered,
/// that its shares are valid, and that its scores come out again from the capture.
///
/// # Errors
/// If a file is missing or cannot be read, or the registration was changed.
pub async fn verify(folder: &Path, progress: &Progress) -> Result<Verified> {
    let path = folder.join(REGISTRATION);
    if !path.exists() {
        bail!(
            "{} holds no {REGISTRATION}: it is not the folder of a registered run; to hash a capture's shares again, name \
             the capture",
            folder.display()
        );
    }
    let (registration, _) = Registration::load(&path)?;
    let reported = reported(folder)?;
    let mut findings = vec![Finding {
        what: "registration unchanged".into(),
        holds: reported.registered == registration.registered(),
        found: if reported.registered == registration.registered() {
            format!("{} of {}", registration.name, registration.date)
        } else {
            format!("the report is of {}", reported.registered.sha256)
        },
    }];
    let capture = folder.join(CAPTURE);
    findings.push(driven(&registration, &capture)?);
    let place = capture.clone();
    let hashed = computed(progress.context(), move || Ok(shares::verify(&place)?)).await?;
    findings.push(Finding {
        what: "shares valid".into(),
        holds: hashed.contradictions == 0 && hashed.hashed > 0,
        found: format!(
            "{} of {} hashed again are valid, {} contradict the record ({})",
            hashed.valid, hashed.hashed, hashed.contradictions, hashed.provenance
        ),
    });
    let request = Train {
        backend: Backend::Replay,
        readouts: registration.request.readouts.clone(),
        ..Train::default()
    };
    let setup = Setup {
        capture: Some(capture),
        ..Setup::default()
    };
    let plan = train::plan(&request, setup)?;
    let report = run::again(&plan, registration.registered(), progress).await?;
    let recomputed = report.registration.context("the capture holds no row")?;
    findings.push(same(&reported, &recomputed));
    Ok(Verified {
        findings,
        recomputed,
    })
}

fn reported(folder: &Path) -> Result<Kept> {
    let path = folder.join("report.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let report: Reported = serde_json::from_str(&text)
        .with_context(|| format!("{} is no report of a run", path.display()))?;
    report
        .registration
        .with_context(|| format!("{} is of a run that was not registered", path.display()))
}

/// Whether the capture was recorded to its end, on a unit of the registered model, with the registered drives.
fn driven(registration: &Registration, capture: &Path) -> Result<Finding> {
    let run = Capture::open(capture)?.run()?;
    let config: Config = toml::from_str(&run.config).context("the capture's configuration")?;
    let mut wrong = Vec::new();
    match Recipe::read(&run.task, &config) {
        None => wrong.push("its task is unknown".to_string()),
        Some(recipe) => wrong.extend(differing(&recipe, &registration.recipe)?),
    }
    if Some(run.seed) != registration.request.seed {
        wrong.push(format!("seed {}", run.seed));
    }
    if config.unit.model != registration.model {
        wrong.push(format!("the unit is a {}", config.unit.model));
    }
    if run.state != "finished" {
        wrong.push(run.state.clone());
    }
    Ok(Finding {
        what: "driven as registered".into(),
        holds: wrong.is_empty(),
        found: match wrong.is_empty() {
            true => format!("{}, seed {}, to the end", config.unit.name, run.seed),
            false => format!("differs: {}", wrong.join(", ")),
        },
    })
}

/// Whether two judgements of the same predictions agree.
fn same(reported: &Kept, recomputed: &Kept) -> Finding {
    let off = |(a, b): (&Checked, &Checked)| match (&a.measured, &b.measured) {
        (Some(a), Some(b)) => [a.value - b.value, a.low - b.low, a.high - b.high]
            .into_iter()
            .map(f64::abs)
            .fold(0.0, f64::max),
        (None, None) if a.found == b.found => 0.0,
        _ => f64::INFINITY,
    };
    let pairs = reported.checked.iter().zip(&recomputed.checked);
    let furthest = pairs.clone().map(off).fold(0.0, f64::max);
    let outcomes = pairs.clone().all(|(a, b)| a.outcome == b.outcome)
        && reported.checked.len() == recomputed.checked.len();
    Finding {
        what: "scores recomputed".into(),
        holds: outcomes && furthest < PRINTED,
        found: format!(
            "{} numbers and their intervals from the capture, at most {furthest:.1e} off{}",
            reported.checked.len(),
            if outcomes { "" } else { "; other outcomes" }
        ),
    }
}
