//! `thermine sweep`: voltage × clock × difficulty, and at each point the share times and the reservoir.
//!
//! - [`grid`]: the points; [`feasibility`]: what a window can hold, before anything is driven;
//! - [`cell`]: what is measured at one point; [`run`]: the points on twins, or on one unit;
//! - [`journal`]: what is finished; [`report`]: tests over all cells, tables, heat maps.

mod cell;
mod feasibility;
pub(crate) mod grid;
mod journal;
mod report;
mod run;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thermine_reservoir::split::Split;
use thermine_sim::params::Params;

use crate::cli::Unit;
use crate::lab::config::Config;
use crate::lab::observer::Progress;
use crate::lab::session::{Context, Interrupted};
use crate::render::stdout;
use grid::{Doublings, Grid, MOST_CELLS, Range};
use journal::Journal;

/// `thermine sweep`.
#[derive(Debug, Args)]
pub struct Sweep {
    /// Configuration of a unit, whose points are then driven one after the other; without it, twins.
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    pub(crate) config: Option<PathBuf>,
    /// Which twin, if no configuration is named.
    #[arg(short, long, value_enum, default_value = "s9")]
    pub(crate) unit: Unit,
    /// Voltages in V, LOW:HIGH:STEP or one; of an S9 those of a board [default: 7.0:8.4:0.2 for an S9].
    #[arg(long, value_name = "RANGE")]
    pub(crate) voltage: Option<Range>,
    /// Chip clocks in MHz, LOW:HIGH:STEP or one [default: 200:600:25 for an S9].
    #[arg(long, value_name = "RANGE")]
    pub(crate) frequency: Option<Range>,
    /// Share difficulties, LOW:HIGH by factors of two, or one [default: 1024:65536 for an S9].
    #[arg(long, value_name = "RANGE")]
    pub(crate) difficulty: Option<Doublings>,
    /// Window in which the shares of a cell are timed, s.
    #[arg(long, value_name = "SECONDS", default_value_t = 300.0)]
    pub(crate) window: f64,
    /// Shares that a cell should hold; how many cells cannot is said first.
    #[arg(long, default_value_t = 100)]
    pub(crate) shares: u64,
    /// Length of a step of the reservoir, s.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub(crate) hold: f64,
    /// Training steps of the memory capacity; the test has half of them.
    #[arg(long, value_name = "STEPS", default_value_t = 400)]
    pub(crate) train: usize,
    /// Score NARMA-10 in each cell too: four times the work.
    #[arg(long)]
    pub(crate) narma: bool,
    /// Only say what the windows can hold.
    #[arg(long)]
    pub(crate) feasibility: bool,
    /// Seed of the units, the inputs and the statistics.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder of the sweep. With the finished cells of the same sweep in it, it is gone on with
    /// [default: `runs/sweep-HASH`].
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

/// What a cell depends on, beside its point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Settings {
    window_seconds: f64,
    shares: u64,
    hold_seconds: f64,
    split: Split,
    /// Longest delay of the memory capacity, steps.
    delays: usize,
    narma: bool,
    seed: u64,
}

/// A sweep, ready to run.
#[derive(Debug)]
struct Plan {
    config: Config,
    on_twin: bool,
    params: Params,
    grid: Grid,
    settings: Settings,
    config_hash: String,
}

/// Runs the subcommand.
pub(crate) fn run(args: Sweep, context: &Context) -> Result<()> {
    carry_out(
        args,
        &crate::render::progress::shown(context),
        &mut |text| stdout::text(text),
    )
}

/// Carries out what `args` ask for, and says what there is to be said as it goes.
pub(crate) fn carry_out(
    args: Sweep,
    progress: &Progress,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let plan = plan(&args)?;
    say(&feasibility::said(&plan.params, &plan.grid, &plan.settings))?;
    if args.feasibility {
        return Ok(());
    }
    let folder = args
        .out
        .unwrap_or_else(|| PathBuf::from("runs").join(format!("sweep-{}", plan.config_hash)));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let points = plan.grid.points();
    let mut journal = Journal::open(&folder, &plan.config_hash, points.len())?;
    if !journal.done.is_empty() {
        say(&format!(
            "{} of {} cells are finished already\n",
            journal.done.len(),
            points.len()
        ))?;
    }
    run::cells(&plan, &points, &mut journal, progress)?;
    let left = points.len() - journal.done.len();
    let report = report::Report::of(&plan, &journal.done)?;
    report.write(&folder, &plan.grid)?;
    say(&format!("{}{}\n", report.render(), folder.display()))?;
    if left > 0 {
        let how = format!(
            "interrupted with {left} cells to go; go on with the same command and --out {}",
            folder.display()
        );
        return Err(anyhow::Error::new(Interrupted).context(how));
    }
    Ok(())
}

fn plan(args: &Sweep) -> Result<Plan> {
    let on_twin = args.config.is_none();
    let config = match &args.config {
        Some(path) => Config::load(path)?,
        None => Config::simulated(args.unit.model())?,
    };
    let model = config.unit.model;
    let Some(params) = Params::of(model) else {
        bail!(
            "{model}: a chain of bare chips has neither a twin nor a voltage: sweep a unit with a controller"
        );
    };
    // A sweep sets clock and voltage itself; the chips are those of the configuration.
    let silicon = config.unit.simulated.as_ref().map(|s| s.silicon.clone());
    let params = Params {
        silicon: silicon.unwrap_or_default(),
        ..params
    };
    for (name, value) in [("--window", args.window), ("--hold", args.hold)] {
        if !(1.0..=1e6).contains(&value) {
            bail!("{name} {value}: must be 1 to 1,000,000 s");
        }
    }
    if !(100..=100_000).contains(&args.train) {
        bail!("--train {}: must be 100 to 100,000 steps", args.train);
    }
    let (voltages, frequencies, difficulties) = Grid::default_of(model);
    let or = |asked: Option<Range>, default: &str| -> Result<Vec<f64>> {
        let parse = |text: &str| text.parse::<Range>().map_err(anyhow::Error::msg);
        Ok(asked.map_or_else(|| parse(default), Ok)?.values())
    };
    let difficulties = match args.difficulty {
        Some(asked) => asked,
        None => difficulties.parse().map_err(anyhow::Error::msg)?,
    };
    // A twin is set by its maker; a unit only by its wire.
    let settable = on_twin || model.limits().voltage.is_some();
    if args.voltage.is_some() && !settable {
        bail!("--voltage: that of a {model} cannot be set over its wire");
    }
    let grid = Grid {
        voltages: if settable {
            or(args.voltage, voltages)?
        } else {
            Vec::new()
        },
        frequencies: or(args.frequency, frequencies)?,
        difficulties: difficulties.values(),
    };
    let cells = grid.points().len();
    if cells > MOST_CELLS {
        bail!("{cells} cells are more than {MOST_CELLS}: take larger steps");
    }
    let settings = Settings {
        window_seconds: args.window,
        shares: args.shares,
        hold_seconds: args.hold,
        split: Split {
            washout: 50,
            train: args.train,
            test: args.train / 2,
        },
        delays: 30,
        narma: args.narma,
        seed: args.seed,
    };
    let everything = serde_json::to_string(&(
        env!("CARGO_PKG_VERSION"),
        on_twin,
        config.fingerprint()?.0,
        &params,
        &grid,
        &settings,
    ))?;
    let config_hash = hex::encode(Sha256::digest(everything))[..16].to_string();
    Ok(Plan {
        config,
        on_twin,
        params,
        grid,
        settings,
        config_hash,
    })
}
