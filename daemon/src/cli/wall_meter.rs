//! `thermine wall-meter`.

use std::io::BufRead;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::unit::{Assume, Unit, configured};
use super::wrong::checked;
use crate::render::{folder, progress, stdout, wall_meter as render};
use thermine_lab::session::Context;
use thermine_lab::wall_meter::{Meter, WallMeterRequest, again, run as measure};

/// Watts of the fans and the controller of a real unit, where the user gives none: two fans of an S9 at half and at full
/// speed, and its control board.
const OTHERS: (f64, f64) = (20.0, 60.0);

/// `thermine wall-meter`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine wall-meter --config my-s9.toml
  thermine wall-meter --config my-s9.toml --watts plug.csv
  thermine wall-meter runs/my-run --watts plug.csv
  thermine wall-meter --unit s9 --assume idle=0.5")]
pub struct WallMeter {
    /// Folder of an earlier drive, to be judged again, by the log of a meter with `--watts` [default: a unit is driven].
    #[arg(value_name = "FOLDER", conflicts_with_all = ["config", "unit", "assume", "ask", "level", "difficulty", "out"])]
    folder: Option<PathBuf>,
    /// Configuration of the unit that is driven [default: a simulated unit].
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    config: Option<PathBuf>,
    /// Simulated unit, if no configuration is named.
    #[arg(short, long, value_enum, default_value = "s9")]
    unit: Unit,
    #[command(flatten)]
    assume: Assume,
    /// Log of the meter as CSV, with the columns `time` (seconds since 1970, or as 2026-01-31T12:00:00Z) and `watts`
    /// [default: of a real unit you type the watts, of a simulated one its meter is read].
    #[arg(long, value_name = "FILE")]
    watts: Option<PathBuf>,
    /// Type the watts of a simulated unit too, or of one that reports its own.
    #[arg(long, conflicts_with = "watts")]
    ask: bool,
    /// Length of each of the five levels, s of the unit's time: 20 to 3600.
    #[arg(long, value_name = "SECONDS", default_value_t = WallMeterRequest::default().level)]
    level: f64,
    /// Share difficulty [default: as configured].
    #[arg(long)]
    difficulty: Option<f64>,
    /// Watts of fans and controller, least and most [default: 20:60 of a real unit, 0:0 of a simulated one].
    #[arg(long, value_name = "LOW:HIGH", value_parser = range)]
    others: Option<(f64, f64)>,
    /// Seed of the simulated unit and of the interval.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

fn range(text: &str) -> Result<(f64, f64), String> {
    let wrong = || format!("`{text}` is not LOW:HIGH, as in 20:60");
    let (low, high) = text.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
    Ok((number(low)?, number(high)?))
}

/// Runs the subcommand.
pub(super) async fn run(args: WallMeter, context: &Context) -> Result<()> {
    let progress = progress::shown(context);
    let request = |is_real: bool| WallMeterRequest {
        level: args.level,
        difficulty: args.difficulty,
        others: args
            .others
            .unwrap_or(if is_real { OTHERS } else { (0.0, 0.0) }),
        seed: args.seed,
    };
    if let Some(kept) = &args.folder {
        ensure!(
            args.others.is_some() || args.watts.is_none(),
            "say with --others LOW:HIGH what fans and controller take"
        );
        let request = request(false);
        checked(request.check())?;
        let report = again(&request, kept, args.watts.as_deref(), &progress).await?;
        return stdout::text(render::text(&report));
    }
    let config = configured(args.config.as_deref(), args.unit, &args.assume)?;
    let is_real = config.unit.simulated.is_none();
    let request = request(is_real);
    checked(request.check())?;
    let own = !is_real || config.unit.model.entry().reports.power;
    let meter = match &args.watts {
        Some(file) => Meter::Log(file.clone()),
        None if own && !args.ask => Meter::OfUnit,
        None => Meter::Typed(typed()),
    };
    let filled = folder::filled(args.out.as_deref(), "wall-meter", async |folder| {
        measure(&request, &config, meter, folder, &progress).await
    });
    let (folder, report) = filled.await?;
    folder::write_json(&folder, "report.json", &report)?;
    stdout::text(render::text(&report))?;
    stdout::line(folder.display())
}

/// The numbers that a person types, line by line.
fn typed() -> UnboundedReceiver<f64> {
    let (sender, numbers) = unbounded_channel();
    // It waits for a line for as long as the program runs.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match line
                .trim()
                .trim_end_matches(['W', 'w'])
                .trim()
                .parse::<f64>()
            {
                Ok(watts) if watts.is_finite() && watts >= 0.0 => {
                    if sender.send(watts).is_err() {
                        return;
                    }
                }
                _ => stdout::complain(format!("`{}` is no number of watts", line.trim())),
            }
        }
    });
    numbers
}
