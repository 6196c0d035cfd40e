//! The states of one arm as a CSV file.

use std::path::Path;

use anyhow::Result;
use thermine_reservoir::split::Split;

use super::judge::Judged;
use super::task::Problem;
use crate::folder;
use crate::segment::segment;
use thermine_capture::tabular::{self, cell};

/// Writes the states of `judged` into `folder`, a row per step: input, target, the encoded drive, the features, and
/// the prediction where the readout was tested. A row that was neither trained nor tested on is of the segment `left
/// out`.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write(folder: &Path, problem: &Problem, split: Split, judged: &Judged) -> Result<()> {
    let (input, target) = (&problem.sequence.input, &problem.sequence.target);
    let (encoded, states) = (&judged.encoded, &judged.states);
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut header: Vec<String> = ["step", "segment", "input", "target"]
        .map(String::from)
        .to_vec();
    for feature in encoded.features().iter().chain(states.features()) {
        header.push(cell(&format!("{} [{}]", feature.name, feature.unit)));
    }
    header.push("prediction".into());
    csv.write_record(&header)?;
    let mut predictions = judged.arm.verdict.device.predictions.iter();
    for row in 0..states.rows() {
        let segment = segment(split, &judged.left_out, row);
        let mut record = vec![
            row.to_string(),
            segment.into(),
            tabular::float(input[row]),
            tabular::float(target[row]),
        ];
        for values in [encoded, states] {
            let row = values.values().row(row);
            record.extend(row.iter().copied().map(tabular::float));
        }
        let prediction = (segment == "test").then(|| predictions.next()).flatten();
        record.push(prediction.map_or_else(String::new, |value| tabular::float(*value)));
        csv.write_record(&record)?;
    }
    let text = String::from_utf8(csv.into_inner()?)?;
    folder::write(folder, &format!("states-{}.csv", judged.arm.name), text)
}
