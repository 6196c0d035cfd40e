//! The units of a rack in one table.

use comfy_table::Table;
use thermine_units::quantity::Celsius;
use thermine_units::unit::Board;

use super::table::{self, table};
use thermine_lab::devices::Row;

/// The units as a table.
pub(crate) fn table_of(rows: &[Row]) -> Table {
    let mut shown = table(
        &[
            "unit",
            "model",
            "says it is",
            "GH/s",
            "board/chip °C",
            "fans rpm",
            "W",
            "errors",
            "accepted",
            "rejected",
            "age s",
            "",
        ],
        &[3, 6, 7, 8, 9, 10],
    );
    for row in rows {
        shown.add_row(cells(row));
    }
    shown
}

/// What was not reported is a dash, never a zero.
fn cells(row: &Row) -> Vec<String> {
    let number = |value: Option<u64>| value.map_or("-".into(), |value| value.to_string());
    let fixed = |value: Option<f64>, digits: usize| {
        value.map_or("-".into(), |value| table::fixed(value, digits))
    };
    let identity = row.identity.as_ref();
    let says = [
        identity.and_then(|identity| identity.model.clone()),
        identity.and_then(|identity| identity.firmware.clone()),
    ];
    let says = says.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let reading = row.telemetry.as_ref();
    let boards = reading.map_or(&[][..], |reading| &reading.boards);
    let fans = reading.map_or(&[][..], |reading| &reading.fans);
    let temperature =
        |value: Option<Celsius>| value.map_or("-".into(), |value| format!("{:.0}", value.0));
    let temperatures = |board: &Board| {
        format!(
            "{}/{}",
            temperature(board.pcb_temp),
            temperature(board.chip_temp)
        )
    };
    let remark = match (&row.error, row.simulated) {
        (Some(error), _) => error.clone(),
        (None, true) => "simulated".into(),
        (None, false) => String::new(),
    };
    vec![
        row.name.clone(),
        row.model.to_string(),
        says,
        fixed(reading.and_then(|r| r.hash_rate).map(|h| h.0 * 1e-9), 1),
        boards
            .iter()
            .map(temperatures)
            .collect::<Vec<_>>()
            .join(" "),
        fans.iter()
            .map(|fan| format!("{:.0}", fan.0))
            .collect::<Vec<_>>()
            .join(" "),
        fixed(reading.and_then(|r| r.power).map(|power| power.0), 1),
        number(reading.and_then(|r| r.hardware_errors)),
        number(reading.and_then(|r| r.accepted)),
        number(reading.and_then(|r| r.rejected)),
        fixed(row.age_seconds, 1),
        remark,
    ]
}
