//! What stock firmware grants, and what it refuses.

use super::pools::pools_body;
use super::state::ApiState;
use super::stats::stats_body;
use super::totals::{devs_body, summary_body, version_body};
use crate::cgminer_api::{Form, Speaker};

/// Commands that bmminer knows and the stock configuration (`A:stats:pools:devs:summary:version`) grants
/// to nobody.
const REFUSED: [&str; 34] = [
    "addpool",
    "asc",
    "asccount",
    "ascdisable",
    "ascenable",
    "ascidentify",
    "ascset",
    "check",
    "coin",
    "config",
    "debug",
    "devdetails",
    "disablepool",
    "edevs",
    "enablepool",
    "estats",
    "failover-only",
    "hotplug",
    "lcd",
    "lockstats",
    "noncenum",
    "notify",
    "pgacount",
    "poolpriority",
    "poolquota",
    "privileged",
    "quit",
    "removepool",
    "restart",
    "save",
    "setconfig",
    "switchpool",
    "usbstats",
    "zero",
];

impl Speaker for ApiState {
    fn description(&self) -> &'static str {
        "bmminer 1.0.0"
    }

    fn unix(&self) -> u64 {
        self.unix
    }

    fn reply(&self, command: &str, form: Form) -> Option<String> {
        Some(match command {
            "version" => version_body(self, form),
            "summary" => summary_body(self, form),
            "pools" => pools_body(self, form),
            "devs" => devs_body(self, form),
            "stats" => stats_body(self, form),
            _ => return None,
        })
    }

    fn refuses(&self, command: &str) -> bool {
        REFUSED.contains(&command)
    }
}
