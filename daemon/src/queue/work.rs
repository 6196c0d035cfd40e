//! What a job's command asks for: the program's own subcommands, parsed by the program's own parser, on the unit that
//! the job is for.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde::{Deserialize, Serialize};
use thermine_drivers::substrate;
use thermine_reservoir::bootstrap;

use crate::cli::{self, Cli};
use crate::config::Config;
use crate::experiment::run::Report;
use crate::live::snapshot::{Estimate, Filter, Provenance, Row, Verdict};
use crate::report::folder;
use crate::report::progress::Progress;
use crate::report::run::RunReport;
use crate::store::verify;
use crate::{capture, sweep, tpf, train};

/// Name of the unit's configuration in a job's folder.
const CONFIG: &str = "unit.toml";
/// Name of what the command has said, there.
const SAID: &str = "said.txt";

/// An experiment.
#[derive(Debug)]
pub enum Work {
    /// `train`.
    Train(Box<cli::Train>),
    /// `sweep`.
    Sweep(Box<sweep::Sweep>),
    /// `capture record`.
    Record(Box<cli::Record>),
    /// `tpf live`.
    Filter(Box<tpf::live::Args>),
    /// `capture verify`.
    Verify(PathBuf),
}

/// What has come of it.
#[derive(Debug)]
pub struct Outcome {
    /// Where its report is.
    pub folder: PathBuf,
    /// What is shown beside the unit.
    pub found: Found,
}

/// What an experiment has found, as it is shown beside the unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The verdict of a training run.
    pub verdict: Option<Verdict>,
    /// The account of a trial of the probability filter.
    pub filter: Option<Filter>,
}

impl Work {
    /// What `command` asks for: the program's arguments, without its name.
    ///
    /// # Errors
    /// If it is no such command, or names a unit or a folder: those are the queue's to choose.
    pub fn parse(command: &str) -> Result<Work> {
        let words = shlex::split(command).context("a quotation mark is not closed")?;
        let words = std::iter::once("thermine".to_string()).chain(words);
        let parsed = Cli::try_parse_from(words).map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            anyhow::anyhow!("{}", first.trim_start_matches("error: "))
        })?;
        let its_own = "--config, --unit and --out: the queue chooses the unit and the folder";
        match parsed.command {
            cli::Command::Train(args) if args.config.is_some() || args.out.is_some() => {
                bail!("leave out {its_own}")
            }
            cli::Command::Train(args) => Ok(Work::Train(args)),
            cli::Command::Sweep(args) if args.names_its_own() => bail!("leave out {its_own}"),
            cli::Command::Sweep(args) => Ok(Work::Sweep(Box::new(args))),
            cli::Command::Capture(cli::Capture::Record(args))
                if args.config.is_some() || args.out.is_some() =>
            {
                bail!("leave out {its_own}")
            }
            cli::Command::Capture(cli::Capture::Record(args)) => Ok(Work::Record(Box::new(args))),
            cli::Command::Tpf(tpf::Tpf::Live(args))
                if args.config.is_some() || args.out.is_some() =>
            {
                bail!("leave out {its_own}")
            }
            cli::Command::Tpf(tpf::Tpf::Live(args)) => Ok(Work::Filter(Box::new(args))),
            cli::Command::Capture(cli::Capture::Verify { file, .. }) => Ok(Work::Verify(file)),
            _ => {
                bail!(
                    "only `train`, `sweep`, `tpf live`, `capture record` and `capture verify` can be queued"
                )
            }
        }
    }

    /// Whether it is about a unit.
    pub fn needs_a_unit(&self) -> bool {
        !matches!(self, Work::Verify(_))
    }

    /// Carries it out on the unit of `config`, into `folder`, which is made. Blocks until it is done, or `progress` is
    /// stopped.
    ///
    /// # Errors
    /// Whatever went wrong; what there is until then is in the folder.
    pub fn carry_out(
        self,
        config: Option<&Config>,
        folder: &Path,
        progress: &Progress,
    ) -> Result<Outcome> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let file = || -> Result<PathBuf> {
            let config = config.context("the unit of this job is no longer configured")?;
            folder::write(folder, CONFIG, config.fingerprint()?.0)?;
            Ok(folder.join(CONFIG))
        };
        let (mut said, mut found) = (String::new(), Found::default());
        let done = match self {
            Work::Train(args) => {
                let args = cli::Train {
                    config: Some(file()?),
                    out: Some(folder.join("report")),
                    ..*args
                };
                train::carry_out(&args, progress).map(|done| {
                    said = done.said;
                    found.verdict = match &done.first {
                        Some(Report::Scores(report)) => Some(of_report(report)),
                        _ => None,
                    };
                })
            }
            Work::Sweep(args) => {
                let args = args.on(file()?, folder.join("report"));
                sweep::carry_out(args, progress, &mut |text| {
                    said.push_str(text);
                    Ok(())
                })
            }
            Work::Record(args) => {
                let args = cli::Record {
                    config: Some(file()?),
                    out: Some(folder.join("capture.sqlite")),
                    ..*args
                };
                capture::record::record(&args, progress).map(|(_, text)| said = text)
            }
            Work::Filter(args) => {
                let args = tpf::live::Args {
                    config: Some(file()?),
                    out: Some(folder.join("report")),
                    ..*args
                };
                tpf::live::carry_out(&args, progress).map(|done| {
                    said = done.said;
                    found.filter = done.filter;
                })
            }
            Work::Verify(file) => verify::verify(&file)
                .map_err(Into::into)
                .and_then(|report| {
                    said = report.render();
                    if report.contradictions > 0 {
                        bail!(
                            "{} shares of {} contradict their record: the capture is damaged",
                            report.contradictions,
                            file.display()
                        );
                    }
                    Ok(())
                }),
        };
        if !said.is_empty() {
            folder::write(folder, SAID, said)?;
        }
        done.map(|()| Outcome {
            folder: folder.to_path_buf(),
            found,
        })
    }
}

/// The verdict of a training run, as it is shown.
fn of_report(report: &RunReport) -> Verdict {
    let estimate = |nrmse: &bootstrap::Estimate, n: usize| Estimate {
        value: nrmse.value,
        low: nrmse.low,
        high: nrmse.high,
        n: n as u64,
    };
    let seed = report.head.seed;
    let row =
        |name: String, score: &thermine_reservoir::evaluate::Score, of: Option<Provenance>| Row {
            name,
            score: estimate(&score.nrmse, score.test_steps),
            features: score.features as u64,
            seed,
            provenance: of,
        };
    let mut rows: Vec<Row> = report
        .arms
        .iter()
        .map(|arm| {
            let device = &arm.verdict.device;
            row(arm.name.clone(), device, Some(provenance(&arm.provenance)))
        })
        .collect();
    let first = report.arms.first();
    for control in first.iter().flat_map(|arm| &arm.verdict.controls) {
        // Nulls are the device's own states, with their meaning destroyed.
        let of = first.filter(|_| control.control.is_null());
        let of = of.map(|arm| provenance(&arm.provenance));
        rows.push(row(
            format!("control: {}", control.control),
            &control.score,
            of,
        ));
    }
    Verdict {
        title: format!("{} on {}", report.task, report.head.unit),
        rows,
        sentence: first.map_or(String::new(), |arm| arm.sentence.clone()),
    }
}

/// As it is served.
pub(crate) fn provenance(of: &substrate::Provenance) -> Provenance {
    match of {
        substrate::Provenance::Device => Provenance::Device,
        substrate::Provenance::UnverifiedDevice => Provenance::UnverifiedDevice,
        substrate::Provenance::Simulated => Provenance::Simulated,
        substrate::Provenance::Replayed(_) => Provenance::Replayed,
    }
}
