//! All units at once, each in its own sessions with its interlock and its awaited safe end. If one fails, all others
//! are stopped and led to theirs.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Error, Result, anyhow};
use serde::Serialize;
use thermine_capture::error_chain::chain;
use thermine_units::clock::Clock;
use tokio::task::{Id, JoinError, JoinSet};

use crate::attach::Attachments;
use crate::experiment::arms::Runs;
use crate::experiment::plan::Plan;
use crate::experiment::run;
use crate::experiment::task::Problem;
use crate::folder;
use crate::observer::Progress;
use crate::session::context::{Context, Interrupted};

/// What is left of a run that a unit has ended: how each unit ended, in the folder of the run.
const ENDED: &str = "ended.json";

/// How a unit ended in a run that failed.
#[derive(Debug, Serialize)]
struct Ended {
    unit: String,
    model: String,
    how: String,
}

/// Drives every plan's unit through `problem` at the same time, each recorded in a folder of its own below `folder`.
/// Returns what came of each, in order.
///
/// # Errors
/// If one unit fails: which and why, after all have come to their safe end. [`Interrupted`] if the work was asked to stop.
pub(super) async fn all(
    plans: &[Plan],
    problem: &Problem,
    folder: &std::path::Path,
    progress: &Progress,
) -> Result<Vec<Runs>> {
    let group = group(plans, progress.context())?;
    let (mut running, mut numbers) = (JoinSet::new(), HashMap::<Id, usize>::new());
    for (i, plan) in plans.iter().enumerate() {
        let own: PathBuf = folder.join(&plan.config.unit.name);
        let progress = progress.clone().within(|_| group.clone());
        let progress = progress.of_unit(&plan.config.unit.name);
        let (plan, problem) = (plan.clone(), problem.clone());
        let driven = async move { run::record(&plan, &problem, &own, &progress).await };
        numbers.insert(running.spawn(driven).id(), i);
    }
    let mut done: Vec<Option<Result<Runs>>> = plans.iter().map(|_| None).collect();
    let mut culprit = None;
    loop {
        let joined = tokio::select! {
            joined = running.join_next_with_id() => joined,
            () = progress.context().stopped(), if !group.is_stopped() => {
                group.stop();
                continue;
            }
        };
        let Some(joined) = joined else { break };
        let (id, outcome) = joined.unwrap_or_else(|panic| (panic.id(), Err(panicked(&panic))));
        let Some(&i) = numbers.get(&id) else { continue };
        if outcome.is_err() && culprit.is_none() {
            culprit = Some(i);
            group.stop();
        }
        done[i] = Some(outcome);
    }
    // Sessions that were dropped end safe in tasks of their own.
    group.ended().await;
    let outcomes: Vec<Result<Runs>> = done.into_iter().flatten().collect();
    match culprit {
        None => outcomes.into_iter().collect(),
        Some(i) => Err(failed(plans, outcomes, i, folder, &group)?),
    }
}

/// What all units are driven in: it is stopped for all at once, and real units may share a port of this machine.
fn group(plans: &[Plan], context: &Context) -> Result<Context> {
    let group = context.within();
    let is_real = |plan: &Plan| plan.config.unit.simulated.is_none();
    Ok(match plans.iter().any(is_real) {
        true => group.on(Arc::new(Attachments::new(Clock::real())?)),
        false => group,
    })
}

fn panicked(panic: &JoinError) -> Error {
    anyhow!("the drive panicked: {panic}")
}

/// The error of a run that unit `culprit` has ended first; it is written into the folder too.
fn failed(
    plans: &[Plan],
    outcomes: Vec<Result<Runs>>,
    culprit: usize,
    folder: &std::path::Path,
    group: &Context,
) -> Result<Error> {
    let mut why = None;
    let (mut ended, mut others) = (Vec::new(), Vec::new());
    for (i, (plan, outcome)) in plans.iter().zip(outcomes).enumerate() {
        let unit = &plan.config.unit;
        let how = match outcome {
            Ok(_) => "made all its steps".to_string(),
            Err(error) if i != culprit && error.is::<Interrupted>() => {
                "stopped because another unit failed".to_string()
            }
            Err(error) => {
                let how = chain(&error);
                if i == culprit {
                    why = Some(error);
                }
                how
            }
        };
        if i != culprit {
            others.push(unit.name.clone());
        }
        ended.push(Ended {
            unit: unit.name.clone(),
            model: unit.model.to_string(),
            how,
        });
    }
    let why = why.unwrap_or_else(|| anyhow!("no unit was driven"));
    if why.is::<Interrupted>() {
        return Ok(why);
    }
    folder::write_json(folder, ENDED, &ended)?;
    let (unit, others) = (&plans[culprit].config.unit, others.join(", "));
    let safe = match group.not_safe().as_slice() {
        [] => "led to their safe end".to_string(),
        units => format!(
            "stopped, but these did NOT confirm their safe operating point: {}; check them now",
            units.join(", ")
        ),
    };
    Ok(why.context(format!(
        "{} ({}) ended the run of the joined units; the others ({others}) were {safe}",
        unit.name, unit.model
    )))
}
