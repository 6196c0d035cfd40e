//! `PATCH /api/system` as ESP-Miner 2.1 takes it: any subset, unknown keys ignored, nothing checked.

use serde_json::Value;

use super::state::{Build, Stored};

/// Longest text that is kept; the flash's own limit is 4000 bytes.
const LONGEST_TEXT: usize = 4000;

/// Stores what `body` has. Returns whether clock, voltage or fan may have changed.
///
/// A body that is no JSON object changes nothing, as the firmware does not look at its parser's verdict.
pub(crate) fn apply(stored: &mut Stored, body: &[u8]) -> bool {
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return false;
    };
    let mut moved = false;
    for (key, value) in &fields {
        // cJSON finds keys whatever their case.
        match key.to_ascii_lowercase().as_str() {
            "frequency" => moved |= set_number(&mut stored.frequency, value),
            "corevoltage" => moved |= set_number(&mut stored.core_voltage, value),
            "autofanspeed" => moved |= set_number(&mut stored.autofanspeed, value),
            "fanspeed" if stored.build == Build::V2_1 => {
                moved |= set_number(&mut stored.fanspeed, value);
            }
            "manualfanspeed" if stored.build == Build::V2_11 => {
                moved |= set_number(&mut stored.manual_fan, value);
            }
            // Whatever is sent clears it.
            "overheat_mode" => stored.overheat_mode = 0,
            "flipscreen" => _ = set_number(&mut stored.flipscreen, value),
            "invertscreen" => _ = set_number(&mut stored.invertscreen, value),
            "invertfanpolarity" => _ = set_number(&mut stored.invertfanpolarity, value),
            "stratumport" => _ = set_number(&mut stored.stratum_port, value),
            "stratumurl" => set_text(&mut stored.stratum_url, value),
            "stratumuser" => set_text(&mut stored.stratum_user, value),
            "ssid" => set_text(&mut stored.ssid, value),
            "hostname" => set_text(&mut stored.hostname, value),
            _ => {}
        }
    }
    if stored.build == Build::V2_11 && stored.autofanspeed == 0 {
        stored.fanspeed = stored.manual_fan;
    }
    moved
}

/// An `int` of C, then 16 bits of it; what is no number is 0.
fn set_number(field: &mut u16, value: &Value) -> bool {
    let number = match value {
        Value::Bool(flag) => i32::from(*flag),
        // `as` saturates, as cJSON does.
        _ => value.as_f64().unwrap_or(0.0) as i32,
    };
    *field = number as u16;
    true
}

/// The firmware crashes on what is no text; here it is ignored.
fn set_text(field: &mut String, value: &Value) {
    if let Some(text) = value.as_str().filter(|text| text.len() < LONGEST_TEXT) {
        text.clone_into(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axeos::tests::state;

    #[test]
    fn whatever_is_sent_is_stored_unchecked() {
        let mut stored = state().stored;
        stored.overheat_mode = 1;
        let body =
            br#"{"frequency":9999,"coreVoltage":-1,"FanSpeed":33.9,"overheat_mode":"x","u":[1]}"#;
        assert!(apply(&mut stored, body));
        assert_eq!(stored.frequency, 9999);
        assert_eq!(stored.core_voltage, 65535);
        assert_eq!(stored.fanspeed, 33);
        assert_eq!(stored.overheat_mode, 0);
        assert_eq!(stored.hostname, state().stored.hostname);
    }

    #[test]
    fn the_newer_build_passes_over_fanspeed_and_turns_to_the_stored_speed() {
        let mut stored = state().stored;
        stored.build = Build::V2_11;
        stored.autofanspeed = 1;
        stored.manual_fan = 30;
        apply(&mut stored, br#"{"fanspeed":90}"#);
        assert_eq!((stored.fanspeed, stored.manual_fan), (80, 30));
        apply(&mut stored, br#"{"autofanspeed":0}"#);
        assert_eq!(stored.fanspeed, 30);
        apply(&mut stored, br#"{"manualFanSpeed":95}"#);
        assert_eq!(stored.fanspeed, 95);
    }

    #[test]
    fn what_is_no_object_changes_nothing() {
        for body in [&b""[..], b"{", b"[]", b"null", b"\xff", b"{\"frequency\":"] {
            let mut stored = state().stored;
            assert!(!apply(&mut stored, body));
            assert_eq!(stored, state().stored);
        }
    }
}
