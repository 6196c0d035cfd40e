//! The cgminer API of a simulated Box: `intminer`, valid JSON but for `stats`. No login; it does not pass
//! the web backend's token check.

use super::board;
use super::state::{BoxState, ratio};
use crate::cgminer_api::frame::{named_section, section, success};
use crate::cgminer_api::item::Item;
use crate::cgminer_api::{Form, Speaker};

/// Commands that cgminer knows and, without a configuration that grants them, refuses. Assumed to be so here.
const REFUSED: [&str; 10] = [
    "addpool",
    "disablepool",
    "enablepool",
    "pgadisable",
    "pgaenable",
    "privileged",
    "quit",
    "removepool",
    "restart",
    "switchpool",
];

impl Speaker for BoxState {
    fn description(&self) -> &'static str {
        "intminer 5.4.2"
    }

    fn unix(&self) -> u64 {
        self.unix
    }

    fn reply(&self, command: &str, form: Form) -> Option<String> {
        Some(match command {
            "version" => version(self, form),
            "summary" => summary(self, form),
            "pools" => pools(self, form),
            "devs" => {
                let head = success(self, form, 9, "1 PGA(s)");
                section(head, form, "DEVS", &board::item(self, form))
            }
            "stats" => stats(self, form),
            _ => return None,
        })
    }

    fn refuses(&self, command: &str) -> bool {
        REFUSED.contains(&command)
    }
}

/// Its fields are assumed: cgminer's own.
fn version(state: &BoxState, form: Form) -> String {
    let head = success(state, form, 22, "CGMiner versions");
    let item = Item::new(form).text("CGMiner", "5.4.2").text("API", "3.7");
    named_section(head, form, "VERSION", &item.close())
}

fn summary(state: &BoxState, form: Form) -> String {
    let counters = &state.counters;
    let total = counters.difficulty_accepted + counters.difficulty_rejected;
    let item = Item::new(form)
        .raw("Elapsed", state.elapsed.as_secs())
        .two("MHS av", state.mhs_average())
        .two("MHS 20s", state.mhs())
        .raw("Found Blocks", 0)
        .raw("Getworks", counters.jobs)
        .raw("Accepted", counters.accepted)
        .raw("Rejected", state.rejected())
        .raw("Hardware Errors", state.hardware_errors)
        .two("Utility", state.per_minute(counters.accepted as f64))
        .raw("Discarded", 0)
        .raw("Stale", counters.stale)
        .raw("Get Failures", 0)
        .raw("Local Work", counters.jobs)
        .raw("Remote Failures", 0)
        .raw("Network Blocks", counters.jobs)
        .raw("Total MH", format_args!("{:.4}", state.total_mh))
        .raw("Diff1 Work", format_args!("{:.0}", state.answers()))
        .two("Work Utility", state.per_minute(state.answers()))
        .difficulty("Difficulty Accepted", counters.difficulty_accepted)
        .difficulty("Difficulty Rejected", counters.difficulty_rejected)
        .difficulty("Difficulty Stale", 0.0)
        .two("Best Share", counters.best_share)
        .percent("Device Hardware%", state.error_share())
        .percent(
            "Device Rejected%",
            ratio(counters.difficulty_rejected, total),
        )
        .percent("Pool Rejected%", ratio(counters.difficulty_rejected, total))
        .percent("Pool Stale%", 0.0)
        .raw("Last getwork", state.unix);
    let head = success(state, form, 11, "Summary");
    named_section(head, form, "SUMMARY", &item.close())
}

/// Not captured: cgminer's most used fields. The pool's address and user are in the web backend's list only.
fn pools(state: &BoxState, form: Form) -> String {
    let counters = &state.counters;
    let item = Item::new(form)
        .raw("POOL", 0)
        .text("Status", if counters.connected { "Alive" } else { "Dead" })
        .raw("Priority", 0)
        .raw("Getworks", counters.jobs)
        .raw("Accepted", counters.accepted)
        .raw("Rejected", state.rejected())
        .raw("Stale", counters.stale)
        .raw("Last Share Time", state.last_share.unwrap_or(0))
        .difficulty("Difficulty Accepted", counters.difficulty_accepted)
        .difficulty("Difficulty Rejected", counters.difficulty_rejected)
        .raw("Has Stratum", true)
        .raw("Stratum Active", counters.connected)
        .two("Best Share", counters.best_share);
    let head = success(state, form, 7, "1 Pool(s)");
    section(head, form, "POOLS", &item.close())
}

/// Without the comma between its two objects, and with a temperature of 0: both captured. The other fields are
/// assumed.
fn stats(state: &BoxState, form: Form) -> String {
    let header = Item::new(form)
        .text("CGMiner", "5.4.2")
        .text("Type", "Goldshell")
        .close();
    let readings = Item::new(form)
        .raw("STATS", 0)
        .text("ID", "INCS0")
        .raw("Elapsed", state.elapsed.as_secs())
        .raw("Calls", 0)
        .raw("Wait", "0.000000")
        .raw("Max", "0.000000")
        .raw("Min", "99999999.000000")
        .raw("temp_max", 0)
        .close();
    let head = success(state, form, 70, "CGMiner stats");
    section(head, form, "STATS", &format!("{header}{readings}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgminer_api::answer;
    use thermine_drivers::cgminer::Reply;
    use thermine_units::quantity::{Celsius, HashRate, MegaHertz, Rpm, Volts};

    fn state() -> BoxState {
        BoxState {
            unix: 1_700_000_000,
            elapsed: std::time::Duration::from_secs(3600),
            frequency: MegaHertz(750.0),
            voltage: Volts(0.43),
            chip: Celsius(74.5),
            pcb: Celsius(63.0),
            fans: vec![Rpm(1500.0), Rpm(1470.0)],
            chips: 16,
            hash_rate: HashRate(175.25e9),
            hash_rate_average: HashRate(174e9),
            hardware_errors: 12,
            total_mh: 6.264e8,
            counters: Default::default(),
            history: Default::default(),
            last_share: None,
        }
    }

    #[test]
    fn only_stats_is_no_json() {
        for command in ["version", "summary", "pools", "devs", "stats"] {
            let request = format!(r#"{{"command":"{command}"}}"#);
            let reply = answer(&state(), request.as_bytes());
            let json = serde_json::from_str::<serde_json::Value>(&reply);
            assert_eq!(json.is_ok(), command != "stats", "{reply}");
            let reply = Reply::parse(reply.as_bytes()).expect("after repair");
            let description = reply.status().and_then(|status| status.description);
            assert_eq!(description.as_deref(), Some("intminer 5.4.2"));
        }
    }

    #[test]
    fn the_board_has_a_key_only_once_and_is_read_as_it_is() {
        let fields = board::fields(&state());
        let mut keys: Vec<&str> = fields.iter().map(|field| field.key()).collect();
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);

        let reply = answer(&state(), br#"{"command":"devs"}"#);
        let device = &Reply::parse(reply.as_bytes()).expect("JSON").devices()[0];
        assert_eq!(device.chip_temp, Some(Celsius(74.5)));
        assert_eq!(device.pcb_temp, Some(Celsius(63.0)));
        assert_eq!(device.hash_rate, Some(HashRate(175.25e9)));
        assert_eq!(device.fans, [Rpm(1500.0), Rpm(1470.0)]);
        let printed = board::minerinfo(&state());
        let read =
            thermine_drivers::goldshell::reply::minerinfo(printed.as_bytes()).expect("a device");
        assert_eq!(&read[0], device);
    }
}
