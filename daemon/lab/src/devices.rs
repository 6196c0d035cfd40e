//! All units of a rack at one moment, again and again.

use std::path::PathBuf;
use std::time::Duration;

use crate::substrate::Substrate;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use thermine_drivers::poller::Latest;
use thermine_units::clock::{Clock, Nanos};
use thermine_units::model::Model;
use thermine_units::record::Recorder;
use thermine_units::unit::{Identity, Telemetry};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::attach::{Attachments, Unit};
use super::config::{Config, rack};
use super::experiment::encoder::Encoder;
use super::experiment::encoding::Encoding;
use super::observer::Log;
use super::request::findings::{Findings, Wrong};
use super::session::{Context, Interrupted, Session, with_attached};
use thermine_capture::error_chain::chain;

/// A unit under observation.
struct Watched {
    name: String,
    model: Model,
    simulated: bool,
    /// Readings of the poller, or why there is none.
    latest: Result<watch::Receiver<Latest>, String>,
}

/// A unit at one moment.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Name of the unit.
    pub name: String,
    /// Model by the configuration.
    pub model: Model,
    /// Whether the program simulates the unit.
    pub simulated: bool,
    /// What the unit says it is.
    pub identity: Option<Identity>,
    /// Last reading of the sensors.
    pub telemetry: Option<Telemetry>,
    /// Age of the reading, in seconds of the unit's time.
    pub age_seconds: Option<f64>,
    /// Error of the last reading, while no newer one has succeeded.
    pub error: Option<String>,
}

/// Which units are watched, and for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DevicesRequest {
    /// Configuration of a unit or of a rack; absent for one simulated unit of each model.
    pub config: Option<PathBuf>,
    /// Time that units are given to answer, s.
    pub wait: f64,
    /// Time between two looks, s; absent for one look.
    pub watch: Option<f64>,
}

impl Default for DevicesRequest {
    fn default() -> DevicesRequest {
        DevicesRequest {
            config: None,
            wait: 40.0,
            watch: None,
        }
    }
}

impl DevicesRequest {
    /// Looks for everything that is wrong with a request.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut found = Findings::default();
        found.positive("wait", self.wait, 1000.0);
        found.positive("watch", self.watch.unwrap_or(1.0), 1000.0);
        found.all()
    }
}

/// Watches units as `request` asks for, and gives `show` a row for each unit at every look. Simulated units are kept at
/// work until then.
///
/// # Errors
/// If the configuration cannot be read, or `show` fails; [`Interrupted`] before the first look.
pub async fn run(
    request: &DevicesRequest,
    context: &Context,
    show: &mut dyn FnMut(&[Row]) -> Result<()>,
) -> Result<()> {
    let configs = match &request.config {
        Some(path) => rack::load(path)?,
        None => Model::ALL
            .into_iter()
            .map(Config::simulated)
            .collect::<Result<_, _>>()?,
    };
    let rig = Attachments::new(Clock::real())?;
    let mut units = Vec::new();
    for (i, config) in configs.iter().enumerate() {
        units.push(watch(&rig, config, i as u64 + 1, context).await);
    }
    tokio::select! {
        () = first_readings(&mut units, Duration::from_secs_f64(request.wait)) => {}
        () = context.stopped() => return Err(Interrupted.into()),
    }
    loop {
        let now = rig.clock().now();
        let rows: Vec<Row> = units.iter().map(|unit| unit.row(now)).collect();
        show(&rows)?;
        let Some(seconds) = request.watch else {
            // The simulated units that this program keeps at work.
            context.stop();
            return Ok(());
        };
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs_f64(seconds)) => {}
            () = context.stopped() => return Ok(()),
        }
    }
}

/// Begins to watch a unit. One that cannot be attached becomes a row with its error.
async fn watch(rig: &Attachments, config: &Config, seed: u64, context: &Context) -> Watched {
    let latest = match &config.unit.simulated {
        // It hashes only if it has work, which this program gives it.
        Some(_) => employ(rig.beside(), config.clone(), seed, context.clone()).await,
        None => rig.observe(config).map_err(|error| chain(&error)),
    };
    Watched {
        name: config.unit.name.clone(),
        model: config.unit.model,
        simulated: config.unit.simulated.is_some(),
        latest,
    }
}

/// Keeps a simulated unit at work in a task of its own. Returns its readings, or why it cannot be attached.
async fn employ(
    rig: Attachments,
    config: Config,
    seed: u64,
    context: Context,
) -> Result<watch::Receiver<Latest>, String> {
    let (attached, first) = oneshot::channel();
    let task = tokio::spawn(async move {
        let session = Session {
            context: &context,
            config: &config,
            seed,
            notices: &Log,
        };
        let done = with_attached(session, rig, async |unit, _| {
            let (sender, latest) = watch::channel(unit.latest.borrow().clone());
            // Closed if the command has ended meanwhile.
            let _ = attached.send(latest);
            unit.ready().await?;
            // Only once it is ready is it certain where its readings come from.
            let mut readings = unit.latest.clone();
            tokio::spawn(async move {
                while readings.changed().await.is_ok() {
                    sender.send_replace(readings.borrow().clone());
                }
            });
            work(unit, &config).await
        });
        let done = done.await;
        if let Err(error) = &done
            && !error.is::<Interrupted>()
        {
            tracing::warn!(
                unit = config.unit.name,
                error = chain(error),
                "no more work"
            );
        }
        done
    });
    match first.await {
        Ok(latest) => Ok(latest),
        Err(_) => Err(match task.await {
            Ok(Err(error)) => chain(&error),
            Ok(Ok(())) | Err(_) => "its task has ended".into(),
        }),
    }
}

/// Drives the unit at full duty until it fails.
async fn work(unit: &mut Unit, config: &Config) -> Result<()> {
    let encoder = Encoder::new(
        Encoding::new("constant", Vec::new()),
        config.step.clone(),
        (0.0, 1.0),
    );
    let mut driven = unit.drive(encoder.encoding().discipline, Recorder::discard())?;
    loop {
        for drive in encoder.drives(&[0.0], 0) {
            driven.step(&drive).await?;
        }
    }
}

/// Waits until every unit has given a reading and its name, but not longer than `patience`.
async fn first_readings(units: &mut [Watched], patience: Duration) {
    let until = Instant::now() + patience;
    for latest in units
        .iter_mut()
        .filter_map(|unit| unit.latest.as_mut().ok())
    {
        let known = |latest: &Latest| latest.telemetry.is_some() && latest.identity.is_some();
        // Without one, the row says why.
        let _ = timeout_at(until, latest.wait_for(known)).await;
    }
}

impl Watched {
    fn row(&self, now: Nanos) -> Row {
        let latest = match &self.latest {
            Ok(latest) => latest.borrow().clone(),
            Err(_) => Latest::default(),
        };
        let failing = latest.failures > 0 || latest.telemetry.is_none();
        let last_error = latest.last_error.filter(|_| failing);
        Row {
            name: self.name.clone(),
            model: self.model,
            simulated: self.simulated,
            identity: latest.identity,
            age_seconds: latest
                .telemetry
                .as_ref()
                .map(|reading| now.since(reading.taken).as_secs_f64()),
            error: match &self.latest {
                Err(error) => Some(error.clone()),
                Ok(_) => last_error.map(|error| error.to_string()),
            },
            telemetry: latest.telemetry,
        }
    }
}
