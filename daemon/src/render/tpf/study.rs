//! Tables and plots of `thermine tpf study`.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use comfy_table::Table;
use thermine_reservoir::information::leakage::LeakageBounds;

use crate::render::svg::Plot;
use crate::render::table::headed;
use crate::render::{folder, verify};
use thermine_lab::tpf::study::{LEVEL, StudyReport, TestRow};

/// Nonce bits that are shown one by one; all are in the report's JSON.
const SHOWN_BITS: usize = 2;

/// Writes JSON and plots.
pub(crate) fn write(folder: &Path, report: &StudyReport) -> Result<()> {
    folder::write_json(folder, "report.json", report)?;
    plot_law(folder, report)?;
    plot_tests(folder, report)
}

/// The tables and the verdict.
pub(crate) fn text(report: &StudyReport) -> String {
    let mut text = verify::text(&report.verified);
    let _ = writeln!(
        text,
        "\nstream `{}`, {}: {} shares studied, {} of them of a job that had been replaced",
        report.stream, report.provenance, report.shares, report.old
    );
    if let Some(hashes) = report.hashes_per_share {
        let _ = writeln!(
            text,
            "a share stands for {hashes:.2e} hashes on average: its time is theirs, not that of the one that was found"
        );
    }
    tests(&mut text, report);
    let _ = writeln!(
        text,
        "{} tests, {} permutations each, seed {}; detectable with a power of 80 %",
        report.tests.len(),
        report.permutations,
        report.seed
    );
    if let Some(line) = exact_leakage(&report.tests) {
        let _ = writeln!(text, "{line}");
    }
    if !report.dropped.is_empty() {
        text.push_str("\na filter that drops the slowest shares drops of those with U < ¼:\n");
        let _ = writeln!(text, "{}", dropped(report));
    }
    let _ = writeln!(text, "\n{}", report.verdict);
    text
}

/// All tests but those of nonce bits, and the nonce bits with the smallest p.
fn tests(text: &mut String, report: &StudyReport) {
    let mut rows = headed(
        "difficulty beside | test | n | statistic | bit above null | p | Holm | detectable, 5 % | … Holm | remarks",
        &[2, 4, 5, 6, 7, 8],
    );
    let (mut bits, others): (Vec<&TestRow>, Vec<&TestRow>) =
        report.tests.iter().partition(|row| is_nonce_bit(row));
    bits.sort_by(|a, b| a.p.total_cmp(&b.p));
    for row in others
        .into_iter()
        .chain(bits.iter().copied().take(SHOWN_BITS))
    {
        let unit = row.design.map_or("", |design| design.unit());
        let reach =
            |value: Option<f64>| value.map_or_else(|| "–".into(), |v| format!("{v:.4} {unit}"));
        rows.add_row([
            row.beside.clone(),
            row.kind.to_string(),
            row.n.to_string(),
            row.statistic.clone(),
            row.bits
                .map_or_else(|| "–".into(), |bits| format!("{bits:+.4}")),
            format!("{:.4}", row.p),
            format!("{:.3}", row.adjusted),
            reach(row.detectable.map(|d| d.0)),
            reach(row.detectable.map(|d| d.1)),
            row.cautions.join("; "),
        ]);
    }
    let _ = writeln!(text, "{rows}");
    if let (Some(next), Some(last)) = (bits.get(SHOWN_BITS), bits.last()) {
        let _ = writeln!(
            text,
            "the {} other nonce bits: p {:.4} to {:.4}",
            bits.len() - SHOWN_BITS,
            next.p,
            last.p
        );
    }
}

fn dropped(report: &StudyReport) -> Table {
    let percent = |part: f64| format!("{:.1} %", 100.0 * part);
    let mut rows = headed("dropped | lost [95 %]", &[0, 1]);
    for d in &report.dropped {
        let (low, high) = d.interval;
        rows.add_row([
            percent(d.dropped),
            format!("{} [{}, {}]", percent(d.lost), percent(low), percent(high)),
        ]);
    }
    rows
}

/// What exact arithmetic says of the tables of classes: the largest Λ, and how far any printed G is from it.
fn exact_leakage(tests: &[TestRow]) -> Option<String> {
    let measured = tests.iter().filter_map(|row| {
        let measurement = row.measurement.as_ref()?;
        Some((row, measurement.test.g / 2.0, measurement.leakage?))
    });
    let measured: Vec<(&TestRow, f64, LeakageBounds)> = measured.collect();
    let (row, _, most) = measured.iter().max_by(|a, b| a.2.low.total_cmp(&b.2.low))?;
    let outside = measured
        .iter()
        .map(|(_, log, exact)| (exact.low - log).max(log - exact.high).max(0.0))
        .fold(0.0, f64::max);
    Some(format!(
        "log Λ = G/2 in exact arithmetic, {} tables: the largest is that of {}, in [{:.12}, {:.12}] (a fraction of {} by \
         {} bits); no printed G is more than {:.0e} outside its own",
        measured.len(),
        row.beside,
        most.low,
        most.high,
        most.numerator_bits,
        most.denominator_bits,
        2.0 * outside
    ))
}

fn is_nonce_bit(row: &TestRow) -> bool {
    row.beside.starts_with("nonce bit")
}

/// The density of U, 1 for honest shares.
fn plot_law(folder: &Path, report: &StudyReport) -> Result<()> {
    let density = &report.density;
    let most = density.iter().copied().fold(1.0, f64::max);
    let mut plot = Plot::new(
        &format!(
            "difficulty law, {} shares ({})",
            report.shares, report.provenance
        ),
        "U = difficulty asked/found",
        "density",
        (0.0, 1.0),
        (0.0, 1.1 * most),
    );
    let width = 1.0 / density.len() as f64;
    let bars = density.iter().enumerate();
    plot.bars("shares", width, bars.map(|(i, y)| (i as f64 * width, *y)));
    plot.line("uniform", [(0.0, 1.0), (1.0, 1.0)]);
    folder::write(folder, "law.svg", plot.render())
}

/// All p-values in order, beside what independent tests of nothing give on average.
fn plot_tests(folder: &Path, report: &StudyReport) -> Result<()> {
    let mut p: Vec<f64> = report.tests.iter().map(|row| row.p).collect();
    p.sort_by(f64::total_cmp);
    let tests = p.len() as f64;
    let logs = |value: f64| -value.max(1e-12).log10();
    let expected = |rank: usize| logs((rank as f64 + 1.0) / (tests + 1.0));
    let most = logs(p[0]).max(expected(0)).max(logs(LEVEL / tests)) * 1.05;
    let mut plot = Plot::new(
        &format!("{} tests of independence ({})", p.len(), report.provenance),
        "−log₁₀ p, expected where there is nothing",
        "−log₁₀ p, found",
        (0.0, expected(0) * 1.05),
        (0.0, most),
    );
    let found = p.iter().enumerate();
    plot.line("tests", found.map(|(rank, p)| (expected(rank), logs(*p))));
    plot.line("nothing", [(0.0, 0.0), (expected(0), expected(0))]);
    let strict = logs(LEVEL / tests);
    plot.line(
        "Holm's first step",
        [(0.0, strict), (expected(0) * 1.05, strict)],
    );
    folder::write(folder, "tests.svg", plot.render())
}
