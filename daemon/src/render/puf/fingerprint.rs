//! Table of the search for a fingerprint in a capture.

use std::fmt::Write;

use thermine_reservoir::identity::fingerprint::{Correlation, STANDS_OUT};

use crate::render::table::headed;
use thermine_lab::puf::fingerprint::FingerprintReport;

/// The table and the verdict.
pub(crate) fn text(report: &FingerprintReport) -> String {
    let mut text = format!(
        "{}, stream `{}` ({}): {} shares, each once, {} of no known chip or core; nonces taken apart as those of a {}{}\n",
        report.capture,
        report.stream,
        report.provenance,
        report.shares,
        report.strange,
        report.model,
        if report.model_said {
            ""
        } else {
            ", which the capture does not say"
        }
    );
    let mut rows = headed(
        "places | n | χ²/df | p | r of halves [95 %] | r of alternate shares [95 %] | smallest CV found | smallest weakness of \
         one | shares for one 10 % weak",
        &[1, 2, 3, 4, 5, 6, 7, 8],
    );
    for (name, print) in [("chips", &report.chips), ("cores", &report.cores)] {
        let Some(print) = print else { continue };
        let uniformity = &print.uniformity;
        rows.add_row([
            format!("{} {name}", uniformity.places),
            uniformity.n.to_string(),
            format!("{:.1}/{}", uniformity.chi2, uniformity.places - 1),
            format!("{:.2}", uniformity.p),
            correlation(print.halves.as_ref()),
            correlation(print.alternate.as_ref()),
            print
                .smallest_spread
                .map_or_else(|| "none".into(), |cv| format!("{:.1} %", 100.0 * cv)),
            // More than all of it cannot be missing.
            if print.smallest_weakness < 1.0 {
                format!("{:.0} %", 100.0 * print.smallest_weakness)
            } else {
                "none".into()
            },
            format!("{:.0}", print.shares_for_a_tenth),
        ]);
    }
    let _ = writeln!(text, "{rows}");
    let _ = writeln!(
        text,
        "smallest CV: of the places' rates, found by χ² with 80 % at a level of 5 %; smallest weakness: of one \
         place, {STANDS_OUT} standard deviations out"
    );
    let _ = writeln!(text, "{}", verdict(report));
    text
}

/// The answer with both p values of chips and of cores.
fn verdict(report: &FingerprintReport) -> String {
    let found = report.found();
    let evidence: Vec<String> = [("chips", &report.chips), ("cores", &report.cores)]
        .into_iter()
        .filter_map(|(name, print)| Some((name, print.as_ref()?)))
        .map(|(name, print)| {
            let uneven = p_value(print.uniformity.p);
            match &print.halves {
                Some(halves) => format!(
                    "{name}: unevenness {uneven}, persistence from the first half of this capture to the second r {:+.2}, {}",
                    halves.r.value,
                    p_value(halves.p)
                ),
                None => format!("{name}: unevenness {uneven}, persistence unknown"),
            }
        })
        .collect();
    let evidence = evidence.join("; ");
    match found.as_slice() {
        [] => format!(
            "No fingerprint in {} shares: neither chips nor cores are both uneven and lasting ({evidence}).",
            report.shares
        ),
        found => format!(
            "A fingerprint within this one capture: {} are told apart ({evidence}). Only a separate capture of the same unit \
             shows that it persists beyond this one.",
            found.join(" and ")
        ),
    }
}

fn p_value(p: f64) -> String {
    match p {
        p if p < 1e-3 => format!("p {p:.0e}"),
        p => format!("p {p:.3}"),
    }
}

fn correlation(of: Option<&Correlation>) -> String {
    of.map_or_else(
        || "none".into(),
        |c| {
            format!(
                "{:+.3} [{:+.3}, {:+.3}], p {:.2}",
                c.r.value, c.r.low, c.r.high, c.p
            )
        },
    )
}
