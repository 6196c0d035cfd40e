//! A unit's response to a challenge: the observations of each step that counts.

use std::pin::pin;
use std::task::{self, Poll, Waker};

use crate::substrate::{Observation, Outcome, Substrate};
use anyhow::{Context as _, Result, bail};
use thermine_reservoir::identity::response_time::latest;

use super::challenge::{Challenge, Plan, Step};

/// What a unit returned.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Response {
    /// Observations of each place's counting steps, in the order of the plan's places.
    pub(super) places: Vec<Vec<Observation>>,
}

impl Response {
    fn empty(plan: &Plan) -> Response {
        Response {
            places: vec![Vec::new(); plan.places.len()],
        }
    }

    fn take(&mut self, step: &Step, observation: Observation) {
        if step.counts {
            self.places[step.place].push(observation);
        }
    }

    /// Shortest time from a job to its first share, in seconds, over all jobs at full duty: at a lower duty the pace of the
    /// jobs decides it. `None` if no such job has a share.
    pub(super) fn soonest(&self, plan: &Plan) -> Option<f64> {
        let full = self.places.iter().zip(&plan.places);
        let steps = full
            .filter(|(_, place)| place.duty >= 1.0)
            .flat_map(|(steps, _)| steps);
        steps
            .filter_map(|step| Some(step.shares.first()?.since_job.as_secs_f64()))
            .min_by(f64::total_cmp)
    }

    /// Shares of all steps that count.
    pub(super) fn shares(&self) -> u64 {
        let steps = self.places.iter().flatten();
        steps.map(|step| step.shares.len() as u64).sum()
    }
}

/// What to do if the unit's connection breaks during a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// Repeat the place from its beginning, as the unit has cooled.
    AskAgain,
    /// Refuse the response: the unit has seen the challenge and had time to compute.
    Fail,
}

/// Part of a unit's own responses that may miss its time bound.
const MISSED: f64 = 0.01;

/// Steps of a challenge in which the connection may break.
const ATTEMPTS: u32 = 20;

/// Puts `challenge` to `unit`, and calls `progress` after each step. A job without all its shares in time is kept: that is
/// how a unit that is weak at its edge is recognised.
///
/// # Errors
/// If the unit fails, or has no share at one of the places.
pub(super) async fn put<S: Substrate>(
    challenge: &Challenge,
    unit: &mut S,
    on_break: Break,
    progress: impl Fn(),
) -> Result<Response> {
    let mut response = Response::empty(&challenge.plan);
    let steps = challenge.steps();
    let (mut step, mut left) = (0, ATTEMPTS);
    while let Some(next) = steps.get(step) {
        let seen = unit
            .step(&next.drive)
            .await
            .with_context(|| format!("step {step} of the challenge"))?;
        if seen.outcome == Outcome::Interrupted {
            if on_break == Break::Fail {
                bail!(
                    "the unit lost its connection in step {step} of the challenge, which makes its response invalid: \
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
            let place = next.place;
            tracing::warn!(
                place = challenge.plan.places[place].name,
                "the connection broke; the place is repeated from its beginning"
            );
            response.places[place].clear();
            step = steps
                .iter()
                .position(|step| step.place == place)
                .unwrap_or(0);
            continue;
        }
        response.take(next, seen);
        progress();
        step += 1;
    }
    let answered = |steps: &Vec<Observation>| steps.iter().any(|step| !step.shares.is_empty());
    if let Some(place) = response.places.iter().position(|steps| !answered(steps)) {
        bail!(
            "the unit found no share at `{}`: is the share difficulty of {} too high for it?",
            challenge.plan.places[place].name,
            challenge.plan.difficulty,
        );
    }
    Ok(response)
}

/// Puts `challenge` to a unit that is simulated in virtual time and records nothing, so that it never waits.
///
/// # Errors
/// As [`put`].
pub(super) fn put_simulated<S: Substrate>(challenge: &Challenge, unit: &mut S) -> Result<Response> {
    let put = pin!(put(challenge, unit, Break::Fail, || ()));
    match put.poll(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => response,
        Poll::Pending => bail!("a simulated unit waited for something outside the simulation"),
    }
}

/// The latest time that a response's soonest share may have, from those of the enrolment; `None` of fewer than two.
pub(super) fn time_bound(soonest: &[f64]) -> Option<f64> {
    latest(soonest, MISSED)
}
