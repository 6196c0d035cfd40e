//! `thermine capture`: the files in which runs are recorded.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use thermine_units::pow::Difficulty;

use super::replay::{self, Replay};
use super::unit::{Assume, Unit, configured};
use super::wrong::checked;
use crate::render::{self, progress, stdout};
use thermine_capture::export::{self, Exported};
use thermine_capture::{import, merge, verify};
use thermine_lab::backend::Backend;
use thermine_lab::record::request;
use thermine_lab::session::Context;
use thermine_lab::threads::computed;
use thermine_lab::tpf::evidence::DIFFICULTY_OF_CSV;
use thermine_lab::{compare, record, registration, states};

/// `thermine capture`.
#[derive(Debug, Subcommand)]
pub enum Capture {
    /// Hash every share of a capture again, and report which are valid and how they are distributed.
    #[command(after_help = "Examples:
  thermine capture verify runs/demo/capture.sqlite
  thermine capture verify runs/s9-product-xor")]
    Verify {
        /// The capture: a file, or the URL of a database. Of the folder of a registered run, all is checked: registration,
        /// drive, shares, scores.
        file: PathBuf,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Make a capture from a CSV file of shares (one row a share: job, times, header fields; `version_bits` if rolled).
    #[command(after_help = "Examples:
  thermine capture import shares.csv
  thermine capture import shares.csv --difficulty 512 -o shares.sqlite")]
    Import {
        /// The CSV file.
        csv: PathBuf,
        /// The capture to write [default: the CSV's name with `.sqlite`].
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Share difficulty that the unit was asked for, which such a file does not say.
        #[arg(long, default_value_t = DIFFICULTY_OF_CSV)]
        difficulty: f64,
    },
    /// Record a unit's shares at a constant drive, with one new job after every share: how the published log of a real
    /// S9 was made.
    Record(Record),
    /// Analyse two captures in the same way, and report where they agree.
    #[command(after_help = "Examples:
  thermine capture compare real.sqlite simulated.sqlite
  thermine capture compare real.sqlite simulated.sqlite --json")]
    Compare {
        /// The capture that is the reference.
        a: PathBuf,
        /// The capture that is compared with it.
        b: PathBuf,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Print what a capture holds: runs, streams, counts, provenance.
    #[command(after_help = "Examples:
  thermine capture info runs/demo/capture.sqlite
  thermine capture info postgres://me@host/captures")]
    Info {
        /// The capture: a file, or the URL of a database.
        file: PathBuf,
    },
    /// Put several captures into one, each run as it was recorded; also moves runs to a database and back.
    #[command(after_help = "Examples:
  thermine capture merge a.sqlite b.sqlite -o both.sqlite
  thermine capture merge 'postgres://me@host/captures#3' -o third.sqlite")]
    Merge {
        /// The captures: files, or URLs of databases, with `#` and a number for one run.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The capture to write: a new file, or the URL of a database.
        #[arg(short, long, value_name = "FILE|URL")]
        out: PathBuf,
    },
    /// Write what a capture holds as a table with units, for other programs.
    Export(Export),
    /// Judge the experiment of a capture again, from what was recorded.
    Replay(Replay),
}

/// `thermine capture record`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine capture record --unit s9 --shares 2000
  thermine capture record --config configs/antminer-s9.toml --difficulty 1024 -o s9.sqlite")]
pub struct Record {
    /// Configuration of the unit [default: a simulated unit].
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    config: Option<PathBuf>,
    /// Simulated unit, if no configuration is named.
    #[arg(short, long, value_enum, default_value = "s9")]
    unit: Unit,
    #[command(flatten)]
    assume: Assume,
    /// Shares to record, 1 to 10000000.
    #[arg(short = 'n', long, default_value_t = request::Record::default().shares)]
    shares: u64,
    /// Share difficulty [default: as configured].
    #[arg(long)]
    difficulty: Option<f64>,
    /// Chip clock of a simulated unit, MHz [default: the model's].
    #[arg(long, value_name = "MHZ")]
    frequency: Option<f64>,
    /// Core voltage of a simulated unit, V; of an S9, that of one of its 21 domains [default: the model's].
    #[arg(long, value_name = "V")]
    voltage: Option<f64>,
    /// Fan speed of a simulated unit, 0 to 1 [default: the model's].
    #[arg(long)]
    fan: Option<f64>,
    /// Seed of the simulated unit and of the jobs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The capture to write [default: one in `runs`].
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Database to record to, as postgres://USER@HOST/DATABASE, unless a file is named.
    #[arg(long, value_name = "URL", env = "THERMINE_STORE")]
    store: Option<PathBuf>,
}

impl Record {
    /// The request without the unit and the place.
    pub(crate) fn request(&self) -> request::Record {
        request::Record {
            shares: self.shares,
            difficulty: self.difficulty,
            frequency: self.frequency,
            voltage: self.voltage,
            fan: self.fan,
            seed: self.seed,
        }
    }
}

/// `thermine capture export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine capture export runs/demo/capture.sqlite --format parquet
  thermine capture export runs/demo/capture.sqlite --format csv --what states --stream duty")]
pub struct Export {
    /// The capture: a file, or the URL of a database.
    file: PathBuf,
    /// Format of the file.
    #[arg(short, long, value_enum)]
    format: Format,
    /// Table to export.
    #[arg(short, long, value_enum, default_value = "shares")]
    what: What,
    /// Stream whose states are exported [default: the first].
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// The file to write [default: beside the capture, by its name].
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Formats of exported files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Apache Parquet; units and provenance in its metadata.
    Parquet,
    /// CSV with units in the headings, and the provenance in a JSON file beside it.
    Csv,
    /// NumPy's archive: an array a column, and the arrays `units` and `about`, which hold JSON.
    Npz,
}

/// Tables that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Shares, a row each, with what their jobs asked for.
    Shares,
    /// Jobs, a row each.
    Jobs,
    /// Readings of the sensors, a row each.
    Telemetry,
    /// Steps of the experiment, a row each.
    Steps,
    /// The state matrix of one stream: input, target, encoded drive and features, a row a step.
    States,
}

/// Runs the subcommand.
pub(crate) async fn run(command: Capture, context: &Context) -> Result<()> {
    match command {
        Capture::Verify { file, json } if file.is_dir() => {
            let progress = progress::shown(context);
            let verified = registration::verify(&file, &progress).await?;
            if json {
                stdout::line(serde_json::to_string_pretty(&verified)?)?;
            } else {
                stdout::text(render::registration::verified(&verified))?;
            }
            if !verified.holds() {
                bail!("{} does not hold up", file.display());
            }
        }
        Capture::Verify { file, json } => {
            let report = computed(context, move || Ok(verify::verify(&file)?)).await?;
            if json {
                stdout::line(serde_json::to_string_pretty(&report)?)?;
            } else {
                stdout::text(render::verify::text(&report))?;
            }
            if report.contradictions > 0 {
                bail!(
                    "{} shares of {} contradict their record: the capture is damaged",
                    report.contradictions,
                    report.capture
                );
            }
        }
        Capture::Import {
            csv,
            out,
            difficulty,
        } => {
            let out = out.unwrap_or_else(|| csv.with_extension("sqlite"));
            let difficulty = Difficulty::new(difficulty).context("--difficulty")?;
            let imported = context
                .unless_stopped(async { Ok(import::import(&csv, &out, difficulty).await?) })
                .await?;
            stdout::line(format_args!(
                "{} shares of {} jobs, {} of them sent twice",
                imported.shares, imported.jobs, imported.duplicates
            ))?;
            for note in imported.all_fail.iter().chain(&imported.notes) {
                stdout::line(note)?;
            }
            stdout::line(imported.capture.display())?;
        }
        Capture::Record(args) => recorded(&args, context).await?,
        Capture::Compare { a, b, json } => {
            let comparison = computed(context, move || compare::compare(&a, &b)).await?;
            if json {
                stdout::line(serde_json::to_string_pretty(&comparison)?)?;
            } else {
                stdout::text(render::compare::text(&comparison))?;
            }
        }
        Capture::Info { file } => stdout::text(info(&file)?)?,
        Capture::Merge { files, out } => {
            let place = out.clone();
            let merged = computed(context, move || Ok(merge::merge(&files, &place)?)).await?;
            for run in merged {
                stdout::line(format_args!(
                    "run {} of {}: {} records, now run {}",
                    run.was,
                    run.source.display(),
                    run.rows,
                    run.is
                ))?;
            }
            stdout::line(out.display())?;
        }
        Capture::Export(args) => {
            let exported = exported(args, context).await?;
            stdout::line(format_args!(
                "{} rows of {} columns",
                exported.rows, exported.columns
            ))?;
            stdout::line(exported.file.display())?;
        }
        Capture::Replay(args) => replay::run(args, context).await?,
    }
    Ok(())
}

async fn recorded(args: &Record, context: &Context) -> Result<()> {
    let request = args.request();
    checked(request.check())?;
    let config = configured(args.config.as_deref(), args.unit, &args.assume)?;
    let named = args.out.as_ref().or(args.store.as_ref());
    let out = named.cloned().unwrap_or_else(|| {
        let name = format!("{}-shares-seed{}.sqlite", config.unit.name, args.seed);
        Path::new("runs").join(name)
    });
    // A database has no folder.
    if (args.out.is_some() || args.store.is_none())
        && let Some(folder) = out.parent()
    {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let progress = progress::shown(context);
    let report = record::run(&request, config, Backend::Wire, &out, &progress).await?;
    stdout::line(render::capture::recorded(&report))?;
    stdout::line(report.capture.display())
}

fn info(file: &Path) -> Result<String> {
    let capture = thermine_capture::Capture::open(file)?;
    capture.freeze()?;
    let (runs, streams) = (capture.runs()?, capture.streams()?);
    render::capture::info(file, &runs, &streams, &capture.spans()?)
}

async fn exported(args: Export, context: &Context) -> Result<Exported> {
    let format = match args.format {
        Format::Parquet => export::Format::Parquet,
        Format::Csv => export::Format::Csv,
        Format::Npz => export::Format::Npz,
    };
    let what = match args.what {
        What::Shares => export::What::Shares,
        What::Jobs => export::What::Jobs,
        What::Telemetry => export::What::Telemetry,
        What::Steps => export::What::Steps,
        What::States => {
            let (stream, out) = (args.stream.as_deref(), args.out.as_deref());
            let progress = progress::shown(context);
            return states::export(&args.file, stream, (format, out), &progress).await;
        }
    };
    if args.stream.is_some() {
        bail!("--stream is for --what states: the other tables name the stream of every row");
    }
    computed(context, move || {
        export::export(&args.file, what, format, args.out.as_deref())
    })
    .await
}
