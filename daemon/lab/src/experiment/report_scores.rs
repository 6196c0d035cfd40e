//! The report of a run in a task: its scores and those of its controls.

use crate::substrate::Refused;
use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::controls::EchoTest;
use thermine_reservoir::describe::Summary;
use thermine_reservoir::split::Split;
use thermine_reservoir::verdict::{Control, Verdict};
use thermine_units::provenance::Provenance;

use super::prediction::{Kept, Registered};
use super::readouts::Other;
use super::report_head::Head;
use super::report_seeds::Figures;
use super::report_sensitivity::Sensitivity;
use super::too_hot::TooHot;

/// The scores of a run in a task.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// Unit, seed, configuration and provenance of the run.
    #[serde(flatten)]
    pub head: Head,
    /// Name of the task.
    pub task: String,
    /// Whether the task is the paper's.
    #[serde(skip)]
    pub is_narma10: bool,
    /// Steps for washout, training and test.
    pub split: Split,
    /// Draws of the task that diverged and were thrown away.
    pub rejected_draws: usize,
    /// One per way of driving the unit.
    pub arms: Vec<Arm>,
    /// The product of two inputs by the same unit, a run of its own beside the paper's rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<Box<RunReport>>,
    /// The scores over the assumed ranges of a simulated unit's physics, where these were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Sensitivity>,
    /// What was registered before the run, and what came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<Kept>,
}

/// What stands beside a run in its report, measured in runs of its own.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// The product of two inputs.
    pub(crate) product: Option<Box<RunReport>>,
    /// The scores over the assumed ranges.
    pub(crate) sensitivity: Option<Sensitivity>,
    /// What was registered before the run.
    pub(crate) registered: Option<Registered>,
}

/// One way of driving the unit, judged.
#[derive(Debug, Clone, Serialize)]
pub struct Arm {
    /// Name of its encoding.
    pub name: String,
    /// What the input did to the unit.
    pub encoding: String,
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// NRMSE that the paper prints for this row (arXiv 2601.12032).
    pub published_nrmse: Option<f64>,
    /// The scores for the task's first target.
    pub verdict: Verdict,
    /// The verdict in one sentence.
    pub sentence: String,
    /// The share of wrong decisions, where the target is a decision.
    pub decisions: Option<Decisions>,
    /// What other readouts make of the same states.
    pub others: Vec<Other>,
    /// The scores for the task's other targets.
    pub further: Vec<Further>,
    /// Whether the unit forgets how it began.
    pub echo: Option<Echo>,
    /// Names and units of the features, without the declared taps.
    pub features: Vec<String>,
    /// Counts of shares, jobs and steps that the states rest on.
    #[serde(flatten)]
    pub account: Account,
    /// Where a twin went on though the interlock would have stopped a unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub too_hot: Option<TooHot>,
    /// What had to be done to the data.
    pub notes: Vec<String>,
}

/// Shares of wrong decisions, 0 to 1.
#[derive(Debug, Clone, Serialize)]
pub struct Decisions {
    /// Of the readout on the states of the unit.
    pub device: f64,
    /// The same with its 95 % interval: the wider of the exact binomial one and that of the block bootstrap.
    pub interval: Estimate,
    /// Of each control, by its name.
    pub controls: Vec<(String, f64)>,
}

/// The scores for a target beside the first.
#[derive(Debug, Clone, Serialize)]
pub struct Further {
    /// Name of the target.
    pub target: String,
    /// The scores for this target, beside the controls.
    pub verdict: Verdict,
    /// The share of wrong decisions, where the target is a decision.
    pub decisions: Option<Decisions>,
}

/// Runs from two initial states.
#[derive(Debug, Clone, Serialize)]
pub struct Echo {
    /// Steps at one end of the input by which the unit was brought to each state.
    pub conditioning: usize,
    /// The test of the echo state property.
    pub test: EchoTest,
}

/// What an arm has taken, and what it left out.
#[derive(Debug, Clone, Serialize)]
pub struct Account {
    /// Seconds of the unit's time that were asked for: the steps times their shortest length.
    pub asked_seconds: f64,
    /// Seconds of the unit's time that the steps took.
    pub device_seconds: f64,
    /// Jobs that were sent to the unit.
    pub jobs: u64,
    /// Shares that were no samples.
    pub refused: Refused,
    /// Steps that timed out.
    pub timed_out: u64,
    /// Steps in which the unit's connection broke.
    pub interrupted: u64,
    /// Seconds of the unit's time that it was away in these steps.
    pub gap_seconds: f64,
    /// Rows that were neither trained nor scored on because of that.
    pub left_out: usize,
    /// Mean age of the readings used, in seconds of the unit's time.
    pub mean_reading_age_seconds: f64,
    /// Δt of the first answer to each job, in ms.
    pub since_job_ms: Option<Summary>,
}

impl RunReport {
    /// Every score and share of wrong decisions by name, which several seeds are compared by.
    pub(crate) fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        let mut of = |name: &str, verdict: &Verdict, decisions: &Option<Decisions>| {
            figures
                .scores
                .push((name.to_string(), verdict.device.nrmse.value));
            let wrong = decisions.iter().map(|decisions| decisions.device);
            figures
                .wrong
                .extend(wrong.map(|wrong| (name.to_string(), wrong)));
        };
        let product = self.product.iter().flat_map(|product| &product.arms);
        for arm in product.chain(&self.arms) {
            of(&arm.name, &arm.verdict, &arm.decisions);
            for further in &arm.further {
                let name = format!("{}, {}", arm.name, further.target);
                of(&name, &further.verdict, &further.decisions);
            }
        }
        if let Some(first) = self.arms.first() {
            let verdict = &first.verdict;
            figures.scores.extend(verdict.controls.iter().map(|c| {
                // The seeds differ in it, and the row is one.
                let name = match c.control {
                    Control::EqualMemory(_) => "delay line of equal memory".to_string(),
                    control => control.to_string(),
                };
                (format!("control: {name}"), c.score.nrmse.value)
            }));
            let controls = first.decisions.iter().flat_map(|all| &all.controls);
            let named = |(name, wrong): &(String, f64)| (format!("control: {name}"), *wrong);
            figures.wrong.extend(controls.map(named));
            let both = format!("encoded drive + {}", first.name);
            let bank = "control: encoded drive + hardest leaky integrators".to_owned();
            figures.scores.extend([
                (both, verdict.encoded_and_device.nrmse.value),
                (bank, verdict.encoded_and_bank.nrmse.value),
            ]);
        }
        figures
    }
}

impl Arm {
    /// Inputs that the host gives to the readout beside the device.
    pub fn taps(&self) -> usize {
        self.verdict.device.features - self.features.len()
    }

    /// Name of the hardest control.
    pub fn bank(&self) -> String {
        format!("control: encoded drive + {}", self.verdict.bank)
    }
}

/// NRMSE of a readout of the current input alone, by a verdict's control.
pub fn current_input(verdict: &Verdict) -> f64 {
    let mut controls = verdict.controls.iter();
    let control = controls.find(|c| c.control == Control::CurrentInput);
    control.map_or(f64::NAN, |c| c.score.nrmse.value)
}
