//! Tables of the search for a fingerprint in captures.

use std::fmt::Write;

use comfy_table::Table;
use thermine_reservoir::identity::fingerprint::{Correlation, Fingerprint, STANDS_OUT};

use crate::render::table::{difference, headed};
use thermine_lab::puf::fingerprint::FingerprintReport;

/// The verdict, the captures and the table.
pub(crate) fn text(report: &FingerprintReport) -> String {
    let mut text = format!("{}\n\n", verdict(report));
    for (number, source) in (1..).zip(&report.captures) {
        let _ = writeln!(
            text,
            "capture {number}: {}, stream `{}` ({}): {} shares, each once",
            source.capture, source.stream, source.provenance, source.shares
        );
    }
    let _ = writeln!(
        text,
        "{} of no known chip or core; nonces taken apart as those of a {}{}",
        report.strange,
        report.model,
        if report.model_said {
            ""
        } else {
            ", which no capture says"
        }
    );
    if report.captures.len() > 1 {
        let _ = writeln!(text, "{}", between(report));
    }
    let _ = writeln!(text, "{}", places(report));
    let _ = writeln!(
        text,
        "smallest CV: of the places' rates, found by χ² with 80 % at a level of 5 %; smallest weakness: of one \
         place, {STANDS_OUT} standard deviations out"
    );
    text
}

/// Both groups of places, as far as there are any.
fn prints(report: &FingerprintReport) -> impl Iterator<Item = (&'static str, &Fingerprint)> {
    let prints = [("chips", &report.chips), ("cores", &report.cores)];
    prints
        .into_iter()
        .filter_map(|(name, print)| Some((name, print.as_ref()?)))
}

/// Unevenness, the halves of a single capture, and what would have been found.
fn places(report: &FingerprintReport) -> Table {
    let is_one = report.captures.len() == 1;
    let halves = if is_one {
        "r of halves [95 %] | r of alternate shares [95 %] | "
    } else {
        ""
    };
    let mut rows = headed(
        &format!(
            "places | n | χ²/df | p | {halves}smallest CV found | smallest weakness of one | shares for one 10 % weak"
        ),
        &[1, 2, 3, 4, 5, 6, 7, 8],
    );
    for (name, print) in prints(report) {
        let uniformity = &print.uniformity;
        let mut cells = vec![
            format!("{} {name}", uniformity.places),
            uniformity.n.to_string(),
            format!("{:.1}/{}", uniformity.chi2, uniformity.places - 1),
            format!("{:.2}", uniformity.p),
        ];
        if is_one {
            cells.push(correlation(print.halves.as_ref()));
            cells.push(correlation(print.alternate.as_ref()));
        }
        cells.extend([
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
        rows.add_row(cells);
    }
    rows
}

/// Correlation of each pair of captures.
fn between(report: &FingerprintReport) -> Table {
    let mut rows = headed("places | captures | r of the counts [95 %]", &[]);
    for (name, print) in prints(report) {
        for pair in print.between.iter().flat_map(|between| &between.pairs) {
            let (first, second) = pair.captures;
            rows.add_row([
                name.to_owned(),
                format!("{} and {}", first + 1, second + 1),
                correlation(Some(&pair.correlation)),
            ]);
        }
    }
    rows
}

/// The answer with both p values of chips and of cores.
fn verdict(report: &FingerprintReport) -> String {
    let captures = report.captures.len();
    let evidence: Vec<String> = prints(report)
        .map(|(name, print)| of(name, print, captures))
        .collect();
    let evidence = evidence.join("; ");
    if captures == 1 {
        let limit = "Halves of one capture cannot show persistence between captures";
        return match report.suspected().as_slice() {
            [] => format!(
                "No fingerprint in {} shares ({evidence}). {limit}: a fingerprint takes a second capture of the same unit.",
                report.shares
            ),
            uneven => format!(
                "Uneven, and the halves agree, in the {}: record a second capture of the same unit, and name both \
                 ({evidence}). {limit}, so this is no fingerprint.",
                uneven.join(" and ")
            ),
        };
    }
    match report.found().as_slice() {
        [] => format!(
            "No fingerprint in {} shares of {captures} captures: neither chips nor cores are both uneven and persistent \
             ({evidence}).",
            report.shares
        ),
        found => format!(
            "A fingerprint: the {} differ, and in the same way in {captures} captures ({evidence}).",
            found.join(" and ")
        ),
    }
}

/// What there is for and against places of this name.
fn of(name: &str, print: &Fingerprint, captures: usize) -> String {
    let uneven = p_value(print.uniformity.p);
    match (&print.between, &print.halves) {
        (Some(between), _) => {
            let mean = if between.pairs.len() > 1 { "mean " } else { "" };
            format!(
                "{name}: unevenness {uneven}, persistence between captures {mean}r {}, {} by {} permutations, seed {}",
                difference(between.r.value, (between.r.low, between.r.high)),
                p_value(between.p),
                between.permutations,
                between.seed
            )
        }
        (None, Some(halves)) => format!(
            "{name}: unevenness {uneven}, halves of this capture r {:+.2}, {}",
            halves.r.value,
            p_value(halves.p)
        ),
        (None, None) if captures > 1 => {
            format!("{name}: unevenness {uneven}, persistence between captures unknown")
        }
        (None, None) => format!("{name}: unevenness {uneven}, halves of this capture unknown"),
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
