//! Numbers as they stand in a cell, and what several units come to together.

use crate::live::snapshot::{Estimate, Unit};
use crate::render::table::fixed;

/// The name of an algorithm for people.
pub(super) fn algorithm(name: &str) -> String {
    match name {
        "sha256d" => "SHA-256d".into(),
        other => other.to_uppercase(),
    }
}

/// Where the numbers of several units come from.
pub(super) fn all_from<'a>(units: impl Iterator<Item = &'a Unit>) -> String {
    let mut words: Vec<&str> = units.map(|unit| unit.provenance.words()).collect();
    words.sort_unstable();
    words.dedup();
    words.join(" and ")
}

/// The unit in which a hash rate in GH/s is shown, and its size.
fn scale(ghs: f64) -> (f64, &'static str) {
    [(1e6, "PH/s"), (1e3, "TH/s"), (1.0, "GH/s"), (1e-3, "MH/s")]
        .into_iter()
        .find(|(size, _)| ghs.abs() >= *size)
        .unwrap_or((1e-6, "kH/s"))
}

pub(super) fn rate(ghs: f64) -> String {
    let (size, unit) = scale(ghs);
    format!("{} {unit}", four(ghs / size))
}

/// In the unit of the rate itself.
pub(super) fn interval(of: &Estimate) -> String {
    let (size, _) = scale(of.value);
    format!("[{}, {}]", three(of.low / size), three(of.high / size))
}

/// Below 1000, with so many digits that four are significant.
fn four(value: f64) -> String {
    let digits = if value < 10.0 {
        3
    } else if value < 100.0 {
        2
    } else {
        1
    };
    fixed(value, digits)
}

/// The same with three.
fn three(value: f64) -> String {
    let digits = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    fixed(value, digits)
}

/// A span in milliseconds.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{:.1} s", ms as f64 / 1e3),
        10_000..120_000 => format!("{} s", ms / 1000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_as_uncertain_as_its_independent_parts() {
        let part = Estimate {
            value: 10.0,
            low: 7.0,
            high: 14.0,
            n: 5,
        };
        let sum = Estimate::sum(&[
            part,
            Estimate {
                value: 20.0,
                low: 16.0,
                high: 23.0,
                n: 6,
            },
        ]);
        assert_eq!(
            (sum.value, sum.low, sum.high, sum.n),
            (30.0, 25.0, 35.0, 11)
        );
    }

    #[test]
    fn spans_and_rates_are_short_and_have_their_unit() {
        assert_eq!(span(9_940), "9.9 s");
        assert_eq!(span(300_000), "5 min");
        assert_eq!(rate(13_421.0), "13.42 TH/s");
        assert_eq!(rate(0.5), "500.0 MH/s");
        let estimate = Estimate {
            value: 13_421.0,
            low: 9_800.0,
            high: 17_040.0,
            n: 50,
        };
        assert_eq!(interval(&estimate), "[9.80, 17.0]");
    }
}
