//! Views of `summary` and `devs`.

use std::time::Duration;

use super::fields::Fields;
use thermine_units::quantity::{Celsius, HashRate, MegaHertz, Rpm};
use thermine_units::temperature::Sensors;
use thermine_units::unit::Board;

/// Fans that a Goldshell unit may list per device; a Box has two.
const FANS: std::ops::Range<u8> = 0..8;

/// Totals of the unit since its miner started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    pub(crate) uptime: Option<Duration>,
    /// Hash rate over the firmware's short window: 5 s on an S9, 20 s on a Goldshell Box.
    pub hash_rate: Option<HashRate>,
    /// Hash rate since the start.
    pub(crate) hash_rate_average: Option<HashRate>,
    /// Shares accepted by the pools.
    pub(crate) accepted: Option<u64>,
    /// Shares rejected by the pools.
    pub(crate) rejected: Option<u64>,
    /// Shares not sent because they were late.
    pub(crate) stale: Option<u64>,
    /// Answers of the chips that failed the unit's own check.
    pub(crate) hardware_errors: Option<u64>,
    /// Sum of the difficulties of the accepted shares.
    pub(crate) difficulty_accepted: Option<f64>,
    /// Sum of the difficulties of the rejected shares.
    pub(crate) difficulty_rejected: Option<f64>,
    /// Sum of the difficulties of the stale shares.
    pub(crate) difficulty_stale: Option<f64>,
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

/// One entry of `devs`. On an S9 that is the whole unit, without its sensors; on a Goldshell unit it is one
/// board with them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Device {
    /// Name of the driver: `BC5` on an S9.
    pub name: Option<String>,
    /// Whether it is switched on.
    pub enabled: Option<bool>,
    /// `Alive`, `Sick`, `Dead`, `NoStart` or `Initialising`.
    pub(crate) status: Option<String>,
    /// Hash rate over the short window.
    pub hash_rate: Option<HashRate>,
    /// Hash rate since the start.
    pub(crate) hash_rate_average: Option<HashRate>,
    /// Shares accepted by the pools.
    pub(crate) accepted: Option<u64>,
    /// Shares rejected by the pools.
    pub(crate) rejected: Option<u64>,
    /// Answers of the chips that failed the unit's own check.
    pub(crate) hardware_errors: Option<u64>,
    /// Time since the device started.
    pub(crate) uptime: Option<Duration>,
    /// Number of the device, from 0.
    pub(crate) slot: Option<u8>,
    /// The hotter of `tstemp-0` and `tstemp-1`, beside the chips of a Goldshell board.
    pub chip_temp: Option<Celsius>,
    /// `tstemp-2`, on the circuit board of a Goldshell unit; elsewhere `Temperature`, which is 0 on an S9, whose
    /// sensors are in `stats`.
    pub pcb_temp: Option<Celsius>,
    /// Those of these without a usable reading.
    pub(crate) failed_sensors: u8,
    /// Those of these that are listed.
    pub(crate) sensors: u8,
    /// Clock of the chips; 0 while they stand still.
    pub(crate) frequency: Option<MegaHertz>,
    /// Fans, 0 for one that stands still.
    pub fans: Vec<Rpm>,
}

impl Device {
    /// The device as a hash board, if it says anything of one: a clock or a sensor.
    pub fn board(&self) -> Option<Board> {
        let is_board = self.frequency.is_some()
            || self.chip_temp.is_some()
            || self.pcb_temp.is_some()
            || self.failed_sensors > 0;
        is_board.then(|| Board {
            slot: self.slot.unwrap_or(0),
            pcb_temp: self.pcb_temp,
            chip_temp: self.chip_temp,
            frequency: self.frequency,
            hash_rate: self.hash_rate,
            hardware_errors: self.hardware_errors,
            failed_sensors: self.failed_sensors,
            sensors: self.sensors,
            ..Board::default()
        })
    }

    pub(crate) fn read(row: Fields<'_>) -> Device {
        let (mut chip, mut pcb, mut whole) = <(Sensors, Sensors, Sensors)>::default();
        chip.read(row.value("tstemp-0"));
        chip.read(row.value("tstemp-1"));
        pcb.read(row.value("tstemp-2"));
        if chip.listed == 0 && pcb.listed == 0 {
            whole.read_optional(row.value("Temperature"), &[0.0]);
        }
        let sensors = [chip, pcb, whole].into_iter();
        let not_negative = |key: &str| row.number(key).filter(|number| *number >= 0.0);
        // `ASC` and `PGA` count the devices; Braiins OS gives the slot beside them.
        let number = ["PGA", "ID", "ASC"].iter().find_map(|key| row.count(key));
        Device {
            name: row.text("Name"),
            enabled: row.flag("Enabled"),
            status: row.text("Status"),
            hash_rate: rate(row, ["5s", "20s"]),
            hash_rate_average: rate(row, ["av", "av"]),
            accepted: row.count("Accepted"),
            rejected: row.count("Rejected"),
            hardware_errors: row.count("Hardware Errors"),
            uptime: uptime(row, "Device Elapsed"),
            slot: number.and_then(|number| u8::try_from(number).ok()),
            chip_temp: chip.hottest,
            pcb_temp: pcb.hottest.or(whole.hottest),
            failed_sensors: sensors
                .clone()
                .map(|one| one.failed)
                .fold(0, u8::saturating_add),
            sensors: sensors.map(|one| one.listed).fold(0, u8::saturating_add),
            frequency: not_negative("clock").map(MegaHertz),
            fans: FANS
                .filter_map(|n| not_negative(&format!("fan{n}")).map(Rpm))
                .collect(),
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
        HashRate(hertz).credible()
    })
}

#[cfg(test)]
mod tests {
    use super::super::Reply;
    use super::*;

    #[test]
    fn a_goldshell_device_is_a_board_and_an_s9s_is_none() {
        let reply = Reply::parse(
            br#"{"DEVS":[{"PGA":0,"Name":"INCS","MHS 20s":175000.5,"clock":725,"fan0":1500,"fan1":0,
                "tstemp-0":70.5,"tstemp-1":73.5,"tstemp-2":-1},
                {"ASC":0,"Name":"BC5","Temperature":0.00,"MHS 5s":13883810.0}]}"#,
        )
        .expect("JSON");
        let devices = reply.devices();
        let board = devices[0].board().expect("a board");
        assert_eq!((board.slot, board.failed_sensors), (0, 1));
        assert_eq!(board.chip_temp, Some(Celsius(73.5)));
        assert_eq!(board.pcb_temp, None);
        assert_eq!(board.frequency, Some(MegaHertz(725.0)));
        assert_eq!(devices[0].fans, [Rpm(1500.0), Rpm(0.0)]);
        assert_eq!(devices[1].board(), None);
    }

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
