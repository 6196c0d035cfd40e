//! Telemetry and steps, whose records are JSON in the capture, as columns.

use std::collections::BTreeSet;

use anyhow::Result;
use rusqlite::types::Value;
use serde::Deserialize;
use thermine_units::pow::Difficulty;
use thermine_units::unit::{Board, OperatingPoint, Telemetry};

use super::source::{names, of, origin, pages};
use super::table::{Column, Table};
use crate::Capture;
use crate::tables::Kind;

const READINGS: &str = "SELECT run, id, stream, taken_ns, reading FROM telemetry \
                        WHERE run = $1 AND id > $2 ORDER BY id";

/// Boards by slot, and the most fans, of all readings.
#[derive(Debug, Default)]
struct Shape {
    slots: BTreeSet<u8>,
    fans: usize,
}

/// Most fans that get a column.
const MOST_FANS: usize = 16;

impl Shape {
    /// Looks through all readings once: a table has the same columns in all its rows.
    fn of(capture: &Capture) -> Result<Shape> {
        let mut shape = Shape::default();
        let seen = pages(capture, READINGS, |row| {
            let reading: Telemetry = row.json("reading")?;
            let mut cells = vec![Value::Integer(reading.fans.len() as i64)];
            cells.extend(reading.boards.iter().map(|board| board.slot.into()));
            Ok(cells)
        })?;
        for page in seen {
            for row in page? {
                for (i, cell) in row.iter().enumerate() {
                    match (i, cell) {
                        (0, Value::Integer(fans)) => {
                            shape.fans = shape.fans.max(usize::try_from(*fans)?).min(MOST_FANS);
                        }
                        (_, Value::Integer(slot)) => {
                            shape.slots.insert(u8::try_from(*slot)?);
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(shape)
    }
}

/// Readings of the sensors.
pub(super) fn telemetry(capture: &Capture) -> Result<Table<'_>> {
    let names = names(capture)?;
    let shape = Shape::of(capture)?;
    let mut columns = origin();
    let real = |name: String, unit: &str| Column::new(name, unit, Kind::Real).optional();
    let integer = |name: String, unit: &str| Column::new(name, unit, Kind::Integer).optional();
    columns.extend([
        Column::new("reading", "", Kind::Integer),
        Column::new("taken", "ns", Kind::Integer),
        real("hash_rate".into(), "H/s"),
        real("hash_rate_average".into(), "H/s"),
        integer("hardware_errors".into(), "1"),
        integer("accepted".into(), "1"),
        integer("rejected".into(), "1"),
        real("power".into(), "W"),
        real("core_voltage".into(), "V"),
        real("uptime".into(), "s"),
    ]);
    columns.extend((1..=shape.fans).map(|fan| real(format!("fan{fan}"), "rpm")));
    for slot in &shape.slots {
        let name = |what: &str| format!("board{slot}.{what}");
        columns.extend([
            real(name("pcb_temp"), "°C"),
            real(name("chip_temp"), "°C"),
            real(name("regulator_temp"), "°C"),
            real(name("frequency"), "MHz"),
            real(name("hash_rate"), "H/s"),
            integer(name("chips"), "1"),
            integer(name("failing_chips"), "1"),
            integer(name("hardware_errors"), "1"),
            integer(name("failed_sensors"), "1"),
        ]);
    }
    let pages = pages(capture, READINGS, move |row| {
        let reading: Telemetry = row.json("reading")?;
        let mut cells = of(row, &names)?;
        cells.extend([
            row.integer("id")?.into(),
            row.integer("taken_ns")?.into(),
            reading.hash_rate.map(|rate| rate.0).into(),
            reading.hash_rate_average.map(|rate| rate.0).into(),
            count(reading.hardware_errors),
            count(reading.accepted),
            count(reading.rejected),
            reading.power.map(|power| power.0).into(),
            reading.core_voltage.map(|volts| volts.0).into(),
            reading.uptime.map(|time| time.as_secs_f64()).into(),
        ]);
        cells.extend((0..shape.fans).map(|fan| reading.fans.get(fan).map(|fan| fan.0).into()));
        for slot in &shape.slots {
            let board = reading.boards.iter().find(|board| board.slot == *slot);
            cells.extend(of_board(board));
        }
        Ok(cells)
    })?;
    Ok(Table {
        columns,
        stream: None,
        pages,
    })
}

/// Of a board, which may be missing.
fn of_board(board: Option<&Board>) -> [Value; 9] {
    [
        board.and_then(|board| board.pcb_temp).map(|t| t.0).into(),
        board.and_then(|board| board.chip_temp).map(|t| t.0).into(),
        board
            .and_then(|board| board.regulator_temp)
            .map(|t| t.0)
            .into(),
        board.and_then(|board| board.frequency).map(|f| f.0).into(),
        board.and_then(|board| board.hash_rate).map(|r| r.0).into(),
        board.and_then(|board| board.chips).map(i64::from).into(),
        board
            .and_then(|board| board.failing_chips)
            .map(i64::from)
            .into(),
        count(board.and_then(|board| board.hardware_errors)),
        board.map(|board| i64::from(board.failed_sensors)).into(),
    ]
}

/// A counter, which a device that has gone mad may give beyond what 63 bits hold.
fn count(counter: Option<u64>) -> Value {
    counter
        .map(|counter| i64::try_from(counter).unwrap_or(i64::MAX))
        .into()
}

/// The parts of a recorded drive that become columns.
#[derive(Deserialize)]
struct Drive {
    pub word: u32,
    pub difficulty: Difficulty,
    pub duty: f64,
    pub point: OperatingPoint,
}

/// The parts of a recorded observation that become columns.
#[derive(Deserialize)]
struct Observation {
    pub outcome: String,
    pub jobs: u32,
}

/// Steps of the experiment: what was asked, and what of it came.
pub(super) fn steps(capture: &Capture) -> Result<Table<'_>> {
    let mut columns = origin();
    let real = |name: &str, unit: &str| Column::new(name, unit, Kind::Real);
    let integer = |name: &str, unit: &str| Column::new(name, unit, Kind::Integer);
    columns.extend([
        integer("step", ""),
        integer("started", "ns"),
        integer("ended", "ns"),
        integer("word", ""),
        real("difficulty", "1"),
        real("duty", "1"),
        real("frequency", "MHz").optional(),
        real("voltage", "V").optional(),
        real("fan", "1").optional(),
        Column::new("outcome", "", Kind::Text),
        integer("jobs", "1"),
        integer("last_share", ""),
        integer("last_reading", ""),
    ]);
    // Steps are numbered by stream, so each stream is gone through on its own.
    let streams = capture.streams()?;
    let pages = streams.into_iter().flat_map(move |stream| {
        let (run, id, name) = (stream.run, stream.id, stream.name);
        let query = "SELECT step, started_ns, ended_ns, drive, observation, last_share, last_telemetry FROM step \
                     WHERE run = $1 AND stream = $2 AND step > $3 ORDER BY step LIMIT 4096";
        let mut after = Some(-1);
        std::iter::from_fn(move || {
            let page = capture.rows(query, &[run.into(), id.into(), after?.into()], |row| {
                let drive: Drive = row.json("drive")?;
                let seen: Observation = row.json("observation")?;
                let step = row.integer("step")?;
                let cells = vec![
                    run.into(),
                    name.clone().into(),
                    step.into(),
                    row.integer("started_ns")?.into(),
                    row.integer("ended_ns")?.into(),
                    drive.word.into(),
                    drive.difficulty.get().into(),
                    drive.duty.into(),
                    drive.point.frequency.map(|f| f.0).into(),
                    drive.point.voltage.map(|v| v.0).into(),
                    drive.point.fan.into(),
                    seen.outcome.into(),
                    seen.jobs.into(),
                    row.integer("last_share")?.into(),
                    row.integer("last_telemetry")?.into(),
                ];
                Ok((step, cells))
            });
            match page {
                Ok(page) => {
                    after = page.last().map(|(step, _)| *step);
                    after?;
                    Some(Ok(page.into_iter().map(|(_, cells)| cells).collect()))
                }
                Err(error) => {
                    after = None;
                    Some(Err(error.into()))
                }
            }
        })
    });
    Ok(Table {
        columns,
        stream: None,
        pages: Box::new(pages),
    })
}
