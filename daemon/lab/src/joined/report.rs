//! What joining several units adds, as data.

use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::evaluate::Score;
use thermine_reservoir::verdict::{Comparison, Verdict, better, worse};

use crate::experiment::report_scores::{Arm, RunReport};
use crate::experiment::report_seeds::Figures;

/// One of the joined units, alone.
#[derive(Debug, Clone, Serialize)]
pub struct Member {
    /// Its model.
    pub model: String,
    /// Its number, from 0: that of its mask too.
    pub number: usize,
    /// Its own readout beside its own controls, on the same test steps.
    #[serde(flatten)]
    pub report: RunReport,
}

/// What joining adds.
#[derive(Debug, Clone, Serialize)]
pub struct Joining {
    /// Name of the unit that scores best alone, chosen on the test steps: in its favour.
    pub best: String,
    /// Score of that unit's states repeated as often as there are units: of more columns, the penalty of the readout
    /// weighs less on each, which alone changes a score.
    pub repeated: Score,
    /// NRMSE of the joined units minus that of the best, alone or repeated, whichever is less, on common blocks: below
    /// zero, joining helps.
    pub beyond_best: Estimate,
    /// Whether the joined units are better than every control in software with as many features; absent with too few
    /// test steps.
    pub beats_as_many: Option<bool>,
    /// All of it in one sentence.
    pub sentence: String,
}

/// The report of several units as one reservoir.
#[derive(Debug, Clone, Serialize)]
pub struct Joined {
    /// All units as one: the one arm is their joined states, beside controls with as many features.
    #[serde(flatten)]
    pub report: RunReport,
    /// What joining adds.
    pub joining: Joining,
    /// Each unit alone, in order.
    pub units: Vec<Member>,
}

impl Joining {
    /// Of the verdict on all `units` and the score of the best of them, by its name, alone and repeated; `test` is the
    /// target in the test steps.
    pub(super) fn of(
        joined: &Verdict,
        units: usize,
        (best, alone, repeated): (&str, &Score, Score),
        (test, seed): (&[f64], u64),
    ) -> Joining {
        let rival = match repeated.nrmse.value < alone.nrmse.value {
            true => &repeated,
            false => alone,
        };
        let beyond_best = joined.beyond(rival, test, seed);
        Joining {
            best: best.to_string(),
            beats_as_many: joined.beats_as_many(),
            sentence: sentence(joined, (best, rival.nrmse.value), &beyond_best, units),
            beyond_best,
            repeated,
        }
    }
}

fn sentence(joined: &Verdict, best: (&str, f64), beyond: &Estimate, units: usize) -> String {
    let Some(beats) = joined.beats_as_many() else {
        return format!(
            "No verdict on joining: {} test steps are too few to claim any score below 1",
            joined.device.test_steps
        );
    };
    let (name, alone) = best;
    // The difference is below zero where joining helps.
    let (low, high) = (-beyond.high, -beyond.low);
    let change = format!("{:.3} [{low:.3}, {high:.3}]", -beyond.value);
    let what = if better(beyond) {
        format!("adds {change} of NRMSE beyond the best of them")
    } else if worse(beyond) {
        format!(
            "costs {:.3} [{:.3}, {:.3}] of NRMSE beside the best of them",
            beyond.value, beyond.low, beyond.high
        )
    } else {
        format!("adds nothing, {change} of NRMSE, beyond the best of them")
    };
    let rival = |c: &Comparison| format!("{} ({:.3})", c.control, c.score.nrmse.value);
    let hardest = (joined.as_many())
        .min_by(|a, b| a.score.nrmse.value.total_cmp(&b.score.nrmse.value))
        .map_or_else(String::new, rival);
    let is = if beats { "" } else { "not " };
    format!(
        "Joining {units} units {what} ({name}: {alone:.3}), and at {:.3} is {is}better than as many features in software \
         (best: {hardest})",
        joined.device.nrmse.value
    )
}

impl Joined {
    /// Every figure by name, which several seeds are compared by: the joined units first.
    pub(super) fn figures(&self) -> Figures {
        let mut figures = self.report.figures();
        let mut best = f64::INFINITY;
        for (name, arm) in self.alone() {
            let (name, score) = (format!("{name} alone"), arm.verdict.device.nrmse.value);
            best = best.min(score);
            let wrong = arm.decisions.iter().map(|decisions| decisions.device);
            figures
                .wrong
                .extend(wrong.map(|wrong| (name.clone(), wrong)));
            figures.scores.push((name, score));
        }
        figures.scores.push(("best unit alone".into(), best));
        let repeated = self.joining.repeated.nrmse.value;
        figures
            .scores
            .push(("best unit, repeated".into(), repeated));
        figures
    }

    /// Each unit's own scores, with its name.
    fn alone(&self) -> impl Iterator<Item = (&str, &Arm)> {
        self.units.iter().flat_map(|unit| {
            let arms = unit.report.arms.iter();
            arms.map(|arm| (unit.report.head.unit.as_str(), arm))
        })
    }
}
