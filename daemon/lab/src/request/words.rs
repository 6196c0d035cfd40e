//! A request in words: the command line that asks for the same.

use std::fmt::Display;

use serde::Serialize;

use super::kinds::Request;
use super::train::Train;
use crate::backend::Backend;
use crate::record::request::Record;
use crate::sweep::request::Sweep;
use crate::tpf::live::FilterTrial;

/// Words of a command line.
struct Words(Vec<String>);

impl Words {
    fn flag(&mut self, name: &str, is_set: bool) {
        if is_set {
            self.0.push(format!("--{name}"));
        }
    }

    fn value(&mut self, name: &str, value: impl Display) {
        self.0.extend([format!("--{name}"), value.to_string()]);
    }

    fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    /// The value, unless it is the usual one.
    fn unusual<T: Display + PartialEq>(&mut self, name: &str, value: T, usual: T) {
        if value != usual {
            self.value(name, value);
        }
    }
}

/// The name that the command line has for `value`, which is that in JSON.
fn name(value: &impl Serialize) -> String {
    let named = serde_json::to_value(value).unwrap_or_default();
    named.as_str().unwrap_or_default().to_string()
}

impl Request {
    /// The command line that asks for the same.
    pub fn words(&self) -> String {
        words(self)
    }
}

fn words(request: &Request) -> String {
    let mut words = Words(Vec::new());
    match request {
        Request::Train(train) => of_train(&mut words, train),
        Request::Sweep(sweep) => of_sweep(&mut words, sweep),
        Request::Record(record) => of_record(&mut words, record),
        Request::FilterTrial(trial) => of_trial(&mut words, trial),
        Request::Verify(verify) => {
            let all = ["capture", "verify", "--", &verify.capture];
            let skip = usize::from(!verify.capture.starts_with('-'));
            words
                .0
                .extend(all[..2].iter().map(|word| (*word).to_string()));
            words
                .0
                .extend(all[2 + skip..].iter().map(|word| (*word).to_string()));
        }
    }
    // Only a NUL cannot be quoted, and no checked request holds one.
    shlex::try_join(words.0.iter().map(String::as_str)).unwrap_or_else(|_| words.0.join(" "))
}

fn of_train(words: &mut Words, train: &Train) {
    let usual = Train::default();
    words.0.push("train".into());
    words.0.extend(train.task.as_ref().map(name));
    if let Some(data) = &train.data {
        words.0.push(format!("--data={}", data.file));
        if data.input != "u" {
            words.0.push(format!("--input={}", data.input));
        }
        words.0.extend(
            data.targets
                .iter()
                .map(|target| format!("--target={target}")),
        );
    }
    if train.backend != Backend::default() {
        words.value("backend", name(&train.backend));
    }
    words
        .0
        .extend(train.capture.iter().map(|file| format!("--capture={file}")));
    if train.encoding != usual.encoding {
        words.value("encoding", name(&train.encoding));
    }
    for channel in &train.encode {
        let lag = if channel.lag == 0 {
            String::new()
        } else {
            format!("@{}", channel.lag)
        };
        let (actuator, low, high) = (channel.actuator.name(), channel.low, channel.high);
        words.value("encode", format!("{actuator}={low}:{high}{lag}"));
    }
    words.unusual("nodes", train.nodes, usual.nodes);
    if train.mask != usual.mask {
        words.value("mask", name(&train.mask));
    }
    words.optional("hold", train.hold);
    words.optional("shares", train.shares);
    words.optional("difficulty", train.difficulty);
    if !train.features.is_empty() {
        let names: Vec<String> = train.features.iter().map(name).collect();
        words.value("features", names.join(","));
    }
    for readout in &train.readouts {
        words.value("readout", name(readout));
    }
    words.optional("history", train.history);
    words.flag("average", train.average);
    words.optional("high-pass", train.high_pass);
    words.unusual("taps", train.taps, usual.taps);
    words.flag("wall-meter", train.wall_meter);
    words.optional("seed", train.seed);
    words.optional("seeds", train.seeds);
    words.optional("steps", train.steps);
    words.optional("washout", train.washout);
    words.optional("train", train.train);
    words.optional("test", train.test);
    words.optional("echo-steps", train.echo_steps);
    words.optional("off-steps", train.off_steps);
}

fn of_sweep(words: &mut Words, sweep: &Sweep) {
    let usual = Sweep::default();
    words.0.push("sweep".into());
    words.optional("voltage", sweep.voltage);
    words.optional("frequency", sweep.frequency);
    words.optional("difficulty", sweep.difficulty);
    words.unusual("window", sweep.window, usual.window);
    words.unusual("shares", sweep.shares, usual.shares);
    words.unusual("hold", sweep.hold, usual.hold);
    words.unusual("train", sweep.train, usual.train);
    words.flag("narma", sweep.narma);
    words.flag("feasibility", sweep.feasibility);
    words.unusual("seed", sweep.seed, usual.seed);
}

fn of_record(words: &mut Words, record: &Record) {
    let usual = Record::default();
    words.0.extend(["capture".into(), "record".into()]);
    words.unusual("shares", record.shares, usual.shares);
    words.optional("difficulty", record.difficulty);
    words.optional("frequency", record.frequency);
    words.optional("voltage", record.voltage);
    words.optional("fan", record.fan);
    words.unusual("seed", record.seed, usual.seed);
}

fn of_trial(words: &mut Words, trial: &FilterTrial) {
    let usual = FilterTrial::default();
    words.0.extend(["tpf".into(), "live".into()]);
    words.unusual("backend", trial.backend.name(), usual.backend.name());
    words.optional("watts", trial.watts);
    words.unusual("train", trial.train, usual.train);
    words.unusual("pairs", trial.pairs, usual.pairs);
    words.unusual("block", trial.block, usual.block);
    words.unusual("settle", trial.settle, usual.settle);
    words.flag("to-the-end", trial.to_the_end);
    words.unusual("seed", trial.seed, usual.seed);
}
