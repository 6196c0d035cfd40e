//! Every mode of a run on its substrate: units on wires, twins, or a capture.

use std::path::Path;

use anyhow::{Context, Result, bail};
use thermine_drivers::clock::Clock;
use thermine_drivers::record::Recorder;
use thermine_drivers::seed;
use thermine_drivers::sim::device::Device;
use thermine_drivers::sim::params::Params;
use thermine_drivers::substrate::{Replay, Substrate, Twin};
use thermine_drivers::units::Model;
use tokio::task::JoinSet;

use super::Plan;
use super::encoder::{Encoder, Mode};
use super::trace::Trace;
use crate::config::{Config, Simulated};
use crate::report::progress::{Bar, Progress};
use crate::rig::{Rig, Unit};
use crate::store::{Capture, Store};

/// All modes on simulated units of their own, at once unless they must share a port, or one after the
/// other on the one real unit.
pub(crate) async fn on_wires(
    plan: &Plan,
    input: &[f64],
    store: &Store,
    progress: &Progress,
) -> Result<Vec<Trace>> {
    let config = &plan.config;
    let part = |mode: Mode| Part::new(mode, config, store, progress, input);
    let Some(simulated) = &config.unit.simulated else {
        return real_unit(plan, progress, Mode::ALL.map(part)).await;
    };
    let arms = Mode::ALL.into_iter().enumerate();
    let arms = arms.map(|(i, mode)| {
        simulated_unit(
            config.clone(),
            simulated.clone(),
            unit_seed(plan, i),
            part(mode),
            progress.clone(),
        )
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
    Ok(traces)
}

/// One mode on a simulated unit, with a clock, a rig and a port of its own.
async fn simulated_unit(
    config: Config,
    simulated: Simulated,
    unit_seed: u64,
    part: Part,
    progress: Progress,
) -> Result<Trace> {
    let clock = simulated
        .speed
        .map_or_else(Clock::virtual_time, Clock::scaled);
    let mut rig = Rig::new(clock)?;
    let unit = rig.attach(&config, unit_seed).await?;
    let mut traces = drive(rig, unit, [part], &progress).await?;
    traces.pop().context("one part leaves one trace")
}

/// The modes one after the other on the unit of the configuration.
async fn real_unit(
    plan: &Plan,
    progress: &Progress,
    parts: [Part; Mode::ALL.len()],
) -> Result<Vec<Trace>> {
    let mut rig = Rig::new(Clock::real())?;
    let unit = rig.attach(&plan.config, plan.seed).await?;
    progress.say(&format!("waiting for {}", unit.instructions()));
    drive(rig, unit, parts, progress).await
}

/// Drives `unit` through all `parts`, and leaves it at its safe point whatever comes of them.
async fn drive(
    rig: Rig,
    mut unit: Unit,
    parts: impl IntoIterator<Item = Part>,
    progress: &Progress,
) -> Result<Vec<Trace>> {
    let traces = drive_parts(&mut unit, parts, progress).await;
    if !unit.end().await {
        progress.say("the unit has NOT confirmed its safe operating point: look after it");
    }
    let traces = traces?;
    rig.close().await;
    Ok(traces)
}

async fn drive_parts(
    unit: &mut Unit,
    parts: impl IntoIterator<Item = Part>,
    progress: &Progress,
) -> Result<Vec<Trace>> {
    for remark in unit.ready().await? {
        progress.say(&remark);
    }
    let mut traces = Vec::new();
    for part in parts {
        traces.push(part.drive_unit(unit).await?);
    }
    Ok(traces)
}

/// Runs all arms at once and gives their traces in the order of the modes.
async fn together(
    arms: impl Iterator<Item = impl Future<Output = Result<Trace>> + Send + 'static>,
) -> Result<Vec<Trace>> {
    let mut running: JoinSet<Result<Trace>> = arms.collect();
    let mut traces = Vec::new();
    while let Some(joined) = running.join_next().await {
        traces.push(joined??);
    }
    traces.sort_by_key(|trace| Mode::ALL.iter().position(|mode| *mode == trace.mode));
    Ok(traces)
}

/// Seed of the simulated unit of the `index`th mode: another unit for each.
fn unit_seed(plan: &Plan, index: usize) -> u64 {
    plan.seed
        .wrapping_mul(Mode::ALL.len() as u64)
        .wrapping_add(index as u64)
}

/// The physics of the twin of `model`.
///
/// # Errors
/// If it has none.
pub(crate) fn twin_of(model: Model) -> Result<Params> {
    Ok(match model {
        Model::AntminerS9 => Params::s9(),
        Model::LuckyMinerLv06 => Params::lv06(),
        Model::GoldshellLbBox => Params::lb_box(),
        Model::Bm1387 | Model::Bm1366 => bail!(
            "there is no twin of bare chips, which are fed frame by frame: drive the simulated ones on their \
             line, with --substrate handshake"
        ),
    })
}

/// All modes in virtual time, on as many threads as there are.
pub(crate) async fn twins(
    plan: &Plan,
    input: &[f64],
    store: &Store,
    progress: &Progress,
) -> Result<Vec<Trace>> {
    let model = plan.config.unit.model;
    let params = twin_of(model)?;
    let arms = Mode::ALL.into_iter().enumerate().map(|(index, mode)| {
        let params = params.clone();
        let part = Part::new(mode, &plan.config, store, progress, input);
        let unit_seed = unit_seed(plan, index);
        async move {
            let mut twin = Twin::new(
                Device::warm(&params, unit_seed),
                model,
                mode.discipline(),
                model.switch_dead_time(),
                seed::stream(unit_seed, "twin"),
                part.recorder.clone(),
            );
            part.drive(&mut twin).await
        }
    });
    together(arms).await
}

/// Every mode that the capture holds; a capture of another program counts as a dialogue that was not
/// driven with this input.
pub(crate) async fn replay(plan: &Plan, input: &[f64], progress: &Progress) -> Result<Vec<Trace>> {
    let path = plan.capture.as_deref().unwrap_or(Path::new(""));
    let provenance = Capture::open(path)?.run()?.provenance;
    let mut traces = Vec::new();
    for stream in Capture::open(path)?.streams()? {
        let mode = match Mode::ALL
            .into_iter()
            .find(|mode| mode.name() == stream.name)
        {
            Some(mode) => mode,
            None if plan.undriven => Mode::Dialogue,
            None => continue,
        };
        let steps = Capture::open(path)?.steps(&stream)?;
        let part = Part {
            encoder: Encoder::new(mode, plan.config.step.clone()),
            model: plan.config.unit.model,
            recorder: Recorder::discard(),
            bar: progress.bar(mode.name(), input.len()),
            input: input.to_vec(),
        };
        let mut replay = Replay::new(steps, provenance.clone());
        traces.push(part.drive(&mut replay).await?);
    }
    if traces.is_empty() {
        bail!("{} holds no stream that can be replayed", path.display());
    }
    Ok(traces)
}

/// One mode's share of a run.
struct Part {
    encoder: Encoder,
    model: Model,
    recorder: Recorder,
    bar: Bar,
    input: Vec<f64>,
}

impl Part {
    fn new(mode: Mode, config: &Config, store: &Store, progress: &Progress, input: &[f64]) -> Part {
        Part {
            encoder: Encoder::new(mode, config.step.clone()),
            model: config.unit.model,
            recorder: store.stream(mode.name()),
            bar: progress.bar(mode.name(), input.len()),
            input: input.to_vec(),
        }
    }

    /// Drives a unit on its wire, and leaves it ready for more.
    async fn drive_unit(&self, unit: &mut Unit) -> Result<Trace> {
        let mut driven = unit.drive(self.encoder.mode().discipline(), self.recorder.clone())?;
        let trace = self.drive(&mut driven).await?;
        unit.release(driven).await?;
        Ok(trace)
    }

    async fn drive<S: Substrate>(&self, substrate: &mut S) -> Result<Trace> {
        Trace::record(substrate, &self.encoder, self.model, &self.input, || {
            self.bar.step()
        })
        .await
        .with_context(|| self.encoder.mode().name())
    }
}
