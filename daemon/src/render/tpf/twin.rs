//! Tables and plots of `thermine tpf twin`.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use comfy_table::Table;
use thermine_reservoir::information::discrimination::Auc;
use thermine_reservoir::tpf::account::UnitOfAccount;
use thermine_reservoir::tpf::exact::Proportion;
use thermine_reservoir::tpf::published::{EMPTY, FIGURES, ROUND};
use thermine_reservoir::tpf::theorems::{ACCOUNT, EARLY_EXIT};
use thermine_reservoir::tpf::twin::Observable;

use crate::render::folder;
use crate::render::svg::Plot;
use crate::render::table::{facts, headed, interval};
use thermine_lab::tpf::twin::{TwinReport, percent, rho};

/// Writes JSON and plots.
pub(crate) fn write(folder: &Path, report: &TwinReport) -> Result<()> {
    folder::write_json(folder, "report.json", report)?;
    let title = format!(
        "Switching of the registers, mean of {} nonces (computed, seed {})",
        report.activity.n, report.request.seed
    );
    let rounds = report.activity.distance.len() as f64;
    let mut plot = Plot::new(&title, "round", "bits", (1.0, rounds), (0.0, 256.0));
    let numbered = |values: &[f64]| -> Vec<(f64, f64)> {
        let values = values.iter().enumerate();
        values.map(|(i, y)| ((i + 1) as f64, *y)).collect()
    };
    plot.line("ones in the state", numbered(&report.activity.weight));
    plot.line("bits switched", numbered(&report.activity.distance));
    folder::write_plot(folder, "activity.svg", &plot)?;
    folder::write_plot(folder, "filters.svg", &filters_plot(report))
}

/// Recall against keep share of every filter, with the diagonal of no information and the line of break-even.
fn filters_plot(report: &TwinReport) -> Plot {
    let title = format!(
        "Filters after round {} on {} nonces (seed {}): recall by keep share",
        report.request.round, report.request.test, report.request.seed
    );
    let mut plot = Plot::new(&title, "keep share c", "recall r", (0.0, 1.0), (0.0, 1.0));
    let cost = UnitOfAccount::Single.cost(report.request.round, report.request.price);
    plot.line(
        "break-even, n = 64",
        [0.0, 1.0].map(|c| (c, cost.break_even_recall(c))),
    );
    for (name, oracle) in [("filters without the oracle", false), ("with it", true)] {
        let rows = report.rows.iter();
        let rows = rows.filter(|row| (row.observable == Observable::FinalHash) == oracle);
        let points = rows.filter_map(|row| {
            let (account, _) = row.accounts.first()?;
            let (keep, recall) = (account.keep()?, account.recall()?);
            Some((keep.value - 0.004, recall.value))
        });
        plot.bars(name, 0.008, points.collect::<Vec<_>>());
    }
    plot
}

/// The tables and the verdict.
pub(crate) fn text(report: &TwinReport, demonstrate_leak: bool) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}; header {}…, seed {}, decision after round {}, success 2^-{}; trained on {} nonces, tested on {}.\n\
         Observations O = λ f(state) + noise: λ = 0 is the physical null, what a host sees; the final-hash oracle \
         is what the published simulation looks at. λ = {} else.\n",
        report.provenance,
        &report.request.header.to_string()[..16],
        report.request.seed,
        report.request.round,
        report.request.bits,
        report.request.train,
        report.request.test,
        report.request.lambda
    );
    let _ = writeln!(text, "{}\n", figures(report));
    let _ = writeln!(text, "{}\n", filters(report));
    let _ = writeln!(text, "{}\n", exit(report));
    if demonstrate_leak {
        let _ = writeln!(text, "{}\n", leak(report));
    }
    let _ = writeln!(text, "{}\n", proofs());
    let _ = writeln!(text, "{}", report.verdict);
    text
}

fn share(proportion: Option<Proportion>) -> String {
    proportion.map_or("unidentified".into(), |p| {
        let [value, low, high] = [p.value, p.low, p.high].map(|x| 100.0 * x);
        format!("{value:.2} % [{low:.2}, {high:.2}]")
    })
}

fn area(auc: &Auc) -> String {
    interval(auc.value, (auc.low, auc.high))
}

/// Each figure of the paper, recomputed, and beside what it leaves out.
fn figures(report: &TwinReport) -> Table {
    let mut table = headed(
        "figure | paper | by its own procedure | honest figure beside it | what it leaves out",
        &[1],
    );
    let (legacy, there) = (&report.legacy, &report.published_where_successes_exist);
    let raw = legacy.bill.raw_saving;
    let lost = there.account.successes - there.account.found;
    table.add_row([
        "energy saved".to_string(),
        percent(FIGURES[0]),
        format!(
            "{}, {} kept of {}",
            percent(raw),
            legacy.account.kept,
            legacy.account.candidates
        ),
        format!(
            "ρ at 2^-{}: {}",
            there.bits,
            rho(there.bill.per_share.as_ref())
        ),
        format!("recall: {}", share(there.account.recall())),
    ]);
    table.add_row([
        "efficiency".to_string(),
        format!("{}×", FIGURES[1]),
        format!("{:.1}×", 1.0 / (1.0 - raw)),
        match &there.bill.per_share {
            Some(rho) => format!("equivalent multiplier {:.2}×", rho.multiplier()),
            None => "unidentified".to_string(),
        },
        "that energy is spent per found share, not per candidate".to_string(),
    ]);
    table.add_row([
        "false aborts".to_string(),
        "0".to_string(),
        format!(
            "{} of {} successes (2^-{})",
            legacy.account.successes - legacy.account.found,
            legacy.account.successes,
            legacy.bits
        ),
        format!(
            "{lost} of {} successes (2^-{}): {}",
            there.account.successes,
            there.bits,
            share(Proportion::of(lost, there.account.successes))
        ),
        "that there was next to no success to abort".to_string(),
    ]);
    let empty = &report.empty_windows;
    let cost = UnitOfAccount::Single.cost(ROUND, 0.0);
    let next = empty.next.bill(cost).and_then(|bill| bill.per_share);
    table.add_row([
        "saved in empty windows".to_string(),
        percent(FIGURES[2]),
        format!("{} = {:.4} × 59/64", percent(empty.saving), empty.empty),
        format!("next window by this one: ρ {}", rho(next.as_ref())),
        format!(
            "that {EMPTY} empty is an input of the stream, not a result; that a window is known when it is over; \
             n = {} windows",
            empty.n
        ),
    ]);
    let (same, next) = (&report.same_window, &report.next_window);
    table.add_row([
        "accuracy".to_string(),
        percent(FIGURES[3]),
        format!("{}, n = {}", percent(same.accuracy), same.n),
        format!("AUC of the next window {}", area(&next.auc)),
        "that the label is one of the features".to_string(),
    ]);
    table
}

/// Every filter on every observable.
fn filters(report: &TwinReport) -> Table {
    let accounts = UnitOfAccount::ALL.map(|unit| format!("ρ, {}", unit.name()));
    let headings = format!(
        "observed | filter | cut | keep c | recall r | raw saving | break-even r | {} | true saving, n = 128",
        accounts.join(" | ")
    );
    let mut table = headed(&headings, &[]);
    for row in &report.rows {
        let mut cells = vec![
            row.observable.name().to_string(),
            row.filter.name().to_string(),
            row.cut.name().to_string(),
        ];
        match row.accounts.first() {
            None => cells.push(row.failed.clone().unwrap_or_default()),
            Some((account, bill)) => {
                cells.push(share(account.keep()));
                cells.push(share(account.recall()));
                cells.push(percent(bill.raw_saving));
                cells.push(percent(bill.break_even_recall));
                for (_, bill) in &row.accounts {
                    cells.push(rho(bill.per_share.as_ref()));
                }
                let double = row.accounts.get(1).and_then(|(_, bill)| bill.per_share);
                let saving = double.and_then(|rho| rho.true_saving());
                cells.push(saving.map_or_else(|| "none".to_string(), percent));
            }
        }
        table.add_row(cells);
    }
    table
}

/// The exact early exit and the switching activity.
fn exit(report: &TwinReport) -> Table {
    let exit = &report.early_exit;
    let auc = |auc: &Option<Auc>| auc.as_ref().map_or_else(|| "unidentified".into(), area);
    let rows = [
        (
            "rounds",
            format!(
                "{} of {}: ρ = {:.4}",
                exit.rounds,
                exit.of,
                exit.rounds as f64 / exit.of as f64
            ),
        ),
        (
            "recall, compared on every nonce",
            format!("{} on {} nonces", share(exit.account.recall()), exit.nonces),
        ),
        (
            "its loop beside all rounds, one core of this machine",
            format!("{:.3}× as fast, median of blocks", exit.speed_up),
        ),
        (
            "headers per second with every state, one core",
            format!("{:.1} million", exit.headers_per_second / 1e6),
        ),
        (
            "share of a header's switching before the decision",
            format!(
                "{} in {} of 128 rounds",
                percent(report.activity.share(report.request.round as usize)),
                report.request.round
            ),
        ),
        (
            "AUC of the switching up to the decision for success",
            auc(&report.activity.early),
        ),
        (
            "AUC of all its switching for success",
            auc(&report.activity.whole),
        ),
    ];
    facts("the exact early exit, and the energy model | value", rows)
}

/// Where an accuracy of 100 % comes from.
fn leak(report: &TwinReport) -> Table {
    let mut table = headed(
        "label of a two-second window | accuracy | always the more frequent | AUC | n",
        &[1, 2, 4],
    );
    for (name, judged) in [
        (
            "event in the same window: count > 0, and count is a feature",
            &report.same_window,
        ),
        ("event in the next window", &report.next_window),
    ] {
        table.add_row([
            name.to_string(),
            percent(judged.accuracy),
            percent(judged.majority),
            area(&judged.auc),
            judged.n.to_string(),
        ]);
    }
    table
}

/// The theorems behind the formulae.
fn proofs() -> Table {
    let proved = ACCOUNT.iter().chain(EARLY_EXIT);
    facts(
        "formula | theorem (lean/)",
        proved.map(|proved| (proved.claim, proved.theorem.to_string())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_success_there_is_no_share() {
        assert_eq!(share(None), "unidentified");
    }
}
