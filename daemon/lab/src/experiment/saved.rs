//! Readouts as they are left behind by a run and used by `thermine predict`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use thermine_reservoir::readout::{ReadoutKind, Ridge, SavedReadout};

use super::judge::Judged;
use super::plan::Plan;
use super::recipe::Recipe;
use super::task::Problem;
use super::trace::readout_states;
use crate::folder;

/// Keys of the provenance that a readout is checked by.
pub(crate) const PROVENANCE: &str = "provenance";
pub(crate) const MODEL: &str = "model";
pub(crate) const RECIPE: &str = "recipe";
pub(crate) const ENCODING: &str = "encoding";
pub(crate) const STEP: &str = "step";
pub(crate) const RANGE: &str = "range";
/// Names of the units that are joined, in a readout of their states together.
pub(crate) const JOINED: &str = "joined";

/// Name of the file of an arm's readout.
pub(crate) fn file_name(arm: &str) -> String {
    format!("readout-{arm}.json")
}

/// Trains the readout of an arm once more, for all targets, and writes it `into` a folder with all that it depends
/// on: of units that are `joined`, with their names.
pub(crate) fn write(
    plan: &Plan,
    problem: &Problem,
    (judged, joined): (&Judged, &[String]),
    into: &Path,
) -> Result<()> {
    let sequence = &problem.sequence;
    let states = readout_states(plan.taps, &sequence.input, &judged.states)?;
    let left_out = &judged.left_out;
    let states = left_out.states(&states);
    let rows = left_out.split(plan.split).train_rows();
    let mut provenance = describe(plan, judged)?;
    provenance.insert(RANGE.into(), serde_json::to_string(&problem.range)?);
    if !joined.is_empty() {
        provenance.insert(JOINED.into(), joined.join(", "));
    }
    let first = Ridge::fit(&states, &left_out.values(&sequence.target), rows.clone())?;
    let mut saved =
        SavedReadout::linear(ReadoutKind::Ridge, &first.readout, first.lambda, provenance);
    for target in &sequence.further {
        let other = Ridge::fit(&states, &left_out.values(&target.values), rows.clone())?.readout;
        saved.weights.push(other.weights.as_slice().to_vec());
        saved.intercepts.extend(other.intercepts);
    }
    folder::write(into, &file_name(&judged.arm.name), saved.to_json()?)?;
    for other in &judged.arm.others {
        let also = SavedReadout {
            provenance: saved.provenance.clone(),
            ..other.saved.clone()
        };
        let name = format!(
            "{}-{}",
            judged.arm.name,
            other.kind.name().replace(' ', "-")
        );
        folder::write(into, &file_name(&name), also.to_json()?)?;
    }
    Ok(())
}

/// What a readout depends on.
fn describe(plan: &Plan, judged: &Judged) -> Result<BTreeMap<String, String>> {
    let encoding = plan
        .encodings
        .iter()
        .find(|encoding| encoding.name == judged.arm.name);
    let (_, config_hash) = plan.config.fingerprint()?;
    let mut map = BTreeMap::new();
    let mut say = |key: &str, value: String| map.insert(key.to_string(), value);
    say(PROVENANCE, judged.arm.provenance.to_string());
    say(MODEL, plan.config.unit.model.to_string());
    say("unit", plan.config.unit.name.clone());
    say("substrate", plan.backend.substrate().into());
    say("seed", plan.seed.to_string());
    say("config_hash", config_hash);
    say("version", env!("CARGO_PKG_VERSION").into());
    say(
        "test_nrmse",
        judged.arm.verdict.device.nrmse.value.to_string(),
    );
    say(RECIPE, serde_json::to_string(&Recipe::of(plan))?);
    say(ENCODING, serde_json::to_string(&encoding)?);
    say(STEP, serde_json::to_string(&plan.config.step)?);
    Ok(map)
}
