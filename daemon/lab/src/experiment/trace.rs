//! Driving a substrate through a whole input, and what it leaves to learn from.

use crate::substrate::{Observation, Outcome, Refused, Substrate};
use anyhow::Result;
use thermine_reservoir::controls::delay_line;
use thermine_reservoir::left_out::LeftOut;
use thermine_reservoir::state::{Feature, StateMatrix};
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;

use super::encoder::Encoder;
use super::encoding::Encoding;
use super::features::{FeaturePlan, Features};
use super::too_hot::TooHot;

/// What came of driving a unit through an input, one row a step.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    /// How it was driven.
    pub(crate) encoding: Encoding,
    /// Where the numbers come from.
    pub(crate) provenance: Provenance,
    /// The device's features, by step.
    pub(crate) features: Features,
    /// Names and units of the encoded drive.
    pub(crate) columns: Vec<Feature>,
    /// The encoded drive, by step.
    pub(crate) encoded: Vec<Vec<f64>>,
    /// Δt of the first answer to each job, in ms: the handshake's time. Later answers to the same job
    /// only say how long it was held.
    pub(crate) waits_ms: Vec<f64>,
    pub(crate) jobs: u64,
    /// Answers that are no samples.
    pub(crate) refused: Refused,
    /// Steps that ended by time-out.
    pub(crate) timed_out: u64,
    /// Rows in whose step the unit's connection broke.
    pub(crate) interrupted: Vec<usize>,
    /// Steps of the unit in which that happened, and how long it was away in all, in seconds of its time.
    pub(crate) gaps: (u64, f64),
    /// How long each step lasted, s of the unit's time.
    pub(crate) step_seconds: Vec<f64>,
    /// Sum over the steps of the age of the reading used, in seconds of the unit's time.
    pub(crate) reading_age_seconds: f64,
    /// The reading furthest above a limit of the model; `None` if none reached one.
    pub(crate) too_hot: Option<TooHot>,
    /// From the beginning of the first step to the end of the last, in seconds of the unit's time.
    pub(crate) device_seconds: f64,
}

impl Trace {
    /// Drives `substrate`, a unit of `model`, through `input`, and keeps what `plan` asks for; `each` sees it after
    /// every step, and may end the run.
    ///
    /// # Errors
    /// If a step fails, or `each` does. What came before is in the capture.
    pub(crate) async fn record<S: Substrate>(
        substrate: &mut S,
        encoder: &Encoder,
        (plan, model): (&FeaturePlan, Model),
        input: &[f64],
        mut each: impl FnMut(&Trace) -> Result<()>,
    ) -> Result<Trace> {
        let mut trace = Trace {
            encoding: encoder.encoding().clone(),
            provenance: substrate.provenance(),
            features: Features::new(plan, model, encoder.encoding().nodes),
            columns: encoder.columns(),
            encoded: Vec::with_capacity(input.len()),
            waits_ms: Vec::new(),
            jobs: 0,
            refused: Refused::default(),
            timed_out: 0,
            interrupted: Vec::new(),
            gaps: (0, 0.0),
            step_seconds: Vec::with_capacity(input.len()),
            reading_age_seconds: 0.0,
            too_hot: None,
            device_seconds: 0.0,
        };
        let mut began = None;
        let mut newest_job = None;
        for t in 0..input.len() {
            let drives = encoder.drives(input, t);
            let mut nodes = Vec::with_capacity(drives.len());
            let before = trace.device_seconds;
            for drive in &drives {
                let seen = substrate.step(drive).await?;
                trace.account(&seen, &mut newest_job);
                let read = seen.telemetry.as_ref();
                let hot = read.and_then(|read| TooHot::of(read, model.limits()));
                trace.too_hot = TooHot::worse(trace.too_hot, hot);
                let began = *began.get_or_insert(seen.started);
                trace.device_seconds = seen.ended.since(began).as_secs_f64();
                nodes.push(seen);
            }
            trace.step_seconds.push(trace.device_seconds - before);
            if nodes
                .iter()
                .any(|seen| seen.outcome == Outcome::Interrupted)
            {
                trace.interrupted.push(t);
                trace.features.push_gap(&nodes);
            } else {
                trace.features.push(&nodes);
            }
            trace.encoded.push(encoder.encoded(&drives));
            each(&trace)?;
        }
        // What was seen on the way may speak against the unit.
        trace.provenance = substrate.provenance();
        Ok(trace)
    }

    /// Takes what is counted and not a state.
    fn account(&mut self, seen: &Observation, newest_job: &mut Option<u64>) {
        for share in &seen.shares {
            if newest_job.is_none_or(|newest| share.job > newest) {
                *newest_job = Some(share.job);
                self.waits_ms.push(share.since_job.as_secs_f64() * 1e3);
            }
        }
        self.jobs += u64::from(seen.jobs);
        self.refused.stale += seen.refused.stale;
        self.refused.duplicate += seen.refused.duplicate;
        self.refused.invalid += seen.refused.invalid;
        self.timed_out += u64::from(seen.outcome == Outcome::TimedOut);
        if seen.outcome == Outcome::Interrupted {
            self.gaps.0 += 1;
            self.gaps.1 += seen.gap.as_secs_f64();
        }
        if let Some(reading) = &seen.telemetry {
            self.reading_age_seconds += seen.ended.since(reading.taken).as_secs_f64();
        }
    }

    /// The rows that are neither trained nor scored on: those of interrupted steps, and those whose readout looks
    /// back on one, be it on the device's features of `plan` or on the host's `taps`. The taps themselves are known
    /// without a gap, but a readout that needs them is about that far a past, which the device has not lived through.
    pub(crate) fn left_out(&self, plan: &FeaturePlan, taps: usize) -> LeftOut {
        LeftOut::looking_back(&self.interrupted, plan.history.max(taps))
    }

    /// The device's states as `plan` has them, and what had to be done to make them whole.
    ///
    /// # Errors
    /// If the unit reported nothing that could be a state.
    pub(crate) fn states(&self, plan: &FeaturePlan) -> Result<(StateMatrix, Vec<String>)> {
        self.features.clone().states(plan)
    }

    /// The encoded drive as states, treated as `plan` treats the device's: what a control gets without the
    /// device.
    ///
    /// # Errors
    /// If a drive is not finite.
    pub(crate) fn encoded_states(&self, plan: &FeaturePlan) -> Result<StateMatrix> {
        let columns = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, feature)| {
                let values = self.encoded.iter().map(|row| row[i]).collect();
                (feature.clone(), values)
            })
            .collect();
        let encoded = StateMatrix::from_columns(self.encoded.len(), columns)?;
        plan.treated(encoded)
    }
}

/// What a readout is given: the host's declared taps beside the device's states.
pub(crate) fn readout_states(
    taps: usize,
    input: &[f64],
    states: &StateMatrix,
) -> Result<StateMatrix> {
    Ok(delay_line(&input[..states.rows()], taps)?.beside(states)?)
}
