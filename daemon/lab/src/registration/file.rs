//! The file of a registration.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thermine_units::model::Model;

use crate::config::Config;
use crate::experiment::plan::Plan;
use crate::experiment::prediction::{Prediction, Quantity, Registered};
use crate::experiment::recipe::Recipe;
use crate::experiment::run;
use crate::request::{Request, Setup, Train};
use crate::train;

/// Key of the hash, which is not part of what is hashed.
const HASH: &str = "sha256";

/// What is to be registered.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Name of the registration.
    pub name: String,
    /// Model of the unit that it is for.
    pub model: Model,
    /// What is predicted.
    pub predictions: Vec<Prediction>,
    /// The request that is to be carried out.
    pub request: Train,
}

/// A registration as its file holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Its name.
    pub name: String,
    /// When it was made, UTC.
    pub date: String,
    /// Version of the program that made it.
    pub version: String,
    /// Model of the unit.
    pub model: Model,
    /// The command that asks for the same, without the unit.
    pub command: String,
    /// What is predicted.
    pub predictions: Vec<Prediction>,
    /// SHA-256 of everything else in the file: as JSON, the keys sorted, without white space.
    #[serde(default)]
    sha256: String,
    /// What is judged, and how.
    analysis: Analysis,
    /// The request, every default written out.
    pub(super) request: Train,
    /// What the request comes to.
    pub(super) recipe: Recipe,
}

/// What is judged, and how: for people, and part of what is hashed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Analysis {
    time: String,
    readout: String,
    scored: String,
    controls: String,
    intervals: String,
    outcome: String,
    seed: u64,
}

/// Writes the registration of what is `asked` to the new file `path`.
///
/// # Errors
/// If the request cannot be registered or carried out, a prediction is not about anything that its report has, or the
/// file exists.
pub fn register(asked: Asked, path: &Path) -> Result<Registration> {
    let setup = Setup {
        model: asked.model,
        ..Setup::default()
    };
    let plan = train::plan(&asked.request, setup)?;
    check(&asked, &plan)?;
    let request = spelled_out(&asked.request, &plan);
    let mut registration = Registration {
        name: asked.name,
        date: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
        model: asked.model,
        command: Request::Train(Box::new(request.clone())).words(),
        predictions: asked.predictions,
        sha256: String::new(),
        analysis: Analysis::of(&plan),
        request,
        recipe: Recipe::of(&plan),
    };
    registration.sha256 = hash(&toml::to_string(&registration)?)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.as_mut().map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow::anyhow!(
            "{} exists, and a registration is never overwritten: name another file with --out",
            path.display()
        ),
        _ => anyhow::anyhow!("cannot write {}: {error}", path.display()),
    })?;
    let text = format!(
        "# A registration: made before the run, and refused if anything in it is changed. Run it with\n\
         #   thermine train --registered {} --config my-unit.toml\n{}",
        path.file_name().unwrap_or_default().to_string_lossy(),
        toml::to_string(&registration)?
    );
    (written.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(registration)
}

/// What keeps `asked` from being registered.
fn check(asked: &Asked, plan: &Plan) -> Result<()> {
    ensure!(
        !asked.predictions.is_empty(),
        "a registration without a prediction says nothing: add --predict, with one of\n{}",
        Prediction::known()
    );
    let [encoding] = plan.encodings.as_slice() else {
        bail!(
            "the request drives the unit in {} ways, and a prediction is about one: name it with --encoding or --encode",
            plan.encodings.len()
        );
    };
    ensure!(
        !plan.task.is_capacity(),
        "a capacity has no score to predict: name a task with a target"
    );
    let problem = run::problem(plan)?;
    for prediction in &asked.predictions {
        match prediction.quantity {
            Quantity::Wrong => ensure!(
                problem.decision.wrong(&[0.0], &[0.0]).is_some(),
                "`{prediction}`: the target of {} is a number, so that no decision is wrong or right; predict its nrmse",
                problem.name
            ),
            Quantity::Ideal => ensure!(
                !encoding.products(plan.features.history).is_empty(),
                "`{prediction}`: this encoding multiplies no two inputs, so that there is no ideal beside it"
            ),
            _ => {}
        }
    }
    Ok(())
}

/// `request` with everything that a configuration or a newer version could fill in otherwise.
fn spelled_out(request: &Train, plan: &Plan) -> Train {
    let step = &plan.config.step;
    Train {
        hold: Some(step.hold_seconds),
        shares: Some(step.shares),
        difficulty: Some(step.difficulty.get()),
        features: plan.features.groups.clone(),
        history: Some(plan.features.history),
        taps: plan.taps,
        seed: Some(plan.seed),
        steps: None,
        washout: Some(plan.split.washout),
        train: Some(plan.split.train),
        test: Some(plan.split.test),
        echo_steps: Some(plan.echo_steps),
        off_steps: Some(plan.off_steps),
        ..request.clone()
    }
}

impl Analysis {
    fn of(plan: &Plan) -> Analysis {
        let (steps, seconds) = time(plan);
        Analysis {
            time: format!(
                "{steps} steps of {} s: {}",
                plan.config.step.hold_seconds,
                span(seconds)
            ),
            readout: format!(
                "ridge regression on the first {} steps after {} of washout; its penalty is chosen on these alone",
                plan.split.train, plan.split.washout
            ),
            scored: format!("the {} steps after them, each once", plan.split.test),
            controls: "every control that is linear in the input's history, with the unit's own history, on the same \
                       steps; the best of them counts"
                .into(),
            intervals: "95 %: block bootstrap over the test steps; of wrong decisions the wider of it and the exact \
                        binomial one"
                .into(),
            outcome: "met if the whole interval lies on the predicted side, not met if it lies on the other, else not \
                      decidable"
                .into(),
            seed: plan.seed,
        }
    }
}

/// Steps of `plan` on one unit, all parts one after the other, and seconds of its time.
pub(super) fn time(plan: &Plan) -> (usize, f64) {
    let steps = crate::experiment::arms::steps(plan);
    (steps, steps as f64 * plan.config.step.hold_seconds)
}

/// A length of time for people, of the unit's time.
pub(super) fn span(seconds: f64) -> String {
    match seconds {
        s if s >= 5400.0 => format!("{:.1} h of the unit's time", s / 3600.0),
        s if s >= 90.0 => format!("{:.0} min of the unit's time", s / 60.0),
        s => format!("{s:.0} s of the unit's time"),
    }
}

/// SHA-256 of what `text`, a TOML file, holds beside its hash: as JSON with sorted keys and without white space.
fn hash(text: &str) -> Result<String> {
    let mut table: toml::Table = toml::from_str(text)?;
    table.remove(HASH);
    // The keys of both maps are sorted.
    let content = serde_json::to_string(&serde_json::to_value(table)?)?;
    Ok(hex::encode(Sha256::digest(content)))
}

impl Registration {
    /// Reads the file `path`.
    ///
    /// # Errors
    /// If it cannot be read, is no registration, or was changed since it was made.
    pub fn load(path: &Path) -> Result<(Registration, String)> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the registration {}", path.display()))?;
        let read =
            || -> Result<(Registration, String)> { Ok((toml::from_str(&text)?, hash(&text)?)) };
        let (registration, found) =
            read().with_context(|| format!("{} is no registration", path.display()))?;
        ensure!(
            registration.sha256 == found,
            "{} was changed after it was registered: its content has the SHA-256 {found}, and it says {}. Take the file \
             as it was registered",
            path.display(),
            registration.sha256
        );
        Ok((registration, text))
    }

    /// SHA-256 of its content, in hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What a report tells of it.
    pub(super) fn registered(&self) -> Registered {
        Registered {
            name: self.name.clone(),
            date: self.date.clone(),
            sha256: self.sha256.clone(),
            predictions: self.predictions.clone(),
        }
    }

    /// Refuses a unit of another model, and one whose configuration or what this version makes of the request changes
    /// the analysis.
    pub(super) fn check(&self, plan: &Plan) -> Result<()> {
        let config: &Config = &plan.config;
        ensure!(
            config.unit.model == self.model,
            "{} is a {}, and {} is registered for a {}: name a unit of that model",
            config.unit.name,
            config.unit.model,
            self.name,
            self.model
        );
        let differs = differing(&Recipe::of(plan), &self.recipe)?;
        ensure!(
            differs.is_empty(),
            "this would change the registered analysis of {}: {} differ, by the configuration of {} ([step]) or because \
             version {} of the program made the registration",
            self.name,
            differs.join(", "),
            config.unit.name,
            self.version
        );
        Ok(())
    }
}

/// Names of the parts in which two recipes differ.
pub(super) fn differing(a: &Recipe, b: &Recipe) -> Result<Vec<String>> {
    let (a, b) = (serde_json::to_value(a)?, serde_json::to_value(b)?);
    let keys = a.as_object().into_iter().flat_map(serde_json::Map::keys);
    Ok(keys.filter(|key| a[*key] != b[*key]).cloned().collect())
}
