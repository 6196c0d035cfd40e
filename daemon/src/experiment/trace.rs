//! Driving a substrate through a whole input, and what it leaves to learn from.

use anyhow::{Result, bail};
use thermine_drivers::substrate::{Outcome, Provenance, Refused, Substrate, SubstrateError};
use thermine_drivers::units::Model;
use thermine_reservoir::state::{Feature, StateMatrix};

use super::encoder::{Encoder, Mode};
use super::features::Features;

/// What came of driving a unit through an input, one row a step.
#[derive(Debug, Clone)]
pub struct Trace {
    /// How it was driven.
    pub mode: Mode,
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// The device's features, by step.
    pub features: Features,
    /// The encoded drive, by step.
    pub encoded: Vec<[f64; 3]>,
    /// Δt of the first answer to each job, in ms: the handshake's time. Later answers to the same job
    /// only say how long it was held.
    pub waits_ms: Vec<f64>,
    /// Jobs sent.
    pub jobs: u64,
    /// Answers that are no samples.
    pub refused: Refused,
    /// Steps that ended by time-out.
    pub timed_out: u64,
    /// Sum over the steps of the age of the reading used, in seconds of the unit's time.
    pub reading_age_seconds: f64,
    /// From the beginning of the first step to the end of the last, in seconds of the unit's time.
    pub device_seconds: f64,
}

impl Trace {
    /// Drives `substrate`, a unit of `model`, through `input`; `progress` is told of each step done.
    ///
    /// # Errors
    /// If a step fails. What came before is in the capture.
    pub async fn record<S: Substrate>(
        substrate: &mut S,
        encoder: &Encoder,
        model: Model,
        input: &[f64],
        progress: impl Fn(),
    ) -> Result<Trace, SubstrateError> {
        let mut trace = Trace {
            mode: encoder.mode(),
            provenance: substrate.provenance(),
            features: Features::of(model),
            encoded: Vec::with_capacity(input.len()),
            waits_ms: Vec::new(),
            jobs: 0,
            refused: Refused::default(),
            timed_out: 0,
            reading_age_seconds: 0.0,
            device_seconds: 0.0,
        };
        let mut began = None;
        let mut newest_job = None;
        for u in input {
            let drive = encoder.drive(*u);
            let seen = substrate.step(&drive).await?;
            trace.features.push(&seen);
            trace.encoded.push(Encoder::encoded(&drive));
            for share in &seen.shares {
                if newest_job.is_none_or(|newest| share.job > newest) {
                    newest_job = Some(share.job);
                    trace.waits_ms.push(share.since_job.as_secs_f64() * 1e3);
                }
            }
            trace.jobs += u64::from(seen.jobs);
            trace.refused.stale += seen.refused.stale;
            trace.refused.duplicate += seen.refused.duplicate;
            trace.refused.invalid += seen.refused.invalid;
            trace.timed_out += u64::from(seen.outcome == Outcome::TimedOut);
            if let Some(reading) = &seen.telemetry {
                trace.reading_age_seconds += seen.ended.since(reading.taken).as_secs_f64();
            }
            let began = *began.get_or_insert(seen.started);
            trace.device_seconds = seen.ended.since(began).as_secs_f64();
            progress();
        }
        Ok(trace)
    }

    /// The device's states, and what had to be done to make them whole.
    ///
    /// # Errors
    /// If the unit reported nothing that could be a state.
    pub fn states(&self) -> Result<(StateMatrix, Vec<String>)> {
        let filled = self.features.clone().filled();
        if filled.columns.is_empty() {
            bail!("the unit reported nothing: no temperature and no share in any step");
        }
        let mut notes = Vec::new();
        if filled.carried > 0 {
            notes.push(format!(
                "{} missing readings were replaced by the last ones before",
                filled.carried
            ));
        }
        if !filled.absent.is_empty() {
            notes.push(format!(
                "not reported by the unit: {}",
                filled.absent.join(", ")
            ));
        }
        let columns = filled
            .columns
            .into_iter()
            .map(|(name, unit, values)| (Feature::new(name, unit), values))
            .collect();
        Ok((
            StateMatrix::from_columns(self.encoded.len(), columns)?,
            notes,
        ))
    }

    /// The encoded drive as states: what a control gets without the device.
    ///
    /// # Errors
    /// If a drive is not finite.
    pub fn encoded_states(&self) -> Result<StateMatrix> {
        let columns = Encoder::ENCODED
            .iter()
            .enumerate()
            .map(|(i, (name, unit))| {
                let values = self.encoded.iter().map(|row| row[i]).collect();
                (Feature::new(*name, *unit), values)
            })
            .collect();
        Ok(StateMatrix::from_columns(self.encoded.len(), columns)?)
    }
}
