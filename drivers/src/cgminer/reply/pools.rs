//! View of `pools`.

use std::time::Duration;

use super::fields::Fields;

/// One pool slot. A unit lists its unused slots too, with no URL and `Dead`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pool {
    /// Number of the slot.
    pub(crate) index: Option<u64>,
    /// URL as configured; `None` for an unused slot.
    pub url: Option<String>,
    /// User name of the worker.
    pub(crate) user: Option<String>,
    /// `Alive`, `Dead`, `Disabled`, `Rejecting` or `Unknown`.
    pub status: Option<String>,
    /// Order of preference, from 0.
    pub(crate) priority: Option<u64>,
    /// Whether the unit works for this pool now.
    pub active: Option<bool>,
    /// Difficulty asked for, to the three digits that bmminer prints.
    pub difficulty: Option<f64>,
    /// Shares accepted.
    pub(crate) accepted: Option<u64>,
    /// Shares rejected.
    pub(crate) rejected: Option<u64>,
    /// Shares not sent because they were late.
    pub(crate) stale: Option<u64>,
    /// Sum of the difficulties of the accepted shares.
    pub(crate) difficulty_accepted: Option<f64>,
    /// Time since the last share, as bmminer reports it. `None` before the first share, and on upstream
    /// cgminer, which reports a time of day under the same name.
    pub last_share_age: Option<Duration>,
}

impl Pool {
    pub(super) fn read(row: Fields<'_>) -> Pool {
        Pool {
            index: row.count("POOL"),
            url: row.text("URL"),
            user: row.text("User"),
            status: row.text("Status"),
            priority: row.count("Priority"),
            active: row.flag("Stratum Active"),
            difficulty: row.text("Diff").and_then(|text| with_suffix(&text)),
            accepted: row.count("Accepted"),
            rejected: row.count("Rejected"),
            stale: row.count("Stale"),
            difficulty_accepted: row.number("Difficulty Accepted"),
            last_share_age: row.text("Last Share Time").and_then(|text| age(&text)),
        }
    }
}

/// `32.8K` as 32800.
fn with_suffix(text: &str) -> Option<f64> {
    let scales = ['K', 'M', 'G', 'T', 'P', 'E'];
    let (digits, scale) = match scales.iter().position(|s| text.ends_with(*s)) {
        Some(power) => (&text[..text.len() - 1], 1000_f64.powi(power as i32 + 1)),
        None => (text, 1.0),
    };
    let number: f64 = digits.trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number * scale)
}

/// `hours:minutes:seconds`, with as many hours as it takes.
fn age(text: &str) -> Option<Duration> {
    let mut parts = text.split(':').map(str::parse::<u64>);
    let (hours, minutes, seconds) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    if parts.next().is_some() || minutes > 59 || seconds > 59 {
        return None;
    }
    let hours = hours.checked_mul(3600)?;
    Some(Duration::from_secs(
        hours.checked_add(minutes * 60 + seconds)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difficulties_and_ages_are_read_as_bmminer_prints_them() {
        assert_eq!(with_suffix("32.8K"), Some(32800.0));
        assert_eq!(with_suffix("512"), Some(512.0));
        assert_eq!(with_suffix("1.05M"), Some(1.05e6));
        assert_eq!(with_suffix("K"), None);
        assert_eq!(with_suffix("é"), None);
        assert_eq!(age("0:00:05"), Some(Duration::from_secs(5)));
        assert_eq!(age("66:18:15"), Some(Duration::from_secs(238_695)));
        for not_an_age in [
            "0",
            "1516328450",
            "0:61:00",
            "a:b:c",
            "1:2:3:4",
            "18446744073709551615:00:00",
        ] {
            assert_eq!(age(not_an_age), None, "{not_an_age}");
        }
    }
}
