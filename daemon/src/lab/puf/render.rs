//! The report on a fleet, as text.

use std::fmt::Write;

use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::identity::trials::Rate;
use thermine_sim::Spread;

use super::attacks::HASHES_PER_SHARE;
use super::report::{Found, GOAL, Proportion};
use super::study::Row;
use crate::render::table::table;

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

fn cases(p: &Proportion) -> String {
    match &p.exact {
        Some(exact) => format!("{}/{}: {}", p.cases, p.of, percent(exact)),
        None => "none".into(),
    }
}

pub(super) fn render(found: &Found) -> String {
    let mut text = String::new();
    opening(&mut text, found);
    decisions(&mut text, found);
    details(&mut text, found);
    attacks(&mut text, found);
    let _ = writeln!(text, "\n{}", verdict(found));
    text
}

fn opening(text: &mut String, found: &Found) {
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
        "a challenge: {} jobs of {} shares at each of {}, in an order of its own, {} s at each before",
        plan.jobs,
        plan.shares,
        places.join(" and "),
        plan.settle_s
    );
    let spread = Spread::assumed(0);
    let _ = writeln!(
        text,
        "units differ by what is assumed of their making, 1 σ of each: chips' speed 2 %, units' speed {} %, leakage {} %, sensors \
         {} K; {} of all cores are dead; rooms of {} to {} °C, a session every {} week, {} % slower in the first year",
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
            "{} features are left out, as some session lacks them",
            found.left_out.len()
        );
    }
}

fn decisions(text: &mut String, found: &Found) {
    let mut rows = table(
        &[
            "decided by",
            "shares",
            "features",
            "components",
            "EER %",
            "ROC area",
        ],
        &[1, 2, 3, 4, 5],
    );
    let mut add = |name: String, row: &Row| {
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

fn details(text: &mut String, found: &Found) {
    for detail in &found.details {
        let _ = writeln!(
            text,
            "\n{}, {} shares, {} genuine and {} false claims",
            detail.evidence.name(),
            detail.shares,
            detail.genuine,
            detail.false_claims
        );
        let mut rows = table(&["quantity", "value [95 %]"], &[1]);
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
                "its change per K off the enrolment's room".into(),
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

fn attacks(text: &mut String, found: &Found) {
    let mut rows = table(
        &["attack", "likely enough, %", "in time, %", "accepted, %"],
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
        "time bound: the last session of {} of {} units keeps to its own ({} %)",
        found.in_time.cases,
        found.in_time.of,
        found
            .in_time
            .exact
            .as_ref()
            .map_or_else(|| "none".into(), percent)
    );
    let _ = writeln!(
        text,
        "replay at the wire: of {} shares found by hashing for one challenge, {} are accepted as answers to another \
         ({:.1} expected by chance at {HASHES_PER_SHARE} hashes a share; a real share takes 2^32 times its difficulty), \
         and {} a second time for their own",
        replayed.shares,
        replayed.accepted,
        replayed.shares as f64 / HASHES_PER_SHARE,
        replayed.twice
    );
    text.push_str(
        "What stops whom: a fresh challenge stops the replay, as a share is valid for its own job only; the time bound \
         stops a relay that is further away than its resolution. Neither stops the clone: a host that knows the \
         profile chooses nonces and times as the unit would. So this is no strong physical unclonable function: keep \
         profiles secret, and take an acceptance for a sign, not for a proof.\n",
    );
}

/// The fewest shares at which all longer decisions of this kind keep to the goal too.
fn enough<'a>(rows: &'a [Row], name: &str, by: impl Fn(&Row) -> f64) -> Option<&'a Row> {
    let own = || rows.iter().filter(|row| row.evidence.name() == name);
    own().find(|row| {
        own()
            .filter(|other| other.shares >= row.shares)
            .all(|other| by(other) <= GOAL)
    })
}

fn verdict(found: &Found) -> String {
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
