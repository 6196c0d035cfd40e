//! What the states of a run are worth: scores and controls of every arm, for every target.

use anyhow::{Context, Result, bail};
use thermine_reservoir::bootstrap::{Bootstrap, Estimate};
use thermine_reservoir::controls::{EchoTest, echo_test_with_noise};
use thermine_reservoir::describe::Summary;
use thermine_reservoir::describe::exact::proportion;
use thermine_reservoir::left_out::LeftOut;
use thermine_reservoir::split::Split;
use thermine_reservoir::state::StateMatrix;
use thermine_reservoir::verdict::{Trial, Verdict};

use super::arms::Runs;
use super::plan::Plan;
use super::readouts::{self, Other};
use super::report_scores::{Account, Arm, Decisions, Echo, Further};
use super::task::Problem;
use super::trace::{Trace, readout_states};
use crate::backend::Backend;

/// An arm's states, and what became of them.
#[derive(Debug)]
pub(crate) struct Judged {
    /// What is reported.
    pub(crate) arm: Arm,
    /// The device's states as the readout gets them, without the host's taps.
    pub(crate) states: StateMatrix,
    /// The encoded drive, treated likewise.
    pub(crate) encoded: StateMatrix,
    /// Rows that were neither trained nor scored on.
    pub(crate) left_out: LeftOut,
}

/// Judges every arm of `runs`.
///
/// # Errors
/// If states are degenerate, or anything cannot be evaluated.
pub(crate) fn judge(plan: &Plan, problem: &Problem, runs: &Runs) -> Result<Vec<Judged>> {
    let off = off_states(plan, runs);
    let echo = echo(plan, runs)?;
    let mut judged = Vec::new();
    for (i, trace) in runs.arms.iter().enumerate() {
        let name = &trace.encoding.name;
        // The unit was watched and driven twice in the first arm's way.
        let (off, echo) = if i == 0 {
            (off.as_ref(), echo.clone())
        } else {
            (None, None)
        };
        let one = judge_arm(plan, problem, trace, off, echo)
            .with_context(|| format!("cannot judge the {name}"))?;
        judged.push(one);
    }
    Ok(judged)
}

fn judge_arm(
    plan: &Plan,
    problem: &Problem,
    trace: &Trace,
    off: Option<&StateMatrix>,
    echo: Option<Echo>,
) -> Result<Judged> {
    let (states, mut notes) = trace.states(&plan.features)?;
    let encoded = trace.encoded_states(&plan.features)?;
    let sequence = &problem.sequence;
    let off = off.filter(|off| off.features() == states.features());
    let products = trace.encoding.products(plan.features.history);
    let left_out = trace.left_out(&plan.features, plan.taps);
    let split = left_out.split(plan.split);
    check_left_out(plan, trace, &left_out)?;
    let trial = |target| Trial {
        device: &states,
        history: plan.features.history,
        step_seconds: &trace.step_seconds,
        encoded: &encoded,
        taps: plan.taps,
        products: &products,
        off,
        input: &sequence.input,
        target,
        split: plan.split,
        left_out: &left_out,
        seed: plan.seed,
    };
    let verdict = Verdict::of(&trial(&sequence.target))?;
    let further = further(problem, (&left_out, &split), &trial)?;
    let (others, target) = others(plan, problem, (&states, &left_out))?;
    notes.extend(remarks(plan));
    let arm = Arm {
        name: trace.encoding.name.clone(),
        encoding: trace.encoding.describe(),
        provenance: trace.provenance.clone(),
        published_nrmse: published(plan, trace),
        sentence: verdict.to_string(),
        features: states
            .features()
            .iter()
            .map(|f| format!("{} [{}]", f.name, f.unit))
            .collect(),
        decisions: decisions(problem, &target[split.test_rows()], &verdict, plan.seed),
        verdict,
        others,
        further,
        echo,
        account: account(plan, trace, left_out.within(plan.split.total()).len()),
        too_hot: trace.too_hot.filter(|_| plan.backend == Backend::Twin),
        notes,
    };
    Ok(Judged {
        arm,
        states,
        encoded,
        left_out,
    })
}

/// The scores for the targets beside the first, of the `trial` that each is given to.
pub(crate) fn further<'a>(
    problem: &'a Problem,
    (left_out, split): (&LeftOut, &Split),
    trial: &dyn Fn(&'a [f64]) -> Trial<'a>,
) -> Result<Vec<Further>> {
    let mut further = Vec::new();
    for target in &problem.sequence.further {
        let trial = trial(&target.values);
        let verdict = Verdict::of(&trial).with_context(|| format!("target {}", target.name))?;
        let values = left_out.values(&target.values[..trial.device.rows()]);
        let test = &values[split.test_rows()];
        further.push(Further {
            target: target.name.clone(),
            decisions: decisions(problem, test, &verdict, trial.seed),
            verdict,
        });
    }
    Ok(further)
}

/// Refuses a run in which the unit's connection broke so often that too few rows are left.
fn check_left_out(plan: &Plan, trace: &Trace, left_out: &LeftOut) -> Result<()> {
    let split = left_out.split(plan.split);
    if split.check(split.total()).is_err() && !left_out.is_empty() {
        bail!(
            "the unit lost its connection in {} steps, and {} of {} rows had to be left out: too few are left to train \
             and test on; check its network, or raise --train and --test",
            trace.interrupted.len(),
            left_out.within(plan.split.total()).len(),
            plan.split.total()
        );
    }
    Ok(())
}

/// What the further readouts of `plan` make of the states, and the target in the rows that they are given.
pub(crate) fn others(
    plan: &Plan,
    problem: &Problem,
    (states, left_out): (&StateMatrix, &LeftOut),
) -> Result<(Vec<Other>, Vec<f64>)> {
    let sequence = &problem.sequence;
    let split = left_out.split(plan.split);
    let all = readout_states(plan.taps, &sequence.input, states)?;
    let all = left_out.states(&all);
    let target = left_out.values(&sequence.target[..states.rows()]);
    let fitted = plan.readouts.iter().map(|kind| {
        let also = (problem.decision, plan.seed);
        readouts::fit(*kind, &all, &target, &split, also)
            .with_context(|| format!("{} readout", kind.name()))
    });
    let others = fitted.collect::<Result<_>>()?;
    Ok((others, target.into_owned()))
}

/// What had to be done to the data, by the plan.
pub(crate) fn remarks(plan: &Plan) -> impl Iterator<Item = String> {
    let undriven = plan.undriven.then(|| {
        "the capture was not driven with this input, so its states cannot depend on it: a null"
            .to_string()
    });
    let high_pass = plan.features.high_pass.map(|steps| {
        format!(
            "a running mean of {steps} steps is taken from the device's columns and from the encoded drive's"
        )
    });
    undriven.into_iter().chain(high_pass)
}

/// The share of wrong decisions, of tasks that are decisions.
pub(crate) fn decisions(
    problem: &Problem,
    test: &[f64],
    verdict: &Verdict,
    seed: u64,
) -> Option<Decisions> {
    let wrong = |predictions: &[f64]| problem.decision.wrong(predictions, test);
    let predictions = &verdict.device.predictions;
    let device = wrong(predictions)?;
    let each: Vec<bool> = (predictions.iter().zip(test))
        .map(|(p, t)| problem.decision.wrong(&[*p], &[*t]) == Some(1.0))
        .collect();
    let n = test.len() as u64;
    let exact = proportion((device * n as f64).round() as u64, n)?;
    let blocks = Bootstrap::new(test.len(), seed).proportion(&each);
    Some(Decisions {
        device,
        interval: Estimate {
            value: device,
            low: exact.low.min(blocks.low).max(0.0),
            high: exact.high.max(blocks.high).min(1.0),
        },
        controls: verdict
            .controls
            .iter()
            .filter_map(|c| Some((c.control.to_string(), wrong(&c.score.predictions)?)))
            .collect(),
    })
}

fn published(plan: &Plan, trace: &Trace) -> Option<f64> {
    use super::task::{Named, Task};
    let narma = plan.task == Task::Named(Named::Narma10);
    trace.encoding.published().filter(|_| narma)
}

fn account(plan: &Plan, trace: &Trace, left_out: usize) -> Account {
    Account {
        asked_seconds: plan.config.step.hold_seconds * trace.encoded.len() as f64,
        device_seconds: trace.device_seconds,
        jobs: trace.jobs,
        refused: trace.refused,
        timed_out: trace.timed_out,
        interrupted: trace.gaps.0,
        gap_seconds: trace.gaps.1,
        left_out,
        mean_reading_age_seconds: trace.reading_age_seconds / trace.encoded.len() as f64,
        since_job_ms: Summary::of(&trace.waits_ms),
    }
}

/// States of the unit without work; `None` if it reports nothing then, as bare chips do.
pub(crate) fn off_states(plan: &Plan, runs: &Runs) -> Option<StateMatrix> {
    let (states, _) = runs.off.as_ref()?.states(&plan.features).ok()?;
    Some(states)
}

/// Whether the unit forgets how it began, seen from the end of the conditioning on.
fn echo(plan: &Plan, runs: &Runs) -> Result<Option<Echo>> {
    let [low, high, again] = runs.echo.as_slice() else {
        return Ok(None);
    };
    // What one of the runs cannot show is compared in none.
    let interrupted: Vec<usize> = (runs.echo.iter())
        .flat_map(|trace| trace.interrupted.iter().copied())
        .map(|row| row.saturating_sub(runs.conditioning))
        .collect();
    let left_out = LeftOut::looking_back(&interrupted, plan.features.history);
    let after = |trace: &Trace| -> Result<StateMatrix> {
        let (states, _) = trace.states(&plan.features)?;
        let start = runs.conditioning.min(states.rows());
        let rows = states.rows() - start;
        let values = states.values().rows(start, rows).into_owned();
        let states = StateMatrix::from_matrix(states.features().to_vec(), values)?;
        Ok(left_out.states(&states).into_owned())
    };
    let states = [after(low)?, after(high)?, after(again)?];
    if states.iter().any(|s| s.features() != states[0].features()) {
        return Ok(None);
    }
    let test: EchoTest = echo_test_with_noise(&states[0], &states[1], &states[2])?;
    Ok(Some(Echo {
        conditioning: runs.conditioning,
        test,
    }))
}
