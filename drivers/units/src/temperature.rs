//! Temperature fields of a reply: what is a reading, what is a failed sensor, and what is no sensor at all.
//!
//! Every wire reads its temperatures here, so that the interlock is told the same by all of them. A field that
//! is there but holds no usable number (`null`, text, NaN, a list) is a *failed* sensor and never an absent one.
//! A number above every credible temperature is kept: it may be true, and then the unit is hot.

use serde_json::Value;

use crate::quantity::Celsius;

/// Below this a value is no temperature of a powered board: -83 was seen of a dead sensor. Assumed.
const LOWEST: f64 = -20.0;

/// Sensors that one field may list, as `55-60-62-59` does. More count as failed.
const MOST_LISTED: usize = 16;

/// The sensors of one kind on one board.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sensors {
    /// The hottest reading.
    pub hottest: Option<Celsius>,
    /// Sensors that the reply lists, working or failed.
    pub listed: u8,
    /// Those of them without a reading.
    pub failed: u8,
}

impl Sensors {
    /// Reads one field: a number, a number as text, or several of them joined by `-`. An absent field is
    /// no sensor.
    pub fn read(&mut self, field: Option<&Value>) {
        match field {
            None => {}
            Some(Value::Number(number)) => self.take(number.as_f64()),
            Some(Value::String(text)) => self.read_text(text),
            Some(_) => self.take(None),
        }
    }

    /// Reads the field of a sensor that only some boards have. `absent` are the values that mean that there
    /// is no such sensor.
    pub fn read_optional(&mut self, field: Option<&Value>, absent: &[f64]) {
        let value = match field {
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_f64(),
            None => None,
        };
        if !value.is_some_and(|value| absent.contains(&value)) {
            self.read(field);
        }
    }

    /// Takes the value of a sensor that the reply lists; `None` is one that is no number.
    pub fn take(&mut self, celsius: Option<f64>) {
        self.listed = self.listed.saturating_add(1);
        match celsius.filter(|celsius| is_possible(*celsius)) {
            None => self.failed = self.failed.saturating_add(1),
            Some(celsius) => {
                let hottest = self
                    .hottest
                    .map_or(celsius, |hottest| hottest.0.max(celsius));
                self.hottest = Some(Celsius(hottest));
            }
        }
    }

    fn read_text(&mut self, text: &str) {
        let text = text.trim();
        if let Ok(celsius) = text.parse() {
            return self.take(Some(celsius));
        }
        if !text.contains('-') {
            return self.take(None);
        }
        // An empty part comes of two dashes in a row: the next number is negative, which no working sensor is.
        let mut is_negative = false;
        for (place, part) in text.split('-').enumerate() {
            let part = part.trim();
            if part.is_empty() && !is_negative {
                is_negative = true;
                continue;
            }
            let celsius = part.parse().ok().filter(|_| !is_negative);
            self.take(celsius.filter(|_| place < MOST_LISTED));
            is_negative = false;
        }
        if is_negative {
            self.take(None);
        }
    }
}

/// Whether a temperature can be meant. 0 and -1 are how dead sensors and failed buses read.
pub(crate) fn is_possible(celsius: f64) -> bool {
    celsius.is_finite() && celsius >= LOWEST && celsius != 0.0 && celsius != -1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> (Option<f64>, u8, u8) {
        let mut sensors = Sensors::default();
        sensors.read(Some(&serde_json::from_str(json).expect("JSON")));
        (sensors.hottest.map(|t| t.0), sensors.listed, sensors.failed)
    }

    #[test]
    fn a_field_is_a_reading_or_a_failed_sensor_and_never_nothing() {
        for (json, hottest) in [
            ("61", Some(61.0)),
            (r#"" 61.5 ""#, Some(61.5)),
            (r#""8e1""#, Some(80.0)),
            ("-5", Some(-5.0)),
            // Above range: it may be true.
            ("160", Some(160.0)),
            ("255", Some(255.0)),
            ("1e308", Some(1e308)),
            ("0", None),
            ("-1", None),
            ("-83", None),
            ("null", None),
            ("[80]", None),
            ("{}", None),
            ("true", None),
            (r#""NaN""#, None),
            (r#""inf""#, None),
            (r#""-inf""#, None),
            (r#""1e999""#, None),
            (r#""hot""#, None),
            (r#""""#, None),
            (r#""60 C""#, None),
        ] {
            let (read, listed, failed) = read(json);
            assert_eq!(read, hottest, "{json}");
            assert!(listed >= 1, "{json}");
            assert_eq!(failed > 0, hottest.is_none(), "{json}");
        }
        let mut absent = Sensors::default();
        absent.read(None);
        assert_eq!(absent, Sensors::default());
    }

    #[test]
    fn of_a_text_with_several_readings_the_hottest_counts_and_each_failed_one_is_counted() {
        assert_eq!(read(r#""55-60-62-59""#), (Some(62.0), 4, 0));
        assert_eq!(read(r#""55 - 160""#), (Some(160.0), 2, 0));
        assert_eq!(read(r#""55-0-NaN-59""#), (Some(59.0), 4, 2));
        assert_eq!(read(r#""0-0-0-0""#), (None, 4, 4));
        assert_eq!(read(r#""55--1-60""#), (Some(60.0), 3, 1));
        assert_eq!(read(r#""55-60-""#), (Some(60.0), 3, 1));
        let long = format!("\"{}\"", ["60"; 40].join("-"));
        assert_eq!(read(&long), (Some(60.0), 40, 24));
    }

    #[test]
    fn a_sensor_that_some_boards_lack_is_absent_by_the_values_that_say_so_alone() {
        let optional = |json: &str| {
            let mut sensors = Sensors::default();
            let value = serde_json::from_str(json).expect("JSON");
            sensors.read_optional(Some(&value), &[0.0]);
            (sensors.listed, sensors.failed)
        };
        assert_eq!(optional("0"), (0, 0));
        assert_eq!(optional(r#""0""#), (0, 0));
        assert_eq!(optional("-1"), (1, 1));
        assert_eq!(optional("null"), (1, 1));
        assert_eq!(optional("70"), (1, 0));
    }
}
