//! The replies to `version`, `summary` and `devs`.

use super::state::{ApiState, PoolState, ratio};
use crate::cgminer_api::frame::{end, named_section, section, success};
use crate::cgminer_api::item::{Form, Item};

/// The reply to `version`.
pub fn version(state: &ApiState, form: Form) -> String {
    end(version_body(state, form), form)
}

/// The reply to `summary`.
pub fn summary(state: &ApiState, form: Form) -> String {
    end(summary_body(state, form), form)
}

/// The reply to `devs`: one device, the whole machine.
pub fn devs(state: &ApiState, form: Form) -> String {
    end(devs_body(state, form), form)
}

pub(super) fn version_body(state: &ApiState, form: Form) -> String {
    let head = success(state, form, 22, "BMMiner versions");
    let item = Item::new(form)
        .text("BMMiner", "2.0.0")
        .text("API", "3.1")
        .text("Miner", state.firmware.version())
        .text("CompileTime", state.firmware.compiled())
        .text("Type", "Antminer S9");
    named_section(head, form, "VERSION", &item.close())
}

pub(super) fn summary_body(state: &ApiState, form: Form) -> String {
    let sum = |field: fn(&PoolState) -> u64| state.pools.iter().map(field).sum::<u64>();
    let sum_f = |field: fn(&PoolState) -> f64| state.pools.iter().map(field).sum::<f64>();
    let per_minute = |count: f64| count / state.seconds() * 60.0;
    let total = state.total_difficulty();
    let rejected = sum_f(|pool| pool.difficulty_rejected);
    let stale = sum_f(|pool| pool.difficulty_stale);
    let best = state.pools.iter().map(|pool| pool.best_share).max();

    let item = Item::new(form)
        .raw("Elapsed", state.whole_seconds())
        .text("GHS 5s", &format!("{:.2}", state.total_ghs()))
        .two("GHS av", state.average_ghs())
        .raw("Found Blocks", state.found_blocks)
        .raw("Getworks", sum(|pool| pool.getworks))
        .raw("Accepted", sum(|pool| pool.accepted))
        .raw("Rejected", sum(|pool| pool.rejected))
        .raw("Hardware Errors", state.hardware_errors())
        .two("Utility", per_minute(sum(|pool| pool.accepted) as f64))
        .raw("Discarded", sum(|pool| pool.discarded))
        .raw("Stale", sum(|pool| pool.stale))
        .raw("Get Failures", sum(|pool| pool.get_failures))
        .raw("Local Work", state.local_work)
        .raw("Remote Failures", sum(|pool| pool.remote_failures))
        .raw("Network Blocks", state.network_blocks)
        .raw("Total MH", format_args!("{:.4}", state.total_mh))
        .two("Work Utility", per_minute(total))
        .difficulty(
            "Difficulty Accepted",
            sum_f(|pool| pool.difficulty_accepted),
        )
        .difficulty("Difficulty Rejected", rejected)
        .difficulty("Difficulty Stale", stale)
        .raw("Best Share", best.unwrap_or(0))
        .percent("Device Hardware%", state.hardware_error_share())
        .percent("Device Rejected%", ratio(rejected, total))
        .percent("Pool Rejected%", ratio(rejected, total))
        .percent("Pool Stale%", ratio(stale, total))
        .raw("Last getwork", state.last_getwork);
    let head = success(state, form, 11, "Summary");
    named_section(head, form, "SUMMARY", &item.close())
}

pub(super) fn devs_body(state: &ApiState, form: Form) -> String {
    let sum = |field: fn(&PoolState) -> u64| state.pools.iter().map(field).sum::<u64>();
    let sum_f = |field: fn(&PoolState) -> f64| state.pools.iter().map(field).sum::<f64>();
    let accepted = sum(|pool| pool.accepted);
    let last = state
        .pools
        .iter()
        .enumerate()
        .filter(|(_, pool)| pool.last_share.is_some())
        .max_by_key(|(_, pool)| pool.last_share);
    let last_share = last.and_then(|(_, pool)| pool.last_share).unwrap_or(0);
    let errors = state.hardware_errors();

    let item = Item::new(form)
        .raw("ASC", 0)
        .text("Name", "BC5")
        .raw("ID", 0)
        .text("Enabled", "Y")
        .text("Status", "Alive")
        .two("Temperature", 0.0)
        .two("MHS av", state.average_ghs() * 1000.0)
        .two("MHS 5s", state.total_ghs() * 1000.0)
        .raw("Accepted", accepted)
        .raw("Rejected", sum(|pool| pool.rejected))
        .raw("Hardware Errors", errors)
        .two("Utility", accepted as f64 / state.seconds() * 60.0)
        .raw(
            "Last Share Pool",
            last.map_or(-1, |(index, _)| index as i64),
        )
        .raw("Last Share Time", last_share)
        .raw("Total MH", format_args!("{:.4}", state.total_mh))
        .raw("Diff1 Work", 0)
        .difficulty(
            "Difficulty Accepted",
            sum_f(|pool| pool.difficulty_accepted),
        )
        .difficulty(
            "Difficulty Rejected",
            sum_f(|pool| pool.difficulty_rejected),
        )
        .difficulty(
            "Last Share Difficulty",
            last.map_or(0.0, |(_, pool)| pool.last_share_difficulty),
        )
        .raw(
            "Last Valid Work",
            if state.total_ghs() > 0.0 {
                state.unix
            } else {
                last_share
            },
        )
        // The driver never counts `Diff1 Work`, so this is all errors or none.
        .percent("Device Hardware%", if errors > 0 { 1.0 } else { 0.0 })
        .percent("Device Rejected%", 0.0)
        .raw("Device Elapsed", state.whole_seconds());
    section(
        success(state, form, 9, "1 ASC(s)"),
        form,
        "DEVS",
        &item.close(),
    )
}
