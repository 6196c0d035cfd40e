//! `thermine puf report` on a simulated fleet: error rates, distances, drift, shares per decision, control, attacks.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use thermine_drivers::substrate::Provenance;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::exact;
use thermine_reservoir::identity::trials::{Operating, Resampling};
use thermine_reservoir::identity::{Probe, Profile};

use super::attacks::{self, Emulator, Relayed, Replayed};
use super::challenge::{Challenge, Plan, Size};
use super::enroll::bound;
use super::features::Features;
use super::fleet::{self, Order, Session, World};
use super::response::{self, Response};
use super::study::{self, Detail, Evidence, Row, Table, block, enrolled};
use super::{Report, render};
use crate::lab::config::Config;
use crate::lab::experiment::arms::twin_of;
use crate::lab::observer::{Bar, Progress};
use crate::render::folder;
use crate::render::stdout;
use crate::render::svg::Plot;

/// Resamples of an interval.
const RESAMPLES: usize = 1000;

/// Equal error rate that is asked for.
pub(super) const GOAL: f64 = 0.01;

/// Units that each attack is tried against, at the most.
const VICTIMS: usize = 25;

/// Delays of the relay, ms: both ways together. 1 ms is some 100 km of glass fibre.
const DELAYS_MS: [f64; 4] = [1.0, 5.0, 20.0, 100.0];

/// Factor from one length of a challenge to the next.
const LENGTHS: usize = 2;

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    pub(super) version: &'static str,
    pub(super) provenance: Provenance,
    pub(super) seed: u64,
    pub(super) fleet: usize,
    pub(super) sessions: usize,
    pub(super) plan: Plan,
    pub(super) world: World,
    pub(super) resamples: usize,
    /// Features that some session lacks, which nothing was judged by.
    pub(super) left_out: Vec<String>,
    pub(super) rows: Vec<Row>,
    pub(super) details: Vec<Detail>,
    /// The same of a fleet whose units are all alike.
    pub(super) control: Vec<Row>,
    pub(super) in_time: Proportion,
    pub(super) attacks: Vec<Attack>,
    pub(super) replayed: Replayed,
}

/// A number of cases out of some.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Proportion {
    pub(super) cases: u64,
    pub(super) of: u64,
    pub(super) exact: Option<Estimate>,
}

impl Proportion {
    fn new(cases: u64, of: u64) -> Proportion {
        Proportion {
            cases,
            of,
            exact: exact::proportion(cases, of),
        }
    }
}

/// One way to pass for another unit, tried once against each victim.
#[derive(Debug, Serialize)]
pub(super) struct Attack {
    pub(super) name: String,
    /// Answers likely enough to be the unit's.
    pub(super) likely: Proportion,
    /// Of these and the rest, answers within the time bound.
    pub(super) in_time: Proportion,
    /// Both.
    pub(super) accepted: Proportion,
}

/// Runs the subcommand.
pub(super) fn run(args: &Report) -> Result<()> {
    let model = args.unit.model();
    let params = twin_of(model)?;
    let config = Config::simulated(model)?;
    let folder = folder::make(args.out.as_deref(), &format!("puf-seed{}", args.seed))?;
    let size = Size {
        jobs: args.jobs,
        shares: args.shares,
    };
    let difficulty = config.step.difficulty.get();
    let order = Order {
        plan: Plan::new(model, &params, !args.fixed_clock, size, difficulty),
        params,
        world: World::default(),
        units: args.fleet as usize,
        sessions: args.sessions as usize,
        differ: true,
        lengths: lengths(args.jobs as usize),
        seed: args.seed,
    };
    let found = find(&order, (1.0 / args.false_accept).ln())?;
    folder::write_json(&folder, "report.json", &found.0)?;
    plot_characteristic(&folder, &found.0, &found.1)?;
    plot_shares(&folder, &found.0)?;
    stdout::text(render::render(&found.0))?;
    stdout::line(folder.display())?;
    Ok(())
}

/// Numbers of jobs of shorter and shorter challenges, down to one; rising.
fn lengths(jobs: usize) -> Vec<usize> {
    let mut lengths = vec![jobs];
    while let Some(&last) = lengths.last().filter(|last| **last > 1) {
        lengths.push((last / LENGTHS).max(1));
    }
    lengths.reverse();
    lengths
}

type Curves = Vec<(Evidence, Vec<Operating>)>;

fn find(order: &Order, threshold: f64) -> Result<(Found, Curves)> {
    let progress = crate::render::progress::shown(&crate::lab::session::Context::new("thermine"));
    let resampling = Resampling {
        resamples: RESAMPLES,
        seed: order.seed,
    };
    let features = Features::of(&order.plan);
    let fleet = fleet::simulate(order, &progress.bar("fleet", order.units))?;
    let mut rows = Vec::new();
    let mut details = Vec::new();
    let mut curves = Vec::new();
    let last = order.lengths.len() - 1;
    let bar = progress.bar("judging", Evidence::ALL.len() * order.lengths.len());
    for evidence in Evidence::ALL {
        for (length, &jobs) in order.lengths.iter().enumerate() {
            let shares = order.plan.shares_at(jobs as u32);
            let table = Table::of(&features.list, &fleet, length, evidence);
            bar.step();
            if table.columns.is_empty() {
                continue;
            }
            let judged = study::judge(&table)?;
            rows.push(study::row(&judged, evidence, (jobs, shares), resampling));
            if length == last {
                details.push(study::detail(
                    &judged, evidence, shares, threshold, &fleet, resampling,
                ));
                curves.push((evidence, judged.trials.characteristic()));
            }
        }
    }
    let control = control(order, &features, resampling, &progress)?;
    let bar = progress.bar("attacks", VICTIMS);
    let (attacks, replayed) = attack(order, &features, &fleet, threshold, &bar)?;
    let all: Vec<&[Option<f64>]> = fleet
        .iter()
        .flatten()
        .map(|session| session.values[last].as_slice())
        .collect();
    let kept = study::columns(&features.list, Evidence::Both, &all);
    let left_out = (0..features.list.len()).filter(|i| !kept.contains(i));
    Ok((
        Found {
            version: env!("CARGO_PKG_VERSION"),
            provenance: Provenance::Simulated,
            seed: order.seed,
            fleet: order.units,
            sessions: order.sessions,
            plan: order.plan.clone(),
            world: order.world.clone(),
            resamples: RESAMPLES,
            left_out: left_out.map(|i| features.list[i].name.clone()).collect(),
            rows,
            details,
            control,
            in_time: in_time(&fleet),
            attacks,
            replayed,
        },
        curves,
    ))
}

/// The longest challenge put to a fleet of units that are all alike.
fn control(
    order: &Order,
    features: &Features,
    resampling: Resampling,
    progress: &Progress,
) -> Result<Vec<Row>> {
    let jobs = order.lengths[order.lengths.len() - 1];
    let alike = Order {
        differ: false,
        lengths: vec![jobs],
        ..order.clone()
    };
    let fleet = fleet::simulate(&alike, &progress.bar("control", order.units))?;
    let mut rows = Vec::new();
    for evidence in Evidence::ALL {
        let table = Table::of(&features.list, &fleet, 0, evidence);
        if !table.columns.is_empty() {
            let judged = study::judge(&table)?;
            let shares = order.plan.shares_at(jobs as u32);
            rows.push(study::row(&judged, evidence, (jobs, shares), resampling));
        }
    }
    Ok(rows)
}

/// Soonest answers of the sessions that a unit is enrolled from.
fn enrolment_bound(sessions: &[Session]) -> Option<f64> {
    let first = &sessions[..enrolled(sessions.len())];
    let soonest: Vec<f64> = first.iter().filter_map(|session| session.soonest).collect();
    bound(&soonest)
}

/// Later sessions of units themselves that keep to their time bound: the last session of each.
fn in_time(fleet: &[Vec<Session>]) -> Proportion {
    let mut kept = 0;
    let mut all = 0;
    for sessions in fleet {
        let last = sessions.last().and_then(|session| session.soonest);
        if let Some((bound, soonest)) = enrolment_bound(sessions).zip(last) {
            all += 1;
            kept += u64::from(soonest <= bound);
        }
    }
    Proportion::new(kept, all)
}

/// What came of one kind of attack.
#[derive(Debug, Default)]
struct Tally {
    likely: u64,
    in_time: u64,
    accepted: u64,
    all: u64,
}

impl Tally {
    fn take(&mut self, likely: bool, in_time: bool) {
        self.all += 1;
        self.likely += u64::from(likely);
        self.in_time += u64::from(in_time);
        self.accepted += u64::from(likely && in_time);
    }

    fn named(&self, name: String) -> Attack {
        Attack {
            name,
            likely: Proportion::new(self.likely, self.all),
            in_time: Proportion::new(self.in_time, self.all),
            accepted: Proportion::new(self.accepted, self.all),
        }
    }
}

/// Tries every attack on units of the even half, judged by the population of the odd one.
fn attack(
    order: &Order,
    features: &Features,
    fleet: &[Vec<Session>],
    threshold: f64,
    bar: &Bar,
) -> Result<(Vec<Attack>, Replayed)> {
    let length = order.lengths.len() - 1;
    let jobs = order.lengths[length];
    let table = Table::of(&features.list, fleet, length, Evidence::Both);
    let population = table.population(|unit| unit % 2 == 1)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut cloned = Tally::default();
    let mut old = Tally::default();
    let mut relays: Vec<Tally> = (0..=DELAYS_MS.len()).map(|_| Tally::default()).collect();
    // One session further than the fleet has seen: no challenge of it was put before.
    let session = order.sessions;
    for unit in (0..order.units).step_by(2).take(VICTIMS) {
        let blocks = &table.units[unit];
        let first = enrolled(blocks.len());
        let profile =
            Profile::enrol(&population, &blocks[..first]).context("too few sessions to enrol")?;
        let limit = enrolment_bound(&fleet[unit]);
        let judge = |response: &Response| -> Result<(bool, bool)> {
            let values = features.values(&order.plan, response, jobs);
            let answer = block(&values, &table.columns)
                .and_then(|block| Probe::of(&population, &[block]))
                .context("the answer lacks what the profile counts")?;
            let soonest = response.soonest(&order.plan);
            let in_time = limit.is_none_or(|limit| soonest.is_some_and(|s| s <= limit));
            Ok((
                profile.log_ratio(&population, &answer) >= threshold,
                in_time,
            ))
        };
        let challenge = Challenge::new(&order.plan, order.session_seed(unit, session));

        let known = known(&table, blocks, first, features.list.len());
        let emulator = Emulator::new(&order.plan, features, known, challenge.seed);
        let mut emulator = emulator.context("the model has no twin")?;
        let put = response::put(&challenge, &mut emulator, response::Break::Fail, || ());
        let (likely, soon) = judge(&runtime.block_on(put)?)?;
        cloned.take(likely, soon);

        let (response, ..) = order.respond(unit, first)?;
        let (likely, soon) = judge(&response)?;
        old.take(likely, soon);

        for (tally, delay) in relays.iter_mut().zip([0.0].into_iter().chain(DELAYS_MS)) {
            let (twin, ..) = order.twin(unit, session);
            let delay = std::time::Duration::from_secs_f64(1e-3 * delay);
            let mut far = Relayed::new(twin, delay);
            let put = response::put(&challenge, &mut far, response::Break::Fail, || ());
            let (likely, soon) = judge(&runtime.block_on(put)?)?;
            tally.take(likely, soon);
        }
        bar.step();
    }
    let mut attacks = vec![relays[0].named("none: the unit itself, one session on".into())];
    attacks.push(cloned.named("cloned: a program that knows the profile".into()));
    attacks.push(old.named("replayed: an old answer, if nobody looks at its jobs".into()));
    for (tally, delay) in relays[1..].iter().zip(DELAYS_MS) {
        attacks.push(tally.named(format!("relayed: the unit itself, {delay} ms further away")));
    }
    let challenge = |session| Challenge::new(&order.plan, order.session_seed(0, session));
    Ok((attacks, attacks::replay(&challenge(0), &challenge(session))))
}

/// What an attacker knows who has seen all that a unit was enrolled from: the mean of each feature.
fn known(table: &Table, blocks: &[Vec<f64>], first: usize, features: usize) -> Vec<Option<f64>> {
    let mut known = vec![None; features];
    for (place, column) in table.columns.iter().enumerate() {
        let sum: f64 = blocks[..first].iter().map(|block| block[place]).sum();
        known[*column] = Some(sum / first as f64);
    }
    known
}

fn plot_characteristic(folder: &Path, found: &Found, curves: &Curves) -> Result<()> {
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
    for (evidence, curve) in curves {
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

fn plot_shares(folder: &Path, found: &Found) -> Result<()> {
    let most = found.rows.iter().map(|row| row.shares).max().unwrap_or(1) as f64;
    let least = found.rows.iter().map(|row| row.shares).min().unwrap_or(1) as f64;
    let mut plot = Plot::new(
        &format!("equal error rate ({})", found.provenance),
        "shares of a decision, log10",
        "equal error rate",
        (least.log10(), most.log10()),
        (0.0, 0.5),
    );
    for evidence in Evidence::ALL {
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
    use super::super::challenge::tests::plan;
    use super::*;
    use thermine_drivers::sim::Params;

    #[test]
    fn lengths_halve_down_to_one_job() {
        assert_eq!(lengths(12), [1, 3, 6, 12]);
        assert_eq!(lengths(1), [1]);
    }

    #[test]
    fn a_small_fleet_is_told_apart_and_one_of_equals_is_not() {
        let order = Order {
            plan: plan(6, 20),
            params: Params::s9(),
            world: World::default(),
            units: 8,
            sessions: 4,
            differ: true,
            lengths: vec![1, 6],
            seed: 3,
        };
        let (found, curves) = find(&order, 1000f64.ln()).expect("found");
        assert_eq!((found.rows.len(), found.details.len()), (6, 3));
        assert_eq!((curves.len(), found.control.len()), (3, 3));
        let both = &found.details[2];
        assert_eq!((both.genuine, both.false_claims), (16, 48));
        assert!(both.equal_error.value < 0.2, "{:?}", both.equal_error);
        assert!(both.intra.value < both.inter.value);
        for row in &found.control {
            assert!(row.equal_error.high > 0.3, "{row:?}");
        }
        assert_eq!(found.replayed.shares, 14);
        let text = render::render(&found);
        assert!(
            text.contains("simulated") && text.contains("seed 3"),
            "{text}"
        );
        let json = serde_json::to_value(&found).expect("json");
        assert_eq!(json["provenance"], "simulated");
        // Everything follows from the seed.
        let respond = |unit| order.respond(unit, 1).expect("answered").0;
        assert_eq!(respond(1), respond(1));
        assert_ne!(respond(1), respond(2));
    }
}
