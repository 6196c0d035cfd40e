//! What `thermine puf enroll` and `thermine puf verify` say of a unit.

use std::fmt::Write;

use thermine_lab::puf::enroll::EnrollReport;
use thermine_lab::puf::profile::Enrolled;
use thermine_lab::puf::verify::Decision;

pub(crate) fn enrolled(report: &EnrollReport) -> String {
    let enrolled = &report.enrolled;
    let population = &enrolled.population;
    let mut text = format!(
        "{} ({}): enrolled from {} challenges, {} shares that count; seed {}\n",
        enrolled.unit, enrolled.provenance, enrolled.profile.blocks, report.shares, enrolled.seed
    );
    let _ = writeln!(
        text,
        "compared with {}: {} features, {} components that differ between units",
        enrolled.population_of,
        enrolled.features.len(),
        population.between.len(),
    );
    let _ = writeln!(
        text,
        "covariances shrunk (Schäfer and Strimmer 2005), of shares and of telemetry: within units by {}, between units by {}",
        listed(&population.within_lambda),
        listed(&population.between_lambda)
    );
    match enrolled.bound_s {
        Some(bound) => {
            let _ = writeln!(
                text,
                "time bound: the soonest share within {:.1} ms of its job",
                1e3 * bound
            );
        }
        None => text.push_str("no time bound: no share came at full duty\n"),
    }
    let _ = writeln!(text, "{}", report.capture.display());
    let _ = writeln!(
        text,
        "signed with key {}: {}",
        report.key,
        report.profile.display()
    );
    text
}

fn listed(lambdas: &[f64]) -> String {
    let shown: Vec<String> = lambdas
        .iter()
        .map(|lambda| format!("{lambda:.3}"))
        .collect();
    shown.join(" and ")
}

/// A decision about the unit of the profile `enrolled`.
pub(crate) fn decided(decision: &Decision, enrolled: &Enrolled, false_accept: f64) -> String {
    let ms = |s: Option<f64>| s.map_or("none".into(), |s| format!("{:.1} ms", 1e3 * s));
    let (known, verdict) = (
        match decision.fresh {
            true => "",
            false => ", whose seed was given and could be known before",
        },
        match (decision.accepted, decision.in_time) {
            (true, _) => {
                "ACCEPTED: it responds as the enrolled unit does; a host that knows the profile could too"
            }
            (false, true) => "REJECTED: it responds as another unit of the model would",
            (false, false) => "REJECTED: it responds too late to be where the enrolled unit was",
        },
    );
    format!(
        "{} ({}): {} shares to challenge {}{known}\n\
         log likelihood ratio {:+.1}; accepted from {:.1} on (another unit passes at most {false_accept} of the time, if the \
         model holds)\n\
         distance from the profile {} (about 1 for the unit itself)\n\
         soonest share {}, bound {}\n\
         compared with {}\n\
         {verdict}\n",
        decision.unit,
        decision.provenance,
        decision.shares,
        decision.challenge_seed,
        decision.log_ratio,
        decision.threshold,
        decision
            .distance
            .map_or("none".into(), |d| format!("{d:.2}")),
        ms(decision.soonest_s),
        ms(decision.bound_s),
        enrolled.population_of,
    )
}
