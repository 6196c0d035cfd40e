//! `thermine puf verify`: one fresh challenge, one answer, one decision.

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use thermine_drivers::substrate::Provenance;
use thermine_reservoir::identity::Probe;

use super::features::Features;
use super::file::{self, Enrolled};
use super::key::Key;
use super::response::Response;
use super::{Verify, unit};
use crate::lab::session::Context;
use crate::render::folder;
use crate::render::stdout;

/// What was decided, and by what.
#[derive(Debug, Serialize)]
struct Decision {
    unit: String,
    provenance: Provenance,
    profile: String,
    challenge_seed: u64,
    /// Whether the challenge was drawn from the system's randomness.
    fresh: bool,
    shares: u64,
    /// Logarithm of the likelihood ratio.
    log_ratio: f64,
    /// What it must be at least.
    threshold: f64,
    /// Distance from the profile, in standard deviations within a unit.
    distance: Option<f64>,
    soonest_s: Option<f64>,
    bound_s: Option<f64>,
    in_time: bool,
    accepted: bool,
}

/// Runs the subcommand.
pub(crate) fn run(args: &Verify, context: &Context) -> Result<()> {
    let config = unit::config(&args.asked)?;
    let key = Key::load(args.asked.key.as_deref())?;
    let enrolled = file::read(&args.profile, &key)?;
    if enrolled.unit != config.unit.name {
        bail!(
            "{} is the profile of {}, and the unit is {}",
            args.profile.display(),
            enrolled.unit,
            config.unit.name
        );
    }
    if enrolled.plan.model != config.unit.model {
        bail!(
            "{} is of a unit of model {}, and this is a {}",
            args.profile.display(),
            enrolled.plan.model,
            config.unit.model
        );
    }
    let seed = unit::fresh(args.asked.seed)?;
    let name = format!("puf-verify-{}", config.unit.name);
    let folder = folder::make(args.asked.out.as_deref(), &name)?;
    let asked = ("verify", 1, seed);
    let answered = unit::ask(
        context,
        &args.asked,
        &config,
        &enrolled.plan,
        asked,
        &folder,
    )?;
    let response = answered.responses.first().context("no answer")?;
    let judged = judge(&enrolled, response, (1.0 / args.false_accept).ln())?;
    let decision = Decision {
        unit: enrolled.unit.clone(),
        provenance: answered.provenance,
        profile: args.profile.display().to_string(),
        challenge_seed: answered.challenges.first().copied().unwrap_or_default(),
        fresh: args.asked.seed.is_none(),
        ..judged
    };
    folder::write_json(&folder, "decision.json", &decision)?;
    stdout::text(decision.render(&enrolled, args.false_accept))?;
    stdout::line(folder.display())?;
    if !decision.accepted {
        bail!(
            "{} is not accepted as the unit of {}",
            decision.unit,
            args.profile.display()
        );
    }
    Ok(())
}

/// Judges `response` by the profile; who answered and to which challenge is filled in by the caller.
fn judge(enrolled: &Enrolled, response: &Response, threshold: f64) -> Result<Decision> {
    let plan = &enrolled.plan;
    let features = Features::of(plan);
    let values = features.values(plan, response, plan.jobs as usize);
    let mut block = Vec::new();
    for name in &enrolled.features {
        let place = features.list.iter().position(|f| &f.name == name);
        let value = place.and_then(|place| values[place]).with_context(|| {
            format!(
                "the profile counts `{name}`, which the unit did not say: is a board or a sensor missing?"
            )
        })?;
        block.push(value);
    }
    let answer = Probe::of(&enrolled.population, &[block])
        .context("the answer holds a number that is none")?;
    let log_ratio = enrolled.profile.log_ratio(&enrolled.population, &answer);
    let soonest_s = response.soonest(plan);
    // Without an enrolled bound there is none to keep; with one, an answer must be seen to keep it.
    let in_time = enrolled
        .bound_s
        .is_none_or(|bound| soonest_s.is_some_and(|soonest| soonest <= bound));
    Ok(Decision {
        unit: String::new(),
        provenance: Provenance::Simulated,
        profile: String::new(),
        challenge_seed: 0,
        fresh: false,
        shares: response.shares(),
        log_ratio,
        threshold,
        distance: enrolled.profile.distance(&answer),
        soonest_s,
        bound_s: enrolled.bound_s,
        in_time,
        accepted: in_time && log_ratio >= threshold,
    })
}

impl Decision {
    fn render(&self, enrolled: &Enrolled, false_accept: f64) -> String {
        let ms = |s: Option<f64>| s.map_or("none".into(), |s| format!("{:.1} ms", 1e3 * s));
        format!(
            "{} ({}): {} shares to challenge {}{}\n\
             log likelihood ratio {:+.1}, at least {:.1} is asked (another unit passes at most {false_accept} of the time, \
             if the model holds)\n\
             distance from the profile {} (about 1 for the unit itself)\n\
             soonest answer {}, bound {}\n\
             held against {}\n\
             {}\n",
            self.unit,
            self.provenance,
            self.shares,
            self.challenge_seed,
            if self.fresh {
                ""
            } else {
                ", whose seed was given and could be known before"
            },
            self.log_ratio,
            self.threshold,
            self.distance.map_or("none".into(), |d| format!("{d:.2}")),
            ms(self.soonest_s),
            ms(self.bound_s),
            enrolled.population_of,
            match (self.accepted, self.in_time) {
                (true, _) =>
                    "ACCEPTED: it answers as the enrolled unit does; a host that knows the profile could too",
                (false, true) => "REJECTED: it answers as another unit of the model would",
                (false, false) => "REJECTED: it answers too late to be where the enrolled unit was",
            }
        )
    }
}
