//! Text in a cell of a CSV file.

use thermine_units::printable::printable_to;

/// `text` as a cell that a spreadsheet shows and does not calculate: one that begins like a formula gets a `'`
/// before it, unless it is a number. What a terminal would obey is escaped.
pub(crate) fn cell(text: &str) -> String {
    let begins_formula = text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n']);
    let shown = printable_to(text, usize::MAX);
    if begins_formula && text.parse::<f64>().is_err() {
        format!("'{shown}")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_text_and_a_number_stays_a_number() {
        for formula in [
            "=1+1",
            "+cmd|' /C calc'!A0",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            " =1",
            "＝1",
            "-",
            "+1 W",
        ] {
            let cell = cell(formula);
            assert!(cell.starts_with('\''), "{formula:?}: {cell}");
            assert!(!cell.contains(char::is_control), "{formula:?}: {cell}");
        }
        for number in ["-1", "+2.5", "-1e-3", "-inf"] {
            assert_eq!(cell(number), number);
        }
        assert_eq!(cell("job-1"), "job-1");
        assert_eq!(cell(""), "");
        assert_eq!(cell("a\u{1b}[2J\nb"), r"a\u001b[2J\u000ab");
    }
}
