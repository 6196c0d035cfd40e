//! Views of `summary` and `devs`.

use std::time::Duration;

use super::fields::Fields;
use crate::quantity::{Celsius, HashRate};

/// Totals of the unit since its miner started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// `Elapsed`.
    pub uptime: Option<Duration>,
    /// Hash rate over the firmware's short window: 5 s on an S9, 20 s on a Goldshell Box.
    pub hash_rate: Option<HashRate>,
    /// Hash rate since the start.
    pub hash_rate_average: Option<HashRate>,
    /// Shares accepted by the pools.
    pub accepted: Option<u64>,
    /// Shares rejected by the pools.
    pub rejected: Option<u64>,
    /// Shares not sent because they were late.
    pub stale: Option<u64>,
    /// Answers of the chips that failed the unit's own check.
    pub hardware_errors: Option<u64>,
    /// Sum of the difficulties of the accepted shares.
    pub difficulty_accepted: Option<f64>,
    /// Sum of the difficulties of the rejected shares.
    pub difficulty_rejected: Option<f64>,
    /// Sum of the difficulties of the stale shares.
    pub difficulty_stale: Option<f64>,
    /// Highest difficulty that a share met. Whole on an S9, a fraction on a Goldshell Box.
    pub best_share: Option<f64>,
}

impl Summary {
    pub(super) fn read(row: Fields<'_>) -> Summary {
        Summary {
            uptime: uptime(row, "Elapsed"),
            hash_rate: rate(row, ["5s", "20s"]),
            hash_rate_average: rate(row, ["av", "av"]),
            accepted: row.count("Accepted"),
            rejected: row.count("Rejected"),
            stale: row.count("Stale"),
            hardware_errors: row.count("Hardware Errors"),
            difficulty_accepted: row.number("Difficulty Accepted"),
            difficulty_rejected: row.number("Difficulty Rejected"),
            difficulty_stale: row.number("Difficulty Stale"),
            best_share: row.number("Best Share"),
        }
    }
}

/// One entry of `devs`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Device {
    /// Name of the driver: `BC5` on an S9.
    pub name: Option<String>,
    /// Whether it is switched on.
    pub enabled: Option<bool>,
    /// `Alive`, `Sick`, `Dead`, `NoStart` or `Initialising`.
    pub status: Option<String>,
    /// Temperature. An S9 reports 0 here, which is `None`; its sensors are in `stats`.
    pub temperature: Option<Celsius>,
    /// Hash rate over the short window.
    pub hash_rate: Option<HashRate>,
    /// Hash rate since the start.
    pub hash_rate_average: Option<HashRate>,
    /// Shares accepted by the pools.
    pub accepted: Option<u64>,
    /// Shares rejected by the pools.
    pub rejected: Option<u64>,
    /// Answers of the chips that failed the unit's own check.
    pub hardware_errors: Option<u64>,
    /// Time since the device started.
    pub uptime: Option<Duration>,
}

impl Device {
    pub(super) fn read(row: Fields<'_>) -> Device {
        Device {
            name: row.text("Name"),
            enabled: row.flag("Enabled"),
            status: row.text("Status"),
            temperature: row
                .number("Temperature")
                .filter(|t| super::stats::is_credible(*t))
                .map(Celsius),
            hash_rate: rate(row, ["5s", "20s"]),
            hash_rate_average: rate(row, ["av", "av"]),
            accepted: row.count("Accepted"),
            rejected: row.count("Rejected"),
            hardware_errors: row.count("Hardware Errors"),
            uptime: uptime(row, "Device Elapsed"),
        }
    }
}

/// Seconds since a start. Longer than a century is not an uptime.
pub(super) fn uptime(row: Fields<'_>, key: &str) -> Option<Duration> {
    let seconds = row.number(key)?;
    (0.0..4e9)
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

/// A rate over any of `windows`, in gigahashes (bmminer) or megahashes (cgminer) per second.
pub(super) fn rate(row: Fields<'_>, windows: [&str; 2]) -> Option<HashRate> {
    windows.iter().find_map(|window| {
        let giga = row.number(&format!("GHS {window}"));
        let hertz = match giga {
            Some(giga) => giga * 1e9,
            None => row.number(&format!("MHS {window}"))? * 1e6,
        };
        (hertz >= 0.0).then_some(HashRate(hertz))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Reply;
    use super::*;

    #[test]
    fn rates_are_read_in_either_unit() {
        let giga =
            Reply::parse(br#"{"SUMMARY":[{"GHS 5s":"13883.81","GHS av":13500}]}"#).expect("JSON");
        let giga = giga.summary();
        assert_eq!(giga.hash_rate, Some(HashRate(13883.81e9)));
        assert_eq!(giga.hash_rate_average, Some(HashRate(13500e9)));
        let mega =
            Reply::parse(br#"{"SUMMARY":[{"MHS 20s":175000.5,"MHS av":"x"}]}"#).expect("JSON");
        let mega = mega.summary();
        assert_eq!(mega.hash_rate, Some(HashRate(175000.5e6)));
        assert_eq!(mega.hash_rate_average, None);
    }
}
