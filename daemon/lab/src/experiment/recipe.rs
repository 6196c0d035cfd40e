//! What a run needs to be repeated, beside its configuration and its seed: stored in its capture and with its
//! readouts.

use serde::{Deserialize, Serialize};
use thermine_reservoir::split::Split;

use super::encoding::Encoding;
use super::features::FeaturePlan;
use super::plan::Plan;
use super::presets::Preset;
use super::task::{Named, Task};
use crate::config::Config;

/// What a run needs to be repeated, beside its configuration and its seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What is learnt.
    pub task: Task,
    /// Which steps are for what.
    pub(crate) split: Split,
    /// How the input drives the unit, one arm each.
    pub(crate) encodings: Vec<Encoding>,
    /// What the readout is given.
    pub features: FeaturePlan,
    /// Inputs that the host gives it beside.
    pub(crate) taps: usize,
    /// Whether a twin has a power meter at the wall.
    pub(crate) wall_meter: bool,
    /// Steps of each echo run.
    pub(crate) echo_steps: usize,
    /// Steps without work.
    pub(crate) off_steps: usize,
}

/// What captures said before there was more than one task.
#[derive(Debug, Deserialize)]
struct First {
    split: Split,
    #[serde(rename = "narma")]
    _order: u32,
}

impl Recipe {
    pub(crate) fn of(plan: &Plan) -> Recipe {
        Recipe {
            task: plan.task.clone(),
            split: plan.split,
            encodings: plan.encodings.clone(),
            features: plan.features.clone(),
            taps: plan.taps,
            wall_meter: plan.wall_meter,
            echo_steps: plan.echo_steps,
            off_steps: plan.off_steps,
        }
    }

    /// From what a capture says of its task, which was made with `config`; `None` if another program has made
    /// it.
    pub(crate) fn read(task: &serde_json::Value, config: &Config) -> Option<Recipe> {
        if let Ok(recipe) = Recipe::deserialize(task) {
            return Some(recipe);
        }
        let first = First::deserialize(task).ok()?;
        let model = config.unit.model;
        Some(Recipe {
            task: Task::Named(Named::Narma10),
            split: first.split,
            encodings: Encoding::of(Preset::Paper, model, &config.step),
            features: FeaturePlan::of(model),
            taps: 0,
            wall_meter: false,
            echo_steps: 0,
            off_steps: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use thermine_units::model::Model;

    #[test]
    fn a_capture_of_the_first_task_is_known() {
        let config = Config::simulated(Model::AntminerS9).expect("the default");
        let split = json!({"washout": 20, "train": 80, "test": 60});
        let recipe = Recipe::read(&json!({"narma": 10, "split": split}), &config).expect("known");
        assert_eq!(recipe.encodings.len(), 3);
        let again = serde_json::to_value(&recipe).expect("JSON");
        assert_eq!(Recipe::read(&again, &config), Some(recipe));
        assert_eq!(Recipe::read(&json!({"from": "elsewhere"}), &config), None);
    }
}
