//! Two units as one reservoir: their states line up, and none is left running when another one fails.

use std::path::Path;

use anyhow::Result;
use thermine_units::clock::Clock;
use thermine_units::model::Model;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::members::plans;
use super::*;
use crate::attach::simulated::{Mine, listen as open};
use crate::backend::Backend;
use crate::config::Config;
use crate::experiment::encoding::Mask;
use crate::experiment::judge::{self, Judged};
use crate::experiment::plan::Plan;
use crate::experiment::quantities::Group;
use crate::experiment::run::problem;
use crate::experiment::task::Named;
use crate::experiment::trained::Readout;
use crate::observer::Progress;
use crate::request::{Setup, Train};
use crate::session::Context;

#[path = "../../../tests/shared/port.rs"]
mod port;

fn request() -> Train {
    let channel = "frequency=500:100".parse().expect("a channel");
    Train {
        task: Some(Named::Narma10),
        backend: Backend::Twin,
        encode: vec![channel],
        features: vec![Group::Heat, Group::Power],
        hold: Some(20.0),
        nodes: 4,
        washout: Some(20),
        train: Some(300),
        test: Some(500),
        ..Train::default()
    }
}

fn twins(request: &Train) -> Vec<Plan> {
    let units = named(&[Model::LuckyMinerLv06; 2]).expect("units");
    plans(request, &Setup::default(), &units).expect("plans")
}

/// Each unit alone, then all of them.
async fn judged(plans: &[Plan], folder: &Path) -> (Vec<Judged>, Judged) {
    let problem = problem(&plans[0]).expect("a task");
    for plan in plans {
        std::fs::create_dir_all(folder.join(&plan.config.unit.name)).expect("made");
    }
    let progress = Progress::hidden(&Context::new("a test"));
    let runs = drive::all(plans, &problem, folder, &progress).await;
    let runs = states::aligned(runs.expect("driven"));
    let each = plans.iter().zip(&runs);
    let alone = each.flat_map(|(plan, runs)| judge::judge(plan, &problem, runs).expect("judged"));
    let alone: Vec<Judged> = alone.collect();
    let joined = states::judge(plans, &problem, &runs, &alone).expect("joined");
    (alone, joined)
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum =
        |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - ma, y - mb)).sum::<f64>();
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

#[tokio::test]
async fn the_states_of_all_units_follow_the_input_at_the_same_step() {
    let dir = tempfile::tempdir().expect("a folder");
    let plans = twins(&Train {
        mask: Mask::Binary,
        ..request()
    });
    let (alone, joined) = judged(&plans, dir.path()).await;
    let input = problem(&plans[0]).expect("a task").sequence.input;
    let columns = joined.states.values().column_iter();
    let mut powers = 0;
    for (feature, column) in joined.states.features().iter().zip(columns) {
        if !feature.name.ends_with("power") {
            continue;
        }
        powers += 1;
        let column: Vec<f64> = column.iter().copied().collect();
        // The input of `lag` steps ago; −1 is the next one.
        let at = |lag: isize| {
            let (x, u) = match usize::try_from(lag) {
                Ok(lag) => (&column[lag..], &input[..input.len() - lag]),
                Err(_) => (&column[..column.len() - 1], &input[1..]),
            };
            correlation(x, u).abs()
        };
        assert!(at(0) > 0.9, "{}: {}", feature.name, at(0));
        assert!(at(0) > at(1) && at(0) > at(-1), "{}", feature.name);
    }
    assert_eq!(powers, 8, "four nodes of each unit");
    let width = |judged: &Judged| judged.states.columns();
    assert_eq!(width(&joined), alone.iter().map(width).sum::<usize>());
    assert_eq!(
        joined.states.features()[0].name.split('.').next(),
        Some("sim-lv06-1")
    );
    let drives = |judged: &Judged| judged.encoded.values().clone();
    assert_ne!(
        drives(&alone[0]),
        drives(&alone[1]),
        "each has its own mask"
    );
}

#[tokio::test]
async fn a_unit_that_is_joined_with_itself_adds_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut plans = twins(&request());
    // The same mask, the same silicon, the same noise: the second unit repeats the first.
    plans[1].encodings[0].unit = 0;
    let (alone, joined) = judged(&plans, dir.path()).await;
    assert_eq!(alone[0].states.values(), alone[1].states.values());
    let problem = problem(&plans[0]).expect("a task");
    let test = &problem.sequence.target[plans[0].split.test_rows()];
    let repeated = states::repeated(&plans[0], &problem, &alone[0], 2).expect("a score");
    let best = ("same", &alone[0].arm.verdict.device, repeated);
    let joining = Joining::of(&joined.arm.verdict, 2, best, (test, 1));
    assert!(
        joining.beyond_best.value.abs() < 0.001,
        "{:?}",
        joining.beyond_best
    );
    assert!(
        joining.sentence.contains("adds nothing, "),
        "{}",
        joining.sentence
    );
}

#[tokio::test]
async fn a_joined_run_leaves_a_capture_of_each_unit_and_a_readout_that_names_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let units = named(&[Model::AntminerS9, Model::LuckyMinerLv06]).expect("units");
    let request = Train {
        task: Some(Named::Narma10),
        backend: Backend::Twin,
        washout: Some(5),
        train: Some(50),
        test: Some(50),
        ..Train::default()
    };
    let setup = Setup {
        out: Some(dir.path().join("out")),
        ..Setup::default()
    };
    let progress = Progress::hidden(&Context::new("a test"));
    let report = run(&request, &setup, &units, &progress)
        .await
        .expect("a report");
    let sentence = &report.first.joining.sentence;
    assert!(
        sentence.starts_with("No verdict on joining: 50 test steps"),
        "{sentence}"
    );
    for unit in ["sim-s9-1", "sim-lv06-2"] {
        for file in ["capture.sqlite", "report.json", "states-dialogue.csv"] {
            assert!(
                report.folder.join(unit).join(file).exists(),
                "{unit}: {file}"
            );
        }
        let alone = report.folder.join(unit).join("readout-dialogue.json");
        Readout::load(&alone).expect("one unit's readout");
    }
    let joined = Readout::load(&report.folder.join("readout-joined.json"));
    let said = joined.expect_err("refused").to_string();
    assert!(
        said.contains("joined states of sim-s9-1, sim-lv06-2"),
        "{said}"
    );
}

/// A simulated LV06 that mines here, with its configuration as that of a real one.
async fn real(name: &str) -> (Config, DropGuard) {
    let mut config = Config::simulated(Model::LuckyMinerLv06).expect("an example");
    config.unit.name = name.into();
    let played = config.unit.simulated.take().expect("simulated");
    let ip = std::net::Ipv4Addr::LOCALHOST.into();
    let ports = open(config.unit.model, ip, false).await.expect("a port");
    config.api.as_mut().expect("network").address = ports.control;
    let pool = port::port();
    let stratum = config.stratum.as_mut().expect("network");
    stratum.listen = pool;
    stratum.worker = name.into();
    let mine = Mine {
        model: config.unit.model,
        pool,
        worker: name.into(),
        played,
        seed: 1,
    };
    let stop = CancellationToken::new();
    ports
        .start(mine, &Clock::real(), &TaskTracker::new(), &stop)
        .expect("a unit");
    (config, stop.drop_guard())
}

/// The clock of a unit as it reads it back, MHz.
async fn clock_mhz(config: &Config) -> Result<f64> {
    let address = config.api.as_ref().expect("network").address;
    let reply = reqwest::get(format!("http://{address}/api/system/info")).await?;
    let info: serde_json::Value = serde_json::from_slice(&reply.bytes().await?)?;
    Ok(info["frequency"].as_f64().expect("a number"))
}

#[tokio::test]
async fn a_unit_whose_interlock_trips_ends_the_run_and_leaves_the_others_safe() {
    let dir = tempfile::tempdir().expect("a folder");
    let (well, _plays) = real("well").await;
    let (mut hot, _plays_too) = real("hot").await;
    // A running unit is warmer than that, and is given this long to cool before it is given up.
    let stratum = hot.stratum.as_mut().expect("network");
    stratum.connect_timeout_seconds = 15.0;
    hot.interlock.chip_stop = Some(thermine_units::quantity::Celsius(58.0));
    let request = Train {
        backend: Backend::Wire,
        encode: Vec::new(),
        ..request()
    };
    let setup = Setup {
        out: Some(dir.path().join("out")),
        ..Setup::default()
    };
    let context = Context::new("a test");
    let progress = Progress::hidden(&context);
    let units = [well.clone(), hot.clone()];
    let failed = run(&request, &setup, &units, &progress).await;
    let said = format!("{:#}", failed.expect_err("a trip"));
    assert!(
        said.starts_with("hot (lucky-miner-lv06) ended the run"),
        "{said}"
    );
    assert!(
        said.contains("the others (well) were led to their safe end"),
        "{said}"
    );
    assert!(said.contains("limit 58 °C"), "why: {said}");
    assert_eq!(context.not_safe(), Vec::<String>::new());
    for config in [&well, &hot] {
        let clock = clock_mhz(config).await.expect("a clock");
        assert!(
            (clock - 50.0).abs() < 10.0,
            "{}: {clock} MHz",
            config.unit.name
        );
    }
    let ended = std::fs::read_to_string(dir.path().join("out/ended.json")).expect("written");
    assert!(
        ended.contains("stopped because another unit failed"),
        "{ended}"
    );
}
