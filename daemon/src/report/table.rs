//! The table that a run prints.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// An empty table with these headings; `numeric` columns are set flush right.
pub fn table(headings: &[&str], numeric: &[usize]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings);
    for &index in numeric {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// An estimate with its interval, for example `0.684 [0.651, 0.717]`.
pub fn interval(value: f64, (low, high): (f64, f64)) -> String {
    format!("{value:.3} [{low:.3}, {high:.3}]")
}

/// A difference with its interval, signed.
pub fn difference(value: f64, (low, high): (f64, f64)) -> String {
    format!("{value:+.3} [{low:+.3}, {high:+.3}]")
}
