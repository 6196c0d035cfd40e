//! The state matrix of one stream, as a replay of the capture gives it: what a readout is trained on.

use anyhow::{Context, Result, bail};
use rusqlite::types::Value;

use super::Column;
use super::source::Table;
use crate::capture::replay;
use crate::lab::experiment::{arms, run};
use crate::lab::train;
use crate::render::folder::segment;
use thermine_capture::Capture;
use thermine_capture::tables::Kind;

/// States of the stream `stream`, by default the first that was driven with the whole input. Held in memory, 8 bytes
/// a number.
pub(super) fn states(capture: &Capture, stream: Option<&str>) -> Result<Table<'static>> {
    if train::is_foreign(&capture.run()?.task) {
        bail!(
            "{} was not recorded by an experiment: its shares can be exported, but it has no input and target",
            capture.path().display()
        );
    }
    let plan = replay::plan(capture.path(), None)?;
    let problem = run::problem(&plan)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let runs = runtime.block_on(arms::replay(
        &plan,
        &problem,
        &crate::render::progress::shown(&crate::lab::session::Context::new("thermine")),
    ))?;
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
        Column::new("step", "", Kind::Integer),
        Column::new("segment", "", Kind::Text),
        Column::new("input", "1", Kind::Real),
        Column::new("target", "1", Kind::Real),
    ];
    for feature in encoded.features().iter().chain(states.features()) {
        columns.push(Column::new(&feature.name, &feature.unit, Kind::Real));
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

/// Rows at a time.
const PAGE: usize = 1024;
