//! What `thermine bench reservoir` prints.

use std::fmt::Write;

use comfy_table::Table;
use thermine_reservoir::multi_seed::OverSeeds;

use super::table::{difference, interval, table};
use thermine_lab::bench::Measured;
use thermine_lab::experiment::steps::DEFAULT_SPLIT;

/// The rows as a table, and below it what is to be known of each.
pub(crate) fn text(measured: &[Measured], seeds: u64) -> String {
    let rows = rows(measured);
    let mut text = format!(
        "\nNARMA-10, seeds 1 to {seeds}, {} washout + {} training + {} test steps\n\n{rows}\n\n\
         A row computes where every control that is linear in the input is worse, the\n\
         intervals apart. The ideal has exact products in place of the device.\n\n",
        DEFAULT_SPLIT.washout, DEFAULT_SPLIT.train, DEFAULT_SPLIT.test,
    );
    for row in measured {
        text.push_str(&notes(row));
    }
    text
}

fn rows(measured: &[Measured]) -> Table {
    let number = |o: Option<f64>| o.map_or_else(String::new, |v| format!("{v:.3}"));
    let mut rows = table(
        &[
            "row",
            "NRMSE [95 % of the mean]",
            "control",
            "ideal",
            "computes",
        ],
        &[1, 2, 3, 4],
    );
    for row in measured {
        let n = row.nrmse;
        rows.add_row([
            row.name.to_string(),
            interval(n.mean, (n.low, n.high)),
            number(row.rival.as_ref().map(|rival| rival.nrmse.mean)),
            number(row.products.map(|products| products.mean)),
            row.computes_in
                .map_or_else(String::new, |seeds| format!("{seeds} of {}", n.n)),
        ]);
    }
    rows
}

/// What is to be known of a row, beside its score.
fn notes(row: &Measured) -> String {
    let mut text = format!("{}: {}\n", row.name, row.remark);
    let mut said = Vec::new();
    if let (Some(goal), Some(met)) = (row.goal, row.is_met()) {
        said.push(format!(
            "goal ≤ {goal}: {}",
            if met { "met" } else { "NOT met" }
        ));
    }
    if let Some(paper) = row.paper {
        said.push(format!("the paper prints {paper:.4}"));
    }
    if let Some(rival) = &row.rival {
        let n = rival.nrmse;
        said.push(format!(
            "best control {} {}",
            rival.name,
            interval(n.mean, (n.low, n.high))
        ));
    }
    let gap = |o: OverSeeds| difference(o.mean, (o.low, o.high));
    if let (Some(encoding), Some(bank)) = (row.beyond_encoding, row.beyond_bank) {
        said.push(format!(
            "beyond its encoding {}, beyond that and the hardest leaky integrators {}",
            gap(encoding),
            gap(bank)
        ));
    }
    if let (Some(without), Some(with)) = (row.without_input, row.with_input) {
        said.push(format!(
            "without inputs beside the device {:.3}, with them {:.3}",
            without.mean, with.mean
        ));
    }
    if let Some(adds) = row.adds_in {
        said.push(format!("adds computation in {adds} of {}", row.nrmse.n));
    }
    said.push(format!(
        "{} features, {}, sd over seeds {:.3}",
        row.features, row.provenance, row.nrmse.sd
    ));
    if let Some(seconds) = row.device_seconds {
        said.push(format!(
            "{:.0} h of the unit's time a seed",
            seconds / 3600.0
        ));
    }
    let _ = writeln!(text, "  {}\n  {}", said.join("; "), row.command);
    text
}
