//! `thermine bench reservoir`: what the twins reach on NARMA-10, beside what was asked of them and what needs no
//! device.
//!
//! Each row is a command line of `thermine train`, so that anyone can look further into it.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use parking_lot::Mutex;
use serde::Serialize;
use thermine_reservoir::bootstrap::Bootstrap;
use thermine_reservoir::esn::{Esn, EsnConfig};
use thermine_reservoir::evaluate::evaluate;
use thermine_reservoir::multi_seed::OverSeeds;
use thermine_reservoir::tasks::narma::narma10;
use thermine_reservoir::verdict::{Control, Verdict};

use crate::cli::{BenchReservoir, Cli, Command};
use crate::lab::experiment::{Plan, run};
use crate::lab::observer::Progress;
use crate::lab::session::Context;
use crate::lab::train::{self, DEFAULT_SPLIT};
use crate::render::folder;
use crate::render::stdout;
use crate::render::table::{difference, interval, table};

/// What is measured.
struct Row {
    name: &'static str,
    /// Arguments of `thermine train`, after the task.
    arguments: &'static str,
    /// What the paper prints (arXiv 2601.12032).
    paper: Option<f64>,
    /// What is asked of it at most.
    goal: Option<f64>,
    /// What is to be known about it.
    remark: &'static str,
}

const ROWS: [Row; 13] = [
    Row {
        name: "S9, dialogue as in the paper",
        arguments: "--unit s9 --encoding duty",
        paper: Some(0.8661),
        goal: None,
        remark: "device only, stock sensors, 7 s a step",
    },
    Row {
        name: "S9, device only",
        arguments: "--unit s9 --encode frequency=600:100 --encode fan=0.5:1 --hold 10 --nodes 10 --average --features heat,fan --history 9 --high-pass 100",
        paper: Some(0.8661),
        goal: Some(0.66),
        remark: "temperatures and fan read ten times a step, of nine steps, in which the host gives u[t] to u[t−8]: u[t−9] is what the device remembers",
    },
    Row {
        name: "S9, ten steps of history",
        arguments: "--unit s9 --encode frequency=600:100 --encode fan=0.4:1 --hold 10 --nodes 10 --average --features heat,fan --history 10",
        paper: Some(0.8661),
        goal: Some(0.66),
        remark: "device only, but ten steps of it, which the host keeps: the same of the encoded drive is a delay line of ten",
    },
    Row {
        name: "S9, late fan",
        arguments: "--unit s9 --encoding late --hold 10 --nodes 2 --features heat,zones,fan,power --wall-meter",
        paper: None,
        goal: None,
        remark: "device only, but the fan follows u[t−9]: nine steps of memory are the host's, in the encoding",
    },
    Row {
        name: "S9, pair",
        arguments: "--unit s9 --encode duty=0.31:1 --encode frequency=100:700@9 --hold 60 --nodes 15 --average --features power --wall-meter --history 20 --taps 30",
        paper: None,
        goal: Some(0.11),
        remark: "50 features: a delay line of 30 and 20 powers, whose products are the device's",
    },
    Row {
        name: "S9, pair, clock not modulated",
        arguments: "--unit s9 --encode duty=0.31:1 --hold 60 --nodes 15 --average --features power --wall-meter --history 20 --taps 30",
        paper: None,
        goal: None,
        remark: "ablation: nothing to multiply with",
    },
    Row {
        name: "S9, pair, wrong lag",
        arguments: "--unit s9 --encode duty=0.31:1 --encode frequency=100:700@5 --hold 60 --nodes 15 --average --features power --wall-meter --history 20 --taps 30",
        paper: None,
        goal: None,
        remark: "ablation: products that the task does not ask for",
    },
    Row {
        name: "LV06, device only",
        arguments: "--unit lv06 --encode frequency=500:100 --hold 20 --nodes 10 --average --features heat,power --history 9",
        paper: Some(0.8661),
        goal: Some(0.66),
        remark: "temperatures and power read ten times a step, of nine steps, as on the S9",
    },
    Row {
        name: "LV06, ten steps of history",
        arguments: "--unit lv06 --encode frequency=500:100 --encode fan=0.4:1 --hold 20 --nodes 10 --average --features heat,power,fan --history 10",
        paper: Some(0.8661),
        goal: Some(0.66),
        remark: "as on the S9; an LV06 can be driven so over its own wire",
    },
    Row {
        name: "LV06, late fan",
        arguments: "--unit lv06 --encoding late --hold 20 --features heat,power,fan",
        paper: None,
        goal: None,
        remark: "as on the S9; an LV06 can be driven so over its own wire",
    },
    Row {
        name: "LV06, pair",
        arguments: "--unit lv06 --encode voltage=1.08:1.3 --encode frequency=50:440@9 --hold 20 --nodes 10 --average --features power --history 20 --taps 30",
        paper: None,
        goal: Some(0.12),
        remark: "V² · f instead of duty · f: a duty made by clean jobs is noisier",
    },
    Row {
        name: "S9, timing, one share",
        arguments: "--unit s9 --encode log-difficulty=7744:256 --hold 0 --shares 1 --features waits --history 10",
        paper: Some(0.8661),
        goal: None,
        remark: "the last ten Δt of single shares: the paper's number, with no memory in the device at all",
    },
    Row {
        name: "S9, timing, 64 shares",
        arguments: "--unit s9 --encoding timing --hold 0 --shares 64 --features waits --history 30",
        paper: Some(0.8661),
        goal: Some(0.43),
        remark: "the last thirty mean Δt: a noisy copy of the difficulties that the host chose",
    },
];

/// A row, measured.
#[derive(Debug, Serialize)]
struct Measured {
    name: &'static str,
    command: String,
    remark: &'static str,
    paper: Option<f64>,
    goal: Option<f64>,
    provenance: &'static str,
    features: usize,
    scores: Vec<f64>,
    nrmse: OverSeeds,
    /// Device beside the encoded drive, minus the encoded drive alone.
    beyond_encoding: Option<OverSeeds>,
    /// Device beside the encoded drive, minus encoded drive and as many leaky integrators.
    beyond_bank: Option<OverSeeds>,
    /// Exact digital products instead of the device.
    products: Option<OverSeeds>,
    /// Seeds in which the device adds computation beyond its input encoding.
    adds_in: Option<usize>,
}

/// Nodes of the software network.
const ESN_NODES: usize = 1000;

/// Goal of the software network.
const ESN_GOAL: f64 = 0.09;

/// Runs the subcommand.
pub(crate) fn run(args: &BenchReservoir) -> Result<()> {
    let rows: Vec<&Row> = ROWS
        .iter()
        .filter(|row| row.name.contains(&args.only))
        .collect();
    let esn = "software ESN, 1000 nodes";
    if rows.is_empty() && !esn.contains(&args.only) {
        bail!("no row has `{}` in its name", args.only);
    }
    let out = folder::make(args.out.as_deref(), "bench-reservoir")?;
    let progress = crate::render::progress::shown(&Context::new("thermine"));
    let mut measured = Vec::new();
    for row in rows {
        let plan = plan_of(row)?;
        let bar = progress.bar(row.name, usize::try_from(args.seeds)?);
        let verdicts = over_seeds(args.seeds, |seed| {
            let verdict = verdict(&Plan {
                seed,
                ..plan.clone()
            })?;
            bar.step();
            Ok(verdict)
        })?;
        measured.push(Measured::of(row, &verdicts).with_context(|| row.name)?);
    }
    if esn.contains(&args.only) {
        let bar = progress.bar(esn, usize::try_from(args.seeds)?);
        let scores = over_seeds(args.seeds, |seed| {
            let score = software(seed)?;
            bar.step();
            Ok(score)
        })?;
        measured.push(Measured::software(esn, scores)?);
    }
    folder::write_json(&out, "report.json", &measured)?;
    stdout::text(render(&measured, args.seeds))?;
    stdout::line(out.display())?;
    Ok(())
}

/// The plan that a row's command line asks for.
fn plan_of(row: &Row) -> Result<Plan> {
    let fixed = "thermine train narma10 --substrate twin --echo-steps 0 --off-steps 0";
    let words = fixed.split(' ').chain(row.arguments.split(' '));
    match Cli::try_parse_from(words)?.command {
        Command::Train(args) => train::plan(&args),
        _ => bail!("{} is no training", row.name),
    }
}

/// The verdict on a plan's one arm.
fn verdict(plan: &Plan) -> Result<Verdict> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    // One bar stands for all seeds.
    let judged = runtime.block_on(run::on_twins(
        plan,
        &Progress::hidden(&Context::new("thermine bench")),
    ))?;
    let judged = judged.into_iter().next().context("a plan without arms")?;
    Ok(judged.arm.verdict)
}

/// NRMSE of the software network.
fn software(seed: u64) -> Result<f64> {
    let task = narma10(DEFAULT_SPLIT.total(), seed);
    let states = Esn::new(EsnConfig::narma(ESN_NODES, seed))?.run(&task.input)?;
    let bootstrap = Bootstrap::new(DEFAULT_SPLIT.test, seed);
    Ok(evaluate(&states, &task.target, &DEFAULT_SPLIT, &bootstrap)?
        .nrmse
        .value)
}

/// `work` for seeds 1 to `seeds`, on as many threads as there are processors, in order.
fn over_seeds<T: Send>(seeds: u64, work: impl Fn(u64) -> Result<T> + Sync) -> Result<Vec<T>> {
    let next = AtomicU64::new(1);
    let done = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        break;
                    }
                    let result = work(seed).with_context(|| format!("seed {seed}"));
                    done.lock().push((seed, result));
                }
            });
        }
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(seed, _)| *seed);
    done.into_iter().map(|(_, result)| result).collect()
}

impl Measured {
    fn of(row: &Row, verdicts: &[Verdict]) -> Result<Measured> {
        let each = |figure: &dyn Fn(&Verdict) -> Option<f64>| -> Option<OverSeeds> {
            let values: Option<Vec<f64>> = verdicts.iter().map(figure).collect();
            OverSeeds::of(&values?)
        };
        let score = |v: &Verdict| v.device.nrmse.value;
        let products = |v: &Verdict| {
            let mut controls = v.controls.iter();
            let control = controls.find(|c| matches!(c.control, Control::Products(_)))?;
            Some(control.score.nrmse.value)
        };
        Ok(Measured {
            name: row.name,
            command: format!("thermine train narma10 --substrate twin {}", row.arguments),
            remark: row.remark,
            paper: row.paper,
            goal: row.goal,
            provenance: "simulated",
            features: verdicts.first().map_or(0, |v| v.device.features),
            scores: verdicts.iter().map(score).collect(),
            nrmse: each(&|v| Some(score(v))).context("fewer than two seeds")?,
            beyond_encoding: each(&|v| Some(v.beyond_encoding.value)),
            beyond_bank: each(&|v| Some(v.beyond_bank.value)),
            products: each(&products),
            adds_in: Some(verdicts.iter().filter(|v| v.adds_computation()).count()),
        })
    }

    fn software(name: &'static str, scores: Vec<f64>) -> Result<Measured> {
        Ok(Measured {
            name,
            command: "in software".into(),
            remark: "no device: the reference network",
            paper: None,
            goal: Some(ESN_GOAL),
            provenance: "computed",
            features: ESN_NODES,
            nrmse: OverSeeds::of(&scores).context("fewer than two seeds")?,
            scores,
            beyond_encoding: None,
            beyond_bank: None,
            products: None,
            adds_in: None,
        })
    }

    /// Whether the goal is met: by the mean, as the goal is stated.
    fn met(&self) -> &'static str {
        match self.goal {
            None => "",
            Some(goal) if self.nrmse.mean <= goal => "yes",
            Some(_) => "NO",
        }
    }
}

fn render(measured: &[Measured], seeds: u64) -> String {
    let gap =
        |o: &Option<OverSeeds>| o.map_or_else(String::new, |o| difference(o.mean, (o.low, o.high)));
    let number = |o: Option<f64>| o.map_or_else(String::new, |v| format!("{v:.4}"));
    let mut rows = table(
        &[
            "row",
            "NRMSE [95 % of the mean]",
            "sd",
            "goal",
            "met",
            "paper",
            "beyond its encoding",
            "beyond that and as many leaky integrators",
            "adds in",
            "exact products",
            "features",
            "provenance",
        ],
        &[1, 2, 3, 5, 6, 7, 8, 9, 10],
    );
    for row in measured {
        let n = row.nrmse;
        rows.add_row([
            row.name.to_string(),
            interval(n.mean, (n.low, n.high)),
            format!("{:.3}", n.sd),
            row.goal
                .map_or_else(String::new, |goal| format!("≤ {goal}")),
            row.met().to_string(),
            number(row.paper),
            gap(&row.beyond_encoding),
            gap(&row.beyond_bank),
            row.adds_in
                .map_or_else(String::new, |adds| format!("{adds} of {}", n.n)),
            row.products
                .map_or_else(String::new, |p| format!("{:.3}", p.mean)),
            row.features.to_string(),
            row.provenance.to_string(),
        ]);
    }
    let mut text = format!(
        "\nNARMA-10, seeds 1 to {seeds}, {} washout + {} training + {} test steps\n\n{rows}\n\n\
         The current input alone reaches 0.868 on long runs, a delay line of 30 about 0.385. Negative differences: \
         the device helps.\n",
        DEFAULT_SPLIT.washout, DEFAULT_SPLIT.train, DEFAULT_SPLIT.test,
    );
    for row in measured {
        let _ = writeln!(text, "{}: {}\n  {}", row.name, row.remark, row.command);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_command_that_can_be_run() {
        for row in &ROWS {
            let plan = plan_of(row).unwrap_or_else(|error| panic!("{}: {error:#}", row.name));
            assert_eq!(plan.encodings.len(), 1, "{}", row.name);
        }
    }

    #[test]
    fn seeds_come_back_in_order_and_a_failure_is_named() {
        let squares = over_seeds(9, |seed| Ok(seed * seed)).expect("no failure");
        assert_eq!(squares, [1, 4, 9, 16, 25, 36, 49, 64, 81]);
        let failed = over_seeds(5, |seed| if seed == 3 { bail!("no") } else { Ok(seed) });
        assert_eq!(
            format!("{:#}", failed.expect_err("one fails")),
            "seed 3: no"
        );
    }
}
