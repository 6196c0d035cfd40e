//! `/mcb/cgminer?cgminercmd=devs`: the boards, their rates, sensors and counters.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{PowerPlan, Unreadable, object};
use crate::cgminer::reply::fields::Fields;
use crate::cgminer::reply::stats::is_credible;
use crate::quantity::{Celsius, HashRate, Rpm};

/// Boards that are read; a Box has one and no Goldshell unit is known to have more than four.
const MOST_BOARDS: usize = 16;
/// Parts that are read of a text such as `83.0 °C / 73.8 °C`.
const MOST_PARTS: usize = 8;

/// One board.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Board {
    /// Number of the board, from 0.
    pub id: Option<u8>,
    /// Hash rate over the firmware's short window.
    pub hash_rate: Option<HashRate>,
    /// Hash rate since the miner started.
    pub hash_rate_average: Option<HashRate>,
    /// Shares accepted.
    pub accepted: Option<u64>,
    /// Shares rejected.
    pub rejected: Option<u64>,
    /// Answers of the chips that failed the unit's own check.
    pub hardware_errors: Option<u64>,
    /// Answers of the chips.
    pub nonces: Option<u64>,
    /// Time since the miner started.
    pub uptime: Option<Duration>,
    /// Plan in force.
    pub plan: Option<PowerPlan>,
    /// All fans of the unit: each board lists them all. 0 is a fan that stands still.
    pub fans: Vec<Rpm>,
    /// The board's sensors that gave a credible reading, in the unit's order. Of which spot each is, is
    /// not known.
    pub temps: Vec<Celsius>,
    /// Sensors whose reading is impossible.
    pub failed_sensors: u8,
    /// `minerstatus`: 0 is good.
    pub status: Option<u64>,
}

impl Board {
    /// The hotter sensor.
    pub fn hottest(&self) -> Option<Celsius> {
        let temps = self.temps.iter().copied();
        temps.max_by(|a, b| a.0.total_cmp(&b.0))
    }

    fn read(row: Fields<'_>) -> Board {
        let rate = |key| HashRate(row.number(key)? * 1e6).credible();
        let (temps, failed_sensors) = temps(row.text("temp").as_deref());
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
            temps,
            failed_sensors,
            status: row.count("minerstatus"),
        }
    }
}

/// View of a `devs` reply: the boards of `data`, or those of `minfos`, as other models call it, be they its
/// entries or listed under `infos` in them.
///
/// # Errors
/// If the reply is no JSON object with either.
pub fn devs(bytes: &[u8]) -> Result<Vec<Board>, Unreadable> {
    let object = object(bytes)?;
    let list = |key| object.get(key).and_then(Value::as_array);
    let list = list("data")
        .or_else(|| list("minfos"))
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

/// `67.1 °C` or `83.0 °C / 73.8 °C`: the credible readings, and how many are not.
fn temps(text: Option<&str>) -> (Vec<Celsius>, u8) {
    let mut failed = 0;
    let temps = parts(text, "°C")
        .filter(|celsius| {
            let credible = is_credible(*celsius);
            failed += u8::from(!credible);
            credible
        })
        .map(Celsius)
        .collect();
    (temps, failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_are_one_or_two_and_impossible_ones_are_counted() {
        let read = |text| temps(Some(text));
        assert_eq!(read("67.1 °C"), (vec![Celsius(67.1)], 0));
        assert_eq!(
            read("83.0 °C / 73.8 °C"),
            (vec![Celsius(83.0), Celsius(73.8)], 0)
        );
        assert_eq!(read("0.0 °C / 73.8 °C"), (vec![Celsius(73.8)], 1));
        assert_eq!(read("255 °C / -1 °C"), (vec![], 2));
        assert_eq!(read("67.1"), (vec![Celsius(67.1)], 0));
        assert_eq!(read("warm / "), (vec![], 0));
        assert_eq!(temps(None), (vec![], 0));
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
            assert_eq!(boards[0].hottest(), Some(Celsius(67.1)));
        }
        assert_eq!(devs(br#"{"data":[]}"#), Ok(Vec::new()));
        for reply in ["{}", "[]", r#"{"data":7}"#, "oops"] {
            assert!(devs(reply.as_bytes()).is_err(), "{reply}");
        }
    }
}
