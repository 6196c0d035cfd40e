//! `thermine train`: drives a unit with a task's input in each mode, trains a readout on its states, and
//! judges it beside its controls.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thermine_drivers::substrate::Provenance;
use thermine_reservoir::describe::Summary;
use thermine_reservoir::split::Split;
use thermine_reservoir::tasks::Sequence;
use thermine_reservoir::tasks::narma::narma10;
use thermine_reservoir::verdict::{Trial, Verdict};

use crate::cli;
use crate::config::{Config, Simulated};
use crate::experiment::trace::Trace;
use crate::experiment::{Kind, Plan, arms};
use crate::report::folder;
use crate::report::progress::Progress;
use crate::report::run::{Arm, RunReport};
use crate::store::{Capture, RunMeta, Store};

/// The protocol of the literature: seeds and comparisons elsewhere rest on it.
const DEFAULT_SPLIT: Split = Split {
    washout: 200,
    train: 2_000,
    test: 1_000,
};

/// Name of the capture in the report folder.
const CAPTURE: &str = "capture.sqlite";

/// What a run needs to be repeated, beside its configuration: stored in its capture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct TaskMeta {
    narma: u32,
    split: Split,
}

/// Runs the subcommand.
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
pub(crate) fn run(args: cli::Train) -> Result<()> {
    let cli::Task::Narma10 = args.task;
    let plan = plan(&args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let task = narma10(plan.split.total(), plan.seed);
    let name = format!("narma10-seed{}", plan.seed);
    let folder = folder::make(args.out.as_deref(), &name)?;
    let began = Instant::now();
    let traces = runtime.block_on(record(&plan, &task.input, &folder));
    // Waits for the tasks that hold sockets, but not for ever.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    let capture = folder.join(CAPTURE);
    let traces = match traces {
        Err(error) if capture.exists() => Err(error.context(format!(
            "the run failed; what was recorded until then is in {}",
            capture.display()
        ))),
        traces => traces,
    }?;
    let report = judge(
        &plan,
        &task,
        &traces,
        began.elapsed().as_secs_f64(),
        &folder,
    )?;
    print!("{}", report.render());
    println!("{}", folder.display());
    Ok(())
}

/// Completes what the command line leaves open: from the capture for a replay, else from the defaults.
fn plan(args: &cli::Train) -> Result<Plan> {
    let asked = |default: Split| Split {
        washout: args.washout.unwrap_or(default.washout),
        train: args.train.unwrap_or(default.train),
        test: args.test.unwrap_or(default.test),
    };
    let mut plan = Plan {
        config: match &args.config {
            Some(path) => Config::load(path)?,
            None => Config::simulated(args.unit.model())?,
        },
        kind: args.substrate,
        seed: args.seed.unwrap_or(1),
        split: asked(DEFAULT_SPLIT),
        capture: args.capture.clone(),
        undriven: false,
    };
    if args.capture.is_some() && args.substrate != Kind::Replay {
        bail!("--capture is for --substrate replay only");
    }
    if args.config.is_some() && args.substrate == Kind::Replay {
        bail!(
            "--config is not for --substrate replay: a capture holds the configuration that it was made with"
        );
    }
    if args.substrate == Kind::Twin && plan.config.unit.simulated.is_none() {
        bail!(
            "--substrate twin is a simulation, but {} is not configured as a simulated unit",
            plan.config.unit.name
        );
    }
    if args.substrate == Kind::Twin {
        // Before a folder is made for a run that cannot be.
        arms::twin_of(plan.config.unit.model)?;
    }
    if let (Kind::Replay, Some(path)) = (args.substrate, &args.capture) {
        let capture = Capture::open(path)?;
        let run = capture.run()?;
        match serde_json::from_value::<TaskMeta>(run.task) {
            Ok(meta) => {
                plan.config = toml::from_str(&run.config).with_context(|| {
                    format!("the configuration in {} is not known here", path.display())
                })?;
                plan.seed = args.seed.unwrap_or(run.seed);
                plan.split = asked(meta.split);
            }
            Err(_) => {
                // Recorded by another program: as many steps as there are, in the usual proportion.
                plan.undriven = true;
                let steps = capture.streams()?.iter().map(|s| s.jobs).max().unwrap_or(0) as usize;
                let washout = steps / 16;
                let test = (steps - washout) / 3;
                plan.split = asked(Split {
                    washout,
                    train: steps - washout - test,
                    test,
                });
            }
        }
    }
    plan.split.check(plan.split.total())?;
    Ok(plan)
}

/// Drives the substrate in every mode and records what happens in the folder's capture.
async fn record(plan: &Plan, input: &[f64], folder: &Path) -> Result<Vec<Trace>> {
    let progress = Progress::default();
    if plan.kind == Kind::Replay {
        return unless_interrupted(arms::replay(plan, input, &progress)).await;
    }
    let simulated = plan.config.unit.simulated.is_some();
    let (config, config_hash) = fingerprint(&plan.config)?;
    let meta = RunMeta {
        seed: plan.seed,
        config,
        config_hash,
        task: serde_json::to_value(TaskMeta {
            narma: 10,
            split: plan.split,
        })?,
        provenance: if simulated {
            Provenance::Simulated
        } else {
            Provenance::Device
        },
    };
    let store = Store::create(&folder.join(CAPTURE), &meta)?;
    let traces = match plan.kind {
        Kind::Twin => unless_interrupted(arms::twins(plan, input, &store, &progress)).await,
        _ => unless_interrupted(arms::on_wires(plan, input, &store, &progress)).await,
    };
    // Whatever happened, what is recorded stays readable, and says how the run ended.
    let state = match &traces {
        Ok(_) => "finished".to_string(),
        Err(error) => format!("failed: {error:#}"),
    };
    let finished = tokio::task::spawn_blocking(move || store.finish(&state)).await?;
    let traces = traces?;
    finished?;
    Ok(traces)
}

/// What `work` gives, unless the user interrupts it first.
async fn unless_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    }
}

/// Trains, judges and writes the report folder.
fn judge(
    plan: &Plan,
    task: &Sequence,
    traces: &[Trace],
    wall_seconds: f64,
    folder: &Path,
) -> Result<RunReport> {
    let mut arms = Vec::new();
    for trace in traces {
        let (states, mut notes) = trace.states()?;
        let encoded = trace.encoded_states()?;
        let name = trace.mode.name();
        let verdict = Verdict::of(&Trial {
            device: &states,
            encoded: &encoded,
            input: &task.input,
            target: &task.target,
            split: plan.split,
            seed: plan.seed,
        })
        .with_context(|| format!("cannot judge the {name}"))?;
        if plan.undriven {
            notes.push(
                "the capture was not driven with this input, so its states cannot depend on it: a null"
                    .to_string(),
            );
        }
        folder::write_states(
            folder,
            name,
            &task.input,
            &task.target,
            (&encoded, &states),
            (plan.split, &verdict.device.predictions),
        )?;
        arms.push(Arm {
            mode: trace.mode,
            encoding: trace.mode.encoding(plan.config.unit.model),
            provenance: trace.provenance.clone(),
            published_nrmse: trace.mode.published(),
            sentence: verdict.to_string(),
            features: states
                .features()
                .iter()
                .map(|f| format!("{} [{}]", f.name, f.unit))
                .collect(),
            verdict,
            device_seconds: trace.device_seconds,
            jobs: trace.jobs,
            refused: trace.refused,
            timed_out: trace.timed_out,
            mean_reading_age_seconds: trace.reading_age_seconds / trace.encoded.len() as f64,
            since_job_ms: Summary::of(&trace.waits_ms),
            notes,
        });
    }
    let report = RunReport {
        version: env!("CARGO_PKG_VERSION"),
        task: "NARMA-10",
        seed: plan.seed,
        config_hash: fingerprint(&plan.config)?.1,
        unit: plan.config.unit.name.clone(),
        substrate: plan.kind.name(),
        time: match (plan.kind, &plan.config.unit.simulated) {
            (Kind::Replay, _) => "time as recorded".into(),
            (Kind::Handshake, None) => "wall time".into(),
            (
                Kind::Handshake,
                Some(Simulated {
                    speed: Some(speed), ..
                }),
            ) => {
                format!("{speed} × wall time")
            }
            _ => "virtual time".into(),
        },
        split: plan.split,
        rejected_draws: task.rejected_draws,
        wall_seconds,
        arms,
    };
    folder::write_report(folder, &report)?;
    if let Some(arm) = report.arms.first() {
        let rows = plan.split.test_rows();
        let title = format!(
            "NARMA-10, {} on {} ({})",
            arm.mode.name(),
            report.unit,
            arm.provenance
        );
        folder::plot_predictions(
            folder,
            &title,
            rows.start,
            &task.target[rows],
            &arm.verdict.device.predictions,
            &arm.verdict.device.nrmse,
        )?;
        let waits: Vec<(&str, &[f64])> = traces
            .iter()
            .map(|trace| (trace.mode.name(), trace.waits_ms.as_slice()))
            .collect();
        let title = format!("Δt on {} ({})", report.unit, arm.provenance);
        folder::plot_waits(folder, &title, &waits)?;
    }
    Ok(report)
}

/// The configuration as TOML, and the first 16 hex digits of its SHA-256.
fn fingerprint(config: &Config) -> Result<(String, String)> {
    let text = toml::to_string(config)?;
    let hash = hex::encode(Sha256::digest(&text));
    Ok((text, hash[..16].to_string()))
}
