//! The bodies of the web backend's replies.

use serde::Serialize;
use serde_json::{Value, json};

use super::firmware::Firmware;
use super::state::BoxState;

/// The page that everything else is fetched by; here only its title.
pub(super) const PAGE: &str = "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>cloud-box</title></head>\
    <body><div id=\"app\"></div></body></html>";

/// `/mcb/status`
pub(super) fn status(firmware: &Firmware) -> String {
    #[derive(Serialize)]
    struct Status<'a> {
        hardware: &'a str,
        model: &'a str,
        mcbversion: &'a str,
        firmware: &'a str,
    }
    to_json(&Status {
        hardware: &firmware.hardware,
        model: &firmware.model,
        mcbversion: &firmware.controller,
        firmware: &firmware.version,
    })
}

/// `/mcb/cgminer?cgminercmd=devs`. That `valid` is a truth value, that the ratio is in percent and that the
/// one temperature is the chips' is assumed.
pub(super) fn devs(state: &BoxState, plan: &str) -> String {
    #[derive(Serialize)]
    struct Board {
        valid: bool,
        av_hashrate: f64,
        hashrate: f64,
        accepted: u64,
        rejected: u64,
        hwerrors: u64,
        hwerr_ration: f64,
        nonces: u64,
        time: u64,
        id: u8,
        powerplan: String,
        fanspeed: String,
        temp: String,
        minerstatus: u8,
        #[serde(rename = "CPB_name")]
        name: &'static str,
    }
    let fans: Vec<String> = state
        .fans
        .iter()
        .map(|fan| format!("{:.0} rpm", fan.0))
        .collect();
    let board = Board {
        valid: true,
        av_hashrate: hundredths(state.mhs_average()),
        hashrate: hundredths(state.mhs()),
        accepted: state.counters.accepted,
        rejected: state.rejected(),
        hwerrors: state.hardware_errors,
        hwerr_ration: hundredths(100.0 * state.error_share()),
        nonces: state.answers() as u64 + state.hardware_errors,
        time: state.elapsed.as_secs(),
        id: 0,
        powerplan: plan.to_owned(),
        fanspeed: fans.join(" / "),
        temp: format!("{:.1} °C", state.chip.0),
        minerstatus: 0,
        name: "CPB0",
    };
    format!(r#"{{"status":2,"data":[{}]}}"#, to_json(&board))
}

/// `/cpb/hshistory`
pub(super) fn history(state: &BoxState) -> String {
    let rates: Vec<f64> = state.history.rates().map(hundredths).collect();
    to_json(&rates)
}

/// `/dbg/icinfo`: JSON in JSON. The names inside are assumed, and the chips' parts are even: the physics
/// does not keep them apart.
pub(super) fn icinfo(state: &BoxState) -> String {
    let chips = state.chips.max(1);
    let even = state.hardware_errors / chips as u64;
    let more = (state.hardware_errors % chips as u64) as usize;
    let chips: Vec<Value> = (0..chips)
        .map(|chip| {
            json!({
                "id": chip,
                "perf": hundredths(state.mhs() / chips as f64),
                "hwerr": even + u64::from(chip < more),
            })
        })
        .collect();
    json!({ "body": json!({ "chips": chips }).to_string() }).to_string()
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Of types that cannot fail to be written.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
