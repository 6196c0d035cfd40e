//! The reply to `stats`.

use super::state::{ApiState, BoardState, ratio};
use crate::cgminer_api::frame::{end, section, success};
use crate::cgminer_api::item::{Form, Item};

/// Slots that bmminer lists, used or not.
const SLOTS: std::ops::RangeInclusive<u8> = 1..=16;

/// The reply to `stats`, without the comma between its two objects that would make it JSON.
pub fn stats(state: &ApiState, form: Form) -> String {
    end(stats_body(state, form), form)
}

pub(super) fn stats_body(state: &ApiState, form: Form) -> String {
    let header = Item::new(form)
        .text("BMMiner", "2.0.0")
        .text("Miner", state.firmware.version())
        .text("CompileTime", state.firmware.compiled())
        .text("Type", "Antminer S9")
        .close();
    let readings = readings(state, form);
    let head = success(state, form, 70, "BMMiner stats");
    section(head, form, "STATS", &format!("{header}{readings}"))
}

fn readings(state: &ApiState, form: Form) -> String {
    let mean_frequency = ratio(
        state.boards.iter().map(|board| board.frequency.0).sum(),
        state.boards.len() as f64,
    );
    let temps = |board: &BoardState| [board.pcb_temp, board.chip_temp, board.third_temp];
    let hottest = state.boards.iter().flat_map(temps).max().unwrap_or(0);
    let fans = state.fans.map(|fan| (fan.0 / 60.0).round() * 60.0);

    let mut item = Item::new(form)
        .raw("STATS", 0)
        .text("ID", "BC50")
        .raw("Elapsed", state.whole_seconds())
        .raw("Calls", 0)
        .raw("Wait", "0.000000")
        .raw("Max", "0.000000")
        .raw("Min", "99999999.000000")
        .text("GHS 5s", &format!("{:.2}", state.total_ghs()))
        .two("GHS av", state.average_ghs())
        .raw("miner_count", state.boards.len())
        .text("frequency", &format!("{:.0}", state.frequency.0))
        .raw("fan_num", fans.iter().filter(|fan| **fan > 0.0).count());
    for number in 1..=8 {
        let numbers = state.firmware.fan_numbers().into_iter();
        let fan = numbers.zip(fans).find(|(n, _)| *n == number);
        item = item.raw(&format!("fan{number}"), fan.map_or(0.0, |(_, rpm)| rpm));
    }
    item = item.raw("temp_num", state.boards.len());
    item = raw_per_slot(item, state, "temp", |board| board.pcb_temp.into());
    item = raw_per_slot(item, state, "temp2_", |board| board.chip_temp.into());
    item = raw_per_slot(item, state, "temp3_", |board| board.third_temp.into());
    item = two_per_slot(item, state, "freq_avg", |board| board.frequency.0);
    item = item
        .two("total_rateideal", state.total_ideal_ghs())
        .two("total_freqavg", mean_frequency)
        .raw(
            "total_acn",
            state
                .boards
                .iter()
                .map(|board| i64::from(board.chips))
                .sum::<i64>(),
        )
        .two("total_rate", state.total_ghs());
    item = two_per_slot(item, state, "chain_rateideal", BoardState::ideal_ghs);
    item = item
        .raw("temp_max", hottest)
        .percent("Device Hardware%", state.hardware_error_share())
        .raw("no_matching_work", state.hardware_errors());
    item = raw_per_slot(item, state, "chain_acn", |board| board.chips.into());
    item = text_per_slot(item, state, "chain_acs", marks);
    item = raw_per_slot(item, state, "chain_hw", |board| {
        board.hardware_errors.try_into().unwrap_or(i64::MAX)
    });
    item = text_per_slot(item, state, "chain_rate", rate);
    for slot in SLOTS {
        if let Some(board) = state.board(slot) {
            item = item.text(&format!("chain_xtime{slot}"), &reopened(board));
        }
    }
    for (key, value) in [("offside", "0"), ("opencore", state.firmware.open_core())] {
        for slot in SLOTS.filter(|slot| state.board(*slot).is_some()) {
            item = item.text(&format!("chain_{key}_{slot}"), value);
        }
    }
    item.text("miner_version", state.firmware.version()).close()
}

fn raw_per_slot(
    item: Item,
    state: &ApiState,
    key: &str,
    value: impl Fn(&BoardState) -> i64,
) -> Item {
    SLOTS.fold(item, |item, slot| {
        item.raw(&format!("{key}{slot}"), state.board(slot).map_or(0, &value))
    })
}

fn two_per_slot(
    item: Item,
    state: &ApiState,
    key: &str,
    value: impl Fn(&BoardState) -> f64,
) -> Item {
    SLOTS.fold(item, |item, slot| {
        item.two(
            &format!("{key}{slot}"),
            state.board(slot).map_or(0.0, &value),
        )
    })
}

fn text_per_slot(
    item: Item,
    state: &ApiState,
    key: &str,
    value: impl Fn(&BoardState) -> String,
) -> Item {
    SLOTS.fold(item, |item, slot| {
        let text = state.board(slot).map(&value).unwrap_or_default();
        item.text(&format!("{key}{slot}"), &text)
    })
}

/// `o` for a good chip, `x` for a failing one, a blank before each group of eight.
fn marks(board: &BoardState) -> String {
    let mut marks = String::new();
    for chip in 0..board.chips {
        if chip % 8 == 0 {
            marks.push(' ');
        }
        marks.push(if board.failing.contains(&chip) {
            'x'
        } else {
            'o'
        });
    }
    marks
}

/// A dead board prints more zeros than a live one has decimals.
fn rate(board: &BoardState) -> String {
    if board.hash_rate.0 > 0.0 {
        format!("{:.2}", board.ghs())
    } else {
        "0.00000".to_owned()
    }
}

fn reopened(board: &BoardState) -> String {
    let counts = board.reopened.iter();
    let counts: Vec<String> = counts.map(|(chip, n)| format!("X{chip}={n}")).collect();
    format!("{{{}}}", counts.join(","))
}
