//! Training a readout: `thermine train`.

use serde::{Deserialize, Serialize};
use thermine_reservoir::split::Split;
use utoipa::ToSchema;

use super::findings::Findings;
use crate::backend::Backend;
use crate::config::folders::{Folders, MOST_ROWS as MOST_STEPS};
use crate::experiment::encoding::{Channel, Mask};
use crate::experiment::presets::Preset;
use crate::experiment::quantities::Group;
use crate::experiment::readouts;
use crate::experiment::steps::{DEFAULT_SPLIT, MOST_SEEDS, proportion};
use crate::experiment::task::Named;

/// Most steps of all seeds together.
const MOST_STEPS_OF_SEEDS: u64 = 10_000_000;

/// Most columns that a readout may be given: its normal equations then take 128 MiB.
const MOST_COLUMNS: usize = 4096;

/// Most numbers of a state matrix, steps times columns: 64 MiB. A run holds one for each encoding and some copies.
const MOST_NUMBERS: usize = 8 << 20;

/// Most readings of a run: steps times virtual nodes.
const MOST_READINGS: usize = 1_000_000;

/// Most shares that the steps of a run may ask for.
const MOST_SHARES: usize = 20_000_000;

/// Most entries of a list.
const MOST_LISTED: usize = 32;

/// Longest lag of a channel and longest history, steps.
const LONGEST: usize = 1000;

/// What to train, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// The task; absent with `data`, and with a capture whose own task is meant.
    pub task: Option<Named>,
    /// A task of the user's own.
    pub data: Option<DataFile>,
    /// What is driven; `substrate` in requests of older versions.
    #[serde(alias = "substrate")]
    pub backend: Backend,
    /// Name of the capture to replay, below the folder of captures.
    pub capture: Option<String>,
    /// How the input drives the unit.
    pub encoding: Preset,
    /// An encoding of the user's own, instead.
    pub encode: Vec<Channel>,
    /// Virtual nodes of a step.
    pub nodes: usize,
    /// How the virtual nodes differ.
    pub mask: Mask,
    /// Length of a step in seconds; absent for the configuration's.
    pub hold: Option<f64>,
    /// Shares that a step needs: 0 for steps of equal length. Absent for the configuration's, and at least 1 where
    /// times between shares are features.
    pub shares: Option<u32>,
    /// Share difficulty; absent for the configuration's.
    pub difficulty: Option<f64>,
    /// What the readout is given of the device; empty for what the model senses.
    pub features: Vec<Group>,
    /// Readouts beside the ridge.
    pub readouts: Vec<readouts::Kind>,
    /// Steps of device features given to the readout, including the current one.
    pub history: Option<usize>,
    /// Whether the readings of a step's virtual nodes are averaged.
    pub average: bool,
    /// Steps of the running mean that is taken from every column.
    pub high_pass: Option<f64>,
    /// Last inputs that the readout is given beside the device.
    pub taps: usize,
    /// Whether a twin has a power meter at the wall.
    pub wall_meter: bool,
    /// Whether the scores are measured over the assumed ranges of a simulated unit's physics.
    pub sensitivity: bool,
    /// Seed of input, simulated unit and statistics.
    pub seed: Option<u64>,
    /// Number of seeds, from the first on.
    pub seeds: Option<u64>,
    /// Steps in all, shared out in the usual proportion; excludes the next three.
    pub steps: Option<usize>,
    /// Steps before training.
    pub washout: Option<usize>,
    /// Steps to train on.
    pub train: Option<usize>,
    /// Steps to test on.
    pub test: Option<usize>,
    /// Steps of each of the runs that show whether the unit forgets how it began.
    pub echo_steps: Option<usize>,
    /// Steps for which the unit is watched without work.
    pub off_steps: Option<usize>,
}

/// Columns of a CSV file as input and targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Name of the file below the folder of data files.
    pub file: String,
    /// Column that drives the unit.
    #[serde(default = "input")]
    pub input: String,
    /// Target columns.
    pub targets: Vec<String>,
}

fn input() -> String {
    "u".into()
}

impl Default for Train {
    fn default() -> Train {
        Train {
            task: None,
            data: None,
            backend: Backend::default(),
            capture: None,
            encoding: Preset::default(),
            encode: Vec::new(),
            nodes: 1,
            mask: Mask::default(),
            hold: None,
            shares: None,
            difficulty: None,
            features: Vec::new(),
            readouts: Vec::new(),
            history: None,
            average: false,
            high_pass: None,
            taps: 0,
            wall_meter: false,
            sensitivity: false,
            seed: None,
            seeds: None,
            steps: None,
            washout: None,
            train: None,
            test: None,
            echo_steps: None,
            off_steps: None,
        }
    }
}

impl Train {
    pub(super) fn is_replay(&self) -> bool {
        self.backend == Backend::Replay
    }

    pub(super) fn check(&self, folders: &Folders, found: &mut Findings) {
        self.check_source(folders, found);
        let before = found.0.len();
        self.check_numbers(found);
        // Products of numbers that are out of bounds say nothing more.
        if found.0.len() == before {
            self.check_size(found);
        }
    }

    fn check_source(&self, folders: &Folders, found: &mut Findings) {
        if self.task.is_some() && self.data.is_some() {
            found.add("a task and a data file exclude each other: leave one out");
        }
        if self.task.is_none() && self.data.is_none() && !self.is_replay() {
            found.add("name a task, such as narma10, or a data file with its target columns");
        }
        match (&self.capture, self.is_replay()) {
            (Some(name), true) => found.file(folders.capture(name)),
            (None, true) => found.add("a replay needs the name of a capture"),
            (Some(_), false) => found.add("a capture is only for the backend replay"),
            (None, false) => {}
        }
        if let Some(data) = &self.data {
            found.file(folders.data(&data.file));
            found.within(
                "number of target columns",
                data.targets.len(),
                1,
                MOST_LISTED,
            );
            let names = data.targets.iter().chain([&data.input]);
            if names
                .into_iter()
                .any(|name| name.len() > 256 || name.chars().any(char::is_control))
            {
                found.add("a column's name must have at most 256 bytes and no control characters");
            }
        }
    }

    fn check_numbers(&self, found: &mut Findings) {
        for (name, list) in [
            ("channels of the encoding", self.encode.len()),
            ("groups of features", self.features.len()),
            ("readouts", self.readouts.len()),
        ] {
            found.within(&format!("number of {name}"), list, 0, MOST_LISTED);
        }
        if !self.encode.is_empty() && self.encoding != Preset::default() {
            found.add("an encoding's name and channels of your own exclude each other");
        }
        for channel in &self.encode {
            let name = channel.actuator.name();
            found.within(&format!("lag of {name}"), channel.lag, 0, LONGEST);
            for end in [channel.low, channel.high] {
                if !end.is_finite() {
                    found.add(format!("{name} {end}: must be a number"));
                }
            }
        }
        found.within("nodes", self.nodes, 1, LONGEST);
        found.within_if("hold", self.hold, 0.01, 3600.0);
        found.within_if("shares", self.shares, 0, 10_000);
        found.within_if("difficulty", self.difficulty, 1.0, 1e12);
        found.within_if("history", self.history, 1, LONGEST);
        found.within_if("high-pass", self.high_pass, 1.0, 1e6);
        found.within("taps", self.taps, 0, LONGEST);
        found.within_if("seeds", self.seeds, 1, MOST_SEEDS);
        if self.seeds.is_some_and(|seeds| seeds > 1) && self.is_replay() {
            found.add("several seeds are not for a replay: a capture holds one");
        }
        for (name, steps) in [
            ("steps", self.steps),
            ("washout", self.washout),
            ("train", self.train),
            ("test", self.test),
            ("echo-steps", self.echo_steps),
            ("off-steps", self.off_steps),
        ] {
            found.within_if(name, steps, 0, MOST_STEPS);
        }
        if self.steps.is_some() && (self.washout.or(self.train).or(self.test)).is_some() {
            found.add("steps in all exclude washout, train and test steps: leave one out");
        }
    }

    /// Bounds what grows with the product of several numbers.
    fn check_size(&self, found: &mut Findings) {
        let split = self.steps.map_or(DEFAULT_SPLIT, proportion);
        let split = Split {
            washout: self.washout.unwrap_or(split.washout),
            train: self.train.unwrap_or(split.train),
            test: self.test.unwrap_or(split.test),
        };
        let steps = split.washout + split.train + split.test;
        found.within("steps in all", steps, 0, MOST_STEPS);
        if self.data.is_none() && !self.is_replay() && split.check(steps).is_err() {
            found.add(format!(
                "{} training and {} test steps are too few",
                split.train, split.test
            ));
        }
        let each = if self.features.is_empty() {
            64
        } else {
            self.features.iter().map(|group| width(*group)).sum()
        };
        let nodes = if self.average { 1 } else { self.nodes };
        let columns = each * nodes * self.history.unwrap_or(1) + self.taps;
        found.within("columns of the readout, at most", columns, 0, MOST_COLUMNS);
        found.within(
            "numbers in the states, steps times columns",
            steps * columns,
            0,
            MOST_NUMBERS,
        );
        let readings = steps * self.nodes;
        found.within("readings, steps times nodes", readings, 0, MOST_READINGS);
        let shares = readings * self.shares.unwrap_or(1) as usize;
        found.within("shares in all", shares, 0, MOST_SHARES);
        let of_seeds = self.seeds.unwrap_or(1) * steps as u64;
        found.within("steps of all seeds", of_seeds, 0, MOST_STEPS_OF_SEEDS);
    }
}

/// Most columns that a group has on any model.
fn width(group: Group) -> usize {
    match group {
        Group::Cores => 1024,
        Group::Chips => 256,
        Group::Heat | Group::HeatRates | Group::Timescales => 16,
        Group::Zones => 8,
        Group::Fan | Group::Waits => 4,
        Group::Power | Group::HashRate | Group::Errors | Group::Shares => 1,
    }
}
