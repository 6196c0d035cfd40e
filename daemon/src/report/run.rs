//! The report of a training run: what is printed, and what is written as JSON.

use std::fmt::Write;

use serde::Serialize;
use thermine_drivers::substrate::{Provenance, Refused};
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::Summary;
use thermine_reservoir::evaluate::Score;
use thermine_reservoir::split::Split;
use thermine_reservoir::verdict::{Control, Verdict};

use super::table::{difference, interval, table};
use crate::experiment::encoder::Mode;

/// Everything that a training run has to say.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// Version of the program.
    pub version: &'static str,
    /// The task.
    pub task: &'static str,
    /// Seed of input, simulated unit and statistics.
    pub seed: u64,
    /// First 16 hex digits of the SHA-256 of the configuration.
    pub config_hash: String,
    /// The unit.
    pub unit: String,
    /// What was driven: `handshake`, `twin` or `replay`.
    pub substrate: &'static str,
    /// Which time the steps were taken in.
    pub time: String,
    /// Steps.
    pub split: Split,
    /// Draws of the task that diverged and were thrown away.
    pub rejected_draws: usize,
    /// Wall time of the driving, in seconds.
    pub wall_seconds: f64,
    /// One per row of the paper's table.
    pub arms: Vec<Arm>,
}

/// One way of driving the unit, judged.
#[derive(Debug, Clone, Serialize)]
pub struct Arm {
    /// Which.
    pub mode: Mode,
    /// What the input did to the unit.
    pub encoding: &'static str,
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// NRMSE that the paper prints for this row (arXiv 2601.12032).
    pub published_nrmse: f64,
    /// The scores.
    pub verdict: Verdict,
    /// The verdict in one sentence.
    pub sentence: String,
    /// Names and units of the features.
    pub features: Vec<String>,
    /// Seconds of the unit's time that were driven.
    pub device_seconds: f64,
    /// Jobs sent.
    pub jobs: u64,
    /// Answers that were no samples.
    pub refused: Refused,
    /// Steps that timed out.
    pub timed_out: u64,
    /// Mean age of the readings used, in seconds of the unit's time.
    pub mean_reading_age_seconds: f64,
    /// Δt of the first answer to each job, in ms.
    pub since_job_ms: Option<Summary>,
    /// What had to be done to the data.
    pub notes: Vec<String>,
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
            self.unit,
            self.provenance(),
            self.substrate,
            self.time,
            self.seed,
            self.config_hash,
            self.version
        );
        let Some(first) = self.arms.first() else {
            return text;
        };
        let name = first.mode.name();
        let minus = format!("{name} − row [95 %]");
        let mut rows = table(
            &[
                "row",
                "NRMSE [95 %]",
                &minus,
                "features",
                "test steps",
                "seed",
                "provenance",
                "paper",
            ],
            &[1, 2, 3, 4, 5, 7],
        );
        let mut row =
            |what: String, score: &Score, difference: String, provenance: String, paper: String| {
                rows.add_row([
                    what,
                    estimate(&score.nrmse),
                    difference,
                    score.features.to_string(),
                    score.test_steps.to_string(),
                    self.seed.to_string(),
                    provenance,
                    paper,
                ]);
            };
        for arm in &self.arms {
            let paper = format!("{:.4}", arm.published_nrmse);
            let provenance = arm.provenance.to_string();
            row(
                arm.mode.name().into(),
                &arm.verdict.device,
                String::new(),
                provenance,
                paper,
            );
        }
        for control in &first.verdict.controls {
            row(
                format!("control: {}", control.control),
                &control.score,
                gap(&control.difference),
                "computed".into(),
                String::new(),
            );
        }
        let verdict = &first.verdict;
        let bank = format!(
            "control: encoded drive + {} leaky integrators",
            verdict.device.features
        );
        let both = format!("encoded drive + {name}");
        row(
            both,
            &verdict.encoded_and_device,
            String::new(),
            first.provenance.to_string(),
            String::new(),
        );
        row(
            bank,
            &verdict.encoded_and_bank,
            String::new(),
            "computed".into(),
            String::new(),
        );
        let _ = writeln!(text, "{rows}\n");
        let _ = writeln!(
            text,
            "With the encoded drive, the {name}'s states change the NRMSE of the encoded drive by {}, and \
             that of the encoded drive and {} leaky integrators by {} (negative: better).",
            gap(&verdict.beyond_encoding),
            verdict.device.features,
            gap(&verdict.beyond_bank),
        );
        for arm in &self.arms {
            let _ = writeln!(
                text,
                "{} ({}; {}): {}.",
                arm.mode.name(),
                arm.provenance,
                arm.encoding,
                arm.sentence
            );
            let _ = writeln!(text, "  {}", arm.account());
            for note in &arm.notes {
                let _ = writeln!(text, "  {note}");
            }
        }
        let _ = writeln!(
            text,
            "The paper's 0.8661 is what a readout of the current input alone reaches: here {:.3}, with no device at all.",
            first
                .verdict
                .controls
                .iter()
                .find(|c| c.control == Control::CurrentInput)
                .map_or(f64::NAN, |c| c.score.nrmse.value)
        );
        if first.verdict.device.features < 10 {
            let _ = writeln!(
                text,
                "A delay line of {} ends before u[t−9], which the task multiplies: to beat it shows memory, not \
                 computation; one of 10 sees it.",
                first.verdict.device.features
            );
        }
        let _ = writeln!(text, "Driven in {:.0} s of wall time.", self.wall_seconds);
        if self.rejected_draws > 0 {
            let _ = writeln!(
                text,
                "{} diverging draws of the input were thrown away before this one.",
                self.rejected_draws
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
    fn account(&self) -> String {
        let waits = self.since_job_ms.map_or_else(String::new, |s| {
            format!(
                ", first answer after {:.1} ms (CV {:.2}, n = {})",
                s.mean, s.cv, s.n
            )
        });
        format!(
            "{:.0} s of the unit's time, {} jobs{waits}; no samples: {} stale, {} duplicate, {} invalid; \
             {} steps timed out; readings {:.1} s old on average",
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
