//! The report of a capacity, as data: how much of the past input the states hold, and in which powers.

use anyhow::{Context, Result};
use serde::Serialize;
use thermine_reservoir::capacity::{
    IpcPlan, MemoryCapacity, ProcessingCapacity, memory_capacity, processing_capacity,
};
use thermine_reservoir::controls;
use thermine_reservoir::left_out::LeftOut;
use thermine_reservoir::split::Split;
use thermine_reservoir::state::StateMatrix;

use super::arms::Runs;
use super::plan::Plan;
use super::report_head::Head;
use super::task::Problem;
use super::trace::readout_states;

/// Longest delay of the terms of each degree: the cost grows with their number, some 300 in all.
pub const LONGEST: [usize; 4] = [40, 12, 6, 4];

/// Probability that chance lets any of the terms of a row count.
pub const LEVEL: f64 = 0.05;

/// Longest delay of the linear memory.
const LONGEST_MEMORY: usize = 100;

/// What the states of an arm, or of a control, hold.
#[derive(Debug, Clone, Serialize)]
pub struct Capacity {
    /// Name of the row of results.
    pub row: String,
    /// Where they come from.
    pub provenance: String,
    /// Features of a state.
    pub features: usize,
    /// Linear memory capacity, by delay.
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
    /// Steps for washout, training and test.
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

    /// Highest degree of any row.
    pub fn degrees(&self) -> usize {
        let processing = self.rows.iter().filter_map(|row| row.processing.as_ref());
        processing.map(|p| p.by_degree.len()).max().unwrap_or(0)
    }

    /// Every figure by name.
    pub(crate) fn figures(&self) -> Vec<(String, f64)> {
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
                    level: LEVEL,
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
