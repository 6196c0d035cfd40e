//! A reply of `/api/system/info` or `/api/system/asic`, read: pure functions of its bytes.
//!
//! What a firmware leaves out, or fills with something that cannot be meant, is `None`, and the fields
//! beside it keep their values. Keys may come twice (the last counts), numbers as text, truth values as
//! numbers; keys that are not known are passed over.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::cgminer::reply::fields::Fields;
use thermine_units::clock::Nanos;
use thermine_units::quantity::{HashRate, MegaHertz, Rpm, Volts, Watts};
use thermine_units::temperature::Sensors;
use thermine_units::unit::{Board, Identity, OperatingPoint, Telemetry};

/// The stored speed of the fan, from firmware 2.11 on; also the name by which it is set there.
pub(super) const MANUAL_FAN: &str = "manualFanSpeed";

/// Keys of which every firmware of the family sends all.
const KNOWN: [&str; 4] = ["power", "temp", "hashRate", "ASICModel"];

/// Reply of `/api/system/info`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Info {
    /// Who the unit says it is.
    pub identity: Identity,
    /// Chip, for example `BM1366`.
    pub(crate) asic: Option<String>,
    /// Where it is set to run. The fan is where it stands, automatic or not.
    pub point: OperatingPoint,
    /// Whether the fan follows the temperature.
    pub automatic_fan: Option<bool>,
    /// Whether the speed of a fan that is not automatic is stored apart from where the fan stands, as firmware
    /// from 2.11 on does. Older firmware has one figure for both.
    pub(crate) has_manual_fan: bool,
    /// That stored speed as a fraction of full speed.
    pub(crate) manual_fan: Option<f64>,
    /// Whether it has shut down for heat and waits to be told to go on.
    pub overheated: Option<bool>,
    /// Difficulty of the hardest share ever.
    pub best: Option<f64>,
    /// Difficulty of the hardest share since its start.
    pub best_session: Option<f64>,
    telemetry: Telemetry,
}

/// Reply of `/api/system/asic`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asic {
    /// Chip, for example `BM1366`.
    pub asic: Option<String>,
    /// Model of the unit.
    pub model: Option<String>,
    /// Number of chips.
    pub chips: Option<u16>,
}

/// A reply that is none of an AxeOS.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not a JSON object.
    #[error(transparent)]
    NotJson(#[from] serde_json::Error),
    /// An object of something else.
    #[error("it has none of the fields of AxeOS")]
    Foreign,
}

impl Info {
    /// Reads a reply.
    ///
    /// # Errors
    /// If the bytes are no JSON object, or one in which nothing is known.
    pub fn parse(bytes: &[u8]) -> Result<Info, ParseError> {
        let map: Map<String, Value> = serde_json::from_slice(bytes)?;
        if !KNOWN.iter().any(|key| map.contains_key(*key)) {
            return Err(ParseError::Foreign);
        }
        let row = Fields(&map);
        let asic = row.text("ASICModel");
        let model = ["minerModel", "deviceModel", "family", "ASICModel"];
        Ok(Info {
            identity: Identity {
                model: model.iter().find_map(|key| row.text(key)),
                firmware: row.text("version"),
                api: row.text("axeOSVersion"),
                serial: row.text("macAddr").or_else(|| row.text("hostname")),
            },
            asic,
            point: OperatingPoint {
                frequency: positive(row, "frequency").map(MegaHertz),
                voltage: positive(row, "coreVoltage").map(|mv| Volts(mv / 1000.0)),
                fan: fraction(row, "fanspeed"),
                ..OperatingPoint::UNCHANGED
            },
            automatic_fan: flag(row, "autofanspeed"),
            has_manual_fan: row.has(MANUAL_FAN),
            manual_fan: fraction(row, MANUAL_FAN),
            overheated: flag(row, "overheat_mode"),
            best: row.0.get("bestDiff").and_then(difficulty),
            best_session: row.0.get("bestSessionDiff").and_then(difficulty),
            telemetry: telemetry(row),
        })
    }

    /// The readings, stamped with when they were `taken`. One board, in slot 0.
    pub fn telemetry(&self, taken: Nanos) -> Telemetry {
        Telemetry {
            taken,
            ..self.telemetry.clone()
        }
    }
}

impl Asic {
    /// Reads a reply.
    ///
    /// # Errors
    /// If the bytes are no JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Asic, ParseError> {
        let map: Map<String, Value> = serde_json::from_slice(bytes)?;
        let row = Fields(&map);
        Ok(Asic {
            asic: row.text("ASICModel"),
            model: row.text("deviceModel"),
            chips: chips(row),
        })
    }
}

fn telemetry(row: Fields<'_>) -> Telemetry {
    let mut board = Board {
        chips: chips(row),
        // `actualFrequency` is where the clock has got to on its way to `frequency`.
        frequency: positive(row, "actualFrequency")
            .or_else(|| positive(row, "frequency"))
            .map(MegaHertz),
        hash_rate: row
            .number("hashRate")
            .and_then(|ghs| HashRate::from_ghs(ghs).credible()),
        ..Board::default()
    };
    let mut chip = Sensors::default();
    chip.read(row.value("temp"));
    // The second sensor of boards with two; the others send 0 or -1.
    chip.read_optional(row.value("temp2"), &[0.0, -1.0]);
    let mut regulator = Sensors::default();
    // 0 where there is no such sensor.
    regulator.read_optional(row.value("vrTemp"), &[0.0]);
    board.chip_temp = chip.hottest;
    board.regulator_temp = regulator.hottest;
    board.failed_sensors = chip.failed.saturating_add(regulator.failed);
    board.sensors = chip.listed.saturating_add(regulator.listed);
    Telemetry {
        taken: Nanos::ZERO,
        hash_rate: board.hash_rate,
        fans: fans(row),
        accepted: row.count("sharesAccepted"),
        rejected: row.count("sharesRejected"),
        power: not_negative(row, "power").map(Watts),
        core_voltage: positive(row, "coreVoltageActual").map(|mv| Volts(mv / 1000.0)),
        uptime: row.count("uptimeSeconds").map(Duration::from_secs),
        boards: vec![board],
        ..Telemetry::default()
    }
}

/// Names of the first fan's speed in rpm, in lower case: this firmware's, then those of older and other builds.
const FIRST_FAN: [&str; 2] = ["fanrpm", "fanspeedrpm"];

/// Names of the second fan's.
const SECOND_FAN: [&str; 3] = ["fan2rpm", "fanrpm2", "fanspeedrpm2"];

/// The maker's own images give the speed in rpm under this name, in this case. `fanspeed` is in percent.
const MAKERS_FAN: &str = "fanSpeed";

/// Fans that a list may have.
const MOST_FANS: usize = 8;

/// The fans' speeds. 0 is a fan that stands still; a second fan is 0 where there is none.
fn fans(row: Fields<'_>) -> Vec<Rpm> {
    let named = |names: &[&str]| {
        names.iter().find_map(|name| {
            let key = row.0.keys().find(|key| key.eq_ignore_ascii_case(name))?;
            not_negative(row, key)
        })
    };
    // Up to 100 it may be percent, at which no fan turns.
    let makers = || not_negative(row, MAKERS_FAN).filter(|rpm| *rpm == 0.0 || *rpm > 100.0);
    let first = named(&FIRST_FAN).or_else(makers);
    let second = named(&SECOND_FAN).filter(|rpm| *rpm > 0.0);
    let mut fans: Vec<Rpm> = first.into_iter().chain(second).map(Rpm).collect();
    if fans.is_empty() {
        let list = row.value("fans").and_then(Value::as_array);
        let rows = list.into_iter().flatten().filter_map(Value::as_object);
        let speeds = rows.filter_map(|row| not_negative(Fields(row), "rpm"));
        fans.extend(speeds.take(MOST_FANS).map(Rpm));
    }
    fans
}

fn chips(row: Fields<'_>) -> Option<u16> {
    u16::try_from(row.count("asicCount")?).ok()
}

/// A percentage as a fraction.
fn fraction(row: Fields<'_>, key: &str) -> Option<f64> {
    let percent = row.number(key)?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

fn positive(row: Fields<'_>, key: &str) -> Option<f64> {
    row.number(key).filter(|value| *value > 0.0)
}

fn not_negative(row: Fields<'_>, key: &str) -> Option<f64> {
    row.number(key).filter(|value| *value >= 0.0)
}

fn flag(row: Fields<'_>, key: &str) -> Option<bool> {
    row.flag(key)
        .or_else(|| row.number(key).map(|number| number != 0.0))
}

/// A difficulty: a number, or text such as `4.29 G`.
fn difficulty(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => {
            let text = text.trim();
            let (digits, factor) = match text.char_indices().next_back()? {
                (at, 'k' | 'K') => (&text[..at], 1e3),
                (at, 'M') => (&text[..at], 1e6),
                (at, 'G') => (&text[..at], 1e9),
                (at, 'T') => (&text[..at], 1e12),
                (at, 'P') => (&text[..at], 1e15),
                (at, 'E') => (&text[..at], 1e18),
                _ => (text, 1.0),
            };
            digits.trim_end().parse::<f64>().ok()? * factor
        }
        _ => return None,
    };
    (number.is_finite() && number >= 0.0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use thermine_units::quantity::Celsius;

    fn info(text: &str) -> Info {
        Info::parse(text.as_bytes()).expect("info")
    }

    #[test]
    fn difficulties_are_read_as_number_and_as_text() {
        for (text, value) in [
            (r#""4.29 G""#, Some(4.29e9)),
            (r#""123 ""#, Some(123.0)),
            (r#""1.00k""#, Some(1000.0)),
            (r#""2.5 E""#, Some(2.5e18)),
            ("4290000000", Some(4.29e9)),
            (r#""""#, None),
            (r#""G""#, None),
            (r#""-1 ""#, None),
            (r#""é""#, None),
            ("null", None),
        ] {
            let value_read = difficulty(&serde_json::from_str(text).expect("JSON"));
            assert_eq!(value_read, value, "{text}");
        }
    }

    #[test]
    fn a_failed_sensor_is_counted_and_gives_nothing() {
        let board = |text: &str| info(text).telemetry(Nanos::ZERO).boards.remove(0);
        let failed = board(r#"{"temp":-1,"vrTemp":-1}"#);
        assert_eq!((failed.chip_temp, failed.regulator_temp), (None, None));
        assert_eq!(failed.failed_sensors, 2);
        let absent = board(r#"{"power":1,"vrTemp":0}"#);
        assert_eq!((absent.chip_temp, absent.regulator_temp), (None, None));
        assert_eq!(absent.failed_sensors, 0);
        let odd = board(r#"{"temp":"64.5","vrTemp":[7]}"#);
        assert_eq!(odd.chip_temp, Some(Celsius(64.5)));
        assert_eq!(odd.failed_sensors, 1);
    }

    #[test]
    fn the_hotter_of_two_chip_sensors_counts_and_a_board_with_one_has_none_failed() {
        let board = |text: &str| info(text).telemetry(Nanos::ZERO).boards.remove(0);
        let second = board(r#"{"temp":54,"temp2":71.5}"#);
        assert_eq!(second.chip_temp, Some(Celsius(71.5)));
        assert_eq!((second.sensors, second.failed_sensors), (2, 0));
        for absent in ["0", "-1"] {
            let one = board(&format!(r#"{{"temp":54,"temp2":{absent}}}"#));
            assert_eq!(one.chip_temp, Some(Celsius(54.0)), "{absent}");
            assert_eq!((one.sensors, one.failed_sensors), (1, 0), "{absent}");
        }
        let text = board(r#"{"temp":54,"temp2":"n/a"}"#);
        assert_eq!((text.sensors, text.failed_sensors), (2, 1));
        let hot = board(r#"{"temp":160,"vrTemp":"155"}"#);
        assert_eq!(hot.chip_temp, Some(Celsius(160.0)));
        assert_eq!(hot.regulator_temp, Some(Celsius(155.0)));
    }

    #[test]
    fn the_fans_are_found_under_the_names_of_every_build() {
        let fans = |text: &str| -> Vec<f64> {
            let read = info(&format!(r#"{{"power":1,{text}}}"#)).telemetry(Nanos::ZERO);
            read.fans.iter().map(|fan| fan.0).collect()
        };
        for name in ["fanrpm", "fanRpm", "fanSpeed", "fanSpeedRpm"] {
            assert_eq!(
                fans(&format!(r#""fanspeed":100,"{name}":4458"#)),
                [4458.0],
                "{name}"
            );
            assert_eq!(fans(&format!(r#""{name}":0,"fan2rpm":0"#)), [0.0], "{name}");
            assert_eq!(fans(&format!(r#""{name}":-1"#)), [] as [f64; 0], "{name}");
        }
        assert_eq!(fans(r#""fanrpm":4458,"fan2rpm":"900""#), [4458.0, 900.0]);
        assert_eq!(fans(r#""fanrpm":4458,"fanrpm2":900"#), [4458.0, 900.0]);
        assert_eq!(fans(r#""fans":[{"rpm":1900},{"rpm":0},7]"#), [1900.0, 0.0]);
        // Percent are no revolutions.
        assert_eq!(fans(r#""fanSpeed":80"#), [] as [f64; 0]);
        assert_eq!(fans(r#""fanspeed":4458"#), [] as [f64; 0]);
    }

    #[test]
    fn odd_types_and_duplicates_are_read() {
        let read = info(
            r#"{"frequency":"485","frequency":490.5,"autofanspeed":true,"overheat_mode":"0",
                "coreVoltage":1200,"fanspeed":"80","sharesAccepted":7.0,"power":"nan","temp":{}}"#,
        );
        assert_eq!(read.point.frequency, Some(MegaHertz(490.5)));
        assert_eq!(read.point.voltage, Some(Volts(1.2)));
        assert_eq!(read.point.fan, Some(0.8));
        assert_eq!(read.automatic_fan, Some(true));
        assert_eq!(read.overheated, Some(false));
        let telemetry = read.telemetry(Nanos(5));
        assert_eq!(telemetry.taken, Nanos(5));
        assert_eq!(telemetry.accepted, Some(7));
        assert_eq!(telemetry.power, None);
    }

    #[test]
    fn what_is_something_else_is_refused() {
        for text in ["", "[]", "7", "{", "<html>"] {
            assert!(matches!(
                Info::parse(text.as_bytes()),
                Err(ParseError::NotJson(_))
            ));
        }
        assert!(matches!(
            Info::parse(br#"{"STATUS":[]}"#),
            Err(ParseError::Foreign)
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (Info::parse(&bytes), Asic::parse(&bytes));
        }

        #[test]
        fn difficulties_survive_any_text(text in ".{0,12}") {
            let read = difficulty(&Value::String(text));
            prop_assert!(read.is_none_or(|value| value.is_finite() && value >= 0.0));
        }
    }
}
