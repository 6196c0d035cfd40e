//! Two captures side by side, as text.

use std::fmt::Write;

use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::SameLaw;

use super::table::table;
use thermine_lab::compare::Comparison;

/// The comparison as text.
pub(crate) fn text(of: &Comparison) -> String {
    let mut text = String::new();
    for (name, side) in [("a", &of.a), ("b", &of.b)] {
        let _ = writeln!(
            text,
            "{name}: {} — {}, {} valid answers at difficulty {}, {} others, seed {}",
            side.capture, side.provenance, side.answers, side.difficulty, side.invalid, side.seed
        );
    }
    let mut rows = table(
        &[
            "quantity",
            "a [95 %]",
            "b [95 %]",
            "b in a's interval",
            "p of the difference (Holm)",
        ],
        &[1, 2, 4],
    );
    for row in &of.rows {
        let name = if row.unit.is_empty() {
            row.name.clone()
        } else {
            format!("{}, {}", row.name, row.unit)
        };
        rows.add_row([
            name,
            shown(row.a.as_ref()),
            shown(row.b.as_ref()),
            match row.inside {
                Some(true) => "yes".into(),
                Some(false) => "NO".into(),
                None => "not told".into(),
            },
            probability(row.p),
        ]);
    }
    let _ = writeln!(text, "\n{rows}\n");
    laws(&mut text, of);
    samples(&mut text, of);
    let _ = writeln!(
        text,
        "{} of {} values of b lie in a's interval; {} differ by more than chance (5 % over all rows, Holm). \
         Of values that are the same, one in twenty lies outside if b is much longer than a, and more if not.",
        of.inside, of.compared, of.differing
    );
    text
}

/// Each capture against laws.
fn laws(text: &mut String, of: &Comparison) {
    let mut laws = table(&["law, each on its own", "p of a", "p of b"], &[1, 2]);
    for law in &of.laws {
        laws.add_row([law.name.to_string(), probability(law.a), probability(law.b)]);
    }
    let _ = writeln!(
        text,
        "{laws}\nThe longer a capture, the smaller a departure from a law it shows.\n"
    );
}

/// The samples of both against each other.
fn samples(text: &mut String, of: &Comparison) {
    let mut same = table(
        &[
            "one law in both (two-sample KS)",
            "n of a",
            "n of b",
            "distance",
            "p",
        ],
        &[1, 2, 3, 4],
    );
    for row in &of.same {
        let cell = |of: &dyn Fn(&SameLaw) -> String| {
            row.test.as_ref().map_or_else(|| "not told".into(), of)
        };
        same.add_row([
            row.name.to_string(),
            cell(&|test| test.n.0.to_string()),
            cell(&|test| test.n.1.to_string()),
            cell(&|test| format!("{:.3}", test.distance)),
            probability(row.test.map(|test| test.p)),
        ]);
    }
    let _ = writeln!(text, "{same}\n");
}

fn shown(estimate: Option<&Estimate>) -> String {
    estimate.map_or_else(
        || "not told".into(),
        |e| {
            format!(
                "{} [{}, {}]",
                number(e.value),
                number(e.low),
                number(e.high)
            )
        },
    )
}

/// Four significant digits.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 6);
    format!("{value:.*}", digits as usize)
}

fn probability(p: Option<f64>) -> String {
    match p {
        None => "not told".into(),
        Some(p) if p < 1e-4 => "< 0.0001".into(),
        Some(p) => format!("{p:.4}"),
    }
}
