//! From observations to the columns of the state matrix.

use std::ops::Range;

use crate::substrate::Observation;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use thermine_reservoir::controls;
use thermine_reservoir::hierarchical::timescale::Scale;
use thermine_reservoir::state::{Feature, StateMatrix};
use thermine_units::clock::Nanos;
use thermine_units::model::Model;
use thermine_units::unit::Telemetry;

use super::counts::{Counts, Waits};
use super::encoder::{node_numbers, node_prefix};
use super::quantities::{Group, Source};

/// What the readout of a unit is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturePlan {
    pub(crate) groups: Vec<Group>,
    /// Of how many steps, the present one included.
    pub(crate) history: usize,
    /// Whether a column is the mean over the virtual nodes of its step, and not one for each.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) average: bool,
    /// Time constant in steps of a running mean that is taken from every column, to be rid of slow drift; the
    /// encoded drive is treated alike. `None` leaves them as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) high_pass: Option<f64>,
}

impl FeaturePlan {
    /// What a unit of `model` senses of its heat, and the share rate of each zone. Bare chips sense nothing:
    /// there the host's own counts stand in.
    pub fn of(model: Model) -> FeaturePlan {
        let groups = match (model.is_bare(), model.entry().reports.power) {
            (true, _) => vec![Group::HashRate, Group::Errors, Group::Zones],
            (false, true) => vec![Group::Heat, Group::Power, Group::Zones],
            (false, false) => vec![Group::Heat, Group::Zones],
        };
        FeaturePlan {
            groups,
            history: 1,
            average: false,
            high_pass: None,
        }
    }

    /// `states` with the high pass and the history of the plan.
    ///
    /// # Errors
    /// If values are so large that they overflow.
    pub(crate) fn treated(&self, states: StateMatrix) -> Result<StateMatrix> {
        let states = match self.high_pass {
            Some(steps) => controls::high_pass(&states, steps)?,
            None => states,
        };
        let lags: Vec<usize> = (0..self.history).collect();
        Ok(controls::lagged(&states, &lags)?)
    }
}

/// Columns as they come, with gaps where the unit did not report.
#[derive(Debug, Clone)]
pub struct Features {
    model: Model,
    nodes: usize,
    average: bool,
    columns: Vec<Column>,
    /// The last step's readings that rates are taken from.
    before: Option<Before>,
    /// Values that no step gave because its connection broke.
    gaps: usize,
}

/// One quantity over all steps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    /// Name, for example `board6.chip_temp`.
    pub(crate) name: String,
    /// Unit of its values.
    pub(crate) unit: &'static str,
    /// A value per step, `None` where it was not reported.
    pub(crate) values: Vec<Option<f64>>,
    source: Source,
}

/// Columns without gaps, and what was done about the gaps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filled {
    /// Name, unit and values of each column.
    pub(crate) columns: Vec<(String, &'static str, Vec<f64>)>,
    /// Readings that were missing and replaced by the last one before (or, at the start, the first
    /// after).
    pub(crate) carried: usize,
    /// Columns of which the unit never reported anything, left out.
    pub(crate) absent: Vec<String>,
}

/// Readings of one step that the next is compared with.
#[derive(Debug, Clone)]
struct Before {
    ended: Nanos,
    telemetry: Telemetry,
}

impl Features {
    /// No rows yet of what `plan` asks of a unit of `model`, read in so many virtual `nodes` a step.
    pub fn new(plan: &FeaturePlan, model: Model, nodes: usize) -> Features {
        let mut sources: Vec<Source> = Vec::new();
        for source in plan
            .groups
            .iter()
            .flat_map(|group| Source::of(*group, model))
        {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        let columns = node_numbers(nodes)
            .flat_map(|node| {
                sources.iter().map(move |source| {
                    let (name, unit) = source.column();
                    Column {
                        name: format!("{}{name}", node_prefix(node)),
                        unit,
                        values: Vec::new(),
                        source: *source,
                    }
                })
            })
            .collect();
        Features {
            model,
            nodes,
            average: plan.average && nodes > 1,
            columns,
            before: None,
            gaps: 0,
        }
    }

    /// Appends the row of one step: one observation for each node.
    pub fn push(&mut self, observations: &[Observation]) {
        let width = self.columns.len() / self.nodes.max(1);
        for (node, seen) in observations.iter().enumerate() {
            self.push_node(seen, node * width..(node + 1) * width);
        }
    }

    /// Appends the row of a step in which the unit's connection broke: no values, as after no reading. The readings
    /// themselves are what the next step's rates are taken from.
    pub(crate) fn push_gap(&mut self, observations: &[Observation]) {
        self.push(observations);
        for column in &mut self.columns {
            if let Some(value) = column.values.last_mut() {
                *value = None;
            }
        }
        self.gaps += self.columns.len();
    }

    fn push_node(&mut self, seen: &Observation, columns: Range<usize>) {
        let span = seen.ended.since(seen.started).as_secs_f64();
        let rate = |count: f64| (span > 0.0).then(|| count / span);
        let counts = Counts::of(self.model, seen);
        let waits = Waits::of(seen);
        let waits = waits.as_ref();
        let scale = |octave: usize| waits.and_then(|waits| waits.scales.get(octave));
        let telemetry = seen.telemetry.as_ref();
        let before = self.before.take();
        let change = |read: &dyn Fn(&Telemetry) -> Option<f64>| -> Option<f64> {
            let before = before.as_ref()?;
            let seconds = seen.ended.since(before.ended).as_secs_f64();
            let change = read(telemetry?)? - read(&before.telemetry)?;
            (seconds > 0.0).then(|| change / seconds)
        };
        let errors = |t: &Telemetry| t.hardware_errors.map(|count| count as f64);
        for column in &mut self.columns[columns] {
            column.values.push(match column.source {
                Source::Heat(heat) => telemetry.and_then(|t| heat.read(t)),
                Source::HeatRate(heat) => change(&|t| heat.read(t)),
                Source::Power => telemetry.and_then(|t| t.power).map(|p| p.0),
                Source::Fan(fan) => telemetry.and_then(|t| t.fans.get(fan)).map(|f| f.0),
                Source::HashRate => telemetry.and_then(|t| t.hash_rate).map(|h| h.0 * 1e-9),
                // A count that has gone back is that of a miner started anew.
                Source::Errors => change(&errors).map(|rate| rate.max(0.0)),
                Source::Shares => rate(seen.shares.len() as f64),
                Source::Zone(zone) => rate(f64::from(counts.zones[zone])),
                Source::Chip(chip) => rate(f64::from(counts.chips[usize::from(chip)])),
                Source::Core(core) => rate(f64::from(counts.cores[usize::from(core)])),
                Source::MeanWait => waits.map(|w| w.mean),
                Source::LogWait => waits.map(|w| w.mean.ln()),
                Source::WaitCv => waits.map(|w| w.cv),
                // Too few answers have no such scale: that is a missing reading.
                Source::Allan(octave) => scale(octave).and_then(Scale::allan_deviation),
                Source::Trend(octave) => scale(octave).and_then(|scale| scale.haar_trend),
            });
        }
        self.before = match telemetry {
            Some(telemetry) => Some(Before {
                ended: seen.ended,
                telemetry: telemetry.clone(),
            }),
            None => before,
        };
    }

    /// The row of the last step as it was pushed, `None` where the unit did not report.
    pub fn newest(&self) -> Vec<Option<f64>> {
        let newest = |column: &Column| column.values.last().copied().flatten();
        self.columns.iter().map(newest).collect()
    }

    /// Forgets all but the last `rows` steps.
    pub fn forget_before(&mut self, rows: usize) {
        for column in &mut self.columns {
            let old = column.values.len().saturating_sub(rows);
            column.values.drain(..old);
        }
    }

    /// The same of the last `rows` steps.
    pub(crate) fn last(&self, rows: usize) -> Features {
        let mut last = self.clone_empty();
        for (to, from) in last.columns.iter_mut().zip(&self.columns) {
            let start = from.values.len().saturating_sub(rows);
            to.values.extend(&from.values[start..]);
        }
        last
    }

    fn clone_empty(&self) -> Features {
        let columns = self.columns.iter().map(|column| Column {
            name: column.name.clone(),
            values: Vec::new(),
            ..*column
        });
        Features {
            columns: columns.collect(),
            before: None,
            gaps: 0,
            ..*self
        }
    }

    /// The states that they are, as `plan` has them, and what had to be done to make them whole.
    ///
    /// # Errors
    /// If the unit reported nothing that could be a state.
    pub(crate) fn states(self, plan: &FeaturePlan) -> Result<(StateMatrix, Vec<String>)> {
        let rows = self.columns.first().map_or(0, |column| column.values.len());
        // Of averaged nodes there is one value a gap and quantity.
        let gaps = if self.average {
            self.gaps / self.nodes
        } else {
            self.gaps
        };
        let filled = self.filled();
        if filled.columns.is_empty() {
            bail!("the unit reported nothing: no temperature and no share in any step");
        }
        let mut notes = Vec::new();
        let missing = filled.carried.saturating_sub(gaps);
        if missing > 0 {
            notes.push(format!(
                "{missing} missing readings were replaced by the last ones before"
            ));
        }
        if !filled.absent.is_empty() {
            notes.push(format!(
                "not reported by the unit: {}",
                filled.absent.join(", ")
            ));
        }
        let columns = filled
            .columns
            .into_iter()
            .map(|(name, unit, values)| (Feature::new(name, unit), values))
            .collect();
        let states = plan.treated(StateMatrix::from_columns(rows, columns)?)?;
        Ok((states, notes))
    }

    /// The same columns, those of one quantity in all nodes averaged into one where that is asked for.
    fn averaged(mut self) -> Features {
        if !self.average {
            return self;
        }
        let width = self.columns.len() / self.nodes;
        let columns = (0..width).map(|i| {
            let nodes: Vec<&Column> = self.columns.iter().skip(i).step_by(width).collect();
            let (name, unit) = nodes[0].source.column();
            let values = (0..nodes[0].values.len()).map(|row| {
                let read: Vec<f64> = nodes.iter().filter_map(|node| node.values[row]).collect();
                (!read.is_empty()).then(|| read.iter().sum::<f64>() / read.len() as f64)
            });
            Column {
                name: format!("{name}.mean{}", self.nodes),
                unit,
                values: values.collect(),
                source: nodes[0].source,
            }
        });
        self.columns = columns.collect();
        self
    }

    /// Closes the gaps. Only a value of the past may stand in for a missing one, except at the start.
    pub(crate) fn filled(self) -> Filled {
        let columns = self.averaged().columns;
        let mut filled = Filled {
            columns: Vec::new(),
            carried: 0,
            absent: Vec::new(),
        };
        for column in columns {
            let Some(mut last) = column.values.iter().flatten().next().copied() else {
                filled.absent.push(column.name);
                continue;
            };
            filled.carried += column.values.iter().filter(|v| v.is_none()).count();
            let values = column
                .values
                .into_iter()
                .map(|value| {
                    last = value.unwrap_or(last);
                    last
                })
                .collect();
            filled.columns.push((column.name, column.unit, values));
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::substrate::{Outcome, Refused, Sample};

    use super::*;

    #[test]
    fn gaps_are_carried_forward_and_empty_columns_left_out() {
        let column = |name: &str, values: &[Option<f64>]| Column {
            name: name.into(),
            unit: "1",
            values: values.to_vec(),
            source: Source::Power,
        };
        let features = Features {
            model: Model::AntminerS9,
            nodes: 1,
            average: false,
            before: None,
            gaps: 0,
            columns: vec![
                column("a", &[None, Some(1.0), None, Some(2.0)]),
                column("b", &[None; 4]),
            ],
        };
        let filled = features.filled();
        assert_eq!(filled.columns.len(), 1);
        assert_eq!(filled.columns[0].2, [1.0, 1.0, 1.0, 2.0]);
        assert_eq!(filled.carried, 2);
        assert_eq!(filled.absent, ["b"]);
    }

    #[test]
    fn scales_that_a_step_is_too_short_for_are_missing() {
        let plan = FeaturePlan {
            groups: vec![Group::Timescales],
            ..FeaturePlan::of(Model::AntminerS9)
        };
        let mut features = Features::new(&plan, Model::AntminerS9, 1);
        // Waits of 1, 3, 2 and 6 s.
        let arrivals = [1.0, 4.0, 6.0, 12.0];
        let shares = arrivals.map(|seconds| Sample {
            job: 0,
            arrived: Nanos::from_seconds(seconds),
            since_job: Duration::from_secs_f64(seconds),
            nonce: 0,
            difficulty: 1.0,
        });
        features.push(&[Observation {
            started: Nanos::ZERO,
            ended: Nanos::from_seconds(15.0),
            outcome: Outcome::TimedOut,
            gap: Duration::ZERO,
            jobs: 1,
            shares: shares.to_vec(),
            refused: Refused::default(),
            telemetry: None,
        }]);
        let read: Vec<(&str, Option<f64>)> = features
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.values[0]))
            .collect();
        // Steps 2, −1, 4: ½ (4 + 1 + 16)/3; of the means 2 and 4: ½ · 4.
        let expected = [
            ("wait.allan1", Some(3.5f64.sqrt())),
            ("wait.trend1", Some(3.0)),
            ("wait.allan2", Some(2f64.sqrt())),
            ("wait.trend2", Some(2.0)),
            ("wait.allan4", None),
            ("wait.trend4", None),
            ("wait.allan8", None),
            ("wait.trend8", None),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn nodes_are_averaged_over_what_was_read() {
        let plan = FeaturePlan {
            groups: vec![Group::Power, Group::Shares],
            average: true,
            ..FeaturePlan::of(Model::AntminerS9)
        };
        let mut features = Features::new(&plan, Model::AntminerS9, 3);
        for (column, value) in
            features
                .columns
                .iter_mut()
                .zip([Some(1.0), None, None, Some(2.0), Some(4.0), None])
        {
            column.values.push(value);
        }
        let filled = features.filled();
        let columns: Vec<(&str, f64)> = filled
            .columns
            .iter()
            .map(|(name, _, values)| (name.as_str(), values[0]))
            .collect();
        assert_eq!(columns, [("power.mean3", 2.5), ("share_rate.mean3", 2.0)]);
    }
}
