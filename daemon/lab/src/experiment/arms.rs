//! Every arm of a run on its substrate: units on wires, twins, or a capture.
//!
//! Beside the arms themselves, the first encoding is driven in three short runs that show whether the unit
//! forgets how it began, and the unit is watched without work.

use std::path::Path;

use crate::substrate::{Discipline, Replay, Substrate, Twin};
use anyhow::{Context as _, Result, bail};
use thermine_sim::device::Device;
use thermine_sim::params::Params;
use thermine_units::model::Model;
use thermine_units::record::Recorder;
use thermine_units::seed;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::encoder::Encoder;
use super::encoding::Encoding;
use super::plan::Plan;
use super::task::Problem;
use super::trace::Trace;
use crate::attach::Unit;
use crate::config::Config;
use crate::observer::{Bar, Progress};
use crate::session::context::{Context, Interrupted};
use crate::session::{Session, with_unit};
use thermine_capture::{Capture, Store};

/// Steps at one end of the input by which an echo run is given its initial state: with the steps of the
/// examples several of a unit's slowest time constants.
const CONDITIONING: usize = 60;

/// What a part of a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An arm: the whole input.
    Arm,
    /// After the smallest input.
    EchoLow,
    /// After the largest.
    EchoHigh,
    /// After the smallest again.
    EchoAgain,
    /// Without work.
    Off,
}

/// What came of all parts.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// One for each encoding.
    pub(crate) arms: Vec<Trace>,
    /// After the smallest input, after the largest, and after the smallest again; empty if not asked for.
    pub(crate) echo: Vec<Trace>,
    /// Steps of the echo runs that gave them their initial state.
    pub(crate) conditioning: usize,
    pub(crate) off: Option<Trace>,
}

impl Runs {
    fn of(traces: Vec<(Role, Trace)>) -> Runs {
        let mut runs = Runs {
            conditioning: CONDITIONING,
            ..Runs::default()
        };
        for (role, trace) in traces {
            match role {
                Role::Arm => runs.arms.push(trace),
                Role::EchoLow | Role::EchoHigh | Role::EchoAgain => runs.echo.push(trace),
                Role::Off => runs.off = Some(trace),
            }
        }
        runs
    }
}

/// A part of a run before it is driven.
#[derive(Debug, Clone)]
struct Brief {
    role: Role,
    /// Name of its stream.
    name: String,
    encoding: Encoding,
    input: Vec<f64>,
}

/// Steps of all parts of `plan`, as one unit goes through them.
pub(crate) fn steps(plan: &Plan) -> usize {
    let echo = match plan.echo_steps {
        0 => 0,
        steps => 3 * (CONDITIONING + steps),
    };
    plan.encodings.len() * plan.split.total() + echo + plan.off_steps
}

/// All parts of a plan, in the order in which one unit would be driven through them.
fn briefs(plan: &Plan, problem: &Problem) -> Vec<Brief> {
    let input = &problem.sequence.input;
    let mut briefs: Vec<Brief> = plan
        .encodings
        .iter()
        .map(|encoding| Brief {
            role: Role::Arm,
            name: encoding.name.clone(),
            encoding: encoding.clone(),
            input: input.clone(),
        })
        .collect();
    let Some(first) = plan.encodings.first() else {
        return briefs;
    };
    let (low, high) = problem.range;
    let echo = |role, what: &str, start: f64| Brief {
        role,
        name: format!("{}.{what}", first.name),
        encoding: first.clone(),
        input: std::iter::repeat_n(start, CONDITIONING)
            .chain(input.iter().copied().take(plan.echo_steps))
            .collect(),
    };
    if plan.echo_steps > 0 {
        briefs.push(echo(Role::EchoLow, "echo-low", low));
        briefs.push(echo(Role::EchoHigh, "echo-high", high));
        briefs.push(echo(Role::EchoAgain, "echo-again", low));
    }
    if plan.off_steps > 0 {
        briefs.push(Brief {
            role: Role::Off,
            name: format!("{}.off", first.name),
            encoding: Encoding {
                channels: Vec::new(),
                discipline: Discipline::Dialogue,
                ..first.clone()
            },
            input: vec![low; plan.off_steps],
        });
    }
    briefs
}

/// All parts on simulated units of their own, at once unless they must share a port, or one after the
/// other on the one real unit.
pub(crate) async fn on_wires(
    plan: &Plan,
    problem: &Problem,
    store: &Store,
    progress: &Progress,
) -> Result<Runs> {
    let config = &plan.config;
    let parts = briefs(plan, problem)
        .into_iter()
        .map(|brief| Part::new(brief, plan, problem, Some(store), progress));
    if config.unit.simulated.is_none() {
        return real_unit(plan, progress, parts.collect()).await;
    }
    let arms = parts.enumerate().map(|(i, part)| {
        simulated_unit(config.clone(), unit_seed(plan, i), part, progress.clone())
    });
    if config
        .stratum
        .as_ref()
        .is_none_or(|stratum| stratum.listen.port() == 0)
    {
        return together(arms).await;
    }
    let mut traces = Vec::new();
    for arm in arms {
        traces.push(arm.await?);
    }
    Ok(Runs::of(traces))
}

/// One part on a simulated unit, with a clock, a rig and a port of its own.
async fn simulated_unit(
    config: Config,
    unit_seed: u64,
    part: Part,
    progress: Progress,
) -> Result<(Role, Trace)> {
    let session = Session {
        context: progress.context(),
        config: &config,
        seed: unit_seed,
        notices: &progress,
    };
    with_unit(session, async |unit| part.drive_unit(unit).await).await
}

/// The parts one after the other on the unit of the configuration.
async fn real_unit(plan: &Plan, progress: &Progress, parts: Vec<Part>) -> Result<Runs> {
    let session = Session {
        context: progress.context(),
        config: &plan.config,
        seed: plan.seed,
        notices: progress,
    };
    with_unit(session, async |unit| {
        let mut traces = Vec::new();
        for part in parts {
            traces.push(part.drive_unit(unit).await?);
        }
        Ok(Runs::of(traces))
    })
    .await
}

/// Runs all parts at once and gives their traces in order.
async fn together(
    parts: impl Iterator<Item = impl Future<Output = Result<(Role, Trace)>> + Send + 'static>,
) -> Result<Runs> {
    let running = parts.enumerate();
    in_order(
        running
            .map(|(i, part)| async move { Ok((i, part.await?)) })
            .collect(),
    )
    .await
}

/// The traces of `running`, by their number.
async fn in_order(mut running: JoinSet<Result<(usize, (Role, Trace))>>) -> Result<Runs> {
    let mut traces = Vec::new();
    while let Some(joined) = running.join_next().await {
        traces.push(joined??);
    }
    traces.sort_by_key(|(i, _)| *i);
    Ok(Runs::of(
        traces.into_iter().map(|(_, trace)| trace).collect(),
    ))
}

/// Units of one run have seeds of their own: so many for each seed of a run.
const UNITS: u64 = 3;

/// Distance of the seeds of further units from those of any run's first three.
const FURTHER_UNITS: u64 = 1 << 40;

/// Most parts of a run: numbers that each of several joined units has for its own.
const PARTS: u64 = 32 * UNITS;

/// Seed of the simulated unit of the `index`th part: another unit for each, for each unit that is joined, and for each
/// seed of a run.
fn unit_seed(plan: &Plan, index: usize) -> u64 {
    let joined = plan.encodings.first().map_or(0, |first| first.unit);
    let index = joined * PARTS + index as u64;
    let block = index / UNITS * FURTHER_UNITS;
    (plan.seed.wrapping_mul(UNITS))
        .wrapping_add(index % UNITS)
        .wrapping_add(block)
}

/// The physics of the twin of `model`.
///
/// # Errors
/// If it has none.
pub(crate) fn twin_of(model: Model) -> Result<Params> {
    Params::of(model).context(
        "there is no twin of bare chips, which are fed frame by frame: drive the simulated ones on their line, with \
         --backend wire",
    )
}

/// The same of the unit of `config`: with its setting on start and its silicon, if it is simulated.
///
/// # Errors
/// If its model has no twin.
pub(crate) fn twin_params(config: &Config) -> Result<Params> {
    let model = twin_of(config.unit.model)?;
    Ok(match &config.unit.simulated {
        Some(simulated) => simulated.params(model)?,
        None => model,
    })
}

/// All parts in virtual time, each on a thread of its own.
pub(crate) async fn twins(
    plan: &Plan,
    problem: &Problem,
    store: Option<&Store>,
    progress: &Progress,
) -> Result<Runs> {
    let params = twin_params(&plan.config)?;
    let mut running = JoinSet::new();
    for (index, brief) in briefs(plan, problem).into_iter().enumerate() {
        let part = Part::new(brief, plan, problem, store, progress);
        let mut twin = part.twin(&params, plan, unit_seed(plan, index));
        let runtime = Handle::current();
        // A twin never waits: as a task it would hold up all others of its thread.
        running.spawn_blocking(move || Ok((index, runtime.block_on(part.drive(&mut twin))?)));
    }
    in_order(running).await
}

/// Every part that the capture holds; a capture of another program counts as the first arm, one that was not
/// driven with this input.
pub(crate) async fn replay(plan: &Plan, problem: &Problem, progress: &Progress) -> Result<Runs> {
    let path = plan.capture.as_deref().unwrap_or(Path::new(""));
    let provenance = Capture::open(path)?.run()?.provenance;
    let mut traces = Vec::new();
    let mut briefs = briefs(plan, problem);
    for stream in Capture::open(path)?.streams()? {
        let found = briefs.iter().position(|brief| brief.name == stream.name);
        let index = match found {
            Some(index) => index,
            None if plan.undriven && !briefs.is_empty() => 0,
            None => continue,
        };
        let brief = briefs.remove(index);
        let steps = Capture::open(path)?.steps(&stream)?;
        let part = Part::new(brief, plan, problem, None, progress);
        let mut replay = Replay::stored(steps, provenance.clone());
        traces.push(part.drive(&mut replay).await?);
    }
    let runs = Runs::of(traces);
    if runs.arms.is_empty() {
        bail!("{} holds no stream that can be replayed", path.display());
    }
    Ok(runs)
}

/// One part of a run.
pub(crate) struct Part {
    role: Role,
    name: String,
    encoder: Encoder,
    features: super::features::FeaturePlan,
    model: Model,
    recorder: Recorder,
    bar: Bar,
    context: Context,
    input: Vec<f64>,
}

impl Part {
    fn new(
        brief: Brief,
        plan: &Plan,
        problem: &Problem,
        store: Option<&Store>,
        progress: &Progress,
    ) -> Part {
        let step = plan.config.step.clone();
        Part {
            role: brief.role,
            encoder: Encoder::new(brief.encoding, step, problem.range),
            features: plan.features.clone(),
            model: plan.config.unit.model,
            recorder: store.map_or_else(Recorder::discard, |store| store.stream(&brief.name)),
            bar: progress.bar(&brief.name, brief.input.len()),
            context: progress.context().clone(),
            name: brief.name,
            input: brief.input,
        }
    }

    /// A twin for this part, of a unit with `params` and `unit_seed`.
    fn twin(&self, params: &Params, plan: &Plan, unit_seed: u64) -> Twin {
        let mut device = Device::warm(params, unit_seed);
        device.set_operating_point(&plan.config.point.operating_point());
        let mut twin = Twin::new(
            device,
            self.model,
            self.encoder.encoding().discipline,
            self.model.switch_dead_time(),
            seed::stream(unit_seed, "twin"),
            self.recorder.clone(),
        );
        if plan.wall_meter {
            twin = twin.with_meter();
        }
        match self.role {
            Role::Off => twin.idle(),
            _ => twin,
        }
    }

    /// Drives a unit on its wire, and leaves it ready for more unless its work was taken away.
    async fn drive_unit(&self, unit: &mut Unit) -> Result<(Role, Trace)> {
        unit.connected().await?;
        let mut driven = match self.role {
            Role::Off => unit.idle(self.recorder.clone()).await?,
            _ => unit.drive(self.encoder.encoding().discipline, self.recorder.clone())?,
        };
        let trace = self.drive(&mut driven).await?;
        unit.release(driven).await?;
        if self.encoder.encoding().sets_the_point() {
            unit.set_back().await?;
        }
        Ok(trace)
    }

    async fn drive<S: Substrate>(&self, substrate: &mut S) -> Result<(Role, Trace)> {
        let plan = (&self.features, self.model);
        let trace = Trace::record(substrate, &self.encoder, plan, &self.input, |_| {
            self.bar.step();
            match self.context.is_stopped() {
                true => Err(Interrupted.into()),
                false => Ok(()),
            }
        })
        .await
        .with_context(|| self.name.clone())?;
        Ok((self.role, trace))
    }
}
