//! What `thermine bench reservoir` prints.

use std::fmt::Write;

use comfy_table::Table;
use thermine_reservoir::multi_seed::OverSeeds;

use super::table::{difference, interval, table};
use thermine_lab::bench::Measured;
use thermine_lab::experiment::steps::DEFAULT_SPLIT;

/// The rows as a table, and each row's command.
pub(crate) fn text(measured: &[Measured], seeds: u64) -> String {
    let rows = rows(measured);
    let mut text = format!(
        "\nNARMA-10, seeds 1 to {seeds}, {} washout + {} training + {} test steps\n\n{rows}\n\n\
         The current input alone reaches 0.868 on long runs, a delay line of 30 about 0.385. Negative differences: \
         the device helps.\n",
        DEFAULT_SPLIT.washout, DEFAULT_SPLIT.train, DEFAULT_SPLIT.test,
    );
    for row in measured {
        let _ = writeln!(text, "{}: {}\n  {}", row.name, row.remark, row.command);
    }
    text
}

fn rows(measured: &[Measured]) -> Table {
    let gap =
        |o: &Option<OverSeeds>| o.map_or_else(String::new, |o| difference(o.mean, (o.low, o.high)));
    let number = |o: Option<f64>| o.map_or_else(String::new, |v| format!("{v:.4}"));
    let mut rows = table(
        &[
            "row",
            "NRMSE [95 % of the mean]",
            "sd",
            "goal",
            "met",
            "paper",
            "beyond its encoding",
            "beyond that and as many leaky integrators",
            "adds in",
            "exact products",
            "features",
            "provenance",
        ],
        &[1, 2, 3, 5, 6, 7, 8, 9, 10],
    );
    for row in measured {
        let n = row.nrmse;
        rows.add_row([
            row.name.to_string(),
            interval(n.mean, (n.low, n.high)),
            format!("{:.3}", n.sd),
            row.goal
                .map_or_else(String::new, |goal| format!("≤ {goal}")),
            match row.is_met() {
                None => String::new(),
                Some(true) => "yes".into(),
                Some(false) => "NO".into(),
            },
            number(row.paper),
            gap(&row.beyond_encoding),
            gap(&row.beyond_bank),
            row.adds_in
                .map_or_else(String::new, |adds| format!("{adds} of {}", n.n)),
            row.products
                .map_or_else(String::new, |p| format!("{:.3}", p.mean)),
            row.features.to_string(),
            row.provenance.to_string(),
        ]);
    }
    rows
}
