//! What `thermine bench` prints and draws.

use std::fmt::Write;

use comfy_table::Table;
use thermine_reservoir::multi_seed::OverSeeds;

use super::svg::Plot;
use super::table::{difference, interval, table};
use thermine_lab::bench::Measured;
use thermine_lab::bench::shares::Point;

/// The rows of each task as a table, and below what is to be known of each.
pub(crate) fn text(measured: &[Measured], seeds: u64) -> String {
    let mut text = String::new();
    let mut tasks: Vec<&str> = measured.iter().map(|row| row.task.as_str()).collect();
    tasks.sort_unstable();
    tasks.dedup();
    for task in tasks {
        let of_task: Vec<&Measured> = measured.iter().filter(|row| row.task == task).collect();
        let _ = write!(
            text,
            "\n{task} on twins, seeds 1 to {seeds}, mean ± half of its 95 % interval\n\n{}\n",
            rows(&of_task)
        );
    }
    text.push_str(
        "\nControl: the best one that is linear in the input. Ideal: exact products in place\n\
         of the device. Computes: seeds in which every such control is worse, the\n\
         intervals apart. Assumed: NRMSE over the ranges of what nobody measured, seed 1,\n\
         at most 500 + 500 steps.\n\n",
    );
    for row in measured {
        text.push_str(&notes(row));
    }
    text
}

fn rows(measured: &[&Measured]) -> Table {
    let is_decision = measured.iter().any(|row| row.wrong.is_some());
    let mut headings = vec!["row", "NRMSE", "control", "ideal", "computes", "assumed"];
    if is_decision {
        headings.splice(3..4, ["wrong", "control's"]);
    }
    let mut rows = table(&headings, &[1, 2, 3, 4, 5, 6]);
    for row in measured {
        let n = row.nrmse;
        let rival = row.rival.as_ref();
        let mut cells = vec![
            row.name.to_string(),
            format!("{:.3}±{:.3}", n.mean, n.high - n.mean),
            number(rival.map(|rival| rival.nrmse.mean)),
        ];
        if is_decision {
            cells.push(row.wrong.map_or_else(String::new, percent));
            let wrong = rival.and_then(|rival| rival.wrong);
            cells.push(wrong.map_or_else(String::new, percent));
        } else {
            cells.push(number(row.products.map(|products| products.mean)));
        }
        let computes = |seeds| format!("{seeds}/{}", n.n);
        cells.push(row.computes_in.map_or_else(String::new, computes));
        let spread = row.spread.iter().flat_map(|spread| &spread.rows).next();
        cells.push(spread.map_or_else(String::new, |spread| {
            let (low, high) = spread.range();
            format!("{low:.2}-{high:.2}")
        }));
        rows.add_row(cells);
    }
    rows
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.3}"))
}

fn percent(wrong: OverSeeds) -> String {
    let half = wrong.high - wrong.mean;
    format!("{:.1}±{:.1} %", 100.0 * wrong.mean, 100.0 * half)
}

/// The product's score against the shares of a step.
pub(crate) fn shares(points: &[Point], seeds: u64) -> String {
    let mut rows = table(
        &[
            "unit", "s a step", "shares", "NRMSE", "law", "linear", "ideal",
        ],
        &[1, 2, 3, 4, 5, 6],
    );
    for point in points {
        let n = point.nrmse;
        rows.add_row([
            point.model.to_string(),
            point.hold_seconds.to_string(),
            format!("{:.0}", point.shares),
            format!("{:.3}±{:.3}", n.mean, n.high - n.mean),
            format!("{:.3}", point.law),
            format!("{:.3}", point.linear.mean),
            format!("{:.3}", point.ideal.mean),
        ]);
    }
    format!(
        "\nNARMA-10 by the product on twins, 1,000 + 500 steps, seeds 1 to {seeds}, mean ± half of its 95 % interval\n\n{rows}\n\n\
         Law: what Poisson's noise of so many shares leaves between linear, the best\n\
         control without products, and ideal, exact products; nothing is fitted.\n\n"
    )
}

/// The same as a plot.
pub(crate) fn shares_plot(points: &[Point]) -> Plot {
    let least = points
        .iter()
        .map(|p| p.shares)
        .fold(f64::INFINITY, f64::min);
    let most = points.iter().map(|p| p.shares).fold(0.0, f64::max);
    let mut plot = Plot::new(
        "NARMA-10 by the product of two inputs (simulated): score against shares",
        "shares in a step, mean",
        "NRMSE",
        (least, most),
        (0.0, 0.5),
    )
    .logarithmic();
    for of_unit in points.chunk_by(|a, b| a.model == b.model) {
        let name = of_unit[0].model.to_string();
        plot.points(&name, of_unit.iter().map(|p| (p.shares, p.nrmse.mean)));
    }
    let mut sorted: Vec<&Point> = points.iter().collect();
    sorted.sort_by(|a, b| a.shares.total_cmp(&b.shares));
    let along = |of: fn(&Point) -> f64| sorted.iter().map(move |p| (p.shares, of(p)));
    plot.line("law of counting", along(|p| p.law));
    plot.line("exact products", along(|p| p.ideal.mean));
    plot
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
    said.extend(row.too_hot.map(|hot| hot.to_string()));
    for spread in row.spread.iter().flat_map(|spread| &spread.rows) {
        let (low, high) = spread.range();
        let decides = spread.decides().map_or("nothing", |end| &end.assumption);
        said.push(format!(
            "over what is assumed {low:.3} to {high:.3} (short runs, seed 1, {:.3} with the model's own), {decides} decides",
            spread.base
        ));
    }
    let _ = writeln!(text, "  {}\n  {}", said.join("; "), row.command);
    text
}
