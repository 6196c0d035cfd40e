//! Tables and plots of a simulated fleet.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::identity::trials::Rate;
use thermine_sim::Spread;

use crate::render::folder;
use crate::render::svg::Plot;
use crate::render::table::headed;
use thermine_lab::puf::HASHES_PER_SHARE;
use thermine_lab::puf::attempts::Cases;
use thermine_lab::puf::claims::{ClaimRow, FeatureSet};
use thermine_lab::puf::fleet_report::FleetReport;

/// Equal error rate that the verdict counts shares for.
const GOAL: f64 = 0.01;

/// Writes JSON and plots.
pub(crate) fn write(folder: &Path, found: &FleetReport) -> Result<()> {
    folder::write_json(folder, "report.json", found)?;
    plot_characteristic(folder, found)?;
    plot_shares(folder, found)
}

fn percent(e: &Estimate) -> String {
    format!(
        "{:.2} [{:.2}, {:.2}]",
        100.0 * e.value,
        100.0 * e.low,
        100.0 * e.high
    )
}

fn plain(e: &Estimate) -> String {
    format!("{:.2} [{:.2}, {:.2}]", e.value, e.low, e.high)
}

fn optional(e: Option<&Estimate>) -> String {
    e.map_or_else(|| "does not vary".into(), plain)
}

fn cases(p: &Cases) -> String {
    match &p.exact {
        Some(exact) => format!("{}/{}: {}", p.cases, p.of, percent(exact)),
        None => "none".into(),
    }
}

/// The tables and the verdict.
pub(crate) fn text(found: &FleetReport) -> String {
    let mut text = String::new();
    opening(&mut text, found);
    decisions(&mut text, found);
    details(&mut text, found);
    attacks(&mut text, found);
    let _ = writeln!(text, "\n{}", verdict(found));
    text
}

fn opening(text: &mut String, found: &FleetReport) {
    let (plan, world) = (&found.plan, &found.world);
    let _ = writeln!(
        text,
        "{} {} ({}), {} sessions each, half of them to enrol; seed {}; intervals are 95 %, by {} resamples of units",
        found.fleet, plan.model, found.provenance, found.sessions, found.seed, found.resamples
    );
    let places: Vec<String> = plan
        .places
        .iter()
        .map(|place| match place.frequency_mhz {
            Some(f) => format!("{} ({f} MHz)", place.name),
            None => format!("{} (duty {})", place.name, place.duty),
        })
        .collect();
    let _ = writeln!(
        text,
        "a challenge: {} jobs of {} shares at each of {}, in a random order, after {} s of settling at each",
        plan.jobs,
        plan.shares,
        places.join(" and "),
        plan.settle_s
    );
    let spread = Spread::assumed(0);
    let _ = writeln!(
        text,
        "assumed differences between units, 1 σ each: chips' speed 2 %, units' speed {} %, leakage {} %, sensors {} K; {} of \
         all cores are dead; rooms of {} to {} °C, a session every {} week, {} % slower in the first year",
        100.0 * spread.speed,
        100.0 * spread.leakage,
        spread.sensor_k,
        spread.dead_core,
        world.ambient_c.0,
        world.ambient_c.1,
        world.weeks,
        100.0 * world.ageing
    );
    if !found.left_out.is_empty() {
        let _ = writeln!(
            text,
            "{} features are not used, as some session lacks them",
            found.left_out.len()
        );
    }
}

fn decisions(text: &mut String, found: &FleetReport) {
    let mut rows = headed(
        "decided by | shares | features | components | EER % | ROC area",
        &[1, 2, 3, 4, 5],
    );
    let mut add = |name: String, row: &ClaimRow| {
        let area = row.area;
        rows.add_row([
            name,
            row.shares.to_string(),
            row.features.to_string(),
            row.components.to_string(),
            percent(&row.equal_error),
            format!("{:.4} [{:.4}, {:.4}]", area.value, area.low, area.high),
        ]);
    };
    for row in &found.rows {
        add(row.evidence.name().into(), row);
    }
    for row in &found.control {
        add(format!("{}, units all alike", row.evidence.name()), row);
    }
    let _ = writeln!(text, "\n{rows}");
}

fn rate(rate: &Rate) -> String {
    format!(
        "{}/{}: {}; one a unit: {}",
        rate.wrong,
        rate.claims,
        percent(&rate.over_units),
        percent(&rate.one_per_unit)
    )
}

fn details(text: &mut String, found: &FleetReport) {
    for detail in &found.details {
        let _ = writeln!(
            text,
            "\n{}, {} shares, {} genuine and {} false claims",
            detail.evidence.name(),
            detail.shares,
            detail.genuine,
            detail.false_claims
        );
        let mut rows = headed("quantity | value [95 %]", &[1]);
        for (name, value) in [
            (
                format!(
                    "false accepts at a log likelihood ratio of {:.1}, %",
                    detail.threshold
                ),
                rate(&detail.false_accept),
            ),
            ("false rejects there, %".into(), rate(&detail.false_reject)),
            (
                "log likelihood ratio at which both are equal".into(),
                format!("{:.1}", detail.equal_threshold),
            ),
            (
                "distance of a unit from itself, sd".into(),
                plain(&detail.intra),
            ),
            ("distance from other units, sd".into(), plain(&detail.inter)),
            (
                "log likelihood ratio of genuine claims".into(),
                plain(&detail.genuine_score),
            ),
            (
                "its change per K from the enrolment's room".into(),
                optional(detail.per_kelvin.as_ref()),
            ),
            (
                "its change per week".into(),
                optional(detail.per_week.as_ref()),
            ),
        ] {
            rows.add_row([name, value]);
        }
        let _ = writeln!(text, "{rows}");
    }
}

fn attacks(text: &mut String, found: &FleetReport) {
    let mut rows = headed(
        "attack | likely enough, % | in time, % | accepted, %",
        &[1, 2, 3],
    );
    for attack in &found.attacks {
        rows.add_row([
            attack.name.clone(),
            cases(&attack.likely),
            cases(&attack.in_time),
            cases(&attack.accepted),
        ]);
    }
    let _ = writeln!(text, "\n{rows}");
    let replayed = &found.replayed;
    let _ = writeln!(
        text,
        "time bound: {} of {} units keep their own in their last session ({} %)",
        found.in_time.cases,
        found.in_time.of,
        (found.in_time.exact.as_ref()).map_or("none".into(), percent)
    );
    let _ = writeln!(
        text,
        "replay at the wire: of {} shares found by hashing for one challenge, {} are accepted in response to another \
         ({:.1} expected by chance at {HASHES_PER_SHARE} hashes a share; a real share takes 2^32 times its difficulty), \
         and {} a second time for their own",
        replayed.shares,
        replayed.accepted,
        replayed.shares as f64 / HASHES_PER_SHARE,
        replayed.twice
    );
    text.push_str(
        "A fresh challenge stops a replay, as a share is valid for its own job only. The time bound stops a relay that adds \
         more delay than the bound resolves. Neither stops a clone: a host that knows the profile chooses nonces and times \
         as the unit would. So this is no strong physical unclonable function: keep profiles secret, and treat an \
         acceptance as evidence, not as proof.\n",
    );
}

/// The fewest shares at which all longer decisions of this kind keep to the goal too.
fn enough<'a>(
    rows: &'a [ClaimRow],
    name: &str,
    by: impl Fn(&ClaimRow) -> f64,
) -> Option<&'a ClaimRow> {
    let own = || rows.iter().filter(|row| row.evidence.name() == name);
    own().find(|row| {
        own()
            .filter(|other| other.shares >= row.shares)
            .all(|other| by(other) <= GOAL)
    })
}

fn verdict(found: &FleetReport) -> String {
    let mut said = Vec::new();
    for detail in &found.details {
        let name = detail.evidence.name();
        let value = enough(&found.rows, name, |row| row.equal_error.value);
        let high = enough(&found.rows, name, |row| row.equal_error.high);
        said.push(match (value, high) {
            (Some(value), Some(high)) => format!(
                "By {name}, an EER of at most {} % takes {} shares ({} for its whole interval).",
                100.0 * GOAL,
                value.shares,
                high.shares
            ),
            (Some(value), None) => format!(
                "By {name}, an EER of at most {} % takes {} shares, but its interval reaches above.",
                100.0 * GOAL,
                value.shares
            ),
            (None, _) => format!(
                "By {name}, {} shares do not bring an EER of at most {} %: it is {} %.",
                detail.shares,
                100.0 * GOAL,
                percent(&detail.equal_error)
            ),
        });
    }
    let rows = found.control.len();
    let off = found
        .control
        .iter()
        .filter(|row| row.equal_error.low > 0.5 || row.equal_error.high < 0.5)
        .count();
    let chance = by_chance(off, rows);
    said.push(if off == 0 {
        "Units that are all alike are not told apart: their EER is 50 % within its interval.".into()
    } else if chance >= 0.05 {
        format!(
            "Units that are all alike have an EER off 50 % in {off} of {rows} rows, as many or more of which come by chance \
             with a probability of {chance:.2}: they are not told apart."
        )
    } else {
        format!(
            "The control fails: units that are all alike have an EER off 50 % in {off} of {rows} rows (p {chance:.3})."
        )
    });
    said.join("\n")
}

/// Probability that `off` or more of `rows` 95 % intervals miss, if they are independent.
fn by_chance(off: usize, rows: usize) -> f64 {
    const MISSED: f64 = 0.05;
    let mut below = 0.0;
    let mut ways = 1.0;
    for k in 0..off.min(rows) {
        below += ways * MISSED.powi(k as i32) * (1.0 - MISSED).powi((rows - k) as i32);
        ways *= (rows - k) as f64 / (k + 1) as f64;
    }
    1.0 - below
}

fn plot_characteristic(folder: &Path, found: &FleetReport) -> Result<()> {
    let shares = found.details.first().map_or(0, |detail| detail.shares);
    // On a logarithmic axis: what matters lies at few false accepts.
    let mut plot = Plot::new(
        &format!(
            "ROC ({}): {} units, {} sessions, {shares} shares a decision",
            found.provenance, found.fleet, found.sessions
        ),
        "false accepts, log10",
        "genuine claims accepted",
        (-5.0, 0.0),
        (0.0, 1.0),
    );
    for (evidence, curve) in &found.curves {
        let points = curve.iter().rev();
        plot.line(
            evidence.name(),
            points.map(|point| {
                (
                    point.false_accept.max(1e-5).log10(),
                    1.0 - point.false_reject,
                )
            }),
        );
    }
    folder::write_plot(folder, "roc.svg", &plot)
}

fn plot_shares(folder: &Path, found: &FleetReport) -> Result<()> {
    let most = found.rows.iter().map(|row| row.shares).max().unwrap_or(1) as f64;
    let least = found.rows.iter().map(|row| row.shares).min().unwrap_or(1) as f64;
    let mut plot = Plot::new(
        &format!("equal error rate ({})", found.provenance),
        "shares of a decision, log10",
        "equal error rate",
        (least.log10(), most.log10()),
        (0.0, 0.5),
    );
    for evidence in FeatureSet::ALL {
        let rows = found.rows.iter().filter(|row| row.evidence == evidence);
        plot.line(
            evidence.name(),
            rows.map(|row| ((row.shares as f64).log10(), row.equal_error.value)),
        );
    }
    folder::write_plot(folder, "shares.svg", &plot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_that_miss_by_chance() {
        assert!((by_chance(0, 3) - 1.0).abs() < 1e-12);
        assert!((by_chance(1, 3) - (1.0 - 0.95f64.powi(3))).abs() < 1e-12);
        // 3 · 0.05² · 0.95 + 0.05³.
        assert!((by_chance(2, 3) - 0.00725).abs() < 1e-12);
    }
}
