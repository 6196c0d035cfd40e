//! The unit that is asked: over its wire or in process, its answers recorded in a capture.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rand::RngExt;
use thermine_lab::substrate::{Discipline, Twin};
use thermine_sim::{Device, Params, Spread};
use thermine_units::model::{Model, Wire};
use thermine_units::provenance::Provenance;
use thermine_units::record::Recorder;
use thermine_units::seed;

use super::challenge::{Challenge, Plan};
use super::response::{self, Break, Response};
use super::{Asked, By};
use crate::causes::{ending, kept};
use crate::lab::config::Config;
use crate::lab::experiment::arms::twin_params;
use crate::lab::session::{Context, Session, with_unit};
use crate::runtime;
use crate::store::{Capture, RunMeta, Store};

/// Name of the capture in the report folder.
const CAPTURE: &str = "capture.sqlite";

/// Name of its stream.
const STREAM: &str = "puf";

/// The unit of `asked`, as configured.
///
/// # Errors
/// If it cannot be used, or cannot be asked in this way.
pub(crate) fn config(asked: &Asked) -> Result<Config> {
    let mut config = match &asked.config {
        Some(path) => Config::load(path)?,
        None => Config::simulated(asked.unit.model())?,
    };
    match &mut config.unit.simulated {
        Some(simulated) => {
            if let Some(serial) = asked.serial {
                simulated.spread = Spread::assumed(serial);
            }
        }
        None if asked.serial.is_some() || asked.by == By::Twin => bail!(
            "--serial and --by twin are for simulated units, but {} is not configured as one",
            config.unit.name
        ),
        None => {}
    }
    twin_params(&config)
        .context("a unit without a twin has no simulated others to be held against")?;
    Ok(config)
}

/// Physics of the unit's model as it is configured, but for what is its own.
pub(crate) fn model_params(config: &Config) -> Result<Params> {
    let params = twin_params(config)?;
    let point = config.point.operating_point();
    Ok(Params {
        silicon: Params::default().silicon,
        spread: Spread::default(),
        frequency_mhz: point.frequency.map_or(params.frequency_mhz, |f| f.0),
        voltage_v: point.voltage.map_or(params.voltage_v, |v| v.0),
        fan: point.fan.unwrap_or(params.fan),
        ..params
    })
}

/// Whether the unit's clock can be set in the way that it is asked.
pub(crate) fn settable(model: Model, by: By) -> bool {
    by == By::Twin || model.entry().wire == Wire::AxeOs
}

/// `seed`, or one from the system that nobody can know.
pub(crate) fn fresh(seed: Option<u64>) -> Result<u64> {
    match seed {
        Some(seed) => Ok(seed),
        None => {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
            // A capture keeps its seed as a signed number.
            Ok(u64::from_le_bytes(bytes) >> 1)
        }
    }
}

/// What a unit answered, and where that is recorded.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) responses: Vec<Response>,
    pub(crate) challenges: Vec<u64>,
    pub(crate) capture: PathBuf,
    pub(crate) provenance: Provenance,
    pub(crate) config_hash: String,
}

/// Puts `blocks` challenges of `plan`, one after another, to the unit of `config`.
///
/// # Errors
/// If the unit or the capture fails; what was recorded until then is kept.
pub(crate) fn ask(
    context: &Context,
    asked: &Asked,
    config: &Config,
    plan: &Plan,
    (purpose, blocks, seed): (&str, u32, u64),
    folder: &Path,
) -> Result<Answered> {
    let mut rng = seed::stream(seed, "puf/challenges");
    let challenges: Vec<u64> = (0..blocks).map(|_| rng.random()).collect();
    let (text, config_hash) = config.fingerprint()?;
    let meta = RunMeta {
        seed,
        config: text,
        config_hash: config_hash.clone(),
        task: serde_json::json!({ "puf": { purpose: { "plan": plan, "challenges": challenges } } }),
        provenance: config.provenance(asked.by == By::Twin),
    };
    let capture = folder.join(CAPTURE);
    let store = Store::create(&capture, &meta)?;
    let recorder = store.stream(STREAM);
    // A profile may take its time; an answer that is judged may not.
    let on_break = match purpose {
        "enrol" => Break::AskAgain,
        _ => Break::Fail,
    };
    let challenges_of = (challenges.as_slice(), on_break);
    let driven = drive(context, asked, config, plan, challenges_of, seed, recorder);
    let put = runtime::run(context, driven)?;
    let finished = store.finish(&ending(&put));
    let responses = put.map_err(|error| kept(error, &capture))?;
    finished?;
    // As what was seen of the unit has it.
    let provenance = Capture::open(&capture)?.run()?.provenance;
    Ok(Answered {
        responses,
        challenges,
        capture,
        provenance,
        config_hash,
    })
}

async fn drive(
    context: &Context,
    asked: &Asked,
    config: &Config,
    plan: &Plan,
    (challenges, on_break): (&[u64], Break),
    seed: u64,
    recorder: Recorder,
) -> Result<Vec<Response>> {
    let progress = crate::render::progress::shown(context);
    let steps = plan.places.len() * (plan.jobs as usize + 1) * challenges.len();
    let bar = progress.bar("challenge", steps);
    let model = config.unit.model;
    if asked.by == By::Twin {
        let mut device = Device::warm(&twin_params(config)?, seed);
        device.set_operating_point(&config.point.operating_point());
        let mut twin = Twin::new(
            device,
            model,
            Discipline::Dialogue,
            model.switch_dead_time(),
            seed::stream(seed, "twin"),
            recorder,
        );
        let answered = all(&mut twin, plan, challenges, on_break, || bar.step());
        return context.unless_stopped(answered).await;
    }
    let session = Session {
        context,
        config,
        seed,
        notices: &progress,
    };
    with_unit(session, async |unit| {
        let mut driven = unit.drive(Discipline::Dialogue, recorder)?;
        let responses = all(&mut driven, plan, challenges, on_break, || bar.step()).await?;
        unit.release(driven).await?;
        Ok(responses)
    })
    .await
}

async fn all<S: thermine_lab::substrate::Substrate>(
    unit: &mut S,
    plan: &Plan,
    challenges: &[u64],
    on_break: Break,
    progress: impl Fn(),
) -> Result<Vec<Response>> {
    let mut responses = Vec::new();
    for seed in challenges {
        let challenge = Challenge::new(plan, *seed);
        responses.push(response::put(&challenge, unit, on_break, &progress).await?);
    }
    Ok(responses)
}
