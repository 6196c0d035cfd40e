//! The states of one arm as a CSV file.

use std::path::Path;

use anyhow::Result;
use thermine_reservoir::left_out::LeftOut;
use thermine_reservoir::split::Split;
use thermine_reservoir::state::StateMatrix;

use super::task::Problem;
use crate::folder;
use crate::segment::segment;
use thermine_capture::tabular::{self, cell};

/// The states of one arm, with what belongs to them.
pub(crate) struct Rows<'a> {
    /// Name of the arm.
    pub(crate) name: &'a str,
    /// The encoded drive, T rows.
    pub(crate) encoded: &'a StateMatrix,
    /// The device's features, T rows.
    pub(crate) states: &'a StateMatrix,
    /// Rows that were neither trained nor tested on.
    pub(crate) left_out: &'a LeftOut,
    /// Predictions for the test rows; `None` where a capacity was measured, which has no target.
    pub(crate) predictions: Option<&'a [f64]>,
}

/// Writes `rows` into `folder`, a row per step: input, target, the encoded drive, the features, and the prediction where
/// the readout was tested. A row that was neither trained nor tested on is of the segment `left out`.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write(folder: &Path, problem: &Problem, split: Split, rows: &Rows) -> Result<()> {
    let (input, target) = (&problem.sequence.input, &problem.sequence.target);
    let (encoded, states) = (rows.encoded, rows.states);
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut header: Vec<String> = ["step", "segment", "input"].map(String::from).to_vec();
    header.extend(rows.predictions.map(|_| "target".to_string()));
    for feature in encoded.features().iter().chain(states.features()) {
        header.push(cell(&format!("{} [{}]", feature.name, feature.unit)));
    }
    header.extend(rows.predictions.map(|_| "prediction".to_string()));
    csv.write_record(&header)?;
    let mut predictions = rows.predictions.map(<[f64]>::iter);
    for row in 0..states.rows() {
        let segment = segment(split, rows.left_out, row);
        let mut record = vec![row.to_string(), segment.into(), tabular::float(input[row])];
        record.extend(rows.predictions.map(|_| tabular::float(target[row])));
        for values in [encoded, states] {
            let row = values.values().row(row);
            record.extend(row.iter().copied().map(tabular::float));
        }
        if let Some(predictions) = &mut predictions {
            let prediction = (segment == "test").then(|| predictions.next()).flatten();
            record.push(prediction.map_or_else(String::new, |value| tabular::float(*value)));
        }
        csv.write_record(&record)?;
    }
    let text = String::from_utf8(csv.into_inner()?)?;
    folder::write(folder, &format!("states-{}.csv", rows.name), text)
}
