//! The state matrix of one stream, as a replay of the capture gives it: what a readout is trained on.

use std::path::Path;

use anyhow::{Context, Result, bail};
use rusqlite::types::Value;

use super::backend::Backend;
use super::experiment::{arms, run};
use super::observer::Progress;
use super::request::{Setup, Train};
use super::segment::segment;
use super::train;
use thermine_capture::Capture;
use thermine_capture::export::{Column, Exported, Format, Table, export_table};

/// Rows at a time.
const PAGE: usize = 1024;

/// Exports the states of `stream` of the capture at `path`, by default the first that was driven with the whole input.
///
/// # Errors
/// If the capture is not of an experiment, or holds no such stream; as [`export`](thermine_capture::export::export).
pub async fn export(
    path: &Path,
    stream: Option<&str>,
    (format, out): (Format, Option<&Path>),
    progress: &Progress,
) -> Result<Exported> {
    let capture = Capture::open(path)?;
    // A run that is still being written is exported as it stands now.
    capture.freeze()?;
    let table = states(&capture, stream, progress).await?;
    export_table((path, &capture), "states", table, format, out)
}

/// The table of states, which is held in memory, 8 bytes a number.
async fn states(
    capture: &Capture,
    stream: Option<&str>,
    progress: &Progress,
) -> Result<Table<'static>> {
    if train::is_foreign(&capture.run()?.task) {
        bail!(
            "{} was not recorded by an experiment: its shares can be exported, but it has no input and target",
            capture.path().display()
        );
    }
    let request = Train {
        backend: Backend::Replay,
        ..Train::default()
    };
    let setup = Setup {
        capture: Some(capture.path().to_path_buf()),
        ..Setup::default()
    };
    let plan = train::plan(&request, setup)?;
    let problem = run::problem(&plan)?;
    let replayed = arms::replay(&plan, &problem, progress);
    let runs = progress.context().unless_stopped(replayed).await?;
    let names: Vec<&str> = runs
        .arms
        .iter()
        .map(|arm| arm.encoding.name.as_str())
        .collect();
    let arm = match stream {
        None => runs.arms.first(),
        Some(name) => runs.arms.iter().find(|arm| arm.encoding.name == name),
    };
    let arm = arm.with_context(|| {
        format!(
            "{} holds no states of the stream `{}`, only of: {}",
            capture.path().display(),
            stream.unwrap_or_default(),
            names.join(", ")
        )
    })?;
    let (states, _) = arm.states(&plan.features)?;
    let encoded = arm.encoded_states(&plan.features)?;

    let mut columns = vec![
        Column::integer("step"),
        Column::text("segment"),
        Column::real("input", "1"),
        Column::real("target", "1"),
    ];
    for feature in encoded.features().iter().chain(states.features()) {
        columns.push(Column::real(&feature.name, &feature.unit));
    }
    let (split, sequence) = (plan.split, problem.sequence);
    let left_out = arm.left_out(&plan.features, plan.taps);
    let rows = states.rows();
    let page = move |first: usize| {
        (first..rows.min(first + PAGE))
            .map(|row| {
                let mut cells: Vec<Value> = vec![
                    (row as i64).into(),
                    segment(split, &left_out, row).to_string().into(),
                    sequence.input.get(row).copied().into(),
                    sequence.target.get(row).copied().into(),
                ];
                let (encoded, states) = (encoded.values().row(row), states.values().row(row));
                cells.extend(encoded.iter().chain(states.iter()).map(|x| Value::from(*x)));
                cells
            })
            .collect()
    };
    Ok(Table {
        columns,
        stream: Some(arm.encoding.name.clone()),
        pages: Box::new((0..rows).step_by(PAGE).map(move |first| Ok(page(first)))),
    })
}
