//! Whatever a peer sends, the parsers return.

use proptest::prelude::*;
use serde_json::{Value, json};
use thermine_drivers::axeos::log::{Event, plain};
use thermine_drivers::axeos::{Asic, Info};
use thermine_units::clock::Nanos;

/// Any JSON value, a few levels deep.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        "[-0-9. kMGTPEnaif]{0,8}".prop_map(Value::String),
        ".{0,12}".prop_map(Value::String),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::hash_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const KEYS: [&str; 18] = [
    "power",
    "temp",
    "vrTemp",
    "hashRate",
    "bestDiff",
    "bestSessionDiff",
    "coreVoltage",
    "coreVoltageActual",
    "frequency",
    "actualFrequency",
    "sharesAccepted",
    "uptimeSeconds",
    "asicCount",
    "ASICModel",
    "autofanspeed",
    "overheat_mode",
    "fanspeed",
    "fanrpm",
];

proptest! {
    #[test]
    fn known_keys_with_any_values_give_readings_or_nothing(
        values in proptest::collection::vec((0..KEYS.len(), value()), 0..24)
    ) {
        // Written by hand, so that keys may come twice.
        let fields: Vec<_> = values.iter().map(|(key, value)| format!("{:?}:{value}", KEYS[*key])).collect();
        let text = format!("{{{}}}", fields.join(","));
        if let Ok(info) = Info::parse(text.as_bytes()) {
            let reading = info.telemetry(Nanos(7));
            prop_assert_eq!(reading.taken, Nanos(7));
            // However hot it says that it is, that is a reading: only the interlock says what is too hot.
            prop_assert!(reading.hottest().is_none_or(|t| t.0.is_finite() && t.0 >= -20.0));
            prop_assert!(reading.power.is_none_or(|p| p.0.is_finite() && p.0 >= 0.0));
            prop_assert!(reading.hash_rate.is_none_or(|r| r.0.is_finite() && r.0 >= 0.0));
            prop_assert!(info.best.is_none_or(f64::is_finite));
        }
        let _ = Asic::parse(text.as_bytes());
    }

    #[test]
    fn any_json_is_read_or_refused(value in value()) {
        let _ = Info::parse(value.to_string().as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = (Info::parse(&bytes), Asic::parse(&bytes));
        let text = plain(&String::from_utf8_lossy(&bytes));
        prop_assert!(!text.contains('\x1b'));
        let _ = Event::parse(&text);
    }
}
