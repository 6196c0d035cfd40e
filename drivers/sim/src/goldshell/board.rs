//! The board's fields in cgminer's order, once for the API's `devs` and for `/dbg/minerinfo`.

use super::state::{BoxState, ratio};
use crate::cgminer_api::Form;
use crate::cgminer_api::item::Item;

pub(super) struct Field {
    key: &'static str,
    value: String,
    is_text: bool,
}

impl Field {
    #[cfg(test)]
    pub(super) fn key(&self) -> &'static str {
        self.key
    }
}

/// All fields of the one board.
pub(super) fn fields(state: &BoxState) -> Vec<Field> {
    let counters = &state.counters;
    let seconds = state.elapsed.as_secs();
    let difficulty = counters.difficulty.map_or(0.0, f64::from);
    let total = counters.difficulty_accepted + counters.difficulty_rejected;
    let mut fields = Fields(Vec::with_capacity(56));
    fields
        .raw("PGA", 0)
        .text("Name", "INCS")
        .raw("ID", 0)
        .text("Enabled", "Y")
        .text("Status", "Alive")
        .raw("Device Elapsed", seconds)
        .two("MHS av", state.mhs_average())
        .two("MHS 20s", state.mhs())
        .two("MHS rolling", state.mhs())
        .raw("Nonced", format!("{:.0}", state.answers()))
        .raw("Accepted", counters.accepted)
        .raw("Rejected", state.rejected())
        .raw("Hardware Errors", state.hardware_errors)
        .two("Utility", state.per_minute(counters.accepted as f64))
        .raw("Stale", counters.stale)
        .raw(
            "Last Share Pool",
            if state.last_share.is_some() { 0 } else { -1 },
        )
        .raw("Last Share Time", state.last_share.unwrap_or(0))
        .raw("Total MH", format!("{:.4}", state.total_mh))
        .raw("Diff1 Work", format!("{:.0}", state.answers()))
        .two("Work Utility", state.per_minute(state.answers()))
        .difficulty("Difficulty Accepted", counters.difficulty_accepted)
        .difficulty("Difficulty Rejected", counters.difficulty_rejected)
        .difficulty("Difficulty Stale", 0.0)
        .difficulty("Last Share Difficulty", difficulty)
        .raw("Last Valid Work", state.unix)
        .percent("Device Hardware%", state.error_share())
        .percent(
            "Device Rejected%",
            ratio(counters.difficulty_rejected, total),
        )
        .two("MHS U", state.mhs_average())
        .two("voltage", state.voltage.0)
        .raw("clock", format!("{:.0}", state.frequency.0));
    for (number, fan) in state.fans.iter().enumerate().take(2) {
        let key = ["fan0", "fan1"][number];
        fields.raw(key, format!("{:.0}", fan.0));
    }
    fields
        // The captures have the chips' average 3 K under the reading beside them.
        .one("tstemp-0", state.chip.0 - 3.0)
        .one("tstemp-1", state.chip.0)
        .one("tstemp-2", state.pcb.0)
        // What these two mean is not known.
        .one("temp_tv", state.pcb.0)
        .one("temp_tv_2", state.pcb.0)
        .raw("overheat", 0)
        .raw("rebootcnt", 0)
        .raw("powerid", 0)
        .percent("hwerr-ration", state.error_share())
        .two("estimate_hash_rate", state.mhs())
        .raw("range_scan_time", 0);
    fields.0
}

/// The fields as an object of the API.
pub(super) fn item(state: &BoxState, form: Form) -> String {
    let item = fields(state)
        .into_iter()
        .fold(Item::new(form), |item, field| {
            if field.is_text {
                item.text(field.key, &field.value)
            } else {
                item.raw(field.key, field.value)
            }
        });
    item.close()
}

/// The text of `/dbg/minerinfo`.
pub(super) fn minerinfo(state: &BoxState) -> String {
    let mut text = format!(
        "[STATUS] =>\n(\n   [STATUS] => S\n   [When] => {}\n   [Code] => 9\n   [Msg] => 1 PGA(s)\n   \
         [Description] => intminer 5.4.2\n)\n\n[PGA0] =>\n(\n",
        state.unix
    );
    for field in fields(state) {
        text += &format!("   [{}] => {}\n", field.key, field.value);
    }
    text += ")\n";
    text
}

struct Fields(Vec<Field>);

impl Fields {
    fn raw(&mut self, key: &'static str, value: impl ToString) -> &mut Fields {
        self.push(key, value.to_string(), false)
    }

    fn text(&mut self, key: &'static str, value: &str) -> &mut Fields {
        self.push(key, value.to_owned(), true)
    }

    fn one(&mut self, key: &'static str, value: f64) -> &mut Fields {
        self.raw(key, format!("{value:.1}"))
    }

    fn two(&mut self, key: &'static str, value: f64) -> &mut Fields {
        self.raw(key, format!("{value:.2}"))
    }

    fn difficulty(&mut self, key: &'static str, value: f64) -> &mut Fields {
        self.raw(key, format!("{value:.8}"))
    }

    fn percent(&mut self, key: &'static str, share: f64) -> &mut Fields {
        self.raw(key, format!("{:.4}", share * 100.0))
    }

    fn push(&mut self, key: &'static str, value: String, is_text: bool) -> &mut Fields {
        self.0.push(Field {
            key,
            value,
            is_text,
        });
        self
    }
}
