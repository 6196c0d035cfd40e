//! The rows of the benchmark, measured over several seeds.

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use thermine_reservoir::bootstrap::Bootstrap;
use thermine_reservoir::esn::{Esn, EsnConfig};
use thermine_reservoir::evaluate::evaluate;
use thermine_reservoir::multi_seed::OverSeeds;
use thermine_reservoir::split::Split;
use thermine_reservoir::tasks::narma::narma10;
use thermine_reservoir::verdict::{Control, Verdict};
use thermine_units::model::Model;
use thermine_units::params::Assumed;
use tokio::runtime::Handle;

use super::row::Row;
use super::seeds::over_seeds;
use super::{rows, rows_xor};
use crate::config::Config;
use crate::experiment::plan::Plan;
use crate::experiment::report_scores::Arm;
use crate::experiment::report_sensitivity::Sensitivity;
use crate::experiment::steps::DEFAULT_SPLIT;
use crate::experiment::too_hot::TooHot;
use crate::experiment::{run, sensitivity};
use crate::observer::Progress;
use crate::request::{self, Setup, Train};
use crate::session::context::Context;
use crate::threads::computed;
use crate::train;

/// Name, nodes and goal of the software network.
const ESN: &str = "ESN, 1000 nodes";
const ESN_NODES: usize = 1000;
const ESN_GOAL: f64 = 0.09;

/// Steps of the runs over the assumed ranges, at most: there are seventeen of them a row.
const SPREAD_SPLIT: Split = Split {
    washout: 50,
    train: 500,
    test: 500,
};

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
    /// Whether each row is measured over the assumed ranges too.
    #[serde(default)]
    pub spread: bool,
}

/// A row, measured.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Name of the row, as the table prints it.
    pub name: &'static str,
    /// The task that it is scored on.
    pub task: String,
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
    /// The share of wrong decisions over the seeds, where the task is a decision.
    pub wrong: Option<OverSeeds>,
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
    /// Where the twin of a seed went on though the interlock would have stopped a unit.
    pub too_hot: Option<TooHot>,
    /// The score of seed 1 over the assumed ranges, in shorter runs.
    pub spread: Option<Sensitivity>,
}

/// A control over the seeds.
#[derive(Debug, Clone, Serialize)]
pub struct Rival {
    /// Its name.
    pub name: String,
    /// Its NRMSE.
    pub nrmse: OverSeeds,
    /// Its share of wrong decisions, where the task is a decision.
    pub wrong: Option<OverSeeds>,
}

/// Measures the rows that `request` names. Each time that one is done, all that are done are handed to `each`.
///
/// # Errors
/// If it names none, a seed of one fails, or `each` does.
pub async fn run(
    request: &Request,
    progress: &Progress,
    each: &mut (dyn FnMut(&[Measured]) -> Result<()> + Send),
) -> Result<Vec<Measured>> {
    let is_asked = |name: &str| name.contains(&request.only);
    let rows: Vec<Row> = all().filter(|row| is_asked(row.name)).collect();
    if rows.is_empty() && !is_asked(ESN) {
        bail!("no row has `{}` in its name", request.only);
    }
    let mut measured = Vec::new();
    for row in rows {
        measured.push(of_row(&row, request, progress).await.context(row.name)?);
        each(&measured)?;
    }
    if is_asked(ESN) {
        let scores = over_seeds(ESN, 1..=request.seeds, progress, software).await?;
        measured.push(Measured::software(scores)?);
        each(&measured)?;
    }
    Ok(measured)
}

/// Every row, those of one task together.
fn all() -> impl Iterator<Item = Row> {
    rows::rows().into_iter().chain(rows_xor::rows())
}

/// A row over its seeds, and seed 1 of it over the assumed ranges.
async fn of_row(row: &Row, request: &Request, progress: &Progress) -> Result<Measured> {
    let plan = plan_of(row, &request.assume)?;
    let of_seed = plan.clone();
    let arms = over_seeds(row.name, 1..=request.seeds, progress, move |seed| {
        let plan = of_seed.clone();
        arm(&Plan { seed, ..plan })
    })
    .await?;
    let mut measured = Measured::of(row, &plan, &arms)?;
    if request.spread {
        let plan = Plan {
            split: shorter(plan.split),
            ..plan
        };
        let handle = Handle::current();
        let work = move || sensitivity::measure(&plan, &handle);
        measured.spread = Some(computed(progress.context(), work).await?);
    }
    Ok(measured)
}

/// A split of at most so many steps as a run over the assumed ranges takes.
fn shorter(split: Split) -> Split {
    Split {
        washout: split.washout.min(SPREAD_SPLIT.washout),
        train: split.train.min(SPREAD_SPLIT.train),
        test: split.test.min(SPREAD_SPLIT.test),
    }
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

/// A plan's one arm, judged.
pub(super) fn arm(plan: &Plan) -> Result<Arm> {
    // One part stands for all seeds.
    let hidden = Progress::hidden(&Context::new("thermine bench"));
    let judged = Handle::current().block_on(run::on_twins(plan, &hidden))?;
    let judged = judged.into_iter().next().context("a plan without arms")?;
    Ok(judged.arm)
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

impl Measured {
    fn of(row: &Row, plan: &Plan, arms: &[Arm]) -> Result<Measured> {
        let verdicts: Vec<&Verdict> = arms.iter().map(|arm| &arm.verdict).collect();
        let wrong = |arm: &Arm| Some(arm.decisions.as_ref()?.device);
        let each = |figure: &dyn Fn(&Verdict) -> Option<f64>| -> Option<OverSeeds> {
            let values: Option<Vec<f64>> = verdicts.iter().map(|v| figure(v)).collect();
            OverSeeds::of(&values?)
        };
        let score = |v: &Verdict| v.device.nrmse.value;
        let products = |v: &Verdict| Some(v.ideal()?.score.nrmse.value);
        Ok(Measured {
            name: row.name,
            task: run::problem(plan)?.name,
            command: command(row),
            remark: row.remark,
            paper: row.paper,
            goal: row.goal,
            provenance: "simulated",
            features: verdicts.first().map_or(0, |v| v.device.features),
            scores: verdicts.iter().map(|v| score(v)).collect(),
            nrmse: each(&|v| Some(score(v))).context("fewer than two seeds")?,
            wrong: over(arms, wrong),
            beyond_encoding: each(&|v| Some(v.beyond_encoding.value)),
            beyond_bank: each(&|v| Some(v.beyond_bank.value)),
            rival: rival(arms),
            products: each(&products),
            adds_in: Some(verdicts.iter().filter(|v| v.adds_computation()).count()),
            computes_in: Some(verdicts.iter().filter(|v| v.computes()).count()),
            without_input: each(&|v| Some(v.direct.without.nrmse.value)),
            with_input: each(&|v| Some(v.direct.with.nrmse.value)),
            device_seconds: verdicts.first().and_then(|v| {
                let length = v.step_length?.mean_seconds;
                Some(length * plan.split.total() as f64)
            }),
            too_hot: arms.iter().find_map(|arm| arm.too_hot),
            spread: None,
        })
    }

    fn software(scores: Vec<f64>) -> Result<Measured> {
        Ok(Measured {
            name: ESN,
            task: "NARMA-10".into(),
            command: "in software".into(),
            remark: "no device: the reference network",
            paper: None,
            goal: Some(ESN_GOAL),
            provenance: "computed",
            features: ESN_NODES,
            nrmse: OverSeeds::of(&scores).context("fewer than two seeds")?,
            scores,
            wrong: None,
            beyond_encoding: None,
            beyond_bank: None,
            rival: None,
            products: None,
            adds_in: None,
            computes_in: None,
            without_input: None,
            with_input: None,
            device_seconds: None,
            too_hot: None,
            spread: None,
        })
    }

    /// Whether the mean meets the goal; `None` without a goal.
    pub fn is_met(&self) -> Option<bool> {
        self.goal.map(|goal| self.nrmse.mean <= goal)
    }
}

/// `figure` over the seeds of `arms`; `None` if one of them has none.
fn over(arms: &[Arm], figure: impl Fn(&Arm) -> Option<f64>) -> Option<OverSeeds> {
    let values: Option<Vec<f64>> = arms.iter().map(figure).collect();
    OverSeeds::of(&values?)
}

/// The best linear control over all seeds. A delay line of equal memory has another length in each.
fn rival(arms: &[Arm]) -> Option<Rival> {
    let of_all = |control: Control| {
        let name = control.to_string();
        let nrmse = over(arms, |arm| {
            let mut controls = arm.verdict.controls.iter();
            Some(controls.find(|c| c.control == control)?.score.nrmse.value)
        })?;
        let wrong = over(arms, |arm| {
            let mut controls = arm.decisions.as_ref()?.controls.iter();
            controls
                .find(|(of, _)| *of == name)
                .map(|(_, wrong)| *wrong)
        });
        Some(Rival { name, nrmse, wrong })
    };
    let linear = arms.first()?.verdict.controls.iter().map(|c| c.control);
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
        for row in all() {
            let plan = plan_of(&row, &[]).unwrap_or_else(|error| panic!("{}: {error:#}", row.name));
            assert_eq!(plan.encodings.len(), 1, "{}", row.name);
            assert!(row.name.len() <= 21, "{}: the table is wider", row.name);
        }
    }
}
