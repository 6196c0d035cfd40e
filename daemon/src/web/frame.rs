//! The numbers of a unit that change all the time, in the compact form of the stream.

use std::hash::{DefaultHasher, Hasher};
use std::io;

use serde_json::Value;

use crate::live::snapshot::Unit;

/// What the numbers of a row are, in their order, after the unit's place in the list.
pub(super) const COLUMNS: [&str; 16] = [
    "hash_rate_ghs",
    "hash_rate_low_ghs",
    "hash_rate_high_ghs",
    "hash_rate_n",
    "expected_ghs",
    "duty",
    "claimed_ghs",
    "hottest_celsius",
    "slowest_fan_rpm",
    "watts",
    "accepted",
    "stale",
    "duplicate",
    "refused",
    "hardware_errors",
    "read_ms",
];

/// The parts of a unit that are large and that one looks at of one unit at a time.
const DETAILS: [&str; 5] = ["intervals", "board", "learning", "verdict", "tpf"];

/// The numbers of one unit, in the order of [`COLUMNS`].
pub(super) type Numbers = [Option<f64>; COLUMNS.len()];

pub(super) fn numbers(unit: &Unit) -> Numbers {
    let rate = unit.hash_rate_ghs;
    let fold = |of: &[crate::live::snapshot::Reading], pick: fn(f64, f64) -> f64| {
        of.iter().map(|reading| reading.value).reduce(pick)
    };
    let count = |n: u64| Some(n as f64);
    [
        rate.map(|rate| rate.value),
        rate.map(|rate| rate.low),
        rate.map(|rate| rate.high),
        rate.and_then(|rate| count(rate.n)),
        unit.expected_ghs,
        unit.duty,
        unit.claimed_ghs,
        fold(&unit.temperatures, f64::max),
        fold(&unit.fans, f64::min),
        unit.watts,
        count(unit.shares.accepted),
        count(unit.shares.stale),
        count(unit.shares.duplicate),
        count(unit.shares.refused),
        unit.hardware_errors.and_then(count),
        unit.read_ms.and_then(count),
    ]
    .map(|number| number.filter(|number| number.is_finite()).map(short))
}

/// To a thousandth: more is noise in every one of the columns, and is sent often.
fn short(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// Appends the row of the unit in place `i`.
pub(super) fn row(text: &mut String, i: usize, numbers: &Numbers) {
    text.push('[');
    text.push_str(&i.to_string());
    for number in numbers {
        text.push(',');
        match number {
            None => text.push_str("null"),
            // Whole numbers, which counts and times are, without a fraction.
            Some(number) => text.push_str(&number.to_string()),
        }
    }
    text.push(']');
}

/// The unit as it is served in a stream, with its details only when it is looked at `closely`, and a fingerprint of what of
/// it is not in the [`numbers`].
pub(super) fn rest(mut unit: Unit, closely: bool) -> Result<(u64, Value), serde_json::Error> {
    if !closely {
        // Before they are written out, which costs most.
        unit.intervals = None;
        unit.board = None;
        unit.learning = None;
        unit.verdict = None;
        unit.tpf = None;
    }
    let mut value = serde_json::to_value(unit)?;
    let Value::Object(fields) = &mut value else {
        return Ok((0, value));
    };
    if !closely {
        // Null would say that they are not known.
        for name in DETAILS {
            fields.remove(name);
        }
    }
    let mut print = Print(DefaultHasher::new());
    for (name, field) in fields.iter() {
        if !matches!(
            name.as_str(),
            "hash_rate_ghs"
                | "expected_ghs"
                | "duty"
                | "claimed_ghs"
                | "watts"
                | "shares"
                | "hardware_errors"
                | "read_ms"
        ) {
            print.0.write(name.as_bytes());
            serde_json::to_writer(&mut print, field)?;
        }
    }
    Ok((print.0.finish(), value))
}

/// Hashes what is written to it.
struct Print(DefaultHasher);

impl io::Write for Print {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
