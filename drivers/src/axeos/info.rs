//! A reply of `/api/system/info` or `/api/system/asic`, read: pure functions of its bytes.
//!
//! What a firmware leaves out, or fills with something that cannot be meant, is `None`, and the fields
//! beside it keep their values. Keys may come twice (the last counts), numbers as text, truth values as
//! numbers; keys that are not known are passed over.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::cgminer::reply::fields::Fields;
use crate::clock::Nanos;
use crate::quantity::{Celsius, HashRate, MegaHertz, Rpm, Volts, Watts};
use crate::unit::{Board, Identity, OperatingPoint, Telemetry};

/// Temperatures outside are no readings. Assumed.
const CREDIBLE: std::ops::RangeInclusive<f64> = -20.0..=150.0;

/// Keys of which every firmware of the family sends all.
const KNOWN: [&str; 4] = ["power", "temp", "hashRate", "ASICModel"];

/// Reply of `/api/system/info`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Info {
    /// Who the unit says it is.
    pub identity: Identity,
    /// Chip, for example `BM1366`.
    pub asic: Option<String>,
    /// Where it is set to run. The fan is where it stands, automatic or not.
    pub point: OperatingPoint,
    /// Whether the fan follows the temperature.
    pub automatic_fan: Option<bool>,
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
                fan: row
                    .number("fanspeed")
                    .filter(|percent| (0.0..=100.0).contains(percent))
                    .map(|percent| percent / 100.0),
                ..OperatingPoint::UNCHANGED
            },
            automatic_fan: flag(row, "autofanspeed"),
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
    board.chip_temp = temperature(row, "temp", &mut board.failed_sensors);
    // 0 where there is no such sensor.
    if row.number("vrTemp") != Some(0.0) {
        board.regulator_temp = temperature(row, "vrTemp", &mut board.failed_sensors);
    }
    // A second fan is 0 where there is none.
    let fans = not_negative(row, "fanrpm")
        .into_iter()
        .chain(positive(row, "fan2rpm"));
    Telemetry {
        taken: Nanos::ZERO,
        hash_rate: board.hash_rate,
        fans: fans.map(Rpm).collect(),
        accepted: row.count("sharesAccepted"),
        rejected: row.count("sharesRejected"),
        power: not_negative(row, "power").map(Watts),
        core_voltage: positive(row, "coreVoltageActual").map(|mv| Volts(mv / 1000.0)),
        uptime: row.count("uptimeSeconds").map(Duration::from_secs),
        boards: vec![board],
        ..Telemetry::default()
    }
}

/// `None` and one more in `failed` if a sensor is there but gives nothing credible: -1 when it fails.
fn temperature(row: Fields<'_>, key: &str, failed: &mut u8) -> Option<Celsius> {
    if !row.has(key) {
        return None;
    }
    let reading = row
        .number(key)
        .filter(|celsius| CREDIBLE.contains(celsius) && *celsius != 0.0 && *celsius != -1.0);
    *failed += u8::from(reading.is_none());
    reading.map(Celsius)
}

fn chips(row: Fields<'_>) -> Option<u16> {
    u16::try_from(row.count("asicCount")?).ok()
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
