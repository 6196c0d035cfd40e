//! The states of every control of a trial.

use super::control::Control;
use super::trial::Trial;
use crate::controls;
use crate::evaluate::EvaluateError;
use crate::state::{Feature, StateError, StateMatrix};

/// Integrators of the small lagged bank: of few, a readout learns the weights best.
const FEW: usize = 3;

/// The states of every control of a trial, with the taps where the control has them. `memory` is the linear memory
/// of the device's readout, steps.
pub(super) fn controls_of(
    trial: &Trial,
    taps: &StateMatrix,
    memory: f64,
) -> Result<Vec<(Control, StateMatrix)>, EvaluateError> {
    let Trial {
        device,
        encoded,
        split,
        seed,
        ..
    } = *trial;
    let (n, rows) = (device.columns(), device.rows());
    let features = taps.columns() + n;
    let input = &trial.input[..rows];
    let line = |length: usize| controls::delay_line(input, length);
    let mut all = vec![
        (Control::Constant, controls::constant(rows)),
        (Control::CurrentInput, line(1)?),
    ];
    if trial.taps > 0 {
        all.push((Control::Taps(trial.taps), taps.clone()));
    }
    all.push((Control::EncodedDrive, taps.beside(encoded)?));
    if let Some(lengths) = step_lengths(trial)? {
        let states = taps.beside(encoded)?.beside(&lengths)?;
        all.push((Control::StepLengths, states));
    }
    let lengths = [features, 10, 30];
    for (i, length) in lengths.iter().enumerate() {
        if !lengths[..i].contains(length) && *length != trial.taps {
            all.push((Control::DelayLine(*length), line(*length)?));
        }
    }
    let equal = (memory.round() as usize).max(1);
    all.push((Control::EqualMemory(equal), line(equal)?));
    for (control, bank) in banks(trial)? {
        all.push((control, taps.beside(&bank)?));
    }
    if !trial.products.is_empty() {
        let line = controls::delay_line_with_products(input, trial.taps.max(30), trial.products)?;
        all.push((Control::Products(trial.products.len()), line));
    }
    let driven = split.washout..split.total();
    let nulls = [
        (
            Control::ShuffledInTime,
            controls::shuffled_in_time(device, &split, seed),
        ),
        (
            Control::ShiftedInTime,
            controls::shifted_in_time(device, driven.clone()),
        ),
        (
            Control::PhaseRandomised,
            controls::phase_randomised(device, driven, seed)?,
        ),
    ];
    let off = trial.off.map(|off| controls::unit_off(off, rows));
    let off = off.transpose()?.map(|off| (Control::UnitOff, off));
    for (control, states) in nulls.into_iter().chain(off) {
        all.push((control, taps.beside(&states)?));
    }
    Ok(all)
}

/// The banks of leaky integrators with as many columns as the device has features: at the lags of its history, if it
/// has any; and a small one at these lags.
pub(super) fn banks(trial: &Trial) -> Result<Vec<(Control, StateMatrix)>, StateError> {
    let n = trial.device.columns();
    let input = &trial.input[..trial.device.rows()];
    let mut banks = vec![(Control::LeakyBank(n), controls::leaky_bank(input, n)?)];
    if trial.history > 1 {
        let each = (n / trial.history).max(1);
        let mut counts = vec![each];
        if each > FEW {
            counts.push(FEW);
        }
        for count in counts {
            let bank = with_history(trial, &controls::leaky_bank(input, count)?)?;
            banks.push((Control::LaggedBank(count, trial.history), bank));
        }
    }
    Ok(banks)
}

/// The lengths of the steps and leaky integrators over them, with the device's history; `None` if the steps have no
/// lengths of their own.
fn step_lengths(trial: &Trial) -> Result<Option<StateMatrix>, StateError> {
    let rows = trial.device.rows();
    let (Some(seconds), input) = (trial.step_seconds.get(..rows), &trial.input[..rows]) else {
        return Ok(None);
    };
    if rows == 0 {
        return Ok(None);
    }
    let column = vec![(Feature::new("step length", "s"), seconds.to_vec())];
    let lengths = StateMatrix::from_columns(rows, column)?;
    let each = (trial.device.columns() / trial.history).max(FEW);
    let bank = controls::leaky_bank_over(input, each, seconds)?;
    with_history(trial, &lengths.beside(&bank)?).map(Some)
}

fn with_history(trial: &Trial, states: &StateMatrix) -> Result<StateMatrix, StateError> {
    let lags: Vec<usize> = (0..trial.history.max(1)).collect();
    controls::lagged(states, &lags)
}
