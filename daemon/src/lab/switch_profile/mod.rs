//! `thermine switch-profile`: what hashing is lost to each change of jobs, in a capture or on a unit.

mod drive;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args as Arguments, ValueEnum};
use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::switching::{Binning, SwitchProfile};
use thermine_units::provenance::Provenance;

use crate::cli::Unit;
use crate::lab::session::Context;
use crate::lab::tpf::evidence::{self, Evidence};
use crate::render::folder;
use crate::render::stdout;
use crate::render::svg::Plot;
use crate::render::table::table;

/// Typical times between two changes of jobs, in seconds.
const TYPICAL: [f64; 5] = [0.1, 1.0, 5.0, 30.0, 60.0];

/// `thermine switch-profile`.
#[derive(Debug, Arguments)]
pub struct Args {
    /// The capture, or a CSV file of shares; without it, a unit is driven.
    #[arg(value_name = "CAPTURE", conflicts_with_all = ["config", "unit"])]
    pub capture: Option<PathBuf>,
    /// Configuration of the unit that is driven.
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    pub config: Option<PathBuf>,
    /// Which simulated unit is driven, if no configuration is named.
    #[arg(short, long, value_enum, default_value = "s9")]
    pub unit: Unit,
    /// How it is driven.
    #[arg(long, value_enum, default_value = "wire")]
    pub by: By,
    /// Jobs that it is given, each after the first share of the one before.
    #[arg(long, default_value_t = 3_000, value_name = "N", value_parser = clap::value_parser!(u32).range(50..=1_000_000))]
    pub jobs: u32,
    /// Stream of the capture [default: the one with most shares].
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Share difficulty that was asked for, which a CSV file does not say.
    #[arg(long, default_value_t = 256.0)]
    pub difficulty: f64,
    /// Milliseconds after a change of jobs from which the unit counts as hashing steadily.
    #[arg(long, default_value_t = 60.0, value_name = "MS", value_parser = milliseconds)]
    pub steady_after: f64,
    /// Seed of the simulated unit and of the intervals.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// How a unit is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Over its wire.
    Wire,
    /// The simulator's physics, in process.
    Twin,
}

fn milliseconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 60_000.0 => Ok(number),
        _ => Err("must be a number of milliseconds above 0 and at most 60000".into()),
    }
}

#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    capture: String,
    provenance: Provenance,
    stream: String,
    binning: Binning,
    profile: SwitchProfile,
    /// Fraction of hashing lost if jobs changed once in so many seconds.
    typical: Vec<(f64, f64)>,
}

/// Runs the subcommand.
pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    if let Some(file) = args.capture.as_ref().filter(|file| !file.exists()) {
        bail!(
            "there is no file {}; to drive a simulated unit, name it with --unit",
            file.display()
        );
    }
    let make = || folder::make(args.out.as_deref(), "switch-profile");
    let (capture, made, driven) = match &args.capture {
        Some(file) => {
            let (capture, made) = evidence::capture_of(file, args.difficulty, make)?;
            (capture, made, None)
        }
        None => {
            let config = drive::config(&args)?;
            let folder = make()?;
            let (capture, provenance) = drive::record(context, &args, &config, &folder)?;
            (capture, Some(folder), Some(provenance))
        }
    };
    let evidence = Evidence::load(&capture, args.stream.as_deref())?;
    let steady_after = args.steady_after * 1e-3;
    let binning = Binning {
        steady_after,
        up_to: Binning::default().up_to.max(3.0 * steady_after),
        bin: Binning::default().bin.max(steady_after / 15.0),
    };
    let profile = SwitchProfile::of(&evidence.sent, &evidence.points(), binning, args.seed)
        .with_context(|| format!("stream `{}` of {}", evidence.stream, capture.display()))?;
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        capture: capture.display().to_string(),
        provenance: driven.unwrap_or(evidence.provenance),
        stream: evidence.stream,
        binning,
        typical: TYPICAL
            .map(|every| (every, profile.lost_at(1.0 / every)))
            .to_vec(),
        profile,
    };
    let folder = made.map_or_else(make, Ok)?;
    folder::write(
        &folder,
        "report.json",
        serde_json::to_string_pretty(&report)?,
    )?;
    plot(&folder, &report)?;
    stdout::text(report.render())?;
    stdout::line(folder.display())?;
    Ok(())
}

impl Report {
    fn render(&self) -> String {
        let p = &self.profile;
        let mut text = format!(
            "{}, stream `{}` ({}): {} changes of jobs in {:.1} s, {} shares of the job just sent and {} of earlier ones; \
             seed {}\n",
            self.capture,
            self.stream,
            self.provenance,
            p.switches,
            p.seconds,
            p.new_shares,
            p.old_shares,
            p.seed
        );
        let mut rows = table(&["quantity", "value [95 %]", "unit"], &[1]);
        let scaled = |e: &Estimate, by: f64, digits: usize| {
            format!(
                "{:.digits$} [{:.digits$}, {:.digits$}]",
                by * e.value,
                by * e.low,
                by * e.high
            )
        };
        let age = |value: Option<f64>| {
            value.map_or_else(|| "none came".into(), |v| format!("{:.1}", 1e3 * v))
        };
        let after = 1e3 * self.binning.steady_after;
        for (name, value, unit) in [
            (
                format!("steady rate, from {after} ms after a change"),
                scaled(&p.steady_rate, 1.0, 2),
                "shares/s",
            ),
            (
                "useful rate, of the job just sent".into(),
                scaled(&p.useful_rate, 1.0, 2),
                "shares/s",
            ),
            (
                "changes of jobs".into(),
                format!("{:.2}", p.switch_rate),
                "1/s",
            ),
            (
                "lost to each change".into(),
                scaled(&p.loss_per_switch, 1e3, 1),
                "ms",
            ),
            (
                "hashing lost".into(),
                scaled(&p.fraction_lost, 100.0, 1),
                "%",
            ),
            (
                "shares of earlier jobs".into(),
                scaled(&p.old_fraction, 100.0, 1),
                "%",
            ),
            (
                "first answer to a job, soonest".into(),
                age(p.first_new),
                "ms",
            ),
            (
                "first answer to a job, 1 in 100 by".into(),
                age(p.first_new_percentile),
                "ms",
            ),
        ] {
            rows.add_row([name, value, unit.to_string()]);
        }
        let _ = writeln!(
            text,
            "{rows}\nat the same loss to each change, hashing lost if jobs change every"
        );
        let typical: Vec<String> = self
            .typical
            .iter()
            .map(|(every, lost)| format!("{every} s: {:.2} %", 100.0 * lost))
            .collect();
        let _ = writeln!(text, "{}\n\n{}", typical.join(", "), self.verdict());
        text
    }

    fn verdict(&self) -> String {
        let (lost, loss) = (&self.profile.fraction_lost, &self.profile.loss_per_switch);
        if lost.low > 0.0 {
            format!(
                "Each change of jobs costs {:.1} ms of hashing, {:.1} % of it at {:.1} changes a second.",
                1e3 * loss.value,
                100.0 * lost.value,
                self.profile.switch_rate
            )
        } else {
            "No loss to changes of jobs can be told from nothing: the interval reaches to zero."
                .into()
        }
    }
}

/// The hazards of new and old job by the time since the change, beside the steady rate.
fn plot(folder: &Path, report: &Report) -> Result<()> {
    let p = &report.profile;
    let rate = |count: u64, exposure: f64| count as f64 / exposure;
    let steps = |count: fn(&thermine_reservoir::switching::HazardBin) -> u64| -> Vec<(f64, f64)> {
        let seen = p.hazards.iter().filter(|bin| bin.exposure > 0.0);
        seen.map(|bin| {
            let middle = 1e3 * (bin.age + 0.5 * report.binning.bin);
            (middle, rate(count(bin), bin.exposure))
        })
        .collect()
    };
    let (new, old) = (steps(|bin| bin.new), steps(|bin| bin.old));
    // The last bins hold little exposure, and an outlier there would squeeze all others against the axis.
    let well_seen = p
        .hazards
        .iter()
        .filter(|bin| bin.exposure > 0.01 * p.seconds * report.binning.bin);
    let most = well_seen
        .map(|bin| rate(bin.new.max(bin.old), bin.exposure))
        .fold(p.steady_rate.high, f64::max);
    let end = 1e3 * report.binning.up_to;
    let mut plot = Plot::new(
        &format!(
            "after a change of jobs ({}): {:.1} ms lost to each",
            report.provenance,
            1e3 * p.loss_per_switch.value
        ),
        "time since the change, ms",
        "shares per second",
        (0.0, end),
        (0.0, 1.1 * most),
    );
    plot.line("of the new job", new);
    plot.line("of earlier jobs", old);
    plot.line(
        "steady rate",
        [(0.0, p.steady_rate.value), (end, p.steady_rate.value)],
    );
    folder::write(folder, "hazard.svg", plot.render())
}
