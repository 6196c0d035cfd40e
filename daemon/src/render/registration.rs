//! Registered predictions beside what was measured, and the check of a run's folder, as text.

use std::fmt::Write;

use super::table::{interval, table};
use thermine_lab::experiment::prediction::{Checked, Kept};
use thermine_lab::registration::{Registration, Verified};

/// What a run came to, the sentence first.
pub(crate) fn kept(kept: &Kept) -> String {
    let mut rows = table(&["predicted", "measured [95 %]", "outcome"], &[1]);
    for one in &kept.checked {
        rows.add_row([
            one.predicted.to_string(),
            measured(one),
            one.outcome.words().to_string(),
        ]);
    }
    format!(
        "\n{}.\n\n{rows}\n\nRegistered {}, SHA-256 {}\n",
        kept.sentence, kept.registered.date, kept.registered.sha256
    )
}

fn measured(one: &Checked) -> String {
    match (&one.measured, &one.found) {
        (Some(e), _) => interval(e.value, (e.low, e.high)),
        (None, Some(found)) => found.clone(),
        (None, None) => "nothing".into(),
    }
}

/// What was registered.
pub(crate) fn registered(registration: &Registration) -> String {
    let mut text = format!(
        "{} is registered for a {}, {}\n  thermine {}\n",
        registration.name, registration.model, registration.date, registration.command
    );
    for prediction in &registration.predictions {
        let _ = writeln!(text, "  predicted: {prediction}");
    }
    let _ = writeln!(text, "SHA-256 {}", registration.sha256());
    text
}

/// What the check of a folder has found, the answer first.
pub(crate) fn verified(verified: &Verified) -> String {
    let answer = match verified.holds() {
        true => "This folder holds up",
        false => "This folder does NOT hold up",
    };
    let mut text = format!("{answer}. {}.\n\n", verified.recomputed.sentence);
    for finding in &verified.findings {
        let mark = if finding.holds { "yes" } else { "NO" };
        let _ = writeln!(text, "{mark:>3}  {}: {}", finding.what, finding.found);
    }
    text
}
