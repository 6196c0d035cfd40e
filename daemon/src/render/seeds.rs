//! Figures over several seeds as text.

use std::fmt::Write;

use super::table::{difference, interval, table};
use thermine_lab::experiment::report_seeds::{Figure, SeedsReport};

/// The report as text; nothing if the runs have no figure in common.
pub(crate) fn text(report: &SeedsReport) -> String {
    let mut text = table_of(report, &report.figures, "");
    text.push_str(&table_of(
        report,
        &report.wrong,
        ", wrong decisions, 0 to 1",
    ));
    text
}

/// Those of the report's figures that are of one kind, which its title names.
fn table_of(report: &SeedsReport, figures: &[Figure], kind: &str) -> String {
    let mut text = String::new();
    let Some(first) = figures.first() else {
        return text;
    };
    let (n, seeds) = (report.seeds.len(), &report.seeds);
    let _ = writeln!(
        text,
        "\n{}{kind}: {n} seeds ({} to {}), mean with the 95 % interval of the mean, and the spread of one seed\n",
        report.what,
        seeds.first().unwrap_or(&0),
        seeds.last().unwrap_or(&0)
    );
    let minus = format!("{} − row [95 %]", first.name);
    let smaller = "smaller in";
    let mut rows = table(
        &["row", "mean [95 %]", "sd", &minus, smaller],
        &[1, 2, 3, 4],
    );
    for (i, figure) in figures.iter().enumerate() {
        let Some(over) = figure.over_seeds else {
            continue;
        };
        let (gap, smaller) = match figure.difference {
            Some(d) => (
                difference(d.mean, (d.low, d.high)),
                format!("{} of {n}", figure.smaller_in),
            ),
            None => (String::new(), String::new()),
        };
        rows.add_row([
            figure.name.clone(),
            interval(over.mean, (over.low, over.high)),
            format!("{:.3}", over.sd),
            if i == 0 { String::new() } else { gap },
            smaller,
        ]);
    }
    let _ = writeln!(text, "{rows}\n");
    text
}

#[cfg(test)]
mod tests {
    use thermine_lab::experiment::report_seeds::Figures;

    use super::*;

    #[test]
    fn seeds_in_which_the_first_figure_is_smaller_are_counted() {
        let run = |seed, device: f64, control: f64| {
            let scores = vec![("device".into(), device), ("control".into(), control)];
            let wrong = Vec::new();
            (seed, Figures { scores, wrong })
        };
        let runs = [run(1, 1.0, 2.0), run(2, 2.0, 3.1), run(3, 3.0, 2.9)];
        let report = SeedsReport::new("x".into(), &runs);
        assert!(text(&report).contains("2 of 3"));
    }
}
