//! What changes of jobs cost, as text and as a plot.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::switching::HazardBin;

use super::folder;
use super::svg::Plot;
use super::table::table;
use thermine_lab::switch_profile::Report;

/// The report as text.
pub(crate) fn text(of: &Report) -> String {
    let p = &of.profile;
    let mut text = format!(
        "{}, stream `{}` ({}): {} changes of jobs in {:.1} s, {} shares of the job just sent and {} of earlier ones; \
         seed {}\n",
        of.capture,
        of.stream,
        of.provenance,
        p.switches,
        p.seconds,
        p.new_shares,
        p.old_shares,
        p.seed
    );
    let _ = writeln!(
        text,
        "{}\nat the same loss to each change, hashing lost if jobs change every",
        quantities(of)
    );
    let typical: Vec<String> = of
        .typical
        .iter()
        .map(|(every, lost)| format!("{every} s: {:.2} %", 100.0 * lost))
        .collect();
    let _ = writeln!(text, "{}\n\n{}", typical.join(", "), verdict(of));
    text
}

/// Everything that is one number.
fn quantities(of: &Report) -> String {
    let p = &of.profile;
    let mut rows = table(&["quantity", "value [95 %]", "unit"], &[1]);
    let scaled = |e: &Estimate, by: f64, digits: usize| {
        format!(
            "{:.digits$} [{:.digits$}, {:.digits$}]",
            by * e.value,
            by * e.low,
            by * e.high
        )
    };
    let age = |value: Option<f64>| {
        value.map_or_else(|| "none came".into(), |v| format!("{:.1}", 1e3 * v))
    };
    let after = 1e3 * of.binning.steady_after;
    for (name, value, unit) in [
        (
            format!("steady rate, from {after} ms after a change"),
            scaled(&p.steady_rate, 1.0, 2),
            "shares/s",
        ),
        (
            "useful rate, of the job just sent".into(),
            scaled(&p.useful_rate, 1.0, 2),
            "shares/s",
        ),
        (
            "changes of jobs".into(),
            format!("{:.2}", p.switch_rate),
            "1/s",
        ),
        (
            "lost to each change".into(),
            scaled(&p.loss_per_switch, 1e3, 1),
            "ms",
        ),
        (
            "hashing lost".into(),
            scaled(&p.fraction_lost, 100.0, 1),
            "%",
        ),
        (
            "shares of earlier jobs".into(),
            scaled(&p.old_fraction, 100.0, 1),
            "%",
        ),
        (
            "first answer to a job, soonest".into(),
            age(p.first_new),
            "ms",
        ),
        (
            "first answer to a job, 1 in 100 by".into(),
            age(p.first_new_percentile),
            "ms",
        ),
    ] {
        rows.add_row([name, value, unit.to_string()]);
    }
    rows.to_string()
}

/// The loss in one sentence.
fn verdict(of: &Report) -> String {
    let (lost, loss) = (&of.profile.fraction_lost, &of.profile.loss_per_switch);
    if lost.low > 0.0 {
        format!(
            "Each change of jobs costs {:.1} ms of hashing, {:.1} % of it at {:.1} changes a second.",
            1e3 * loss.value,
            100.0 * lost.value,
            of.profile.switch_rate
        )
    } else {
        "No loss to changes of jobs can be told from nothing: the interval reaches to zero.".into()
    }
}

/// The hazards of new and old job by the time since the change, beside the steady rate.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn plot(folder: &Path, report: &Report) -> Result<()> {
    let p = &report.profile;
    let rate = |count: u64, exposure: f64| count as f64 / exposure;
    let steps = |count: fn(&HazardBin) -> u64| -> Vec<(f64, f64)> {
        let seen = p.hazards.iter().filter(|bin| bin.exposure > 0.0);
        seen.map(|bin| {
            let middle = 1e3 * (bin.age + 0.5 * report.binning.bin);
            (middle, rate(count(bin), bin.exposure))
        })
        .collect()
    };
    let (new, old) = (steps(|bin| bin.new), steps(|bin| bin.old));
    // The last bins hold little exposure, and an outlier there would squeeze all others against the axis.
    let well_seen = p
        .hazards
        .iter()
        .filter(|bin| bin.exposure > 0.01 * p.seconds * report.binning.bin);
    let most = well_seen
        .map(|bin| rate(bin.new.max(bin.old), bin.exposure))
        .fold(p.steady_rate.high, f64::max);
    let end = 1e3 * report.binning.up_to;
    let mut plot = Plot::new(
        &format!(
            "after a change of jobs ({}): {:.1} ms lost to each",
            report.provenance,
            1e3 * p.loss_per_switch.value
        ),
        "time since the change, ms",
        "shares per second",
        (0.0, end),
        (0.0, 1.1 * most),
    );
    plot.line("of the new job", new);
    plot.line("of earlier jobs", old);
    plot.line(
        "steady rate",
        [(0.0, p.steady_rate.value), (end, p.steady_rate.value)],
    );
    folder::write(folder, "hazard.svg", plot.render())
}
