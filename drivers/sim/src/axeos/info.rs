//! The replies of the simulated page, field for field: pure functions of the state.

use serde::{Serialize, Serializer};

use super::state::{Build, State};
use thermine_units::model::lv06;

/// Firmware version that the unit gives, by default.
pub(crate) const VERSION: &str = "2.1.10";

/// As above, of the newer build.
const VERSION_2_11: &str = "v2.11.0";

/// Voltage of the supply, mV.
const SUPPLY_MV: f64 = 5000.0;

/// `GET /api/system/info` of the LV06 build of ESP-Miner 2.1.10 in its order, and `minerModel` as the
/// maker's own images send it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Info {
    #[serde(serialize_with = "number")]
    power: f64,
    #[serde(serialize_with = "number")]
    voltage: f64,
    #[serde(serialize_with = "number")]
    current: f64,
    #[serde(serialize_with = "number")]
    temp: f64,
    #[serde(rename = "vrTemp", serialize_with = "number")]
    vr_temp: f64,
    #[serde(rename = "hashRate", serialize_with = "number")]
    hash_rate: f64,
    #[serde(rename = "bestDiff")]
    best_diff: String,
    #[serde(rename = "bestSessionDiff")]
    best_session_diff: String,
    #[serde(rename = "freeHeap")]
    free_heap: u32,
    #[serde(rename = "coreVoltage")]
    core_voltage: u16,
    #[serde(rename = "coreVoltageActual")]
    core_voltage_actual: u16,
    frequency: u16,
    ssid: String,
    hostname: String,
    #[serde(rename = "wifiStatus")]
    wifi_status: &'static str,
    #[serde(rename = "sharesAccepted")]
    shares_accepted: u64,
    #[serde(rename = "sharesRejected")]
    shares_rejected: u64,
    #[serde(rename = "uptimeSeconds")]
    uptime_seconds: u64,
    #[serde(rename = "asicCount")]
    asic_count: u16,
    #[serde(rename = "smallCoreCount")]
    small_core_count: u16,
    #[serde(rename = "ASICModel")]
    asic_model: &'static str,
    #[serde(rename = "stratumURL")]
    stratum_url: String,
    #[serde(rename = "stratumPort")]
    stratum_port: u16,
    #[serde(rename = "stratumUser")]
    stratum_user: String,
    version: &'static str,
    #[serde(rename = "boardVersion")]
    board_version: &'static str,
    #[serde(rename = "runningPartition")]
    running_partition: &'static str,
    flipscreen: u16,
    overheat_mode: u16,
    invertscreen: u16,
    invertfanpolarity: u16,
    autofanspeed: u16,
    fanspeed: u16,
    #[serde(rename = "manualFanSpeed", skip_serializing_if = "Option::is_none")]
    manual_fan_speed: Option<u16>,
    #[serde(serialize_with = "number")]
    fanrpm: f64,
    #[serde(rename = "minerModel")]
    miner_model: &'static str,
}

impl Info {
    /// The reply in this state.
    pub(crate) fn of(state: &State) -> Info {
        let (stored, now) = (&state.stored, &state.readings);
        Info {
            power: now.power.0,
            voltage: SUPPLY_MV,
            current: now.power.0 / SUPPLY_MV * 1e6,
            temp: now.chip.0,
            vr_temp: now.regulator.0,
            hash_rate: now.hash_rate.0 * 1e-9,
            best_diff: suffixed(stored.best_difficulty),
            best_session_diff: suffixed(now.best_session),
            // Any plausible figure: nothing here uses memory.
            free_heap: 196_608,
            core_voltage: stored.core_voltage,
            core_voltage_actual: (now.core_voltage.0 * 1000.0).round() as u16,
            frequency: stored.frequency,
            ssid: stored.ssid.clone(),
            hostname: stored.hostname.clone(),
            wifi_status: "Connected!",
            shares_accepted: now.accepted,
            shares_rejected: now.rejected,
            uptime_seconds: now.uptime.as_secs(),
            asic_count: lv06::CHIPS,
            small_core_count: lv06::SMALL_CORES,
            asic_model: lv06::ASIC,
            stratum_url: stored.stratum_url.clone(),
            stratum_port: stored.stratum_port,
            stratum_user: stored.stratum_user.clone(),
            version: match stored.build {
                Build::V2_1 => VERSION,
                Build::V2_11 => VERSION_2_11,
            },
            board_version: "0.11",
            running_partition: "factory",
            flipscreen: stored.flipscreen,
            overheat_mode: stored.overheat_mode,
            invertscreen: stored.invertscreen,
            invertfanpolarity: stored.invertfanpolarity,
            autofanspeed: stored.autofanspeed,
            fanspeed: stored.fanspeed,
            manual_fan_speed: (stored.build == Build::V2_11).then_some(stored.manual_fan),
            fanrpm: now.fan.0,
            miner_model: "LV06",
        }
    }
}

/// `GET /api/system/asic`, as written by later builds: `ASICModel` twice, no default voltage.
pub(crate) fn asic() -> String {
    let frequencies = "300,325,350,375,400,425,450,475,485,500,525,550,575";
    let voltages = "1000,1050,1100,1150,1200,1250,1300";
    format!(
        "{{\"ASICModel\":\"{asic}\",\"deviceModel\":\"LV06\",\"swarmColor\":\"blue\",\
         \"ASICModel\":\"{asic}\",\"asicCount\":{chips},\"defaultFrequency\":485,\
         \"frequencyOptions\":[{frequencies}],\"voltageOptions\":[{voltages}]}}",
        asic = lv06::ASIC,
        chips = lv06::CHIPS,
    )
}

/// A difficulty as the firmware shows it: two decimals, a blank and a suffix; under 1000 an integer and a
/// blank.
pub(crate) fn suffixed(difficulty: f64) -> String {
    const SUFFIXES: [(f64, &str); 6] = [
        (1e18, "E"),
        (1e15, "P"),
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
    ];
    match SUFFIXES.iter().find(|(unit, _)| difficulty >= *unit) {
        Some((unit, suffix)) => format!("{:.2} {suffix}", difficulty / unit),
        None => format!("{} ", difficulty as u64),
    }
}

/// As cJSON prints: no fraction where there is none. Ten decimals are more than any sensor has.
fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let value = (value * 1e10).round() / 1e10;
    if value.fract() == 0.0 && value.abs() < 9e15 {
        serializer.serialize_i64(value as i64)
    } else {
        serializer.serialize_f64(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difficulties_are_shown_as_the_firmware_shows_them() {
        for (difficulty, shown) in [
            (0.0, "0 "),
            (123.9, "123 "),
            (1000.0, "1.00 k"),
            (4.29e9, "4.29 G"),
            (2.5e18, "2.50 E"),
        ] {
            assert_eq!(suffixed(difficulty), shown);
        }
    }
}
