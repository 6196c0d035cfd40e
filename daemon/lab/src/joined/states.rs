//! The states of several units as those of one reservoir.

use anyhow::{Context as _, Result, bail, ensure};
use thermine_reservoir::bootstrap::Bootstrap;
use thermine_reservoir::evaluate::{Score, evaluate};
use thermine_reservoir::state::{Feature, StateMatrix};
use thermine_reservoir::verdict::{Trial, Verdict};
use thermine_units::provenance::Provenance;

use crate::experiment::arms::Runs;
use crate::experiment::judge::{self, Judged};
use crate::experiment::plan::Plan;
use crate::experiment::report_scores::{Account, Arm};
use crate::experiment::task::Problem;
use crate::experiment::trace::{Trace, readout_states};
use crate::substrate::Refused;

/// Name of the joined states in tables and files.
pub(super) const JOINED: &str = "joined";

/// Leaves the same rows out of all: those in which any unit lost its connection. Only then do the test steps of the
/// units, and of all together, line up.
pub(super) fn aligned(mut runs: Vec<Runs>) -> Vec<Runs> {
    let arms = runs.iter().flat_map(|runs| &runs.arms);
    let mut interrupted: Vec<usize> = arms.flat_map(|trace| trace.interrupted.clone()).collect();
    interrupted.sort_unstable();
    interrupted.dedup();
    for trace in runs.iter_mut().flat_map(|runs| &mut runs.arms) {
        trace.interrupted.clone_from(&interrupted);
    }
    runs
}

/// Judges the states of all units beside each other; `alone` are those of each, of the same rows.
///
/// # Errors
/// If the units made different numbers of steps, or the joined states cannot be evaluated.
pub(super) fn judge(
    plans: &[Plan],
    problem: &Problem,
    runs: &[Runs],
    alone: &[Judged],
) -> Result<Judged> {
    let (Some(plan), Some(first)) = (plans.first(), alone.first()) else {
        bail!("no units to join");
    };
    let names: Vec<&str> = plans.iter().map(|p| p.config.unit.name.as_str()).collect();
    let traces: Vec<&Trace> = runs.iter().flat_map(|runs| &runs.arms).collect();
    let states = beside(&names, alone.iter().map(|judged| &judged.states))?;
    let encoded = distinct(&beside(&names, alone.iter().map(|judged| &judged.encoded))?)?;
    let off = off(plans, runs, &names)?.filter(|off| off.features() == states.features());
    let mut products: Vec<(usize, usize)> = (traces.iter())
        .flat_map(|trace| trace.encoding.products(plan.features.history))
        .collect();
    products.sort_unstable();
    products.dedup();
    let (left_out, sequence) = (&first.left_out, &problem.sequence);
    let split = left_out.split(plan.split);
    let trial = |target| Trial {
        device: &states,
        history: plan.features.history,
        step_seconds: least_even(&traces),
        encoded: &encoded,
        taps: plan.taps,
        products: &products,
        off: off.as_ref(),
        input: &sequence.input,
        target,
        split: plan.split,
        left_out,
        seed: plan.seed,
    };
    let verdict = Verdict::of(&trial(&sequence.target)).context("cannot judge the joined units")?;
    let further = judge::further(problem, (left_out, &split), &trial)?;
    let (others, target) = judge::others(plan, problem, (&states, left_out))?;
    let arm = Arm {
        name: JOINED.into(),
        encoding: format!("the states of {}", names.join(", ")),
        provenance: provenance(alone),
        published_nrmse: None,
        sentence: verdict.to_string(),
        features: (states.features().iter())
            .map(|f| format!("{} [{}]", f.name, f.unit))
            .collect(),
        decisions: judge::decisions(problem, &target[split.test_rows()], &verdict, plan.seed),
        verdict,
        others,
        further,
        echo: None,
        account: account(alone, left_out.within(plan.split.total()).len()),
        too_hot: alone.iter().find_map(|judged| judged.arm.too_hot),
        notes: judge::remarks(plan).collect(),
    };
    Ok(Judged {
        arm,
        states,
        encoded,
        left_out: left_out.clone(),
    })
}

/// The columns of all matrices, the unit's name before each.
fn beside<'a>(
    names: &[&str],
    matrices: impl Iterator<Item = &'a StateMatrix>,
) -> Result<StateMatrix> {
    let mut joined: Option<StateMatrix> = None;
    for (name, states) in names.iter().zip(matrices) {
        let states = states.clone().prefixed(&format!("{name}."));
        joined = Some(match joined {
            None => states,
            Some(joined) => {
                ensure!(
                    joined.rows() == states.rows(),
                    "{name} made {} steps and the units before it {}: their states do not line up",
                    states.rows(),
                    joined.rows()
                );
                joined.beside(&states)?
            }
        });
    }
    joined.context("no units to join")
}

/// The score of the states of `judged` so many `times` over, on the same rows.
///
/// # Errors
/// If they cannot be evaluated.
pub(super) fn repeated(
    plan: &Plan,
    problem: &Problem,
    judged: &Judged,
    times: usize,
) -> Result<Score> {
    let copies: Vec<String> = (0..times).map(|copy| format!("copy{copy}")).collect();
    let copies: Vec<&str> = copies.iter().map(String::as_str).collect();
    let states = beside(&copies, copies.iter().map(|_| &judged.states))?;
    let states = readout_states(plan.taps, &problem.sequence.input, &states)?;
    let left_out = &judged.left_out;
    let split = left_out.split(plan.split);
    let target = left_out.values(&problem.sequence.target);
    let bootstrap = Bootstrap::new(split.test, plan.seed);
    let states = left_out.states(&states);
    Ok(evaluate(&states, &target, &split, &bootstrap)?)
}

/// The matrix without columns that another one before them equals: units that are driven alike have one drive.
fn distinct(states: &StateMatrix) -> Result<StateMatrix> {
    let mut columns: Vec<(Feature, Vec<f64>)> = Vec::new();
    for (feature, values) in states.features().iter().zip(states.values().column_iter()) {
        let values: Vec<f64> = values.iter().copied().collect();
        if columns.iter().all(|(_, other)| *other != values) {
            columns.push((feature.clone(), values));
        }
    }
    Ok(StateMatrix::from_columns(states.rows(), columns)?)
}

/// The states of all units without work, as many rows as all have; `None` unless all were watched so.
fn off(plans: &[Plan], runs: &[Runs], names: &[&str]) -> Result<Option<StateMatrix>> {
    let each: Option<Vec<StateMatrix>> = (plans.iter().zip(runs))
        .map(|(plan, runs)| judge::off_states(plan, runs))
        .collect();
    let Some(each) = each else { return Ok(None) };
    let rows = each.iter().map(StateMatrix::rows).min().unwrap_or(0);
    let cut = |states: &StateMatrix| {
        let values = states.values().rows(0, rows).into_owned();
        StateMatrix::from_matrix(states.features().to_vec(), values)
    };
    let cut: Vec<StateMatrix> = each.iter().map(cut).collect::<Result<_, _>>()?;
    beside(names, cut.iter()).map(Some)
}

/// How long the steps lasted on the unit where they were the least even, s.
fn least_even<'a>(traces: &[&'a Trace]) -> &'a [f64] {
    let spread = |seconds: &[f64]| {
        let ends = seconds.iter().fold((f64::INFINITY, 0.0_f64), |ends, s| {
            (ends.0.min(*s), ends.1.max(*s))
        });
        ends.1 - ends.0
    };
    let lengths = traces.iter().map(|trace| trace.step_seconds.as_slice());
    lengths
        .max_by(|a, b| spread(a).total_cmp(&spread(b)))
        .unwrap_or_default()
}

/// That of the states of all: none counts for more than the least.
fn provenance(alone: &[Judged]) -> Provenance {
    let all = || alone.iter().map(|judged| &judged.arm.provenance);
    let least = [Provenance::Simulated, Provenance::UnverifiedDevice];
    let found = least.into_iter().find(|least| all().any(|of| of == least));
    found.unwrap_or(Provenance::Device)
}

/// What all units together have taken; times are those of the slowest.
fn account(alone: &[Judged], left_out: usize) -> Account {
    let all = || alone.iter().map(|judged| &judged.arm.account);
    let longest = |of: fn(&Account) -> f64| all().map(of).fold(0.0, f64::max);
    let refused = |of: fn(&Refused) -> u32| all().map(|account| of(&account.refused)).sum();
    Account {
        asked_seconds: longest(|account| account.asked_seconds),
        device_seconds: longest(|account| account.device_seconds),
        jobs: all().map(|account| account.jobs).sum(),
        refused: Refused {
            stale: refused(|refused| refused.stale),
            duplicate: refused(|refused| refused.duplicate),
            invalid: refused(|refused| refused.invalid),
        },
        timed_out: all().map(|account| account.timed_out).sum(),
        interrupted: all().map(|account| account.interrupted).sum(),
        gap_seconds: all().map(|account| account.gap_seconds).sum(),
        left_out,
        mean_reading_age_seconds: longest(|account| account.mean_reading_age_seconds),
        since_job_ms: None,
    }
}
