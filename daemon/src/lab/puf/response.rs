//! A unit's answer to a challenge: what came of each step that counts.

use anyhow::{Context, Result, bail};
use thermine_lab::substrate::{Observation, Outcome, Substrate};

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

/// What is done if the unit's connection breaks in a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// The place under way is asked again from its beginning, as the unit has cooled.
    AskAgain,
    /// The answer is worth nothing: the peer has seen the challenge and had time to compute.
    Fail,
}

/// Challenges in which a place may be asked again.
const ATTEMPTS: u32 = 20;

/// Puts `challenge` to `unit`; `progress` is called after each step. A job that has not all its shares in time is
/// kept as it is: a unit that is weak at its edge is known by that.
///
/// # Errors
/// If the unit fails, or answers nothing at one of the places.
pub(crate) async fn put<S: Substrate>(
    challenge: &Challenge,
    unit: &mut S,
    on_break: Break,
    progress: impl Fn(),
) -> Result<Response> {
    let mut response = Response::empty(&challenge.plan);
    let steps = challenge.steps();
    let (mut step, mut left) = (0, ATTEMPTS);
    while let Some(asked) = steps.get(step) {
        let seen = unit
            .step(&asked.drive)
            .await
            .with_context(|| format!("step {step} of the challenge"))?;
        if seen.outcome == Outcome::Interrupted {
            if on_break == Break::Fail {
                bail!(
                    "the unit lost its connection in step {step} of the challenge, which makes its answer invalid: \
                     start again, with a new challenge"
                );
            }
            left -= 1;
            if left == 0 {
                bail!(
                    "the unit lost its connection in {ATTEMPTS} steps of one challenge: see to its network, then \
                     start again"
                );
            }
            let place = asked.place;
            tracing::warn!(
                place = challenge.plan.places[place].name,
                "the connection broke; the place is asked again from its beginning"
            );
            response.places[place].clear();
            step = steps
                .iter()
                .position(|asked| asked.place == place)
                .unwrap_or(0);
            continue;
        }
        response.take(asked, seen);
        progress();
        step += 1;
    }
    let answered = |steps: &Vec<Observation>| steps.iter().any(|step| !step.shares.is_empty());
    if let Some(place) = response.places.iter().position(|steps| !answered(steps)) {
        bail!(
            "the unit answered no job at `{}`: is the share difficulty of {} too high for it?",
            challenge.plan.places[place].name,
            challenge.plan.difficulty,
        );
    }
    Ok(response)
}
