//! A mixed rack over a long time of its own, and the example rack as it is shipped: memory stays flat and no task is left
//! behind.

use std::time::{Duration, Instant};

use thermine::lab::config::Config;
use thermine::lab::config::daemon::Daemon as Settings;
use thermine::lab::config::rack::Rack;
use thermine::run::Daemon;
use thermine_units::model::Model;

use crate::example::example;
use crate::port::port;
use crate::support::{Daemon as Program, thermine};

/// Tells the test that it has a process to itself.
const ALONE: &str = "THERMINE_TEST_ALONE";

/// Resident memory of this process, in bytes.
fn memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("a Linux");
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("a number") * 4096
}

/// Runs a rack of one unit of each network model in virtual time until each has done so many steps of 7 s.
async fn run(steps: u64, patience: Duration) {
    let dir = tempfile::tempdir().expect("a folder");
    let models = [
        Model::AntminerS9,
        Model::LuckyMinerLv06,
        Model::GoldshellLbBox,
    ];
    let rack = Rack {
        units: models
            .into_iter()
            .map(|model| Config::simulated(model).expect("the default"))
            .collect(),
        daemon: Settings {
            data: dir.path().to_path_buf(),
            step_seconds: Some(7.0),
            ..Settings::default()
        },
        ..Rack::default()
    };
    let mut daemon = Daemon::start(
        rack,
        true,
        &thermine::lab::session::Context::new("thermine run"),
    )
    .await
    .expect("started");
    let mut shares = daemon.live().shares();
    let (mut streamed, mut missed) = (0u64, 0u64);
    let began = Instant::now();
    let mut early = None;
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            share = shares.recv() => match share {
                Ok(share) => {
                    streamed += u64::from(share.verdict == "accepted");
                    continue;
                }
                Err(tokio::sync::broadcast::error::RecvError::Lagged(n)) => missed += n,
                Err(error) => panic!("{error}"),
            },
        }
        daemon.tick().await.expect("a queue");
        let least = daemon.live().with(|all| {
            let steps = all
                .units
                .iter()
                .map(|unit| unit.learning.as_ref().map_or(0, |l| l.step));
            steps.min().unwrap_or(0)
        });
        let tasks = tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks();
        if early.is_none() && least > steps / 4 {
            early = Some((memory(), tasks));
        }
        if least >= steps {
            let (memory_then, tasks_then) = early.expect("a quarter came before");
            let memory = memory();
            assert!(
                memory < memory_then + (16 << 20),
                "{memory_then} to {memory} bytes"
            );
            println!(
                "injected: {steps} steps of 7 s of three units' time; resident memory {} kB after a quarter, {} kB at the end; \
                 tasks {tasks_then}, {tasks}",
                memory_then >> 10,
                memory >> 10
            );
            // What the units' interfaces answer at this moment comes and goes.
            assert!(tasks <= tasks_then + 10, "{tasks_then} to {tasks} tasks");
            break;
        }
        let all = daemon.live().snapshot();
        assert!(
            began.elapsed() < patience,
            "{least} of {steps} steps: {:?}",
            all.units
        );
    }
    let all = daemon.live().snapshot();
    for unit in &all.units {
        assert!(
            unit.shares.accepted > 0 && unit.shares.refused == 0,
            "{unit:?}"
        );
    }
    let live = daemon.live().clone();
    daemon.stop().await.expect("ended");
    // Those that came while it ended, too.
    loop {
        match shares.try_recv() {
            Ok(share) => streamed += u64::from(share.verdict == "accepted"),
            Err(tokio::sync::broadcast::error::TryRecvError::Lagged(n)) => missed += n,
            Err(_) => break,
        }
    }
    let counted: u64 = live
        .snapshot()
        .units
        .iter()
        .map(|unit| unit.shares.accepted)
        .sum();
    // The stream says every share, or how many were missed.
    assert!(
        streamed + missed >= counted,
        "{streamed} + {missed}, counted {counted}"
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    let left = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert!(left <= 5, "{left} tasks are left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_of_a_mixed_rack_leaks_nothing() {
    if std::env::var_os(ALONE).is_some() {
        return run(514, Duration::from_secs(180)).await;
    }
    // In a process of its own: the memory of this one is that of all the tests beside it.
    let this = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(this)
        .args([
            "--exact",
            "long::an_hour_of_a_mixed_rack_leaks_nothing",
            "--nocapture",
        ])
        .env(ALONE, "1")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("injected: 514 steps"),
        "{said}{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a day of three units' time takes some ten minutes"]
async fn a_day_of_a_mixed_rack_leaks_nothing() {
    run(12_343, Duration::from_secs(3600)).await;
}

/// Resident memory of the process `id`, in bytes.
fn memory_of(id: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{id}/statm")).expect("it runs");
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("a number") * 4096
}

#[test]
#[ignore = "it watches the example rack for THERMINE_SOAK_SECONDS, twelve minutes unless set"]
fn the_example_rack_as_it_is_shipped_stays_within_its_memory() {
    let seconds = std::env::var("THERMINE_SOAK_SECONDS").ok();
    let seconds = seconds.map_or(720, |text| text.parse().expect("seconds"));
    let dir = tempfile::tempdir().expect("a folder");
    // Only ports are changed: those of the examples may be in use here.
    let (listen, pool) = (port().to_string(), port().to_string());
    for file in [
        "sim-rack.toml",
        "sim-s9.toml",
        "sim-lv06.toml",
        "sim-lb-box.toml",
        "sim-bm1387.toml",
        "sim-bm1366.toml",
        "sim-s9-proxied.toml",
    ] {
        example(dir.path(), file, &[]);
    }
    let ports = [
        ("127.0.0.1:3333", listen.as_str()),
        ("127.0.0.1:3334", pool.as_str()),
    ];
    example(dir.path(), "proxy.toml", &ports);
    let mut command = thermine(dir.path());
    command
        .args(["run", "-c", "sim-rack.toml"])
        .env("THERMINE_DAEMON__SPEED", "20");
    let mut program = Program::of(command);
    let (_, line) = program.says("live at http://", 0);
    println!("{line}");
    let began = Instant::now();
    let mut seen = Vec::new();
    while began.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(Duration::from_secs(seconds.div_ceil(24)));
        program.runs();
        let memory = memory_of(program.id());
        println!("after {:?}: {} kB", began.elapsed(), memory >> 10);
        seen.push(memory);
    }
    let (early, late) = (seen[seen.len() / 3], seen[seen.len() - 1]);
    // The simulated pool knows the shares of its present block.
    assert!(late < early + (24 << 20), "{early} to {late} bytes");
    program.signal("TERM");
    assert_eq!(program.ends().code(), Some(0));
}
