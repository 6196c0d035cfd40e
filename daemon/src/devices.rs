//! `thermine devices`: all units of a rack in one table.

use std::time::Duration;

use anyhow::Result;
use comfy_table::Table;
use serde::Serialize;
use thermine_drivers::poller::Latest;
use thermine_lab::substrate::Substrate;
use thermine_units::clock::{Clock, Nanos};
use thermine_units::model::Model;
use thermine_units::record::Recorder;
use thermine_units::unit::{Board, Identity, Telemetry};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout_at};

use crate::causes::chain;
use crate::cli;
use crate::lab::attach::{Rig, Unit};
use crate::lab::config::{Config, rack};
use crate::lab::experiment::encoder::Encoder;
use crate::lab::experiment::encoding::Encoding;
use crate::lab::observer::Log;
use crate::lab::session::{Context, Interrupted, Session, with_attached};
use crate::render::stdout;
use crate::render::table::{self, table};
use crate::runtime;

/// A unit under observation.
struct Watched {
    name: String,
    model: Model,
    simulated: bool,
    /// What its poller knows, or why it has none.
    latest: Result<watch::Receiver<Latest>, String>,
}

/// What is known of a unit at one moment.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    model: Model,
    simulated: bool,
    identity: Option<Identity>,
    telemetry: Option<Telemetry>,
    /// Age of the telemetry, in seconds of the unit's time.
    age_seconds: Option<f64>,
    /// What the last failed reading met with, while there is no newer one.
    error: Option<String>,
}

/// Runs the subcommand.
pub(crate) fn run(args: cli::Devices, context: &Context) -> Result<()> {
    let configs = match &args.config {
        Some(path) => rack::load(path)?,
        None => Model::ALL
            .into_iter()
            .map(Config::simulated)
            .collect::<Result<_, _>>()?,
    };
    runtime::run(context, async {
        let rig = Rig::new(Clock::real())?;
        let mut units = Vec::new();
        for (i, config) in configs.iter().enumerate() {
            units.push(watch(&rig, config, i as u64 + 1, context).await);
        }
        tokio::select! {
            () = first_readings(&mut units, Duration::from_secs_f64(args.wait)) => {}
            () = context.stopped() => return Err(Interrupted.into()),
        }
        loop {
            let rows: Vec<Row> = units
                .iter()
                .map(|unit| unit.row(rig.clock().now()))
                .collect();
            if args.json {
                for row in &rows {
                    stdout::line(serde_json::to_string(row)?)?;
                }
            } else {
                stdout::line(render(&rows))?;
            }
            let Some(seconds) = args.watch else {
                // The simulated units that this program keeps at work.
                context.stop();
                return Ok(());
            };
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs_f64(seconds)) => {}
                () = context.stopped() => return Ok(()),
            }
        }
    })?
}

/// A unit that cannot be had is a row with its error; the others go on.
async fn watch(rig: &Rig, config: &Config, seed: u64, context: &Context) -> Watched {
    let latest = match &config.unit.simulated {
        // It hashes only if it has work, which whoever plays it must give it.
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

/// Keeps a simulated unit at work in a task of its own. Returns what is known of it, or why it cannot be attached.
async fn employ(
    rig: Rig,
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

fn render(rows: &[Row]) -> Table {
    let mut shown = table(
        &[
            "unit",
            "model",
            "says it is",
            "GH/s",
            "board/chip °C",
            "fans rpm",
            "W",
            "errors",
            "accepted",
            "rejected",
            "age s",
            "",
        ],
        &[3, 6, 7, 8, 9, 10],
    );
    for row in rows {
        shown.add_row(cells(row));
    }
    shown
}

/// What was not reported is a dash, never a zero.
fn cells(row: &Row) -> Vec<String> {
    let number = |value: Option<u64>| value.map_or("-".into(), |value| value.to_string());
    let fixed = |value: Option<f64>, digits: usize| {
        value.map_or("-".into(), |value| table::fixed(value, digits))
    };
    let identity = row.identity.as_ref();
    let says = [
        identity.and_then(|identity| identity.model.clone()),
        identity.and_then(|identity| identity.firmware.clone()),
    ];
    let says = says.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let reading = row.telemetry.as_ref();
    let boards = reading.map_or(&[][..], |reading| &reading.boards);
    let fans = reading.map_or(&[][..], |reading| &reading.fans);
    let temperature = |value: Option<thermine_units::quantity::Celsius>| {
        value.map_or("-".into(), |value| format!("{:.0}", value.0))
    };
    let temperatures = |board: &Board| {
        format!(
            "{}/{}",
            temperature(board.pcb_temp),
            temperature(board.chip_temp)
        )
    };
    let remark = match (&row.error, row.simulated) {
        (Some(error), _) => error.clone(),
        (None, true) => "simulated".into(),
        (None, false) => String::new(),
    };
    vec![
        row.name.clone(),
        row.model.to_string(),
        says,
        fixed(reading.and_then(|r| r.hash_rate).map(|h| h.0 * 1e-9), 1),
        boards
            .iter()
            .map(temperatures)
            .collect::<Vec<_>>()
            .join(" "),
        fans.iter()
            .map(|fan| format!("{:.0}", fan.0))
            .collect::<Vec<_>>()
            .join(" "),
        fixed(reading.and_then(|r| r.power).map(|power| power.0), 1),
        number(reading.and_then(|r| r.hardware_errors)),
        number(reading.and_then(|r| r.accepted)),
        number(reading.and_then(|r| r.rejected)),
        fixed(row.age_seconds, 1),
        remark,
    ]
}
