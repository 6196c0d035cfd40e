//! The units that are joined, and the plan of each.

use anyhow::{Context as _, Result, bail, ensure};
use thermine_units::model::Model;

use crate::backend::Backend;
use crate::config::{Config, ConfigError};
use crate::experiment::plan::Plan;
use crate::experiment::quantities::Group;
use crate::request::{Setup, Train};
use crate::train;

/// Most units of one reservoir.
pub const MOST: usize = 8;

/// Simulated units of `models`, numbered where they are several.
///
/// # Errors
/// As [`Config::simulated`].
pub fn named(models: &[Model]) -> Result<Vec<Config>, ConfigError> {
    let units = models.iter().enumerate().map(|(i, model)| {
        let mut config = Config::simulated(*model)?;
        config.unit.name = format!("{}-{}", config.unit.name, i + 1);
        Ok(config)
    });
    units.collect()
}

/// The plan of each of `units`: the same task and the same steps for all, by the first way in which the request drives
/// a unit, and a mask of its own for each.
///
/// # Errors
/// If they are too few or too many, cannot be driven as asked, or their steps would differ.
pub(super) fn plans(request: &Train, setup: &Setup, units: &[Config]) -> Result<Vec<Plan>> {
    ensure!(
        units.len() >= 2,
        "one unit cannot be joined: name a second one with --join, or a rack of several with --config"
    );
    ensure!(
        units.len() <= MOST,
        "cannot join {} units: one reservoir has at most {MOST}; name fewer",
        units.len()
    );
    if request.backend == Backend::Replay || setup.capture.is_some() {
        bail!("--backend replay is not for joined units: replay the capture of one, in its folder");
    }
    if request.sensitivity {
        bail!(
            "--sensitivity is not for joined units: measure one unit, or assume a value with --assume"
        );
    }
    let waits = |group: &Group| matches!(group, Group::Waits | Group::Timescales);
    if request.shares.is_some_and(|shares| shares > 0)
        || request.hold == Some(0.0)
        || request.features.iter().any(waits)
    {
        bail!(
            "the steps of joined units must be equally long, so that their states line up: leave out --shares, the \
             features waits and timescales, and a --hold of 0"
        );
    }
    let simulated = |config: &&Config| config.unit.simulated.is_some();
    let played = units.iter().filter(simulated).count();
    ensure!(
        played == 0 || played == units.len(),
        "simulated and real units cannot be joined: no score may mix what was measured with what was computed"
    );
    let mut request = Train {
        shares: Some(0),
        echo_steps: request.echo_steps.or(Some(0)),
        off_steps: request.off_steps.or(Some(0)),
        ..request.clone()
    };
    let first = all(&request, setup, units)?;
    let holds = first.iter().map(|plan| plan.config.step.hold_seconds);
    let longest = holds.fold(0.0, f64::max);
    if request.hold.is_none() {
        request.hold = Some(longest);
        return all(&request, setup, units);
    }
    Ok(first)
}

fn all(request: &Train, setup: &Setup, units: &[Config]) -> Result<Vec<Plan>> {
    let plans = units.iter().enumerate().map(|(i, config)| {
        let name = &config.unit.name;
        let setup = Setup {
            config: Some(config.clone()),
            ..setup.clone()
        };
        let mut plan = train::plan(request, setup).with_context(|| name.clone())?;
        if plan.task.is_capacity() {
            bail!(
                "{} is measured of one unit: give joined units a task with a score",
                plan.task.name()
            );
        }
        plan.encodings.truncate(1);
        for encoding in &mut plan.encodings {
            encoding.unit = i as u64;
        }
        Ok(plan)
    });
    plans.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::task::Named;

    fn refused(request: Train, models: &[Model]) -> String {
        let units = named(models).expect("units");
        let plans = plans(&request, &Setup::default(), &units);
        format!("{:#}", plans.expect_err("refused"))
    }

    fn request() -> Train {
        Train {
            task: Some(Named::Narma10),
            ..Train::default()
        }
    }

    #[test]
    fn eight_units_are_joined_and_a_ninth_is_refused() {
        let units = named(&[Model::AntminerS9; 8]).expect("units");
        let plans = plans(&request(), &Setup::default(), &units).expect("eight");
        let masks: Vec<u64> = plans.iter().map(|plan| plan.encodings[0].unit).collect();
        assert_eq!(masks, [0, 1, 2, 3, 4, 5, 6, 7]);
        let said = refused(request(), &[Model::AntminerS9; 9]);
        assert_eq!(
            said,
            "cannot join 9 units: one reservoir has at most 8; name fewer"
        );
        assert!(refused(request(), &[Model::AntminerS9]).contains("a second one"));
    }

    #[test]
    fn the_steps_of_mixed_models_are_equally_long() {
        let units = named(&[Model::AntminerS9, Model::LuckyMinerLv06]).expect("units");
        let plans = plans(&request(), &Setup::default(), &units).expect("two");
        let steps = plans.iter().map(|plan| &plan.config.step);
        assert!(
            steps
                .map(|step| (step.hold_seconds, step.shares))
                .all(|step| step == (20.0, 0))
        );
        let waiting = Train {
            shares: Some(2),
            ..request()
        };
        let models = [Model::AntminerS9; 2];
        assert!(refused(waiting, &models).contains("equally long"));
        let waits = Train {
            features: vec![Group::Waits],
            ..request()
        };
        assert!(refused(waits, &models).contains("equally long"));
    }

    #[test]
    fn measured_and_computed_states_are_not_mixed() {
        let mut units = named(&[Model::AntminerS9; 2]).expect("units");
        units[1].unit.simulated = None;
        let said = plans(&request(), &Setup::default(), &units).expect_err("refused");
        assert!(said.to_string().contains("simulated and real"), "{said}");
    }
}
