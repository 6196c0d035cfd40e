//! What is to be learnt: a task by name, or a user's own input and targets from a CSV file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, anyhow, bail};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use strum::{EnumMessage, IntoStaticStr, VariantArray};
use thermine_reservoir::random;
use thermine_reservoir::split::Split;
use thermine_reservoir::tasks::narma::{Order, narma};
use thermine_reservoir::tasks::{
    Sequence, Target, channel, lorenz, mackey_glass, parity, waveform,
};
use utoipa::ToSchema;

use thermine_capture::tabular::Table;

/// The tasks that have a name.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    VariantArray,
    EnumMessage,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[schema(as = Task)]
#[strum(serialize_all = "kebab-case")]
pub enum Named {
    /// Nonlinear autoregressive moving average of order 10.
    Narma10,
    /// The same of order 20, bounded by a hyperbolic tangent; without the 0.2 that some authors add after it.
    Narma20,
    /// The same of order 30, bounded by a hyperbolic tangent.
    Narma30,
    /// NARMA-30 without the hyperbolic tangent.
    Narma30Plain,
    /// Mackey–Glass series (τ = 17), 1, 6, 17 and 84 samples ahead.
    MackeyGlass,
    /// Lorenz system: x at the next sample, y and z at the present one, from x.
    Lorenz,
    /// Equalisation of a nonlinear channel at 32 dB: the symbol that was sent.
    Channel,
    /// Parity of the last 1 to 3 signs.
    Parity,
    /// Exclusive or of the present sign and the last.
    Xor,
    /// The same, and parity of three, of inputs up to five steps ago: curves against delay.
    XorDelays,
    /// Sine or square wave.
    Waveform,
    /// Linear memory capacity, of an input uniform on [0, 0.5].
    MemoryCapacity,
    /// Information processing capacity by degree, of the same input.
    ProcessingCapacity,
}

/// Delay of the Mackey–Glass equation, samples.
const MACKEY_GLASS_DELAY: usize = 17;

/// Signal over noise of the channel, dB: the hardest but one of those commonly shown.
const CHANNEL_SNR_DB: f64 = 32.0;

/// Orders of the parity task.
const PARITY_ORDERS: usize = 3;

/// Longest delay of the curves of exclusive or and parity, steps.
const LONGEST_DELAY: usize = 5;

/// Samples of a wave.
const WAVE_PERIOD: usize = 8;

/// Where input and target come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// A generator, by its name.
    Named(Named),
    /// Columns of a CSV file.
    Data {
        /// The CSV file that holds it.
        file: PathBuf,
        /// Column that drives the unit.
        input: String,
        /// Columns that are to be had from it.
        targets: Vec<String>,
        /// First 16 hex digits of the SHA-256 of the file, once it has been read.
        #[serde(default)]
        hash: Option<String>,
        /// What it holds, once it has been read.
        #[serde(skip)]
        contents: Contents,
    },
}

/// The file of a task, which is read once: it may be a pipe, and may change meanwhile. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Contents(Arc<OnceLock<Table>>);

impl PartialEq for Contents {
    /// A task is what it names.
    fn eq(&self, _: &Contents) -> bool {
        true
    }
}

impl Contents {
    fn read(&self, file: &Path) -> Result<&Table> {
        if let Some(table) = self.0.get() {
            return Ok(table);
        }
        let table = Table::read(file)?;
        Ok(self.0.get_or_init(|| table))
    }
}

/// How a prediction is judged besides by its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Decision {
    /// It is a number.
    None,
    /// It stands for the nearer of two classes.
    Classes {
        /// Value of the lower class.
        low: f64,
        /// Value of the upper class.
        high: f64,
    },
    /// It stands for the nearest of the channel's four symbols.
    Symbols,
}

impl Decision {
    /// The share of the predictions that stand for something other than the target; `None` of numbers.
    pub(crate) fn wrong(self, prediction: &[f64], target: &[f64]) -> Option<f64> {
        let decide = |value: f64| -> f64 {
            match self {
                Decision::None => value,
                Decision::Symbols => channel::decide(value),
                Decision::Classes { low, high } if value < f64::midpoint(low, high) => low,
                Decision::Classes { high, .. } => high,
            }
        };
        if self == Decision::None || target.is_empty() {
            return None;
        }
        let wrong = prediction
            .iter()
            .zip(target)
            .filter(|(p, t)| decide(**p) != decide(**t))
            .count();
        Some(wrong as f64 / target.len() as f64)
    }
}

/// A task as it is to be driven and learnt.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Its name in reports.
    pub(crate) name: String,
    /// Input and targets.
    pub sequence: Sequence,
    /// Smallest and largest input, from which the encoding takes its ends.
    pub(crate) range: (f64, f64),
    /// Whether predictions are decisions.
    pub(crate) decision: Decision,
}

impl Named {
    /// The same as [`Task::problem`]; the range of its inputs may be unknown.
    fn problem(self, length: usize, seed: u64) -> Problem {
        let narma = |order, name: &str| {
            let sequence = narma(order, length, seed);
            problem(name, sequence, Some(NARMA_RANGE), Decision::None)
        };
        let signs = Decision::Classes {
            low: -1.0,
            high: 1.0,
        };
        let square = Decision::Classes {
            low: 0.0,
            high: 1.0,
        };
        match self {
            Named::Narma10 => narma(Order::Ten, "NARMA-10"),
            Named::Narma20 => narma(Order::Twenty, "NARMA-20"),
            Named::Narma30 => narma(Order::Thirty, "NARMA-30"),
            Named::Narma30Plain => narma(Order::ThirtyPlain, "NARMA-30, plain"),
            Named::MackeyGlass => {
                let sequence = mackey_glass::mackey_glass(length, MACKEY_GLASS_DELAY, seed);
                problem("Mackey–Glass", sequence, None, Decision::None)
            }
            Named::Lorenz => {
                let sequence = lorenz::lorenz(length, seed);
                problem("Lorenz", sequence, None, Decision::None)
            }
            Named::Channel => {
                let sequence = channel::channel(length, CHANNEL_SNR_DB, seed);
                problem("channel equalisation", sequence, None, Decision::Symbols)
            }
            Named::Parity => {
                let sequence = parity::parity(length, PARITY_ORDERS, 0, seed);
                problem("parity of 3", sequence, None, signs)
            }
            Named::Xor => {
                let sequence = parity::xor(length, 1, seed);
                problem("exclusive or", sequence, None, signs)
            }
            Named::XorDelays => {
                let sequence = parity::delays(length, LONGEST_DELAY, seed);
                problem("exclusive or by delay", sequence, None, signs)
            }
            Named::Waveform => {
                let sequence = waveform::waveform(length, WAVE_PERIOD, seed);
                problem("waveform", sequence, None, square)
            }
            Named::MemoryCapacity => uniform("linear memory capacity", length, seed),
            Named::ProcessingCapacity => uniform("information processing capacity", length, seed),
        }
    }
}

impl Task {
    /// Name in reports and folders.
    pub fn name(&self) -> String {
        match self {
            Task::Named(named) => <&str>::from(*named).to_string(),
            Task::Data { file, .. } => {
                let stem = file.file_stem().unwrap_or_default();
                stem.to_string_lossy().into_owned()
            }
        }
    }

    /// Whether it is a capacity, which is not scored by an error.
    pub fn is_capacity(&self) -> bool {
        matches!(
            self,
            Task::Named(Named::MemoryCapacity | Named::ProcessingCapacity)
        )
    }

    /// Steps that its generator or file gives at most; `None` for as many as are wanted.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn length(&self) -> Result<Option<usize>> {
        match self {
            Task::Named(_) => Ok(None),
            Task::Data {
                file,
                input,
                targets,
                contents,
                ..
            } => Ok(Some(read(file, contents, input, targets)?.input.len())),
        }
    }

    /// The first `length` steps; a generator draws from `seed`, and `known` steps are those that the encoding
    /// may know the range of the input from.
    ///
    /// # Errors
    /// If the file cannot be read, or is not the one that a capture was made with.
    pub fn problem(&self, length: usize, known: usize, seed: u64) -> Result<Problem> {
        let mut problem = match self {
            Task::Named(named) => named.problem(length, seed),
            Task::Data {
                file,
                input,
                targets,
                hash,
                contents,
            } => {
                let mut sequence = read(file, contents, input, targets)?;
                if hash.is_some() && *hash != Some(short(contents.read(file)?)) {
                    bail!(
                        "{} is not the file that the capture was driven with: it has changed since",
                        file.display()
                    );
                }
                sequence.input.truncate(length);
                sequence.target.truncate(length);
                for further in &mut sequence.further {
                    further.values.truncate(length);
                }
                problem(&self.name(), sequence, None, Decision::None)
            }
        };
        if problem.range == UNKNOWN {
            problem.range = range(&problem.sequence.input[..known.min(length)]);
        }
        Ok(problem)
    }

    /// Refuses a file whose input or target never changes in the steps of `split`: a run, of hours on a real unit, could
    /// show nothing.
    ///
    /// # Errors
    /// If that is so.
    pub(crate) fn check(&self, problem: &Problem, split: &Split) -> Result<()> {
        let Task::Data {
            file,
            input,
            targets,
            ..
        } = self
        else {
            return Ok(());
        };
        let sequence = &problem.sequence;
        let columns = std::iter::once((input, sequence.input.as_slice()))
            .chain(targets.iter().zip(sequence.targets()));
        for (name, values) in columns {
            for (rows, what) in [
                (split.train_rows(), "training"),
                (split.test_rows(), "test"),
            ] {
                let Some(values) = values.get(rows) else {
                    continue;
                };
                if let Some(first) = values
                    .first()
                    .filter(|first| values.iter().all(|v| v == *first))
                {
                    bail!(
                        "cannot learn from {}: its column `{name}` is {first} in all {} {what} steps; name another \
                         column, or choose other steps with --washout, --train and --test",
                        file.display(),
                        values.len()
                    );
                }
            }
        }
        Ok(())
    }

    /// The same with the hash of its file, for a capture to hold.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn pinned(&self) -> Result<Task> {
        let mut task = self.clone();
        if let Task::Data {
            file,
            hash,
            contents,
            ..
        } = &mut task
        {
            *hash = Some(short(contents.read(file)?));
        }
        Ok(task)
    }
}

/// Inputs of the NARMA tasks and of the capacities.
const NARMA_RANGE: (f64, f64) = (0.0, 0.5);

/// Stands for a range that is yet to be looked for.
const UNKNOWN: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

fn problem(
    name: &str,
    sequence: Sequence,
    range: Option<(f64, f64)>,
    decision: Decision,
) -> Problem {
    Problem {
        name: name.into(),
        sequence,
        range: range.unwrap_or(UNKNOWN),
        decision,
    }
}

/// An input without a target: independent and uniform on [0, 0.5].
fn uniform(name: &str, length: usize, seed: u64) -> Problem {
    let mut rng = random::stream(seed, 30);
    let input: Vec<f64> = (0..length).map(|_| 0.5 * rng.random::<f64>()).collect();
    let sequence = Sequence {
        target: input.clone(),
        input,
        ..Sequence::default()
    };
    problem(name, sequence, Some(NARMA_RANGE), Decision::None)
}

/// Smallest and largest value.
fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold(UNKNOWN, |(low, high), value| {
        (low.min(*value), high.max(*value))
    })
}

/// First 16 hex digits of the SHA-256 of a file.
fn short(table: &Table) -> String {
    table.digest[..16].to_string()
}

/// Most rows of a file: some gigabytes.
const MOST_ROWS: usize = 10_000_000;

/// Largest value of a file: sums of squares of many such are still finite.
const LARGEST: f64 = 1e100;

/// Reads the named columns.
fn read(file: &Path, contents: &Contents, input: &str, targets: &[String]) -> Result<Sequence> {
    let cannot = || format!("cannot read {}", file.display());
    let table = contents.read(file)?;
    let mut wanted = vec![table.column(input).with_context(cannot)?];
    for target in targets {
        wanted.push(table.column(target).with_context(cannot)?);
    }
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); wanted.len()];
    for (count, row) in table.rows().enumerate() {
        let row = row.with_context(cannot)?;
        if count >= MOST_ROWS {
            bail!("{}: it has more than {MOST_ROWS} rows", cannot());
        }
        for (values, index) in columns.iter_mut().zip(&wanted) {
            let value = match table.number(&row, *index) {
                Ok(value) if value.abs() > LARGEST => Err(format!(
                    "{value:e} is too large to compute with, the largest is {LARGEST:e}: scale the column"
                )),
                value => value,
            };
            let (line, name) = (row.line, &table.header[*index]);
            values.push(
                value.map_err(|what| {
                    anyhow!("{}: line {line}, column `{name}`: {what}", cannot())
                })?,
            );
        }
    }
    let mut columns = columns.into_iter();
    let (Some(input), Some(target)) = (columns.next(), columns.next()) else {
        bail!("name at least one target column with --target");
    };
    let further = columns.zip(&targets[1..]).map(|(values, name)| Target {
        name: name.clone(),
        values,
    });
    Ok(Sequence {
        input,
        target,
        further: further.collect(),
        rejected_draws: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_task_has_inputs_in_its_range_and_targets_of_one_length() {
        for named in Named::VARIANTS {
            let problem = Task::Named(*named).problem(300, 300, 1).expect("generated");
            let (low, high) = problem.range;
            assert!(low < high, "{named:?}");
            assert!(
                problem
                    .sequence
                    .input
                    .iter()
                    .all(|u| (low..=high).contains(u))
            );
            assert!(problem.sequence.targets().all(|t| t.len() == 300));
        }
    }

    #[test]
    fn wrong_decisions_are_counted() {
        let xor = Task::Named(Named::Xor)
            .problem(100, 100, 1)
            .expect("generated");
        let target = &xor.sequence.target;
        assert_eq!(xor.decision.wrong(target, target), Some(0.0));
        let negated: Vec<f64> = target.iter().map(|t| -0.1 * t).collect();
        assert_eq!(xor.decision.wrong(&negated, target), Some(1.0));
        let wave = Task::Named(Named::Waveform)
            .problem(100, 100, 1)
            .expect("generated");
        assert_eq!(
            wave.decision
                .wrong(&wave.sequence.target, &wave.sequence.target),
            Some(0.0)
        );
    }

    #[test]
    fn a_file_is_read_by_its_names_and_what_is_wrong_is_said() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("mine.csv");
        std::fs::write(&file, "t, u, y ,z\n0,1,2,3\n1,4,5,6\n").expect("written");
        let task = |input: &str, targets: &[&str]| Task::Data {
            file: file.clone(),
            input: input.into(),
            targets: targets.iter().map(ToString::to_string).collect(),
            hash: None,
            contents: Contents::default(),
        };
        let mine = task("u", &["y", "z"]);
        assert_eq!(mine.length().expect("read"), Some(2));
        let problem = mine.problem(2, 1, 1).expect("read");
        assert_eq!(problem.sequence.input, [1.0, 4.0]);
        assert_eq!(problem.sequence.further[0].values, [3.0, 6.0]);
        assert_eq!(problem.range, (1.0, 1.0), "only the first step is known");
        let said = task("x", &["y"]).length().expect_err("no such column");
        let said = format!("{said:#}");
        assert!(
            said.contains("`x`") && said.contains("t, u, y, z"),
            "{said}"
        );
        let pinned = mine.pinned().expect("read");
        std::fs::write(&file, "t,u,y,z\n\n0,1,2,x\n").expect("written");
        assert_eq!(mine.length().expect("not read again"), Some(2));
        let again = |task: Task| -> Task {
            serde_json::from_value(serde_json::to_value(task).expect("JSON")).expect("a task")
        };
        let said = again(mine.clone())
            .problem(1, 1, 1)
            .expect_err("not a number");
        let said = format!("{said:#}");
        assert!(said.contains("line 3, column `z`: `x`"), "{said}");
        std::fs::write(&file, "t,u,y,z\n0,1e200,2,4\n").expect("written");
        let said = again(mine).problem(1, 1, 1).expect_err("too large");
        assert!(format!("{said:#}").contains("scale the column"), "{said:#}");
        std::fs::write(&file, "t,u,y,z\n0,1,2,4\n").expect("written");
        let said = again(pinned).problem(1, 1, 1).expect_err("another file");
        let said = format!("{said:#}");
        assert!(said.contains("has changed since"), "{said}");
    }

    #[test]
    fn a_column_that_never_changes_is_refused_before_anything_is_driven() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("mine.csv");
        let split = Split {
            washout: 1,
            train: 2,
            test: 2,
        };
        for (text, wrong) in [
            (
                "u,y\n9,1\n1,1\n1,2\n1,3\n2,4\n",
                Some("`u` is 1 in all 2 training"),
            ),
            (
                "u,y\n9,1\n1,1\n2,2\n1,3\n2,3\n",
                Some("`y` is 3 in all 2 test"),
            ),
            ("u,y\n1,1\n1,1\n2,2\n1,3\n2,4\n", None),
        ] {
            std::fs::write(&file, text).expect("written");
            let task = Task::Data {
                file: file.clone(),
                input: "u".into(),
                targets: vec!["y".into()],
                hash: None,
                contents: Contents::default(),
            };
            let problem = task.problem(5, 3, 1).expect("read");
            let said = task
                .check(&problem, &split)
                .map_err(|error| error.to_string());
            match wrong {
                None => assert_eq!(said, Ok(())),
                Some(wrong) => assert!(said.expect_err("constant").contains(wrong)),
            }
        }
    }
}
