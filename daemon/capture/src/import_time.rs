//! When the shares of an imported table came: the unit of its timestamps, and their order.
//!
//! | column | unit |
//! | --- | --- |
//! | `timestamp_s`, `timestamp_ms`, `timestamp_us`, `timestamp_ns` | as named |
//! | `timestamp` like 2026-01-31T12:00:00Z | without an offset, UTC |
//! | `timestamp`, Unix time of 13, 16 or 19 digits | ms, µs, ns: seconds would be beyond the year 5000 |
//! | any other `timestamp` | s |

use std::time::Duration;

/// Names of the column, and the seconds of its unit; `None` where the values tell.
const COLUMNS: [(&str, Option<f64>); 5] = [
    ("timestamp", None),
    ("timestamp_s", Some(1.0)),
    ("timestamp_ms", Some(1e-3)),
    ("timestamp_us", Some(1e-6)),
    ("timestamp_ns", Some(1e-9)),
];

/// Unix times from which on a number is no longer one of seconds, and its unit.
const UNIX: [(f64, f64, &str); 3] = [
    (1e17, 1e-9, "nanoseconds"),
    (1e14, 1e-6, "microseconds"),
    (1e11, 1e-3, "milliseconds"),
];

/// Fewest rows from which a unit is doubted.
const FEWEST: usize = 20;

/// Longest span of a file, s: 30 years.
const LONGEST: f64 = 1e9;

/// A timestamp as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stamp {
    /// A number, whose unit is yet to be found.
    Number(f64),
    /// A date and time, in Unix seconds.
    Unix(f64),
}

impl Stamp {
    /// Reads `text`, in which `number` reads numbers.
    pub(super) fn parse(text: &str, number: impl Fn(&str) -> Option<f64>) -> Option<Stamp> {
        if let Some(value) = number(text) {
            return Some(Stamp::Number(value));
        }
        let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let local = text.parse::<jiff::civil::DateTime>().ok()?;
            jiff::tz::TimeZone::UTC.to_timestamp(local).ok()
        })?;
        Some(Stamp::Unix(instant.as_nanosecond() as f64 * 1e-9))
    }
}

/// The column of the times in a table with this `header`, and its unit if that is named.
pub(super) fn column(header: &[String]) -> (&'static str, Option<f64>) {
    let named = |(name, _): &&(&str, Option<f64>)| header.iter().any(|column| column == name);
    *COLUMNS.iter().find(named).unwrap_or(&COLUMNS[0])
}

/// When the shares came.
#[derive(Debug, PartialEq)]
pub(super) struct Times {
    /// Seconds since the first job was sent, in the order of the rows.
    pub(super) arrived: Vec<f64>,
    /// What was found of unit and order.
    pub(super) notes: Vec<String>,
}

/// The times of rows, each with its timestamp and the time since its job was sent; `unit` is that of the numbers, if it
/// is known.
///
/// # Errors
/// If there is none, if they are of more than 30 years, or if their unit is in doubt.
pub(super) fn times(rows: &[(Stamp, Duration)], unit: Option<f64>) -> Result<Times, String> {
    if rows.is_empty() {
        return Err("it holds no shares: nothing is imported".into());
    }
    let mut notes = Vec::new();
    let largest = rows.iter().map(|(stamp, _)| match stamp {
        Stamp::Number(value) => value.abs(),
        Stamp::Unix(_) => 0.0,
    });
    let largest = largest.fold(0.0, f64::max);
    let found = UNIX.iter().find(|(least, _, _)| largest >= *least);
    let scale = match (unit, found) {
        (Some(unit), _) => unit,
        (None, Some((_, unit, name))) => {
            notes.push(format!("timestamps are Unix {name}, and were read as such"));
            *unit
        }
        (None, None) => 1.0,
    };
    let seconds = |stamp: &Stamp| match stamp {
        Stamp::Number(value) => value * scale,
        Stamp::Unix(value) => *value,
    };
    let arrived: Vec<f64> = rows.iter().map(|(stamp, _)| seconds(stamp)).collect();
    let sent = arrived
        .iter()
        .zip(rows)
        .map(|(at, (_, since))| at - since.as_secs_f64());
    let origin = sent.fold(f64::INFINITY, f64::min);
    let late = arrived.windows(2).filter(|pair| pair[1] < pair[0]).count();
    if late > 0 {
        notes.push(format!(
            "{late} rows are earlier than the row before them: the rows were sorted by time"
        ));
    }
    let arrived: Vec<f64> = arrived.iter().map(|at| at - origin).collect();
    if let Some(row) = arrived.iter().position(|at| *at >= LONGEST) {
        return Err(format!(
            "row {} is more than 30 years after the earliest: is one of its timestamps wrong, or of another unit?",
            row + 1
        ));
    }
    if unit.is_none() && scale == 1.0 {
        doubt(&arrived, rows)?;
    }
    Ok(Times { arrived, notes })
}

/// Refuses numbers that may be milliseconds: shares a thousand times farther apart than they come after their jobs.
fn doubt(arrived: &[f64], rows: &[(Stamp, Duration)]) -> Result<(), String> {
    let is_number = rows
        .iter()
        .all(|(stamp, _)| matches!(stamp, Stamp::Number(_)));
    if rows.len() < FEWEST || !is_number {
        return Ok(());
    }
    let mut sorted = arrived.to_vec();
    sorted.sort_by(f64::total_cmp);
    let apart = median(sorted.windows(2).map(|pair| pair[1] - pair[0]).collect());
    let since = median(rows.iter().map(|(_, since)| since.as_secs_f64()).collect());
    if since > 0.0 && (200.0..5_000.0).contains(&(apart / since)) {
        return Err(format!(
            "the unit of its timestamps is in doubt: in seconds, shares would be {apart:.3} s apart, yet come \
             {since:.3} s after their jobs (jitter_ms). Name the column `timestamp_ms` if they are milliseconds, \
             `timestamp_s` if they are seconds"
        ));
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: Duration = Duration::from_millis(100);

    fn numbers(values: &[f64]) -> Vec<(Stamp, Duration)> {
        values.iter().map(|v| (Stamp::Number(*v), SINCE)).collect()
    }

    fn is_near(times: &Times, expected: &[f64]) -> bool {
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-3;
        times.arrived.len() == expected.len() && times.arrived.iter().zip(expected).all(near)
    }

    #[test]
    fn one_instant_is_one_instant_in_whatever_unit() {
        let expected = [0.1, 0.35];
        for unit in [1.0, 1e3, 1e6, 1e9] {
            let rows = numbers(&[1.7e9 * unit, (1.7e9 + 0.25) * unit]);
            let times = times(&rows, None).expect("known");
            assert!(is_near(&times, &expected), "{unit}: {times:?}");
            assert_eq!(times.notes.is_empty(), unit == 1.0);
        }
        let stamp = |text: &str| (Stamp::parse(text, |_| None).expect("a time"), SINCE);
        for (first, second) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T13:00:00.25+01:00"),
            ("2026-01-31 12:00:00", "2026-01-31T12:00:00.250000"),
        ] {
            let times = times(&[stamp(first), stamp(second)], None).expect("known");
            assert!(is_near(&times, &expected), "{times:?}");
        }
        assert_eq!(Stamp::parse("yesterday", |_| None), None);
    }

    #[test]
    fn rows_out_of_order_are_counted() {
        let times = times(&numbers(&[7.0, 2.0, 3.0, 2.5]), None).expect("known");
        assert!(is_near(&times, &[5.1, 0.1, 1.1, 0.6]), "{times:?}");
        assert!(times.notes[0].starts_with("2 rows"), "{times:?}");
    }

    #[test]
    fn what_may_be_milliseconds_has_to_be_named() {
        let far: Vec<f64> = (0..30).map(|i| f64::from(i) * 100.0).collect();
        let said = times(&numbers(&far), None).expect_err("in doubt");
        assert!(said.contains("`timestamp_ms`"), "{said}");
        let named = times(&numbers(&far), Some(1e-3)).expect("named");
        assert!((named.arrived[29] - 3.0).abs() < 1e-9, "{named:?}");
        let header = ["timestamp_ms".to_string(), "nonce".into()];
        assert_eq!(column(&header), ("timestamp_ms", Some(1e-3)));
        let near: Vec<f64> = (0..30).map(|i| f64::from(i) * 0.1).collect();
        assert!(times(&numbers(&near), None).is_ok());
    }

    #[test]
    fn nothing_and_a_lifetime_are_refused() {
        assert!(times(&[], None).is_err());
        assert!(times(&numbers(&[0.0, 2e9]), None).is_err());
    }
}
