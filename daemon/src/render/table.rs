//! The table that a run prints.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// An empty table with these headings; `numeric` columns are set flush right.
pub(crate) fn table(headings: &[&str], numeric: &[usize]) -> Table {
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

/// An empty table whose headings are separated by ` | `; `numeric` columns are set flush right.
pub(crate) fn headed(headings: &str, numeric: &[usize]) -> Table {
    table(&headings.split(" | ").collect::<Vec<_>>(), numeric)
}

/// A table of two columns: names and values.
pub(crate) fn facts<N: Into<String>>(
    headings: &str,
    facts: impl IntoIterator<Item = (N, String)>,
) -> Table {
    let mut table = headed(headings, &[]);
    for (name, value) in facts {
        table.add_row([name.into(), value]);
    }
    table
}

/// `value` with so many `digits`, and never as `-0.00`.
pub(crate) fn fixed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => rest.to_owned(),
        _ => text,
    }
}

/// An estimate with its interval, for example `0.684 [0.651, 0.717]`.
pub(crate) fn interval(value: f64, (low, high): (f64, f64)) -> String {
    let [value, low, high] = [value, low, high].map(|number| fixed(number, 3));
    format!("{value} [{low}, {high}]")
}

/// A difference with its interval, signed.
pub(crate) fn difference(value: f64, (low, high): (f64, f64)) -> String {
    format!("{value:+.3} [{low:+.3}, {high:+.3}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_never_negative() {
        for nothing in [0.0, -0.0, -0.001, -1e-300] {
            assert_eq!(fixed(nothing, 2), "0.00");
            assert_eq!(fixed(nothing, 0), "0");
        }
        assert_eq!(fixed(-0.006, 2), "-0.01");
        assert_eq!(fixed(f64::NEG_INFINITY, 2), "-inf");
        assert_eq!(interval(-0.0, (-0.0001, 0.5)), "0.000 [0.000, 0.500]");
    }
}
