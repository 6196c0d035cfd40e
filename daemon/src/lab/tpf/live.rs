//! `thermine tpf live`: a filter on a unit at our own server, in blocks of random order beside pass-through.
//!
//! A filter cannot stop a hash inside a chip, so what a host can abort is a *step*: from the shares of the last
//! one the filter foretells whether the next will be poor, and then holds the unit at its least duty. Every
//! share that comes is verified, recorded, acknowledged and counted, in whichever arm.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use thermine_lab::substrate::{Discipline, Refused, Substrate, Twin};
use thermine_reservoir::tpf::account::Account;
use thermine_reservoir::tpf::trial::{Block, RateRatio};
use thermine_sim::device::Device;
use thermine_units::pow::Algorithm;
use thermine_units::provenance::Provenance;
use thermine_units::seed;
use utoipa::ToSchema;

use super::live_report;
use super::live_trial::Trial;
use crate::causes::{ending, kept};
use crate::cli::Unit;
use crate::lab::config::Config;
use crate::lab::experiment::arms::twin_params;
use crate::lab::observer::Notices;
use crate::lab::observer::Progress;
use crate::lab::session::{Context, Session, with_unit};
use crate::live::snapshot::Filter;
use crate::render::folder;
use crate::render::stdout;
use crate::runtime;
use crate::store::{RunMeta, Store};

/// Name of the capture in the report folder, and of its stream.
const CAPTURE: &str = "capture.sqlite";
const STREAM: &str = "tpf-live";

/// What is driven.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = TrialOn)]
pub enum On {
    /// A unit on its wires.
    #[default]
    Wires,
    /// The simulator's physics, in process.
    Twin,
}

/// `thermine tpf live`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration of the unit; without it, a simulated one is started.
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    pub config: Option<PathBuf>,
    /// Which simulated unit, if no configuration is named. The LV06 measures its power itself.
    #[arg(short, long, value_enum, default_value = "lv06")]
    pub unit: Unit,
    /// What is driven.
    #[arg(long, value_enum, default_value = "wires")]
    pub on: On,
    /// Power in watts, for a unit that reports none: as a meter at the wall shows it. It is taken as constant,
    /// which is wrong as soon as the unit idles, and the report says so.
    #[arg(long, value_name = "WATTS", value_parser = watts)]
    pub watts: Option<f64>,
    /// Steps that the filter learns from before the trial.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub train: u32,
    /// Pairs of blocks at which the trial ends at the latest.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub pairs: u32,
    /// Steps of a block that are counted.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub block: u32,
    /// Steps at the beginning of each block that are told apart: the unit settles.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub settle: u32,
    /// Go on to the horizon, however clear the evidence.
    #[arg(long)]
    pub to_the_end: bool,
    /// Seed of the order of blocks and of the simulated unit.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for report and capture; made if it is not there, and must be empty [default: a new one in
    /// `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

fn watts(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(watts) if watts > 0.0 && watts <= 1e5 => Ok(watts),
        _ => Err("must be a number above 0 and at most 100000".into()),
    }
}

/// Where the joules come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Power {
    /// The unit's own meter.
    Measured,
    /// `--watts`, as if it were constant.
    Assumed,
}

/// What an arm has counted.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Arm {
    /// What counts for the ratio.
    pub(super) counted: Block,
    /// The same while the unit settled.
    pub(super) settling: Block,
    /// Steps counted, and those of them that were aborted.
    pub(super) steps: u64,
    pub(super) aborted: u64,
    /// Answers that are no accepted shares, settling included.
    pub(super) refused: Refused,
}

/// A finished trial.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) version: &'static str,
    pub(super) unit: String,
    pub(super) on: On,
    pub(super) provenance: Provenance,
    pub(super) seed: u64,
    pub(super) config_hash: String,
    pub(super) algorithm: Algorithm,
    pub(super) difficulty: f64,
    pub(super) power: Power,
    pub(super) train: u32,
    pub(super) block: u32,
    pub(super) settle: u32,
    pub(super) horizon: u32,
    pub(super) pairs: u32,
    pub(super) stopped_by_evidence: bool,
    pub(super) filter: Arm,
    pub(super) pass: Arm,
    pub(super) ratio: Option<RateRatio>,
    pub(super) e_value: f64,
    pub(super) anytime: (f64, f64),
    /// The evidence after each pair.
    pub(super) course: Vec<Look>,
    /// What the filter would have kept in the pass-through arm: steps above the training median.
    pub(super) counterfactual: Account,
    pub(super) remarks: Vec<String>,
    pub(super) verdict: String,
}

/// The evidence after a pair.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Look {
    pub(super) e_value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Runs the subcommand.
pub(super) fn run(args: &Args, context: &Context) -> Result<()> {
    let done = carry_out(args, &crate::render::progress::shown(context))?;
    stdout::text(done.said)?;
    stdout::line(done.folder.display())?;
    Ok(())
}

/// What a trial has left.
pub(crate) struct Done {
    /// What is to be said.
    pub(crate) said: String,
    /// The account of its filter, as it is shown beside the unit.
    pub(crate) filter: Option<Filter>,
    folder: PathBuf,
}

/// Carries out what `args` ask for.
pub(crate) fn carry_out(args: &Args, progress: &Progress) -> Result<Done> {
    let config = match &args.config {
        Some(path) => Config::load(path)?,
        None => Config::simulated(args.unit.model())?,
    };
    if args.on == On::Twin {
        if config.unit.simulated.is_none() {
            bail!(
                "--on twin is a simulation, but {} is not configured as a simulated unit",
                config.unit.name
            );
        }
        twin_params(&config)?;
    }
    let folder = folder::make(args.out.as_deref(), &format!("tpf-live-seed{}", args.seed))?;
    let recorded = record(args, &config, &folder, progress);
    let report = runtime::run(progress.context(), recorded)??;
    live_report::write(&folder, &report)?;
    Ok(Done {
        said: live_report::render(&report),
        filter: live_report::account(&report),
        folder,
    })
}

async fn record(
    args: &Args,
    config: &Config,
    folder: &Path,
    progress: &Progress,
) -> Result<Report> {
    let (text, config_hash) = config.fingerprint()?;
    let meta = RunMeta {
        seed: args.seed,
        config: text,
        config_hash: config_hash.clone(),
        task: serde_json::json!({ "tpf_live": { "pairs": args.pairs, "block": args.block } }),
        provenance: config.provenance(args.on == On::Twin),
    };
    let store = Store::create(&folder.join(CAPTURE), &meta)?;
    let done = drive(args, config, &store, config_hash, progress).await;
    let state = ending(&done);
    let finished = tokio::task::spawn_blocking(move || store.finish(&state)).await?;
    let report = done.map_err(|error| kept(error, &folder.join(CAPTURE)))?;
    finished?;
    Ok(report)
}

async fn drive(
    args: &Args,
    config: &Config,
    store: &Store,
    config_hash: String,
    progress: &Progress,
) -> Result<Report> {
    let steps = args.train + args.pairs * 2 * (args.block + args.settle);
    let mut trial = Trial {
        args,
        step: &config.step,
        bar: progress.bar("trial", steps as usize),
        last: None,
        power: Power::Measured,
        interrupted: (0, std::time::Duration::ZERO),
    };
    let model = config.unit.model;
    let remarks = Remarks {
        progress,
        all: Mutex::default(),
    };
    let outcome = if args.on == On::Twin {
        let mut twin = Twin::new(
            Device::warm(&twin_params(config)?, args.seed),
            model,
            Discipline::Dialogue,
            model.switch_dead_time(),
            seed::stream(args.seed, "twin"),
            store.stream(STREAM),
        );
        let run = trial.run(&mut twin);
        let outcome = progress.context().unless_stopped(run).await?;
        (outcome, twin.provenance())
    } else {
        let session = Session {
            context: progress.context(),
            config,
            seed: args.seed,
            notices: &remarks,
        };
        with_unit(session, async |unit| {
            let mut driven = unit.drive(Discipline::Dialogue, store.stream(STREAM))?;
            let outcome = trial.run(&mut driven).await?;
            let provenance = driven.provenance();
            unit.release(driven).await?;
            Ok((outcome, provenance))
        })
        .await?
    };
    let power = trial.power;
    if let (steps @ 1.., away) = trial.interrupted {
        remarks.remark(&format!(
            "the unit's connection broke in {steps} steps, {:.1} s in all; they were repeated and are not counted",
            away.as_secs_f64()
        ));
    }
    let (outcome, provenance) = outcome;
    let ratio = RateRatio::of(outcome.filter.counted, outcome.pass.counted);
    let anytime = outcome.evidence.interval();
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        unit: config.unit.name.clone(),
        on: args.on,
        provenance,
        seed: args.seed,
        config_hash,
        algorithm: model.algorithm(),
        difficulty: config.step.difficulty.get(),
        power,
        train: args.train,
        block: args.block,
        settle: args.settle,
        horizon: args.pairs,
        pairs: outcome.course.len() as u32,
        stopped_by_evidence: outcome.course.len() < args.pairs as usize,
        verdict: live_report::verdict(anytime, outcome.evidence.e_value(), power),
        e_value: outcome.evidence.e_value(),
        filter: outcome.filter,
        pass: outcome.pass,
        ratio,
        anytime,
        course: outcome.course,
        counterfactual: outcome.counterfactual,
        remarks: remarks.all.into_inner(),
    })
}

/// Keeps for the report what of the unit is not as it was asked.
struct Remarks<'a> {
    progress: &'a Progress,
    all: Mutex<Vec<String>>,
}

impl Notices for Remarks<'_> {
    fn notice(&self, line: &str) {
        self.progress.say(line);
    }

    fn remark(&self, line: &str) {
        let mut all = self.all.lock();
        all.push(line.to_string());
    }
}
