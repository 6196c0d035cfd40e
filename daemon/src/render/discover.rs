//! The devices that a search has found, as text.

use thermine_drivers::discover::Found;

use super::table::table;
use thermine_lab::discover::Outcome;

/// The outcome as text.
pub(crate) fn text(of: &Outcome) -> String {
    let mut text = String::new();
    if !of.found.is_empty() {
        text = format!("{}\n", devices(of));
    }
    text.push_str(&format!(
        "asked {}, {} answered, {} of them mining units, in {:.1} s\n",
        addresses(of.asked),
        of.answered,
        of.units(),
        of.seconds
    ));
    if of.not_asked > 0 {
        text.push_str(&format!(
            "{} not asked: the search was broken off\n",
            addresses(of.not_asked)
        ));
    }
    text
}

/// The devices by address, so that two searches can be compared.
fn devices(of: &Outcome) -> String {
    let headings = ["address", "model", "firmware", "serial", "wires", "remark"];
    let mut rows = table(&headings, &[]);
    let mut found: Vec<&Found> = of.found.iter().collect();
    found.sort_by_key(|found| (found.address.ip, found.address.port));
    for found in found {
        let said = |text: &Option<String>| text.clone().unwrap_or_default();
        let identity = &found.identity;
        let model = match (found.model, &identity.model) {
            (Some(model), _) => model.to_string(),
            (None, Some(name)) => format!("{name} (no known model)"),
            (None, None) if found.is_miner() => "miner of no known model".to_owned(),
            (None, None) => "no miner".to_owned(),
        };
        let wires: Vec<String> = found
            .wires
            .iter()
            .map(|(wire, addr)| format!("{wire}:{}", addr.port()))
            .collect();
        rows.add_row([
            found.address.to_string(),
            model,
            said(&identity.firmware),
            said(&identity.serial),
            wires.join(" "),
            said(&found.remark),
        ]);
    }
    rows.to_string()
}

/// A number of addresses, in words.
pub(crate) fn addresses(count: usize) -> String {
    match count {
        1 => "1 address".to_owned(),
        count => format!("{count} addresses"),
    }
}
