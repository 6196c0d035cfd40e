//! The report of a training run: what is printed, and what is written as JSON.

use std::fmt::Write;

use comfy_table::Table;
use serde::Serialize;
use thermine_lab::substrate::Refused;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::controls::{EchoTest, EchoVerdict};
use thermine_reservoir::describe::Summary;
use thermine_reservoir::evaluate::Score;
use thermine_reservoir::split::Split;
use thermine_reservoir::verdict::{Control, Verdict};
use thermine_units::provenance::Provenance;

use super::table::{difference, interval, table};
use crate::lab::experiment::readouts::Other;
use crate::lab::experiment::run::Head;

/// Everything that a training run has to say.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// What stands above.
    #[serde(flatten)]
    pub head: Head,
    /// The task.
    pub task: String,
    /// Whether it is the paper's.
    #[serde(skip)]
    pub is_narma10: bool,
    /// Steps.
    pub split: Split,
    /// Draws of the task that diverged and were thrown away.
    pub rejected_draws: usize,
    /// One per way of driving the unit.
    pub arms: Vec<Arm>,
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
    /// The scores for its other targets.
    pub further: Vec<Further>,
    /// Whether the unit forgets how it began.
    pub echo: Option<Echo>,
    /// Names and units of the features, without the declared taps.
    pub features: Vec<String>,
    /// What was done to get the data.
    #[serde(flatten)]
    pub account: Account,
    /// What had to be done to the data.
    pub notes: Vec<String>,
}

/// Shares of wrong decisions, 0 to 1.
#[derive(Debug, Clone, Serialize)]
pub struct Decisions {
    /// Of the device.
    pub device: f64,
    /// Of each control.
    pub controls: Vec<(String, f64)>,
}

/// A target beside the first.
#[derive(Debug, Clone, Serialize)]
pub struct Further {
    /// Which.
    pub target: String,
    /// Its scores.
    pub verdict: Verdict,
}

/// Runs from two initial states.
#[derive(Debug, Clone, Serialize)]
pub struct Echo {
    /// Steps at one end of the input by which the unit was brought to each.
    pub conditioning: usize,
    /// What they show.
    pub test: EchoTest,
}

/// What an arm has taken, and what it left out.
#[derive(Debug, Clone, Serialize)]
pub struct Account {
    /// Seconds of the unit's time that were driven.
    pub device_seconds: f64,
    /// Jobs sent.
    pub jobs: u64,
    /// Answers that were no samples.
    pub refused: Refused,
    /// Steps that timed out.
    pub timed_out: u64,
    /// Steps in which the unit's connection broke, and the seconds of its time that it was away in all.
    pub interrupted: u64,
    /// See `interrupted`.
    pub gap_seconds: f64,
    /// Rows that were neither trained nor scored on for that.
    pub left_out: usize,
    /// Mean age of the readings used, in seconds of the unit's time.
    pub mean_reading_age_seconds: f64,
    /// Δt of the first answer to each job, in ms.
    pub since_job_ms: Option<Summary>,
}

impl RunReport {
    /// The report as text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let Split {
            washout,
            train,
            test,
        } = self.split;
        let _ = writeln!(
            text,
            "\n{} on {}: {} by {}, in {}\n{washout} washout + {train} training + {test} test steps, seed {}, configuration {}, version {}\n",
            self.task,
            self.head.unit,
            self.provenance(),
            self.head.substrate,
            self.head.time,
            self.head.seed,
            self.head.config_hash,
            self.head.version
        );
        let Some(first) = self.arms.first() else {
            return text;
        };
        let _ = writeln!(text, "{}\n", self.table(first));
        let _ = writeln!(
            text,
            "With the encoded drive, the {}'s states change the NRMSE of the encoded drive by {}, and \
             that of the encoded drive and {} leaky integrators by {} (negative: better).",
            first.name,
            gap(&first.verdict.beyond_encoding),
            first.features.len(),
            gap(&first.verdict.beyond_bank),
        );
        for arm in &self.arms {
            text.push_str(&arm.lines());
        }
        if self.is_narma10 {
            text.push_str(&self.beside_the_paper(first));
        }
        let _ = writeln!(
            text,
            "Driven in {:.0} s of wall time.",
            self.head.wall_seconds
        );
        if self.rejected_draws > 0 {
            let _ = writeln!(
                text,
                "{} diverging draws of the input were thrown away before this one.",
                self.rejected_draws
            );
        }
        text
    }

    /// Every score by name, for the same over several seeds.
    pub fn figures(&self) -> Vec<(String, f64)> {
        let mut figures = Vec::new();
        for arm in &self.arms {
            figures.push((arm.name.clone(), arm.verdict.device.nrmse.value));
            let further = arm.further.iter();
            figures.extend(further.map(|further| {
                let name = format!("{}, {}", arm.name, further.target);
                (name, further.verdict.device.nrmse.value)
            }));
        }
        if let Some(first) = self.arms.first() {
            let controls = first.verdict.controls.iter();
            figures.extend(controls.map(|c| {
                // The seeds differ in it, and the row is one.
                let name = match c.control {
                    Control::EqualMemory(_) => "delay line of equal memory".to_string(),
                    control => control.to_string(),
                };
                (format!("control: {name}"), c.score.nrmse.value)
            }));
            let bank = first.bank();
            let verdict = &first.verdict;
            let both = format!("encoded drive + {}", first.name);
            figures.push((both, verdict.encoded_and_device.nrmse.value));
            figures.push((bank, verdict.encoded_and_bank.nrmse.value));
        }
        figures
    }

    fn table(&self, first: &Arm) -> Table {
        let minus = format!("{} − row [95 %]", first.name);
        let mut headings = vec![
            "row",
            "NRMSE [95 %]",
            &minus,
            "features",
            "test steps",
            "seed",
            "provenance",
        ];
        let published = self.arms.iter().any(|arm| arm.published_nrmse.is_some());
        if published {
            headings.push("paper");
        }
        if first.decisions.is_some() {
            headings.push("wrong");
        }
        let mut rows = table(&headings, &[1, 2, 3, 4, 5, 7, 8]);
        let mut row = |what: String,
                       score: &Score,
                       difference: String,
                       provenance: &str,
                       paper: Option<f64>,
                       wrong: Option<f64>| {
            let mut cells = vec![
                what,
                estimate(&score.nrmse),
                difference,
                score.features.to_string(),
                score.test_steps.to_string(),
                self.head.seed.to_string(),
                provenance.to_string(),
            ];
            if published {
                cells.push(paper.map_or_else(String::new, |p| format!("{p:.4}")));
            }
            if first.decisions.is_some() {
                cells.push(wrong.map_or_else(String::new, |w| format!("{:.1} %", 100.0 * w)));
            }
            rows.add_row(cells);
        };
        for arm in &self.arms {
            row(
                arm.title(),
                &arm.verdict.device,
                String::new(),
                &arm.provenance.to_string(),
                arm.published_nrmse,
                arm.decisions.as_ref().map(|decisions| decisions.device),
            );
        }
        let provenance = first.provenance.to_string();
        for control in &first.verdict.controls {
            let name = control.control.to_string();
            let mut decisions = first.decisions.iter().flat_map(|d| &d.controls);
            row(
                format!("control: {name}"),
                &control.score,
                gap(&control.difference),
                if control.control.is_null() {
                    &provenance
                } else {
                    "computed"
                },
                None,
                decisions
                    .find(|(of, _)| *of == name)
                    .map(|(_, wrong)| *wrong),
            );
        }
        let verdict = &first.verdict;
        let both = format!("encoded drive + {}", first.name);
        let score = &verdict.encoded_and_device;
        row(both, score, String::new(), &provenance, None, None);
        let score = &verdict.encoded_and_bank;
        row(first.bank(), score, String::new(), "computed", None, None);
        rows
    }

    /// What the paper's figure is, beside this run's.
    fn beside_the_paper(&self, first: &Arm) -> String {
        let current = first
            .verdict
            .controls
            .iter()
            .find(|c| c.control == Control::CurrentInput)
            .map_or(f64::NAN, |c| c.score.nrmse.value);
        let mut text = format!(
            "The paper's 0.8661 is what a readout of the current input alone reaches: here {current:.3}, with no \
             device at all.\n"
        );
        let features = first.verdict.device.features;
        if features < 10 {
            let _ = writeln!(
                text,
                "A delay line of {features} ends before u[t−9], which the task multiplies: to beat it shows memory, \
                 not computation; one of 10 sees it."
            );
        }
        text
    }

    fn provenance(&self) -> String {
        self.arms
            .first()
            .map_or_else(String::new, |arm| arm.provenance.to_string())
    }
}

impl Arm {
    /// Its name, with the taps that the host gives it.
    fn title(&self) -> String {
        match self.taps() {
            0 => self.name.clone(),
            taps => format!("{} + {taps} declared taps", self.name),
        }
    }

    fn taps(&self) -> usize {
        self.verdict.device.features - self.features.len()
    }

    /// Name of the hardest control.
    fn bank(&self) -> String {
        format!(
            "control: encoded drive + {} leaky integrators",
            self.features.len()
        )
    }

    /// The arm in words.
    fn lines(&self) -> String {
        let mut text = format!(
            "{} ({}; {}): {}.\n  {}\n",
            self.title(),
            self.provenance,
            self.encoding,
            self.sentence,
            self.account.line()
        );
        let _ = writeln!(
            text,
            "  linear memory of the readout's features: {:.1} steps",
            self.verdict.memory
        );
        if let Some(echo) = &self.echo {
            let _ = writeln!(text, "  {}", echo.line());
        }
        for other in &self.others {
            let score = other.nrmse.as_ref().map(estimate);
            let wrong = other
                .wrong
                .map(|w| format!("{:.1} % wrong decisions", 100.0 * w));
            let scores: Vec<String> = score.into_iter().chain(wrong).collect();
            let _ = writeln!(
                text,
                "  {} readout: {}, {} of {} features used, parameter {}",
                other.kind.name(),
                scores.join(", "),
                other.used,
                self.verdict.device.features,
                other.parameter
            );
        }
        for further in &self.further {
            let verdict = &further.verdict;
            let current = verdict
                .controls
                .iter()
                .find(|c| c.control == Control::CurrentInput)
                .map_or(f64::NAN, |c| c.score.nrmse.value);
            let _ = writeln!(
                text,
                "  target {}: {}; current input {current:.3}, encoded drive + leaky integrators {:.3}; {verdict}",
                further.target,
                estimate(&verdict.device.nrmse),
                verdict.encoded_and_bank.nrmse.value,
            );
        }
        for note in &self.notes {
            let _ = writeln!(text, "  {note}");
        }
        text
    }
}

impl Echo {
    fn line(&self) -> String {
        let EchoTest {
            first,
            last,
            forgotten_after,
            verdict,
            ..
        } = &self.test;
        let what = match (verdict, forgotten_after) {
            (EchoVerdict::Forgets, Some(steps)) => {
                format!("it has forgotten how it began after {steps} steps")
            }
            (EchoVerdict::Undecided, _) => {
                "the two begin too near each other to tell whether it forgets".to_string()
            }
            _ => "it does NOT forget how it began within these steps".to_string(),
        };
        format!(
            "echo-state test from {} steps at either end of the input: {what} (distance {first:.2} at first, \
             {last:.2} in the last quarter of {} steps, in standard deviations)",
            self.conditioning,
            self.test.distance.len()
        )
    }
}

impl Account {
    fn line(&self) -> String {
        let waits = self.since_job_ms.map_or_else(String::new, |s| {
            format!(
                ", first answer after {:.1} ms (CV {:.2}, n = {})",
                s.mean, s.cv, s.n
            )
        });
        let gaps = match self.interrupted {
            0 => String::new(),
            steps => format!(
                "; connection lost in {steps} steps, {:.1} s in all: {} rows left out of training and scores",
                self.gap_seconds, self.left_out
            ),
        };
        format!(
            "{:.0} s of the unit's time, {} jobs{waits}; no samples: {} stale, {} duplicate, {} invalid; \
             {} steps timed out{gaps}; readings {:.1} s old on average",
            self.device_seconds,
            self.jobs,
            self.refused.stale,
            self.refused.duplicate,
            self.refused.invalid,
            self.timed_out,
            self.mean_reading_age_seconds,
        )
    }
}

fn estimate(e: &Estimate) -> String {
    interval(e.value, (e.low, e.high))
}

fn gap(e: &Estimate) -> String {
    difference(e.value, (e.low, e.high))
}
