//! Two hundred simulated units in one process, in real time, each driven and read once a second: what they cost,
//! simulators included. `cargo bench -p thermine --bench rack`; needs `/proc`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use thermine_lab::attach::Attachments;
use thermine_lab::config::Config;
use thermine_lab::experiment::encoder::Encoder;
use thermine_lab::experiment::encoding::Encoding;
use thermine_lab::experiment::presets::Preset;
use thermine_lab::substrate::Substrate;
use thermine_units::clock::Clock;
use thermine_units::model::Model;
use thermine_units::record::Recorder;

use process::{cpu_seconds, kilobytes};

#[path = "support/process.rs"]
mod process;

const UNITS: usize = 200;
const SECONDS: u64 = 30;

/// A mixed rack: of twenty units ten S9, five LV06, three LB-Boxes, two bare.
fn config(i: usize) -> Config {
    let model = match i % 20 {
        0..10 => Model::AntminerS9,
        10..15 => Model::LuckyMinerLv06,
        15..18 => Model::GoldshellLbBox,
        18 => Model::Bm1387,
        _ => Model::Bm1366,
    };
    let mut config = Config::simulated(model).expect("an example");
    config.unit.name = format!("{}-{i}", config.unit.name);
    if let Some(stratum) = &mut config.stratum {
        stratum.worker.clone_from(&config.unit.name);
        stratum.connect_timeout_seconds = 120.0;
    }
    if let Some(api) = &mut config.api {
        api.poll_seconds = 1.0;
    }
    if let Some(serial) = &mut config.serial {
        serial.chips = 1;
    }
    config
}

#[expect(clippy::print_stdout, reason = "a bench says what it measured")]
#[tokio::main]
async fn main() {
    let mut rig = Attachments::new(Clock::real()).expect("a rig");
    let readings = Arc::new(AtomicU64::new(0));
    let shares = Arc::new(AtomicU64::new(0));
    let failed = Arc::new(AtomicU64::new(0));
    let mut ready = tokio::task::JoinSet::new();
    for i in 0..UNITS {
        let config = config(i);
        let mut unit = rig.attach(&config, i as u64).await.expect("attached");
        ready.spawn(async move {
            unit.ready()
                .await
                .unwrap_or_else(|error| panic!("{error:#}"));
            (unit, config)
        });
    }
    while let Some(up) = ready.join_next().await {
        let (mut unit, config) = up.expect("ready");
        let mut latest = unit.latest.clone();
        let counted = readings.clone();
        tokio::spawn(async move {
            let mut last = None;
            while latest.changed().await.is_ok() {
                let taken = latest
                    .borrow()
                    .telemetry
                    .as_ref()
                    .map(|reading| reading.taken);
                if taken != last {
                    last = taken;
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let (counted, lost) = (shares.clone(), failed.clone());
        tokio::spawn(async move {
            let dialogue = Encoding::of(Preset::Paper, config.unit.model, &config.step).remove(0);
            let encoder = Encoder::new(dialogue, config.step.clone(), (0.0, 0.5));
            let drive = encoder.drives(&[0.25], 0)[0];
            let mut driven = unit
                .drive(encoder.encoding().discipline, Recorder::discard())
                .expect("driven");
            loop {
                let Ok(seen) = driven.step(&drive).await else {
                    lost.fetch_add(1, Ordering::Relaxed);
                    return;
                };
                counted.fetch_add(seen.shares.len() as u64, Ordering::Relaxed);
            }
        });
    }
    // The heap's first growth and the first steps are not what it costs to go on.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (before, read, found, began) = (
        cpu_seconds(),
        readings.load(Ordering::Relaxed),
        shares.load(Ordering::Relaxed),
        Instant::now(),
    );
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let span = began.elapsed().as_secs_f64();
    let read = (readings.load(Ordering::Relaxed) - read) as f64;
    let found = (shares.load(Ordering::Relaxed) - found) as f64;
    println!("{UNITS} simulated units in one process over {span:.1} s, simulators included:");
    println!("  processor: {:.2} cores", (cpu_seconds() - before) / span);
    println!(
        "  memory: {:.0} MB now, {:.0} MB at most",
        kilobytes("VmRSS:") / 1e3,
        kilobytes("VmHWM:") / 1e3
    );
    println!(
        "  readings: {:.2} a second and unit",
        read / span / UNITS as f64
    );
    println!("  verified shares: {:.0} a second", found / span);
    println!("  units lost: {}", failed.load(Ordering::Relaxed));
}
