//! How the product's score falls with the shares of a step, beside what the noise of counting leaves of it.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use thermine_reservoir::counted_product::{score, unexplained};
use thermine_reservoir::multi_seed::OverSeeds;
use thermine_reservoir::split::Split;
use thermine_reservoir::verdict::Verdict;
use thermine_units::model::Model;
use tokio::runtime::Handle;

use super::seeds::over_seeds;
use crate::backend::Backend;
use crate::experiment::encoding::{Actuator, Encoding};
use crate::experiment::plan::Plan;
use crate::experiment::presets::Preset;
use crate::experiment::run;
use crate::experiment::task::Named;
use crate::observer::Progress;
use crate::request::{Setup, Train};
use crate::session::context::Context;
use crate::train;

/// The models whose twins are driven, and the lengths of a step, s. What a run costs grows with the jobs, 13 a second at
/// the least duty.
const TRIED: [(Model, &[f64]); 2] = [
    (Model::AntminerS9, &[10.0, 30.0, 90.0, 270.0]),
    (Model::LuckyMinerLv06, &[90.0, 300.0]),
];

/// Steps of a run.
const SPLIT: Split = Split {
    washout: 50,
    train: 1000,
    test: 500,
};

/// What is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharesRequest {
    /// Seeds, from 1 on.
    pub seeds: u64,
}

/// The product at one length of the steps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Point {
    /// The unit.
    pub model: Model,
    /// Length of a step, s.
    pub hold_seconds: f64,
    /// Mean number of shares in a step.
    pub shares: f64,
    /// NRMSE of the device over the seeds.
    pub nrmse: OverSeeds,
    /// NRMSE that counting so many shares allows, from the two scores below and no fitted number.
    pub law: f64,
    /// The best control that is linear in the input.
    pub linear: OverSeeds,
    /// Exact products in place of the device.
    pub ideal: OverSeeds,
}

/// Drives twins at every length of the steps.
///
/// # Errors
/// If a seed fails.
pub async fn run(request: &SharesRequest, progress: &Progress) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for (model, holds) in TRIED {
        for &hold in holds {
            let plan = plan(model, hold)?;
            let spans = spans(&plan.encodings[0]).context("the product has two factors")?;
            let name = format!("{model}, {hold} s");
            let seen = over_seeds(&name, 1..=request.seeds, progress, move |seed| {
                let plan = plan.clone();
                seen(&Plan { seed, ..plan })
            })
            .await
            .context(name)?;
            let over = |figure: &dyn Fn(&Seen) -> f64| {
                let values: Vec<f64> = seen.iter().map(figure).collect();
                OverSeeds::of(&values).context("fewer than two seeds")
            };
            let (linear, ideal) = (over(&|s| s.linear)?, over(&|s| s.ideal)?);
            let shares = over(&|s| s.shares)?.mean;
            let left = unexplained(shares, spans.0, spans.1);
            points.push(Point {
                model,
                hold_seconds: hold,
                shares,
                nrmse: over(&|s| s.nrmse)?,
                law: score(linear.mean, ideal.mean, left),
                linear,
                ideal,
            });
        }
    }
    Ok(points)
}

fn plan(model: Model, hold: f64) -> Result<Plan> {
    let request = Train {
        task: Some(Named::Narma10),
        backend: Backend::Twin,
        encoding: Preset::Product,
        hold: Some(hold),
        washout: Some(SPLIT.washout),
        train: Some(SPLIT.train),
        test: Some(SPLIT.test),
        echo_steps: Some(0),
        off_steps: Some(0),
        ..Train::default()
    };
    let setup = Setup {
        model,
        ..Setup::default()
    };
    train::plan(&request, setup)
}

/// What one seed has shown.
struct Seen {
    shares: f64,
    nrmse: f64,
    linear: f64,
    ideal: f64,
}

fn seen(plan: &Plan) -> Result<Seen> {
    let hidden = Progress::hidden(&Context::new("thermine bench"));
    let judged = Handle::current().block_on(run::on_twins(plan, &hidden))?;
    let judged = judged.into_iter().next().context("a plan without arms")?;
    let rate = judged.states.values().column(0).mean();
    let verdict: &Verdict = &judged.arm.verdict;
    let control = |found: Option<&thermine_reservoir::verdict::Comparison>| {
        found
            .map(|c| c.score.nrmse.value)
            .context("a control of the product")
    };
    Ok(Seen {
        shares: rate * plan.config.step.hold_seconds,
        nrmse: verdict.device.nrmse.value,
        linear: control(verdict.best_linear())?,
        ideal: control(verdict.ideal())?,
    })
}

/// The two factors of a rate of shares, each in units of its largest value.
fn spans(encoding: &Encoding) -> Option<((f64, f64), (f64, f64))> {
    let of = |actuator: Actuator| {
        let mut channels = encoding.channels.iter();
        let channel = channels.find(|channel| channel.actuator == actuator)?;
        let ends = [channel.value(0.0), channel.value(1.0)];
        Some(match actuator {
            Actuator::Difficulty => ends.map(f64::recip),
            _ => ends,
        })
    };
    let span = |[a, b]: [f64; 2]| (a.min(b) / a.max(b), 1.0);
    Some((span(of(Actuator::Duty)?), span(of(Actuator::Difficulty)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factors_of_the_product_are_its_duty_and_its_reciprocal_difficulty() {
        for (model, _) in TRIED {
            let plan = plan(model, 90.0).expect("a plan");
            let (duty, rate) = spans(&plan.encodings[0]).expect("two factors");
            assert_eq!((duty, rate), ((0.31, 1.0), (1.0 / 16.0, 1.0)));
        }
    }
}
