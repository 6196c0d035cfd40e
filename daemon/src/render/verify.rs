//! What verifying a capture has found, as text.

use std::fmt::Write;

use thermine_capture::verify::VerifyReport;

use crate::render::table::table;

/// The report as text.
pub(crate) fn text(report: &VerifyReport) -> String {
    let mut text = format!(
        "{}: {} shares, {}\n",
        report.capture, report.shares, report.provenance
    );
    let _ = writeln!(
        text,
        "hashed again: {} of {} valid, {} invalid; {} without a header",
        report.valid, report.hashed, report.invalid, report.without_header
    );
    let verdicts: Vec<String> = report
        .verdicts
        .iter()
        .map(|(v, n)| format!("{v} {n}"))
        .collect();
    let _ = writeln!(text, "recorded as: {}", verdicts.join(", "));
    let _ = writeln!(
        text,
        "sent twice: {}; contradicting the record: {}",
        report.resubmissions, report.contradictions
    );
    for example in &report.examples {
        let _ = writeln!(text, "  {example}");
    }
    match report.asked.as_slice() {
        [] => {}
        [(asked, n)] => {
            let _ = writeln!(text, "difficulty asked: {asked} ({n} unique valid shares)");
        }
        many => {
            let (low, high) = (many[0].0, many[many.len() - 1].0);
            let _ = writeln!(
                text,
                "difficulties asked: {} from {low} to {high}",
                many.len()
            );
        }
    }
    if report.difficulty_scales.iter().any(|scale| *scale != 1.0) {
        let _ = writeln!(
            text,
            "hashed at {:?} times the difficulty: a simulated unit's",
            report.difficulty_scales
        );
    }
    let mut summary = table(
        &[
            "", "n", "mean", "sd", "CV", "min", "5 %", "median", "95 %", "max", "lag-1 r",
        ],
        &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    let difficulty = report.difficulty.map(|s| ("difficulty".to_string(), s));
    let waits = report.since_job_ms.iter();
    let waits = waits.map(|(stream, s)| (format!("Δt of {stream}, ms"), *s));
    for (name, s) in difficulty.into_iter().chain(waits) {
        let mut row = vec![name, s.n.to_string()];
        let numbers = [s.mean, s.sd, s.cv, s.min, s.q05, s.median, s.q95, s.max];
        row.extend(numbers.map(|x| format!("{x:.3}")));
        let band = 1.96 / (s.n as f64).sqrt();
        row.push(format!("{:+.3} (±{band:.3})", s.autocorrelation));
        summary.add_row(row);
    }
    let _ = writeln!(text, "{summary}");
    let _ = writeln!(
        text,
        "lag-1 r: in brackets the band that 95 % of independent series stay in"
    );
    if let Some(floor) = report.floor {
        let _ = writeln!(text, "floor of the difficulty: {floor:.2} (unbiased)");
    }
    if let Some(law) = report.law {
        let _ = writeln!(
            text,
            "difficulty law, U = asked/found uniform on (0, 1): KS distance {:.4}, p = {:.3}",
            law.distance, law.p
        );
    }
    text
}
