//! `thermine capture compare`: two captures, analysed in the same way, side by side.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::{SameLaw, holm};

use super::quantities::{Measured, Quantity, Test, measure};
use super::stream::{self, Answers};
use crate::render::table::table;

/// Seed of the resampling. The same for both, so that the same capture gives the same twice.
const SEED: u64 = 1;

/// Level of the tests over all rows together.
const LEVEL: f64 = 0.05;

/// Two captures side by side.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    a: Side,
    b: Side,
    rows: Vec<Row>,
    laws: Vec<Law>,
    same: Vec<Same>,
    inside: usize,
    compared: usize,
    differing: usize,
}

/// A capture.
#[derive(Debug, Serialize)]
struct Side {
    capture: String,
    provenance: String,
    seed: u64,
    answers: usize,
    invalid: u64,
    difficulty: f64,
}

/// One quantity of both.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    unit: &'static str,
    a: Option<Estimate>,
    b: Option<Estimate>,
    /// Whether b's value is in a's interval.
    inside: Option<bool>,
    /// Probability of a difference at least as large if the quantity is one, by the widths of both intervals;
    /// Holm's over all rows.
    p: Option<f64>,
}

/// A law that each is held against on its own.
#[derive(Debug, Serialize)]
struct Law {
    name: &'static str,
    a: Option<f64>,
    b: Option<f64>,
}

/// A sample of both, compared as a whole.
#[derive(Debug, Serialize)]
struct Same {
    name: &'static str,
    test: Option<SameLaw>,
}

/// Compares the captures at `a` and `b`.
pub(crate) fn compare(a: &Path, b: &Path) -> Result<Comparison> {
    let (a, b) = (stream::read(a)?, stream::read(b)?);
    Ok(of(&a, &b))
}

fn of(a: &Answers, b: &Answers) -> Comparison {
    let (of_a, of_b) = (measure(a, SEED), measure(b, SEED));
    let mut rows: Vec<Row> = of_a
        .quantities
        .iter()
        .filter_map(|quantity| {
            let other = of_b
                .quantities
                .iter()
                .find(|other| other.name == quantity.name)?;
            Some(row(quantity, other))
        })
        .collect();
    let raw: Vec<f64> = rows.iter().filter_map(|row| row.p).collect();
    let mut corrected = holm(&raw).into_iter();
    for p in rows.iter_mut().filter_map(|row| row.p.as_mut()) {
        *p = corrected.next().unwrap_or(*p);
    }
    let told = |told: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| told(row)).count();
    Comparison {
        inside: told(&|row| row.inside == Some(true)),
        compared: told(&|row| row.inside.is_some()),
        differing: told(&|row| row.p.is_some_and(|p| p < LEVEL)),
        laws: laws(&of_a.tests, &of_b.tests),
        same: same(&of_a, &of_b),
        rows,
        a: side(a),
        b: side(b),
    }
}

fn side(of: &Answers) -> Side {
    Side {
        capture: of.capture.clone(),
        provenance: of.provenance.to_string(),
        seed: of.seed,
        answers: of.answers.len(),
        invalid: of.invalid,
        difficulty: of.difficulty,
    }
}

fn row(a: &Quantity, b: &Quantity) -> Row {
    let both = a.estimate.zip(b.estimate);
    Row {
        name: a.name.clone(),
        unit: a.unit,
        a: a.estimate,
        b: b.estimate,
        inside: both.map(|(a, b)| a.low <= b.value && b.value <= a.high),
        p: both.and_then(|(a, b)| difference(&a, &b)),
    }
}

/// Two-sided probability of the difference of two estimates, whose 95 % intervals are ±1.96 standard errors
/// wide.
fn difference(a: &Estimate, b: &Estimate) -> Option<f64> {
    let error = |e: &Estimate| (e.high - e.low) / 3.92;
    let spread = error(a).hypot(error(b));
    (spread > 0.0).then(|| thermine_reservoir::describe::two_sided((a.value - b.value) / spread))
}

fn laws(a: &[Test], b: &[Test]) -> Vec<Law> {
    let pair = |(a, b): (&Test, &Test)| Law {
        name: a.name,
        a: a.p,
        b: b.p,
    };
    a.iter().zip(b).map(pair).collect()
}

fn same(a: &Measured, b: &Measured) -> Vec<Same> {
    let (a, b) = (&a.samples, &b.samples);
    [
        ("difficulty of shares", &a.difficulty, &b.difficulty),
        ("Δt of first answers", &a.first, &b.first),
        ("waits of late answers", &a.late, &b.late),
        ("delays of copies", &a.copies, &b.copies),
    ]
    .map(|(name, a, b)| Same {
        name,
        test: SameLaw::of(a, b),
    })
    .into()
}

impl Comparison {
    /// As text.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        for (name, side) in [("a", &self.a), ("b", &self.b)] {
            let _ = writeln!(
                text,
                "{name}: {} — {}, {} valid answers at difficulty {}, {} others, seed {}",
                side.capture,
                side.provenance,
                side.answers,
                side.difficulty,
                side.invalid,
                side.seed
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
        for row in &self.rows {
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
        let mut laws = table(&["law, each on its own", "p of a", "p of b"], &[1, 2]);
        for law in &self.laws {
            laws.add_row([law.name.to_string(), probability(law.a), probability(law.b)]);
        }
        let _ = writeln!(
            text,
            "{laws}\nThe longer a capture, the smaller a departure from a law it shows.\n"
        );
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
        for row in &self.same {
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
        let _ = writeln!(
            text,
            "{} of {} values of b lie in a's interval; {} differ by more than chance (5 % over all rows, Holm). \
             Of values that are the same, one in twenty lies outside if b is much longer than a, and more if not.",
            self.inside, self.compared, self.differing
        );
        text
    }
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
