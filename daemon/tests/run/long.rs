//! A mixed rack over a long time of its own, and the example rack as it is shipped: memory stays flat and no task is left
//! behind.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use thermine::live::Share;
use thermine::run::Daemon;
use thermine_lab::config::Config;
use thermine_lab::config::daemon::Daemon as Settings;
use thermine_lab::config::rack::Rack;
use thermine_units::model::Model;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::timeout;

use crate::example::example;
use crate::patience::until_async;
use crate::port::port;
use crate::scale::long;
use crate::support::{Daemon as Program, thermine};

/// Stops a hang: a day of three units' time takes some ten minutes.
const PATIENCE: Duration = Duration::from_secs(3600);

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

/// A rack of one unit of each network model, with its data in `dir`.
fn mixed_rack(dir: &Path) -> Rack {
    let models = [
        Model::AntminerS9,
        Model::LuckyMinerLv06,
        Model::GoldshellLbBox,
    ];
    Rack {
        units: models
            .into_iter()
            .map(|model| Config::simulated(model).expect("the default"))
            .collect(),
        daemon: Settings {
            data: dir.to_path_buf(),
            step_seconds: Some(7.0),
            ..Settings::default()
        },
        ..Rack::default()
    }
}

/// Resident memory of this process in bytes, and its tasks.
fn resources() -> (u64, usize) {
    let metrics = tokio::runtime::Handle::current().metrics();
    (memory(), metrics.num_alive_tasks())
}

/// Accepted shares that a stream of shares has told, and shares that it has missed.
struct Streamed {
    shares: Receiver<Share>,
    accepted: u64,
    missed: u64,
}

impl Streamed {
    /// Counts for 20 ms.
    async fn count(&mut self) {
        let _ = timeout(Duration::from_millis(20), async {
            loop {
                match self.shares.recv().await {
                    Ok(share) => self.accepted += u64::from(share.verdict == "accepted"),
                    Err(RecvError::Lagged(n)) => self.missed += n,
                    Err(error) => panic!("{error}"),
                }
            }
        })
        .await;
    }

    /// Counts those that came while the daemon ended, too.
    fn rest(mut self) -> u64 {
        loop {
            match self.shares.try_recv() {
                Ok(share) => self.accepted += u64::from(share.verdict == "accepted"),
                Err(TryRecvError::Lagged(n)) => self.missed += n,
                Err(_) => return self.accepted + self.missed,
            }
        }
    }
}

/// Runs the daemon in virtual time until each unit has done so many steps of 7 s. Checks that memory and tasks are as
/// after a quarter of them.
async fn steps(daemon: &mut Daemon, streamed: &mut Streamed, steps: u64) {
    let mut early = None;
    loop {
        streamed.count().await;
        daemon.tick().await.expect("a queue");
        let least = daemon.live().with(|all| {
            let steps = all
                .units
                .iter()
                .map(|unit| unit.learning.as_ref().map_or(0, |l| l.step));
            steps.min().unwrap_or(0)
        });
        if early.is_none() && least > steps / 4 {
            early = Some(resources());
        }
        if least >= steps {
            break;
        }
    }
    let (memory_then, tasks_then) = early.expect("a quarter came before");
    let (memory, tasks) = resources();
    println!(
        "injected: {steps} steps of 7 s of three units' time; resident memory {} kB after a quarter, {} kB at the end; \
         tasks {tasks_then}, {tasks}",
        memory_then >> 10,
        memory >> 10
    );
    assert!(
        memory < memory_then + (16 << 20),
        "{memory_then} to {memory} bytes"
    );
    // What the units' interfaces answer at this moment comes and goes.
    assert!(tasks <= tasks_then + 10, "{tasks_then} to {tasks} tasks");
}

/// Runs a rack of one unit of each network model in virtual time until each has done so many steps of 7 s.
async fn run(count: u64) {
    let dir = tempfile::tempdir().expect("a folder");
    let context = thermine_lab::session::Context::new("thermine run");
    let daemon = Daemon::start(
        mixed_rack(dir.path()),
        true,
        thermine::cli::request::parse,
        &context,
    )
    .await;
    let mut daemon = daemon.expect("started");
    let mut streamed = Streamed {
        shares: daemon.live().shares(),
        accepted: 0,
        missed: 0,
    };
    let driven = timeout(PATIENCE, steps(&mut daemon, &mut streamed, count)).await;
    driven.unwrap_or_else(|_| panic!("{:?}", daemon.live().snapshot().units));
    let live = daemon.live().clone();
    for unit in &live.snapshot().units {
        assert!(
            unit.shares.accepted > 0 && unit.shares.refused == 0,
            "{unit:?}"
        );
    }
    daemon.stop().await.expect("ended");
    let all = live.snapshot();
    let counted: u64 = all.units.iter().map(|unit| unit.shares.accepted).sum();
    let told = streamed.rest();
    assert!(told >= counted, "told or missed {told}, counted {counted}");
    let metrics = tokio::runtime::Handle::current().metrics();
    until_async("no more than 5 tasks are left", || {
        metrics.num_alive_tasks() <= 5
    })
    .await;
}

/// In the long form it is a day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_of_a_mixed_rack_leaks_nothing() {
    let count = if long() { 12_343 } else { 514 };
    if std::env::var_os(ALONE).is_some() {
        return run(count).await;
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
        output.status.success() && said.contains(&format!("injected: {count} steps")),
        "{said}{error}"
    );
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

/// Shares of all units that are accepted.
fn counted(all: &Value) -> u64 {
    let units = all["units"].as_array().expect("units");
    let accepted = units.iter().map(|unit| &unit["shares"]["accepted"]);
    accepted.filter_map(Value::as_u64).sum()
}

/// Looks at the memory, and shares that are accepted between two.
const LOOKS: usize = 12;
const SHARES: u64 = 100;

#[test]
fn the_example_rack_as_it_is_shipped_stays_within_its_memory() {
    let shares = if long() { 50 * SHARES } else { SHARES };
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
    program.listens();
    let mut accepted = 0;
    let mut seen = Vec::new();
    while seen.len() < LOOKS {
        let all = program.until("more shares are accepted", |all| {
            counted(all) >= accepted + shares
        });
        accepted = counted(&all);
        program.runs();
        let memory = memory_of(program.id());
        println!("after {accepted} shares: {} kB", memory >> 10);
        seen.push(memory);
    }
    let (early, late) = (seen[seen.len() / 3], seen[seen.len() - 1]);
    // The simulated pool knows the shares of its present block.
    assert!(late < early + (24 << 20), "{early} to {late} bytes");
    program.signal("TERM");
    assert_eq!(program.ends().code(), Some(0));
}
