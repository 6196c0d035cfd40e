//! The rows of the benchmark, measured over several seeds.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use thermine_reservoir::bootstrap::Bootstrap;
use thermine_reservoir::esn::{Esn, EsnConfig};
use thermine_reservoir::evaluate::evaluate;
use thermine_reservoir::multi_seed::OverSeeds;
use thermine_reservoir::tasks::narma::narma10;
use thermine_reservoir::verdict::{Control, Verdict};
use thermine_units::model::Model;
use thermine_units::params::Assumed;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::rows::{Row, rows};
use crate::config::Config;
use crate::experiment::plan::Plan;
use crate::experiment::run;
use crate::experiment::steps::DEFAULT_SPLIT;
use crate::observer::Progress;
use crate::request::{self, Setup, Train};
use crate::session::context::Context;
use crate::train;

/// Name, nodes and goal of the software network.
const ESN: &str = "software ESN, 1000 nodes";
const ESN_NODES: usize = 1000;
const ESN_GOAL: f64 = 0.09;

/// What is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Seeds, from 1 on.
    pub seeds: u64,
    /// Only the rows whose name holds this.
    pub only: String,
    /// What is assumed of every twin's physics.
    #[serde(default)]
    pub assume: Vec<Assumed>,
}

/// A row, measured.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Name of the row, as the table prints it.
    pub name: &'static str,
    /// A command line that measures one seed of it.
    pub command: String,
    /// What is to be known of the row beside its score.
    pub remark: &'static str,
    /// What the paper prints.
    pub paper: Option<f64>,
    /// What is asked of the mean at most.
    pub goal: Option<f64>,
    /// Whether the states were simulated or computed.
    pub provenance: &'static str,
    /// Features of a state.
    pub features: usize,
    pub(crate) scores: Vec<f64>,
    /// NRMSE over the seeds, with its interval.
    pub nrmse: OverSeeds,
    /// Device beside the encoded drive, minus the encoded drive alone.
    pub beyond_encoding: Option<OverSeeds>,
    /// Device beside the encoded drive, minus encoded drive and as many leaky integrators.
    pub beyond_bank: Option<OverSeeds>,
    /// The control that is linear in the input's history and scores best over the seeds.
    pub rival: Option<Rival>,
    /// The ideal: exact products in place of the device, with its own history.
    pub products: Option<OverSeeds>,
    /// Seeds in which the device adds computation beyond its input encoding.
    pub adds_in: Option<usize>,
    /// Seeds in which it computes: every linear control is worse, the intervals apart.
    pub computes_in: Option<usize>,
    /// The device alone, without any input beside it.
    pub without_input: Option<OverSeeds>,
    /// The device beside the last inputs.
    pub with_input: Option<OverSeeds>,
    /// Time of the unit that one seed took, s.
    pub device_seconds: Option<f64>,
}

/// A control over the seeds.
#[derive(Debug, Clone, Serialize)]
pub struct Rival {
    /// Its name.
    pub name: String,
    /// Its NRMSE.
    pub nrmse: OverSeeds,
}

/// Measures the rows that `request` names.
///
/// # Errors
/// If it names none, or a seed of one fails.
pub async fn run(request: &Request, progress: &Progress) -> Result<Vec<Measured>> {
    let is_asked = |name: &str| name.contains(&request.only);
    let rows: Vec<Row> = (rows().into_iter())
        .filter(|row| is_asked(row.name))
        .collect();
    if rows.is_empty() && !is_asked(ESN) {
        bail!("no row has `{}` in its name", request.only);
    }
    let mut measured = Vec::new();
    for row in rows {
        let plan = plan_of(&row, &request.assume)?;
        let verdicts = over_seeds(row.name, request.seeds, progress, move |seed| {
            verdict(&Plan {
                seed,
                ..plan.clone()
            })
        })
        .await?;
        measured.push(Measured::of(&row, &verdicts).with_context(|| row.name)?);
    }
    if is_asked(ESN) {
        let scores = over_seeds(ESN, request.seeds, progress, software).await?;
        measured.push(Measured::software(scores)?);
    }
    Ok(measured)
}

fn plan_of(row: &Row, assume: &[Assumed]) -> Result<Plan> {
    let config = match assume {
        [] => None,
        assume => Some(Config::simulated(row.model)?.assuming(assume)?),
    };
    let setup = Setup {
        config,
        model: row.model,
        ..Setup::default()
    };
    train::plan(&row.request, setup)
}

/// The verdict on a plan's one arm.
fn verdict(plan: &Plan) -> Result<Verdict> {
    // One part stands for all seeds.
    let hidden = Progress::hidden(&Context::new("thermine bench"));
    let judged = Handle::current().block_on(run::on_twins(plan, &hidden))?;
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
async fn over_seeds<T: Send + 'static>(
    name: &str,
    seeds: u64,
    progress: &Progress,
    work: impl Fn(u64) -> Result<T> + Send + Sync + 'static,
) -> Result<Vec<T>> {
    let part = progress.bar(name, usize::try_from(seeds)?);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (work, mut running) = (Arc::new(work), JoinSet::new());
    let mut next = 1..=seeds;
    let mut done = Vec::new();
    loop {
        while running.len() < threads
            && let Some(seed) = next.next()
        {
            let work = work.clone();
            running.spawn_blocking(move || (seed, work(seed)));
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        let (seed, result) = ended?;
        done.push((seed, result.with_context(|| format!("seed {seed}"))?));
        part.step();
    }
    done.sort_by_key(|(seed, _)| *seed);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

impl Measured {
    fn of(row: &Row, verdicts: &[Verdict]) -> Result<Measured> {
        let each = |figure: &dyn Fn(&Verdict) -> Option<f64>| -> Option<OverSeeds> {
            let values: Option<Vec<f64>> = verdicts.iter().map(figure).collect();
            OverSeeds::of(&values?)
        };
        let score = |v: &Verdict| v.device.nrmse.value;
        let products = |v: &Verdict| Some(v.ideal()?.score.nrmse.value);
        Ok(Measured {
            name: row.name,
            command: command(row),
            remark: row.remark,
            paper: row.paper,
            goal: row.goal,
            provenance: "simulated",
            features: verdicts.first().map_or(0, |v| v.device.features),
            scores: verdicts.iter().map(score).collect(),
            nrmse: each(&|v| Some(score(v))).context("fewer than two seeds")?,
            beyond_encoding: each(&|v| Some(v.beyond_encoding.value)),
            beyond_bank: each(&|v| Some(v.beyond_bank.value)),
            rival: rival(verdicts),
            products: each(&products),
            adds_in: Some(verdicts.iter().filter(|v| v.adds_computation()).count()),
            computes_in: Some(verdicts.iter().filter(|v| v.computes()).count()),
            without_input: each(&|v| Some(v.direct.without.nrmse.value)),
            with_input: each(&|v| Some(v.direct.with.nrmse.value)),
            device_seconds: verdicts.first().and_then(|v| {
                let length = v.step_length?.mean_seconds;
                Some(length * DEFAULT_SPLIT.total() as f64)
            }),
        })
    }

    fn software(scores: Vec<f64>) -> Result<Measured> {
        Ok(Measured {
            name: ESN,
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
            rival: None,
            products: None,
            adds_in: None,
            computes_in: None,
            without_input: None,
            with_input: None,
            device_seconds: None,
        })
    }

    /// Whether the mean meets the goal; `None` without a goal.
    pub fn is_met(&self) -> Option<bool> {
        self.goal.map(|goal| self.nrmse.mean <= goal)
    }
}

/// The best linear control over all seeds. A delay line of equal memory has another length in each.
fn rival(verdicts: &[Verdict]) -> Option<Rival> {
    let first = verdicts.first()?;
    let of_all = |control: Control| {
        let scores: Option<Vec<f64>> = (verdicts.iter())
            .map(|verdict| {
                let mut controls = verdict.controls.iter();
                let same = controls.find(|c| c.control == control)?;
                Some(same.score.nrmse.value)
            })
            .collect();
        Some(Rival {
            name: control.to_string(),
            nrmse: OverSeeds::of(&scores?)?,
        })
    };
    let linear = first.controls.iter().map(|c| c.control);
    linear
        .filter(|control| control.is_linear() && !matches!(control, Control::EqualMemory(_)))
        .filter_map(of_all)
        .min_by(|a, b| a.nrmse.mean.total_cmp(&b.nrmse.mean))
}

/// The command line that measures one seed of `row`, with its controls.
fn command(row: &Row) -> String {
    let train = Train {
        echo_steps: None,
        off_steps: None,
        ..row.request.clone()
    };
    let words = request::Request::Train(Box::new(train)).words();
    let unit = match row.model {
        Model::LuckyMinerLv06 => "lv06",
        _ => "s9",
    };
    format!("thermine {words} --unit {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_command_that_can_be_run() {
        for row in rows() {
            let plan = plan_of(&row, &[]).unwrap_or_else(|error| panic!("{}: {error:#}", row.name));
            assert_eq!(plan.encodings.len(), 1, "{}", row.name);
        }
    }

    #[tokio::test]
    async fn seeds_come_back_in_order_and_a_failure_is_named() {
        let progress = Progress::hidden(&Context::new("test"));
        let squares = over_seeds("squares", 9, &progress, |seed| Ok(seed * seed)).await;
        let squares = squares.expect("no failure");
        assert_eq!(squares, [1, 4, 9, 16, 25, 36, 49, 64, 81]);
        let fails = |seed| if seed == 3 { bail!("no") } else { Ok(seed) };
        let failed = over_seeds("failure", 5, &progress, fails).await;
        assert_eq!(
            format!("{:#}", failed.expect_err("one fails")),
            "seed 3: no"
        );
    }
}
