//! A readout that a training run has left behind, with what it was trained by.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::de::DeserializeOwned;
use thermine_reservoir::readout::SavedReadout;
use thermine_reservoir::state::{Feature, StateMatrix};
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;

use super::arms;
use super::encoding::Encoding;
use super::features::Features;
use super::recipe::Recipe;
use super::saved::{ENCODING, JOINED, MODEL, PROVENANCE, RANGE, RECIPE, STEP};
use crate::config::{Config, Step};
use thermine_capture::input_file;

/// Longest file of a readout, in bytes: a million features.
const LONGEST_FILE: u64 = 256 << 20;

/// Longest time constant of a high pass, in steps.
const LONGEST_MEAN: f64 = 10_000.0;

/// A readout with what it was trained by.
#[derive(Debug)]
pub struct Readout {
    /// Weights and features of the readout.
    pub(crate) saved: SavedReadout,
    /// How the states are made.
    pub recipe: Recipe,
    /// Which actuators follow the input.
    pub encoding: Encoding,
    /// How a step is driven.
    pub step: Step,
    /// Lowest and highest input of the training.
    pub range: (f64, f64),
    /// Model of the unit that it was trained on.
    pub model: Model,
}

impl Readout {
    /// Reads the readout that `train` has saved at `path`.
    ///
    /// # Errors
    /// If the file cannot be read or is no readout.
    pub fn load(path: &Path) -> Result<Readout> {
        let at = || format!("{}", path.display());
        let text = input_file::read(path, LONGEST_FILE).with_context(at)?;
        let saved = SavedReadout::from_json(&text).with_context(at)?;
        if let Some(units) = saved.provenance.get(JOINED) {
            bail!(
                "cannot use {}: it was trained on the joined states of {units}, and only one unit is driven here; use a \
                 readout of one unit, from its own folder beside this file",
                path.display()
            );
        }
        let readout = Readout {
            recipe: said(&saved, RECIPE).with_context(at)?,
            encoding: said(&saved, ENCODING).with_context(at)?,
            step: said(&saved, STEP).with_context(at)?,
            range: said(&saved, RANGE).with_context(at)?,
            model: model(&saved).with_context(at)?,
            saved,
        };
        readout.check().with_context(at)?;
        Ok(readout)
    }

    /// What the parts of the file do not rule out: a file can ask for more than any run that was trained.
    fn check(&self) -> Result<()> {
        let plan = &self.recipe.features;
        ensure!(
            plan.history <= self.saved.features.len(),
            "features.history = {} is more than the readout has features",
            plan.history
        );
        ensure!(
            self.recipe.taps <= self.saved.features.len(),
            "taps = {} is more than the readout has features",
            self.recipe.taps
        );
        let mean = plan.high_pass.unwrap_or(1.0);
        ensure!(
            (0.0..=LONGEST_MEAN).contains(&mean),
            "features.high_pass = {mean:e} must be between 0 and {LONGEST_MEAN} steps"
        );
        let (low, high) = self.range;
        ensure!(
            low.is_finite() && high.is_finite() && low < high,
            "the range {low:e} to {high:e} holds no inputs"
        );
        let mut config = Config::simulated(self.model)?;
        config.step = self.step.clone();
        config.check(Path::new("its step"))?;
        let params = arms::twin_params(&config).ok();
        // Trained over a wire or on a twin, which allow different drives.
        self.encoding
            .check(self.model, None)
            .or_else(|_| self.encoding.check(self.model, params.as_ref()))
            .map_err(|what| anyhow!("encoding {}: {what}", self.encoding.name))
    }

    /// Refuses a readout of states that no device gave, before a device is driven. Whether the device is verified is seen
    /// only then.
    pub(crate) fn check_is_of_a_device(&self) -> Result<()> {
        let verified = self.check_provenance(&Provenance::Device);
        match self.check_provenance(&Provenance::UnverifiedDevice) {
            Ok(()) => Ok(()),
            Err(_) => verified,
        }
    }

    /// Refuses states of another origin than the readout's. Those of a capture count as what they were.
    pub fn check_provenance(&self, of: &Provenance) -> Result<()> {
        let trained = self.saved.provenance.get(PROVENANCE);
        let origin = |text: &str| {
            let inner = text.strip_prefix("replayed (").unwrap_or(text);
            inner.trim_end_matches(')').to_string()
        };
        let (trained, here) = (
            trained.map(|text| origin(text)).unwrap_or_default(),
            origin(&of.to_string()),
        );
        if trained != here {
            bail!(
                "the readout was trained on states of provenance `{trained}`, but those here are `{here}`: train one on \
                 this unit"
            );
        }
        Ok(())
    }

    /// Steps that are looked back on for one row of states: the history, or ten time constants of the running
    /// mean, and enough for a reading that is sometimes missing.
    pub fn look_back(&self) -> usize {
        let plan = &self.recipe.features;
        let mean = plan
            .high_pass
            .map_or(0, |steps| (10.0 * steps).ceil() as usize);
        (plan.history + mean).max(60)
    }

    /// What the readout makes of the newest step of `features`, of which `input` holds the inputs up to that step.
    pub fn predict(&self, features: &Features, input: &[f64]) -> Result<Vec<f64>> {
        let plan = &self.recipe.features;
        let (states, _) = features.last(self.look_back()).states(plan)?;
        let taps = (0..self.recipe.taps).map(|delay| {
            let past = input.len().checked_sub(delay + 1).map_or(0.0, |t| input[t]);
            (Feature::new(format!("u[t-{delay}]"), "1"), vec![past])
        });
        let newest = states.values().rows(states.rows() - 1, 1).into_owned();
        let device = StateMatrix::from_matrix(states.features().to_vec(), newest)?;
        let row = StateMatrix::from_columns(1, taps.collect())?.beside(&device)?;
        let readout = self.saved.for_features(row.features())?;
        let predicted: Vec<f64> = readout.predict(&row, 0..1)?.iter().copied().collect();
        ensure!(
            predicted.iter().all(|value| value.is_finite()),
            "the readout's weights are too large: a prediction is not finite; train it again"
        );
        Ok(predicted)
    }
}

/// What the readout says under `key`.
fn said<T: DeserializeOwned>(saved: &SavedReadout, key: &str) -> Result<T> {
    let text = saved.provenance.get(key).with_context(|| {
        format!("the readout does not say its {key}: it was not written by `thermine train`")
    })?;
    serde_json::from_str(text).with_context(|| format!("the readout's {key} cannot be read"))
}

fn model(saved: &SavedReadout) -> Result<Model> {
    let name = saved.provenance.get(MODEL).map_or("", String::as_str);
    Model::ALL
        .into_iter()
        .find(|model| model.name() == name)
        .with_context(|| format!("the readout's model `{name}` is not known"))
}
