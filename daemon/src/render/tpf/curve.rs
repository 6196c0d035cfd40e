//! Table and plot of `thermine tpf curve`.

use std::path::Path;

use anyhow::Result;
use thermine_sha256::ROUNDS;

use crate::render::folder;
use crate::render::svg::Plot;
use crate::render::table::{headed, interval};
use thermine_lab::tpf::curve::{CurveReport, place};

/// Writes JSON and the plot.
pub(crate) fn write(folder: &Path, report: &CurveReport) -> Result<()> {
    folder::write_json(folder, "report.json", report)?;
    folder::write_plot(folder, "curve.svg", &plot(report))
}

/// The band within which chance keeps all points at once, 95 %.
fn band(report: &CurveReport) -> (f64, f64) {
    let comparable = report.points.iter().filter(|point| !point.constant);
    let count = comparable.clone().count();
    let widest = comparable
        .filter_map(|point| point.auc)
        .max_by(|a, b| a.null_sd.total_cmp(&b.null_sd));
    widest.map_or((0.5, 0.5), |auc| auc.null_band(count))
}

fn plot(report: &CurveReport) -> Plot {
    let title = format!(
        "Success 2^-{} from the state after a round: best of four models, {} nonces, seed {} (computed)",
        report.setup.bits, report.setup.nonces, report.setup.seed
    );
    let end = (2 * ROUNDS) as f64;
    let mut plot = Plot::new(
        &title,
        "round of both compressions",
        "AUC",
        (1.0, end),
        (0.4, 1.02),
    );
    let areas = report
        .points
        .iter()
        .filter_map(|p| Some((place(p) as f64, p.auc?.value)));
    plot.line("AUC, unseen nonces", areas);
    let (low, high) = band(report);
    plot.line("chance, 95 % over all points", [(1.0, low), (end, low)]);
    plot.line("", [(1.0, high), (end, high)]);
    plot
}

/// The table and the verdict.
pub(crate) fn text(report: &CurveReport) -> String {
    let mut table = headed(
        "compression | round | best model | AUC | chance, one point",
        &[0, 1],
    );
    for point in &report.points {
        let (auc, chance) = match point.auc {
            None => ("too few successes".to_string(), String::new()),
            Some(auc) => {
                let (low, high) = auc.null_band(1);
                (
                    interval(auc.value, (auc.low, auc.high)),
                    format!("{low:.3} to {high:.3}"),
                )
            }
        };
        table.add_row([
            point.compression.to_string(),
            point.round.to_string(),
            if point.constant {
                "none: no nonce in it"
            } else {
                point.model.name()
            }
            .to_string(),
            auc,
            chance,
        ]);
    }
    let (low, high) = band(report);
    format!(
        "{}; header {}…, seed {}, success 2^-{}, {} nonces: half to fit, a fifth to choose, the rest to judge.\n\
         Chance keeps all points at once within {low:.3} to {high:.3} (95 %, Šidák).\n\n{table}\n\n{}",
        report.provenance,
        &report.header.to_string()[..16],
        report.setup.seed,
        report.setup.bits,
        report.setup.nonces,
        report.verdict,
    )
}
