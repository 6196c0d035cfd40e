//! What a meter at the wall says of a unit, as text.

use std::fmt::Write;

use super::table::{fixed, interval, table};
use thermine_lab::wall_meter::Report;

/// What is assumed of `idle`, and the end of its range that makes heat tell nothing.
const IN_QUESTION: [f64; 2] = [0.15, 1.0];

/// The report as text, the answer first.
pub(crate) fn text(of: &Report) -> String {
    let idle = &of.idle;
    let verdicts = IN_QUESTION.map(|value| match of.rules_out(value) {
        true => format!("{value} is ruled out"),
        false => format!("{value} is not ruled out"),
    });
    let mut text = format!(
        "\nidle = {} on {} ({}): {}.\nGive it to a simulated unit with --assume idle={}\n\n",
        interval(idle.value, (idle.low, idle.high)),
        of.unit,
        of.provenance,
        verdicts.join(", "),
        fixed(idle.value.clamp(0.0, 1.0), 2)
    );
    let mut rows = table(
        &["duty", "hashing", "shares", "power, W", "chip, °C"],
        &[0, 1, 2, 3, 4],
    );
    for level in &of.levels {
        rows.add_row([
            level.duty.to_string(),
            fixed(level.activity, 3),
            level.shares.to_string(),
            fixed(level.watts, 1),
            fixed(level.chip_c, 1),
        ]);
    }
    let (dynamic, leakage) = (&of.dynamic_w, &of.leakage_w);
    let _ = writeln!(
        text,
        "{rows}\n\nComputing takes {:.0} W [{:.0}, {:.0}] at full duty, leakage {:.0} W [{:.0}, {:.0}] at 80 °C\n\
         (assumed: {:.0}), fans and controller {:.0} to {:.0} W (as given).",
        dynamic.value,
        dynamic.low,
        dynamic.high,
        leakage.value,
        leakage.low,
        leakage.high,
        of.assumed_leakage_w,
        of.others_w.0,
        of.others_w.1
    );
    for note in &of.notes {
        let _ = writeln!(text, "Note: {note}");
    }
    let _ = writeln!(
        text,
        "{} readings in {} means of up to 20 s; 95 % intervals, seed {}, {:.0} effective draws.",
        of.readings, of.points, of.seed, of.effective_draws
    );
    text
}
