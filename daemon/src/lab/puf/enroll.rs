//! `thermine puf enroll`: a unit's profile, held against a population of its model.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use thermine_drivers::pow::Difficulty;
use thermine_reservoir::identity::response_time::latest;
use thermine_reservoir::identity::{Kind, Population, Profile};

use super::challenge::{Plan, Size};
use super::features::Features;
use super::file::{self, Enrolled};
use super::fleet::{self, Order, Session, World};
use super::key::Key;
use super::study::block;
use super::{Enroll, unit};
use crate::lab::config::Config;
use crate::lab::session::Context;
use crate::render::folder;
use crate::render::stdout;

/// How often a unit's own soonest answer may miss the time bound.
const MISSED: f64 = 0.01;

/// The latest that a challenge's soonest answer may come, from those of the enrolment; `None` of fewer than two.
pub(crate) fn bound(soonest: &[f64]) -> Option<f64> {
    latest(soonest, MISSED)
}

/// Runs the subcommand.
pub(crate) fn run(args: &Enroll, context: &Context) -> Result<()> {
    let config = unit::config(&args.asked)?;
    let key = Key::load(args.asked.key.as_deref())?;
    let seed = unit::fresh(args.asked.seed)?;
    let folder = folder::make(
        args.asked.out.as_deref(),
        &format!("puf-enroll-{}", config.unit.name),
    )?;
    let path = match &args.profile {
        Some(path) if path.exists() => bail!(
            "{} exists already: profiles are never overwritten; name another file",
            path.display()
        ),
        Some(path) => path.clone(),
        None => folder.join("profile.json"),
    };
    let (enrolled, said) = enrol(context, args, &config, seed, &folder)?;
    file::write(&path, &enrolled, &key)?;
    stdout::text(said)?;
    stdout::line(format_args!(
        "signed with key {}: {}",
        key.id(),
        path.display()
    ))?;
    Ok(())
}

fn enrol(
    context: &Context,
    args: &Enroll,
    config: &Config,
    seed: u64,
    folder: &Path,
) -> Result<(Enrolled, String)> {
    let params = unit::model_params(config)?;
    let size = Size {
        jobs: args.jobs,
        shares: args.shares,
    };
    let model = config.unit.model;
    let settable = unit::settable(model, args.asked.by);
    let difficulty: Difficulty = config.step.difficulty;
    let plan = Plan::new(model, &params, settable, size, difficulty.get());
    let answered = unit::ask(
        context,
        &args.asked,
        config,
        &plan,
        ("enrol", args.blocks, seed),
        folder,
    )?;
    let order = Order {
        plan: plan.clone(),
        params,
        world: World::default(),
        units: args.others as usize,
        sessions: args.other_sessions as usize,
        differ: true,
        lengths: vec![args.jobs as usize],
        // The same others for every unit of the same model and plan.
        seed: 1,
    };
    let bar = crate::render::progress::shown(&Context::new("thermine")).bar("others", order.units);
    let fleet = fleet::simulate(&order, &bar)?;

    let features = Features::of(&plan);
    let own: Vec<Vec<Option<f64>>> = answered
        .responses
        .iter()
        .map(|response| features.values(&plan, response, args.jobs as usize))
        .collect();
    let population_of = format!(
        "{} simulated units of model {model}, {} sessions each, seed {}, assumed spread",
        order.units, order.sessions, order.seed
    );
    let (columns, population) = population(&features, &fleet, &own)?;
    let blocks: Option<Vec<Vec<f64>>> = own.iter().map(|values| block(values, &columns)).collect();
    let profile = blocks.and_then(|blocks| Profile::enrol(&population, &blocks));
    let profile = profile.context("the unit's answers have no feature in common")?;
    let soonest: Vec<f64> = answered
        .responses
        .iter()
        .filter_map(|response| response.soonest(&plan))
        .collect();
    let enrolled = Enrolled {
        unit: config.unit.name.clone(),
        provenance: answered.provenance.clone(),
        program: env!("CARGO_PKG_VERSION").into(),
        seed,
        config_hash: answered.config_hash.clone(),
        features: columns
            .iter()
            .map(|i| features.list[*i].name.clone())
            .collect(),
        bound_s: bound(&soonest),
        plan,
        population,
        population_of,
        profile,
    };
    let shares: u64 = answered.responses.iter().map(|r| r.shares()).sum();
    Ok((enrolled.clone(), said(&enrolled, shares, &answered.capture)))
}

/// The features that the unit and all others have, and the population of the others in them.
fn population(
    features: &Features,
    fleet: &[Vec<Session>],
    own: &[Vec<Option<f64>>],
) -> Result<(Vec<usize>, Population)> {
    let sessions = fleet.iter().flatten().map(|session| &session.values[0]);
    let all: Vec<&Vec<Option<f64>>> = sessions.chain(own).collect();
    let columns: Vec<usize> = (0..features.list.len())
        .filter(|i| all.iter().all(|values| values[*i].is_some()))
        .collect();
    let units: Option<Vec<Vec<Vec<f64>>>> = fleet
        .iter()
        .map(|sessions| {
            let blocks = sessions.iter();
            blocks
                .map(|session| block(&session.values[0], &columns))
                .collect()
        })
        .collect();
    let kinds: Vec<Kind> = columns.iter().map(|i| features.list[*i].kind()).collect();
    let population = Population::fit(&units.unwrap_or_default(), &kinds)
        .context("the simulated others make no population")?;
    Ok((columns, population))
}

fn said(enrolled: &Enrolled, shares: u64, capture: &Path) -> String {
    let mut text = format!(
        "{} ({}): enrolled from {} challenges, {shares} shares that count; seed {}\n",
        enrolled.unit, enrolled.provenance, enrolled.profile.blocks, enrolled.seed
    );
    let population = &enrolled.population;
    let _ = writeln!(
        text,
        "held against {}: {} features, {} components that differ between units",
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
                "time bound: the soonest answer within {:.1} ms of its job",
                1e3 * bound
            );
        }
        None => text.push_str("no time bound: nothing was answered at full duty\n"),
    }
    let _ = writeln!(text, "{}", capture.display());
    text
}

fn listed(lambdas: &[f64]) -> String {
    let shown: Vec<String> = lambdas
        .iter()
        .map(|lambda| format!("{lambda:.3}"))
        .collect();
    shown.join(" and ")
}
