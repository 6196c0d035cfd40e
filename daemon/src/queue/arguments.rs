//! The arguments of the commands that carry out a request.

use std::path::PathBuf;

use crate::cli::{Record, Unit};
use crate::lab::{request, sweep, tpf};

/// The arguments that carry `asked` out on the unit of the file `config`, into `out`.
pub(super) fn sweep(asked: &request::Sweep, config: PathBuf, out: PathBuf) -> sweep::Sweep {
    sweep::Sweep {
        config: Some(config),
        unit: Unit::S9,
        voltage: asked.voltage,
        frequency: asked.frequency,
        difficulty: asked.difficulty,
        window: asked.window,
        shares: asked.shares,
        hold: asked.hold,
        train: asked.train,
        narma: asked.narma,
        feasibility: asked.feasibility,
        seed: asked.seed,
        out: Some(out),
    }
}

/// The arguments that carry `asked` out on the unit of the file `config`, into the capture `out`.
pub(super) fn record(asked: &request::Record, config: PathBuf, out: PathBuf) -> Record {
    Record {
        config: Some(config),
        unit: Unit::S9,
        shares: asked.shares,
        difficulty: asked.difficulty,
        frequency: asked.frequency,
        voltage: asked.voltage,
        fan: asked.fan,
        seed: asked.seed,
        out: Some(out),
        store: None,
    }
}

/// The arguments that carry `asked` out on the unit of the file `config`, into `out`.
pub(super) fn trial(
    asked: &request::FilterTrial,
    config: PathBuf,
    out: PathBuf,
) -> tpf::live::Args {
    tpf::live::Args {
        config: Some(config),
        unit: Unit::Lv06,
        on: asked.on,
        watts: asked.watts,
        train: asked.train,
        pairs: asked.pairs,
        block: asked.block,
        settle: asked.settle,
        to_the_end: asked.to_the_end,
        seed: asked.seed,
        out: Some(out),
    }
}
