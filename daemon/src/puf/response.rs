//! A unit's answer to a challenge: what came of each step that counts.

use anyhow::{Context, Result, bail};
use thermine_drivers::substrate::{Observation, Substrate};

use super::challenge::{Asked, Challenge, Plan};

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Response {
    /// Observations of each place's counting steps, in the order of the plan's places.
    pub(crate) places: Vec<Vec<Observation>>,
}

impl Response {
    fn empty(plan: &Plan) -> Response {
        Response {
            places: vec![Vec::new(); plan.places.len()],
        }
    }

    fn take(&mut self, asked: &Asked, observation: Observation) {
        if asked.counts {
            self.places[asked.place].push(observation);
        }
    }

    /// Soonest first answer to a job, from the sending of the job, s; over all jobs at full duty, as clean jobs at a
    /// cadence are answered at its pace. `None` if no job was answered.
    pub(crate) fn soonest(&self, plan: &Plan) -> Option<f64> {
        let full = self.places.iter().zip(&plan.places);
        let steps = full
            .filter(|(_, place)| place.duty >= 1.0)
            .flat_map(|(steps, _)| steps);
        steps
            .filter_map(|step| Some(step.shares.first()?.since_job.as_secs_f64()))
            .min_by(f64::total_cmp)
    }

    /// Shares in it.
    pub(crate) fn shares(&self) -> u64 {
        let steps = self.places.iter().flatten();
        steps.map(|step| step.shares.len() as u64).sum()
    }
}

/// Puts `challenge` to `unit`; `progress` is called after each step.
///
/// # Errors
/// If the unit fails, or leaves a job unanswered for too long.
pub(crate) async fn put<S: Substrate>(
    challenge: &Challenge,
    unit: &mut S,
    progress: impl Fn(),
) -> Result<Response> {
    let mut response = Response::empty(&challenge.plan);
    for (step, asked) in challenge.steps().iter().enumerate() {
        let seen = unit
            .step(&asked.drive)
            .await
            .with_context(|| format!("step {step} of the challenge"))?;
        if asked.counts && (seen.shares.len() as u32) < asked.drive.pace.shares {
            bail!(
                "step {step} of the challenge brought {} of {} shares in {} s: the unit is too slow for the share \
                 difficulty of {}, or has stopped",
                seen.shares.len(),
                asked.drive.pace.shares,
                challenge.plan.timeout_s,
                challenge.plan.difficulty,
            );
        }
        response.take(asked, seen);
        progress();
    }
    Ok(response)
}
