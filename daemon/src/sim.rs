//! `thermine sim`: one simulated unit on its own, for other programs to be pointed at.

use anyhow::{Context as _, Result};
use thermine_sim::params::Params;
use thermine_units::clock::Clock;
use thermine_units::model::Model;
use thermine_units::params::{documented, value};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli;
use crate::lab::attach::simulated::{self, Mine};
use crate::lab::config::Config;
use crate::lab::session::Context;
use crate::render::stdout;
use crate::render::table::table;
use crate::runtime;

/// Runs the subcommand until it is interrupted.
pub(crate) fn run(args: cli::Sim, context: &Context) -> Result<()> {
    if args.parameters {
        stdout::text(parameters(args.unit))?;
        return Ok(());
    }
    let model = args.unit.context("which unit: --unit")?.model();
    let mut played = Config::simulated(model)?
        .unit
        .simulated
        .context("the model has no simulated unit")?;
    if let Some(scale) = args.difficulty_scale {
        played.difficulty_scale = scale;
    }
    runtime::run(context, async {
        let clock = Clock::scaled(args.speed);
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        if model.is_bare() {
            let parts = (&clock, &tasks, &shutdown);
            let path = simulated::chips(model, usize::from(args.chips), &played, args.seed, parts)?;
            stdout::line(format_args!(
                "{model}: {} chips on {}",
                args.chips,
                path.display()
            ))?;
        } else {
            let ports = simulated::listen(model, args.bind, args.default_ports).await?;
            stdout::line(format_args!(
                "{model}: control interface on {}",
                ports.control
            ))?;
            if let Some(cgminer) = ports.cgminer {
                stdout::line(format_args!("{model}: cgminer API on {cgminer}"))?;
            }
            if let Some(page) = ports.page {
                stdout::line(format_args!("{model}: web page on {page}"))?;
            }
            stdout::line(format_args!(
                "{model}: mines at stratum+tcp://{} as {}, {:e} of the difficulty asked",
                args.pool, args.worker, played.difficulty_scale
            ))?;
            if !args.bind.is_loopback() {
                tracing::warn!(bind = %args.bind, "the simulated unit can be reached from the network");
            }
            let mine = Mine {
                model,
                pool: args.pool,
                worker: args.worker,
                played,
                seed: args.seed,
            };
            ports.start(mine, &clock, &tasks, &shutdown);
        }
        stdout::line("simulated; ends with Ctrl-C")?;
        context.stopped().await;
        shutdown.cancel();
        tasks.close();
        tasks.wait().await;
        Ok(())
    })?
}

/// The table of parameters, of one unit or of all that have a controller.
fn parameters(unit: Option<cli::Unit>) -> String {
    let models = match unit {
        Some(unit) => vec![unit.model()],
        None => Model::ALL.to_vec(),
    };
    let models: Vec<(Model, Params)> = models
        .into_iter()
        .filter_map(|model| Params::of(model).map(|params| (model, params)))
        .collect();
    if models.is_empty() {
        return "bare chips have no table of their own: see that of the unit they are built into, s9 or lv06\n"
            .into();
    }
    let mut headings = vec!["parameter"];
    headings.extend(models.iter().map(|(model, _)| model.name()));
    headings.push("meaning and source");
    let numeric: Vec<usize> = (1..=models.len()).collect();
    let mut rows = table(&headings, &numeric);
    for parameter in documented() {
        let mut row = vec![parameter.name.clone()];
        row.extend(
            models
                .iter()
                .map(|(_, params)| value(params, &parameter.name).unwrap_or_default()),
        );
        row.push(parameter.said);
        rows.add_row(row);
    }
    format!(
        "{rows}\n\nMaker: published figures. Sheet: engineering estimates such that the steady state fits usual readings. \
         Capture: measured on\na share log of one real S9, of which other models take what they have no value of their own \
         for. Fit: chosen so that the\nmodel's check values come out. Assumed: plausible, without support. LB-Box: its \
         nameplate and estimates throughout.\n"
    )
}
