//! The report of a capacity: how much of the past input the states hold, and in which powers.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use thermine_reservoir::capacity::{
    IpcPlan, MemoryCapacity, ProcessingCapacity, memory_capacity, processing_capacity,
};
use thermine_reservoir::controls;
use thermine_reservoir::left_out::LeftOut;
use thermine_reservoir::split::Split;
use thermine_reservoir::state::StateMatrix;

use super::folder;
use super::svg::Plot;
use super::table::table;
use crate::lab::experiment::Plan;
use crate::lab::experiment::arms::Runs;
use crate::lab::experiment::judge::readout_states;
use crate::lab::experiment::run::Head;
use crate::lab::experiment::task::Problem;

/// Longest delay of the terms of each degree: the cost grows with their number, some 300 in all.
const LONGEST: [usize; 4] = [40, 12, 6, 4];

/// Shuffled targets for the threshold.
const SURROGATES: usize = 1_000;

/// Their quantile: of the terms of unrelated states, one in a thousand passes.
const QUANTILE: f64 = 0.999;

/// Longest delay of the linear memory.
const LONGEST_MEMORY: usize = 100;

/// What the states of an arm, or of a control, hold.
#[derive(Debug, Clone, Serialize)]
pub struct Capacity {
    /// Whose states.
    pub row: String,
    /// Where they come from.
    pub provenance: String,
    /// How many.
    pub features: usize,
    /// Linear memory.
    pub memory: MemoryCapacity,
    /// All of it by degree, if asked for.
    pub processing: Option<ProcessingCapacity>,
}

/// Everything that a capacity run has to say.
#[derive(Debug, Clone, Serialize)]
pub struct CapacityReport {
    /// What stands above.
    #[serde(flatten)]
    pub head: Head,
    /// Steps.
    pub split: Split,
    /// The arms first, then the controls of the first.
    pub rows: Vec<Capacity>,
}

impl CapacityReport {
    /// Measures the states of every arm and those of the first one's controls.
    ///
    /// # Errors
    /// If states are degenerate or a capacity cannot be measured.
    pub(crate) fn measure(
        plan: &Plan,
        problem: &Problem,
        runs: &Runs,
        full: bool,
        head: Head,
    ) -> Result<CapacityReport> {
        let measure = Measure {
            plan,
            problem,
            full,
        };
        let input = &problem.sequence.input;
        let mut rows = Vec::new();
        let mut controls = Vec::new();
        for (i, trace) in runs.arms.iter().enumerate() {
            let (states, _) = trace.states(&plan.features)?;
            let left_out = &trace.left_out(&plan.features, plan.taps);
            left_out
                .states(&states)
                .check_alive(left_out.split(plan.split).train_rows())
                .with_context(|| format!("cannot judge the {}", trace.encoding.name))?;
            let provenance = trace.provenance.to_string();
            let name = match plan.taps {
                0 => trace.encoding.name.clone(),
                taps => format!("{} + {taps} declared taps", trace.encoding.name),
            };
            let taps = |states: &StateMatrix| readout_states(plan.taps, input, states);
            rows.push(measure.of(name, &provenance, &taps(&states)?, left_out)?);
            if i > 0 {
                continue;
            }
            let n = states.columns();
            let computed = |name: &str, states: &StateMatrix| {
                measure.of(
                    format!("control: {name}"),
                    "computed",
                    &taps(states)?,
                    left_out,
                )
            };
            let encoded = trace.encoded_states(&plan.features)?;
            controls.push(computed("encoded drive", &encoded)?);
            let line = controls::delay_line(input, n + plan.taps)?;
            let name = format!("control: delay line of {}", n + plan.taps);
            controls.push(measure.of(name, "computed", &line, left_out)?);
            let bank = controls::leaky_bank(input, n)?;
            controls.push(computed(&format!("{n} leaky integrators"), &bank)?);
            let nulls = [
                (
                    "time-shuffled states",
                    controls::shuffled_in_time(&states, &plan.split, plan.seed),
                ),
                (
                    "phase-randomised states",
                    controls::phase_randomised(
                        &states,
                        plan.split.washout..plan.split.total(),
                        plan.seed,
                    )?,
                ),
            ];
            for (name, null) in nulls {
                let null = taps(&null)?;
                controls.push(measure.of(
                    format!("control: {name}"),
                    &provenance,
                    &null,
                    left_out,
                )?);
            }
        }
        rows.extend(controls);
        Ok(CapacityReport {
            head,
            split: plan.split,
            rows,
        })
    }

    /// The report as text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let Split {
            washout,
            train,
            test,
        } = self.split;
        let head = &self.head;
        let _ = writeln!(
            text,
            "\nCapacity of {}, by {}, in {}: input uniform and independent\n{washout} washout + {train} training + {test} test steps, seed {}, configuration {}, version {}\n",
            head.unit, head.substrate, head.time, head.seed, head.config_hash, head.version
        );
        let degrees = self.degrees();
        let mut headings = vec!["row".to_string(), "linear memory".into()];
        headings.extend((1..=degrees).map(|d| format!("degree {d}")));
        if degrees > 0 {
            headings.extend(["total".into(), "by chance".into(), "rank".into()]);
        }
        headings.extend(["features".into(), "provenance".into()]);
        let numeric: Vec<usize> = (1..headings.len() - 1).collect();
        let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
        let mut rows = table(&headings, &numeric);
        for row in &self.rows {
            let mut cells = vec![row.row.clone(), format!("{:.2}", row.memory.total)];
            if let Some(processing) = &row.processing {
                cells.extend(processing.by_degree.iter().map(|c| format!("{c:.2}")));
                cells.push(format!("{:.2}", processing.total));
                cells.push(format!("{:.2}", processing.by_chance));
                cells.push(processing.rank.to_string());
            }
            cells.extend([row.features.to_string(), row.provenance.clone()]);
            rows.add_row(cells);
        }
        let _ = writeln!(text, "{rows}\n");
        let _ = writeln!(
            text,
            "Linear memory: Σ r² over delays 0 to {}, on the test steps; r² below {:.4}, which chance exceeds one time in a hundred, counts as 0.",
            self.rows
                .first()
                .map_or(0, |r| r.memory.delays.len().saturating_sub(1)),
            self.rows.first().map_or(0.0, |r| r.memory.threshold),
        );
        if degrees > 0 {
            let _ = writeln!(
                text,
                "By degree: Legendre terms with delays up to {LONGEST:?}; counted above the {QUANTILE} quantile of {SURROGATES} shuffled targets."
            );
        }
        if let Some(first) = self.rows.first() {
            let _ = writeln!(text, "{}", self.sentence(first));
        }
        text
    }

    /// What the first row comes to, beside the controls.
    fn sentence(&self, first: &Capacity) -> String {
        let of = |row: &Capacity| row.memory.total;
        let rivals: Vec<String> = self
            .rows
            .iter()
            .filter(|row| row.row.starts_with("control:") && of(row) >= of(first))
            .map(|row| {
                format!(
                    "{} ({:.2})",
                    row.row.trim_start_matches("control: "),
                    of(row)
                )
            })
            .collect();
        let memory = format!(
            "{} remembers {:.2} steps with {} features",
            first.row,
            of(first),
            first.features
        );
        let beyond = match &first.processing {
            Some(p) if p.by_degree.iter().skip(1).sum::<f64>() > p.by_chance.max(0.05) => format!(
                "; {:.2} of its capacity is nonlinear",
                p.by_degree.iter().skip(1).sum::<f64>()
            ),
            Some(_) => "; none of its capacity is nonlinear".to_string(),
            None => String::new(),
        };
        if rivals.is_empty() {
            format!("{memory}{beyond}; more than any control.")
        } else {
            format!("{memory}{beyond}; as much or more: {}.", rivals.join(", "))
        }
    }

    fn degrees(&self) -> usize {
        let processing = self.rows.iter().filter_map(|row| row.processing.as_ref());
        processing.map(|p| p.by_degree.len()).max().unwrap_or(0)
    }

    /// Every figure by name.
    pub fn figures(&self) -> Vec<(String, f64)> {
        let mut figures = Vec::new();
        for row in &self.rows {
            figures.push((format!("{}: linear memory", row.row), row.memory.total));
            if let Some(processing) = &row.processing {
                let degrees = processing.by_degree.iter().enumerate();
                figures
                    .extend(degrees.map(|(i, c)| (format!("{}: degree {}", row.row, i + 1), *c)));
            }
        }
        figures
    }

    /// Writes JSON and plot.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        folder::write_json(folder, "report.json", self)?;
        let longest = self.rows.iter().map(|row| row.memory.delays.len()).max();
        // Beyond this, nothing that is driven here remembers anything.
        let shown = longest.unwrap_or(1).min(40);
        let title = format!("Linear memory of {}", self.head.unit);
        let mut plot = Plot::new(
            &title,
            "delay, steps",
            "r²",
            (0.0, shown as f64),
            (0.0, 1.0),
        );
        for row in self.rows.iter().take(4) {
            let delays = row.memory.delays.iter().take(shown);
            let points = delays.map(|d| (d.delay as f64, d.squared_correlation));
            plot.line(&row.row, points.collect::<Vec<_>>());
        }
        folder::write(folder, "memory.svg", plot.render())
    }
}

struct Measure<'a> {
    plan: &'a Plan,
    problem: &'a Problem,
    full: bool,
}

impl Measure<'_> {
    fn of(
        &self,
        row: String,
        provenance: &str,
        states: &StateMatrix,
        left_out: &LeftOut,
    ) -> Result<Capacity> {
        let split = &self.plan.split;
        let input = &self.problem.sequence.input;
        let longest = LONGEST_MEMORY.min(split.washout);
        let processing = match self.full {
            false => None,
            true => Some(processing_capacity(
                states,
                input,
                split.washout..split.total(),
                &IpcPlan {
                    range: self.problem.range,
                    longest: LONGEST.iter().map(|l| (*l).min(split.washout)).collect(),
                    surrogates: SURROGATES,
                    quantile: QUANTILE,
                    seed: self.plan.seed,
                },
                left_out,
            )?),
        };
        Ok(Capacity {
            row,
            provenance: provenance.to_string(),
            features: states.columns(),
            memory: memory_capacity(states, input, longest, split, left_out)?,
            processing,
        })
    }
}
