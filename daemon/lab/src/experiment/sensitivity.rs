//! What a simulated score rests on: the same run with each assumption at either end of its range.

use anyhow::Result;
use thermine_reservoir::verdict::Verdict;
use thermine_units::params::{ASSUMPTIONS, Assumed, Params};
use tokio::runtime::Handle;

use super::arms::twin_params;
use super::plan::Plan;
use super::report_sensitivity::{Ends, Outcome, Sensitivity, Spread};
use super::run;
use crate::backend::Backend;
use crate::observer::Progress;
use crate::session::context::Context;
use crate::threads::on_all_cores;

/// Runs on twins that a measurement takes.
pub(crate) fn runs() -> usize {
    1 + 2 * ASSUMPTIONS.len()
}

/// Drives twins through `plan` with every assumption at either end. Costs [`runs`] times a run on a twin.
///
/// # Errors
/// If the unit of `plan` has no twin, or its run with the model's own parameters fails.
pub(crate) fn measure(plan: &Plan, handle: &Handle) -> Result<Sensitivity> {
    let plan = Plan {
        backend: Backend::Twin,
        echo_steps: 0,
        off_steps: 0,
        readouts: Vec::new(),
        ..plan.clone()
    };
    let params = twin_params(&plan.config)?;
    let mut assumed: Vec<Vec<Assumed>> = vec![Vec::new()];
    for assumption in ASSUMPTIONS {
        assumed.push(assumption.at(assumption.low, &params));
        assumed.push(assumption.at(assumption.high, &params));
    }
    let verdicts = on_all_cores(assumed.len(), |i| verdicts(&plan, &assumed[i], handle));
    let mut verdicts = verdicts.into_iter();
    let own = verdicts.next().unwrap_or_else(|| Ok(Vec::new()))?;
    let verdicts: Vec<Result<Vec<(String, Verdict)>>> = verdicts.collect();
    let at = |run: usize, row: usize| match &verdicts[run] {
        Ok(rows) => Outcome {
            score: Some(rows[row].1.device.nrmse.value),
            says: rows[row].1.word().to_string(),
        },
        // Such a unit trips, or hashes nothing: that is what the assumption says of it.
        Err(error) => Outcome {
            score: None,
            says: format!("{error:#}"),
        },
    };
    let rows = own.iter().enumerate().map(|(row, (name, base))| Spread {
        row: name.clone(),
        base: base.device.nrmse.value,
        control: base.best_linear().map_or(f64::NAN, |c| c.score.nrmse.value),
        ends: (ASSUMPTIONS.iter().enumerate())
            .map(|(i, assumption)| Ends {
                assumption: assumption.name(),
                low: assumption.low.to_string(),
                at_low: at(2 * i, row),
                high: assumption.high.to_string(),
                at_high: at(2 * i + 1, row),
            })
            .collect(),
    });
    Ok(Sensitivity {
        seed: plan.seed,
        train_steps: plan.split.train,
        test_steps: plan.split.test,
        rows: rows.collect(),
    })
}

/// The verdict on each row of `plan` under what is assumed.
fn verdicts(plan: &Plan, assumed: &[Assumed], handle: &Handle) -> Result<Vec<(String, Verdict)>> {
    let config = plan.config.clone().assuming(assumed)?;
    let plan = Plan {
        config,
        ..plan.clone()
    };
    let hidden = Progress::hidden(&Context::new("thermine train"));
    let judged = handle.block_on(run::on_twins(&plan, &hidden))?;
    Ok(judged
        .into_iter()
        .map(|judged| (judged.arm.name, judged.arm.verdict))
        .collect())
}

/// Whether anything of `params` is known to be assumed: a real unit's physics is not.
pub(crate) fn applies(plan: &Plan) -> bool {
    plan.config.unit.simulated.is_some()
        && plan.backend != Backend::Replay
        && Params::of(plan.config.unit.model).is_some()
}

#[cfg(test)]
mod tests {
    use thermine_units::model::Model;

    use super::*;
    use crate::experiment::task::Named;
    use crate::request::{Setup, Train};
    use crate::train;

    #[test]
    fn the_power_of_a_switching_chip_decides_the_dialogues_score() {
        let request = Train {
            task: Some(Named::Narma10),
            backend: Backend::Twin,
            washout: Some(50),
            train: Some(500),
            test: Some(500),
            ..Train::default()
        };
        let mut plan = train::plan(&request, Setup::default()).expect("a plan");
        plan.encodings.truncate(1);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let measured = measure(&plan, runtime.handle()).expect("measured");
        let [row] = measured.rows.as_slice() else {
            panic!("one row");
        };
        assert_eq!(row.ends.len(), ASSUMPTIONS.len());
        let idle = row.ends.iter().find(|ends| ends.assumption == "idle");
        let idle = idle.expect("idle is assumed");
        let (low, high) = (idle.at_low.score, idle.at_high.score);
        let (low, high) = (low.expect("driven"), high.expect("driven"));
        // With all of its power while a job switches, a chip's heat tells nothing of the duty.
        assert!(high > row.base + 0.1, "{low} {} {high}", row.base);
        assert_eq!(row.decides().map(|ends| &*ends.assumption), Some("idle"));
        let (least, most) = row.range();
        assert!(least <= low && high <= most);
    }

    #[test]
    fn an_assumption_reaches_the_twin_and_only_a_simulated_unit_has_any() {
        let s9 = Model::AntminerS9;
        let config = crate::config::Config::simulated(s9).expect("the default");
        let assumed: Assumed = "idle=0.7".parse().expect("sound");
        let assuming = config
            .clone()
            .assuming(std::slice::from_ref(&assumed))
            .expect("sound");
        assert_eq!(twin_params(&assuming).expect("a twin").idle, 0.7);
        assert_ne!(
            assuming.fingerprint().expect("TOML").1,
            config.fingerprint().expect("TOML").1
        );
        let mut real = config;
        real.unit.simulated = None;
        let refused = real.assuming(&[assumed]).expect_err("refused").to_string();
        assert!(refused.contains("no simulated unit"), "{refused}");
    }
}
