//! The same quantities of two captures, with tests of their differences.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::{SameLaw, holm};

use super::answers::{self, Answers};
use super::quantities::{Measured, measure};
use super::quantity::{Quantity, Test};

/// Seed of the resampling. The same for both, so that the same capture gives the same twice.
const SEED: u64 = 1;

/// Level of the tests over all rows together.
const LEVEL: f64 = 0.05;

/// Two captures side by side.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The capture that is the reference.
    pub a: Side,
    /// The capture that is compared with it.
    pub b: Side,
    /// The quantities of both.
    pub rows: Vec<Row>,
    /// Tests of each capture alone.
    pub laws: Vec<Law>,
    /// Samples of both, compared as a whole.
    pub same: Vec<Same>,
    /// Values of `b` in the interval of `a`.
    pub inside: usize,
    /// Quantities that both captures tell.
    pub compared: usize,
    /// Quantities that differ by more than chance, at 5 % over all rows (Holm).
    pub differing: usize,
}

/// One of the captures.
#[derive(Debug, Serialize)]
pub struct Side {
    /// File or URL of the capture.
    pub capture: String,
    /// Origin of its numbers.
    pub provenance: String,
    /// Seed of its run.
    pub seed: u64,
    /// Number of valid shares.
    pub answers: usize,
    /// Shares that are not valid.
    pub invalid: u64,
    /// Share difficulty asked for.
    pub difficulty: f64,
}

/// A quantity of both captures.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Name of the quantity.
    pub name: String,
    /// Unit of the quantity; empty for a number without dimension.
    pub unit: &'static str,
    /// Value of `a` with its 95 % interval; `None` if the capture does not tell.
    pub a: Option<Estimate>,
    /// Value of `b` with its 95 % interval; `None` if the capture does not tell.
    pub b: Option<Estimate>,
    /// Whether the value of `b` is in the interval of `a`.
    pub inside: Option<bool>,
    /// Probability of a difference at least as large if the quantity is the same, by the widths of both intervals;
    /// corrected for all rows (Holm).
    pub p: Option<f64>,
}

/// A law that each capture is tested against alone.
#[derive(Debug, Serialize)]
pub struct Law {
    /// Name of the law and of the test.
    pub name: &'static str,
    /// Probability of what was found in `a`, or of less likely, under the law; `None` if it cannot be tested.
    pub a: Option<f64>,
    /// The same probability for `b`.
    pub b: Option<f64>,
}

/// A sample of both captures, compared as a whole.
#[derive(Debug, Serialize)]
pub struct Same {
    /// Name of the sample.
    pub name: &'static str,
    /// Two-sample test; `None` if one of the samples is too small.
    pub test: Option<SameLaw>,
}

/// Compares the captures at `a` and `b`.
///
/// # Errors
/// If one of them cannot be read, or asks for several difficulties.
pub fn compare(a: &Path, b: &Path) -> Result<Comparison> {
    let (a, b) = (answers::read(a)?, answers::read(b)?);
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
