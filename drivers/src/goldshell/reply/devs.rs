//! `/mcb/cgminer?cgminercmd=devs`: the boards, their rates, sensors and counters.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{PowerPlan, Unreadable, json};
use crate::cgminer::reply::fields::Fields;
use thermine_units::quantity::{Celsius, HashRate, Rpm};
use thermine_units::temperature::Sensors;

/// Boards that are read; a Box has one and no Goldshell unit is known to have more than four.
const MOST_BOARDS: usize = 16;
/// Parts that are read of a text such as `83.0 °C / 73.8 °C`.
const MOST_PARTS: usize = 8;

/// A board as `devs` tells of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Board {
    /// Number of the board, from 0.
    pub(crate) id: Option<u8>,
    /// Hash rate over the firmware's short window.
    pub hash_rate: Option<HashRate>,
    /// Hash rate since the miner started.
    pub hash_rate_average: Option<HashRate>,
    /// Shares accepted.
    pub(crate) accepted: Option<u64>,
    /// Shares rejected.
    pub(crate) rejected: Option<u64>,
    /// Answers of the chips that failed the unit's own check.
    pub(crate) hardware_errors: Option<u64>,
    /// Answers of the chips.
    pub(crate) nonces: Option<u64>,
    /// Time since the miner started.
    pub(crate) uptime: Option<Duration>,
    /// Power plan in force; `None` if it tells none.
    pub plan: Option<PowerPlan>,
    /// All fans of the unit: each board lists them all. 0 is a fan that stands still.
    pub fans: Vec<Rpm>,
    /// The hottest of the board's sensors. Where each sits is not known.
    pub hottest: Option<Celsius>,
    /// Sensors without a usable reading.
    pub failed_sensors: u8,
    /// Sensors that are listed.
    pub sensors: u8,
    /// `minerstatus`: 0 is good.
    pub(crate) status: Option<u64>,
}

impl Board {
    fn read(row: Fields<'_>) -> Board {
        let rate = |key| HashRate(row.number(key)? * 1e6).credible();
        let sensors = temps(row.value("temp"));
        Board {
            id: row.count("id").and_then(|id| u8::try_from(id).ok()),
            hash_rate: rate("hashrate"),
            hash_rate_average: rate("av_hashrate"),
            accepted: row.count("accepted"),
            rejected: row.count("rejected"),
            hardware_errors: row.count("hwerrors"),
            nonces: row.count("nonces"),
            // Longer than a century is not an uptime.
            uptime: row
                .number("time")
                .filter(|seconds| (0.0..4e9).contains(seconds))
                .map(Duration::from_secs_f64),
            plan: row.text("powerplan").and_then(|p| PowerPlan::parse(&p)),
            fans: fans(row.text("fanspeed").as_deref()),
            hottest: sensors.hottest,
            failed_sensors: sensors.failed,
            sensors: sensors.listed,
            status: row.count("minerstatus"),
        }
    }
}

/// View of a `devs` reply: the boards of `data`, or those of `minfos`, as other models call it, be they its
/// entries or listed under `infos` in them; or a list without a name.
///
/// # Errors
/// If the reply is JSON of something else, or no JSON.
pub fn devs(bytes: &[u8]) -> Result<Vec<Board>, Unreadable> {
    let reply = json(bytes)?;
    let list = |key| reply.get(key).and_then(Value::as_array);
    let list = list("data")
        .or_else(|| list("minfos"))
        .or_else(|| {
            reply
                .as_array()
                .filter(|list| list.iter().any(Value::is_object))
        })
        .ok_or(Unreadable::Lacks("list of boards"))?;
    let rows = list.iter().filter_map(Value::as_object);
    let rows = rows.flat_map(inner).take(MOST_BOARDS);
    Ok(rows.map(|row| Board::read(Fields(row))).collect())
}

/// The boards under `infos`, or `row` itself.
fn inner(row: &Map<String, Value>) -> Vec<&Map<String, Value>> {
    match row.get("infos").and_then(Value::as_array) {
        Some(infos) => infos.iter().filter_map(Value::as_object).collect(),
        None => vec![row],
    }
}

/// The parts of `a / b`, each without `unit`, as numbers.
fn parts<'a>(text: Option<&'a str>, unit: &'a str) -> impl Iterator<Item = f64> {
    text.into_iter()
        .flat_map(|text| text.split('/'))
        .take(MOST_PARTS)
        .filter_map(move |part| {
            let part = part.trim();
            let number = part.strip_suffix(unit).unwrap_or(part).trim();
            number.parse().ok().filter(|n: &f64| n.is_finite())
        })
}

/// `1500 rpm / 1500 rpm`
fn fans(text: Option<&str>) -> Vec<Rpm> {
    parts(text, "rpm")
        .filter(|rpm| *rpm >= 0.0)
        .map(Rpm)
        .collect()
}

/// How a degree sign and what follows it are sent; U+FFFD is a Latin-1 degree sign after decoding.
const DEGREES: [&str; 5] = ["°C", "℃", "ºC", "\u{fffd}C", "C"];

/// `67.1 °C` or `83.0 °C / 73.8 °C`, or a bare number. A part that is no temperature is a failed sensor.
fn temps(field: Option<&Value>) -> Sensors {
    let mut sensors = Sensors::default();
    match field {
        Some(Value::String(text)) => {
            for part in text.split('/').take(MOST_PARTS) {
                let part = part.trim();
                let number = DEGREES.iter().find_map(|unit| part.strip_suffix(unit));
                sensors.take(number.unwrap_or(part).trim().parse().ok());
            }
        }
        other => sensors.read(other),
    }
    sensors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_are_one_or_two_in_any_spelling_and_what_is_none_is_a_failed_sensor() {
        let read = |text: &str| {
            let sensors = temps(Some(&Value::from(text)));
            (sensors.hottest.map(|t| t.0), sensors.listed, sensors.failed)
        };
        assert_eq!(read("67.1 °C"), (Some(67.1), 1, 0));
        assert_eq!(read("83.0 °C / 73.8 °C"), (Some(83.0), 2, 0));
        assert_eq!(read("67.1 ℃/70.2 ℃"), (Some(70.2), 2, 0));
        assert_eq!(read("67.1 \u{fffd}C"), (Some(67.1), 1, 0));
        assert_eq!(read("67.1"), (Some(67.1), 1, 0));
        assert_eq!(read("160 °C / 60 °C"), (Some(160.0), 2, 0));
        assert_eq!(read("0.0 °C / 73.8 °C"), (Some(73.8), 2, 1));
        assert_eq!(read("-1 °C / nan °C"), (None, 2, 2));
        assert_eq!(read("152 F"), (None, 1, 1));
        assert_eq!(read("warm / "), (None, 2, 2));
        assert_eq!(temps(None), Sensors::default());
        assert_eq!(temps(Some(&Value::Null)).failed, 1);
        assert_eq!(temps(Some(&Value::from(67.1))).hottest, Some(Celsius(67.1)));
    }

    #[test]
    fn a_degree_sign_in_latin_1_and_a_list_without_a_name_are_read() {
        let latin = b"[{\"id\":0,\"temp\":\"67.1 \xb0C\"}]";
        let boards = devs(latin).expect("a list of boards");
        assert_eq!(boards[0].hottest, Some(Celsius(67.1)));
        assert_eq!(boards[0].failed_sensors, 0);
    }

    #[test]
    fn all_fans_stand_in_one_text() {
        assert_eq!(
            fans(Some("1500 rpm / 1480 rpm")),
            [Rpm(1500.0), Rpm(1480.0)]
        );
        assert_eq!(fans(Some("0 rpm/900rpm")), [Rpm(0.0), Rpm(900.0)]);
        assert_eq!(fans(Some("-5 rpm / ? rpm / nan")), []);
    }

    #[test]
    fn boards_are_found_under_either_name() {
        let board =
            r#"{"id":1,"hashrate":175000.5,"av_hashrate":"x","temp":"67.1 °C","hwerrors":null}"#;
        for reply in [
            format!(r#"{{"status":2,"data":[{board}]}}"#),
            format!(r#"{{"minfos":[{board}]}}"#),
            format!(r#"{{"minfos":[{{"name":"a","infos":[{board}]}}]}}"#),
        ] {
            let boards = devs(reply.as_bytes()).expect(&reply);
            assert_eq!(boards.len(), 1, "{reply}");
            assert_eq!(boards[0].id, Some(1));
            assert_eq!(boards[0].hash_rate, Some(HashRate(175_000.5e6)));
            assert_eq!(boards[0].hash_rate_average, None);
            assert_eq!(boards[0].hardware_errors, None);
            assert_eq!(boards[0].hottest, Some(Celsius(67.1)));
        }
        assert_eq!(devs(br#"{"data":[]}"#), Ok(Vec::new()));
        for reply in ["{}", "[]", r#"{"data":7}"#, "oops"] {
            assert!(devs(reply.as_bytes()).is_err(), "{reply}");
        }
    }
}
