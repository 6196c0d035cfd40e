//! `thermine discover` as a user meets it: the built binary against simulated units on loopback.

use std::net::SocketAddr;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use thermine_sim::miner::PoolSettings;
use thermine_sim::params::Params;
use thermine_sim::{lv06, s9};
use thermine_units::clock::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::support::{text, thermine};

/// Runs the program without holding up the units, which live in the same runtime.
async fn discover(args: &[&str]) -> Output {
    let mut command = thermine(&[&["discover"], args].concat());
    command.stdin(Stdio::null());
    let run = tokio::task::spawn_blocking(move || command.output());
    run.await.expect("no panic").expect("started")
}

/// An S9 at 127.0.0.2 and an LV06 at 127.0.0.3, on the same port, and nobody at their neighbours'.
async fn units() -> (u16, DropGuard) {
    let (first, second, port) = loop {
        let first = TcpListener::bind("127.0.0.2:0").await.expect("a port");
        let port = first.local_addr().expect("an address").port();
        if let Ok(second) = TcpListener::bind(("127.0.0.3", port)).await {
            break (first, second, port);
        }
    };
    let stop = CancellationToken::new();
    let (clock, tracker) = (Clock::real(), TaskTracker::new());
    // Nobody listens there: the units are idle, and say who they are all the same.
    let pool = PoolSettings {
        pool: SocketAddr::from(([127, 0, 0, 1], 1)),
        worker: "w".to_owned(),
        difficulty_scale: 1e-9,
    };
    let unit = s9::Settings {
        pool: pool.clone(),
        params: Params::s9(),
        seed: 1,
        faults: Vec::new(),
    };
    let _truth = s9::start(unit, first, clock.clone(), &tracker, &stop);
    let unit = lv06::Settings {
        pool,
        params: Params::lv06(),
        seed: 1,
    };
    lv06::start(unit, second, clock, &tracker, &stop);
    (port, stop.drop_guard())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_are_found_named_and_counted() {
    let (port, _guard) = units().await;
    let port = port.to_string();
    let ports = ["--cgminer-port", &port, "--http-port", &port];
    let args = [&["127.0.0.0/29", "127.0.0.2"][..], &ports].concat();
    let output = discover(&args).await;
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    let row = |address: &str| {
        let row = said.lines().find(|line| line.contains(address));
        row.unwrap_or_else(|| panic!("{address} in {said}"))
            .to_owned()
    };
    let first = row("127.0.0.2 ");
    assert!(
        first.contains("antminer-s9") && first.contains(&format!("cgminer:{port}")),
        "{first}"
    );
    let second = row("127.0.0.3 ");
    assert!(
        second.contains("lucky-miner-lv06") && second.contains("luckyminer "),
        "{second}"
    );
    let last = said.lines().last().expect("a last line");
    assert!(
        last.starts_with("asked 6 addresses, 2 answered, 2 of them mining units, in "),
        "{last}"
    );
    assert_eq!(text(&output.stderr), "", "no progress but on a terminal");

    let output = discover(&[&args[..], &["--json"]].concat()).await;
    let outcome: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&outcome["asked"], &outcome["answered"]),
        (&json!(6), &json!(2))
    );
    let found = outcome["found"].as_array().expect("a list");
    let s9 = found
        .iter()
        .find(|unit| unit["model"] == "antminer-s9")
        .expect("the S9");
    assert_eq!(s9["address"], "127.0.0.2");
    assert_eq!(
        s9["wires"],
        json!([["cgminer", format!("127.0.0.2:{port}")]])
    );
    assert_eq!(s9["identity"]["model"], "Antminer S9");
}

#[tokio::test]
async fn none_is_an_exit_status_and_says_what_was_tried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let closed = listener.local_addr().expect("an address");
    drop(listener);
    let output = discover(&[&closed.to_string()]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("1 address") && said.contains("port 4028") && said.contains("--timeout"),
        "{said}"
    );
    assert!(text(&output.stdout).starts_with("asked 1 address, 0 answered"));

    // A port that answers as no miner does is shown, and does not count as one.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = listener.local_addr().expect("an address");
    let output = discover(&[&silent.to_string(), "--timeout", "0.3"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains("no miner") && said.contains("1 answered, 0 of them"),
        "{said}"
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_before_anything_is() {
    for (args, says) in [
        (&["10.0.0.0/8"][..], "smaller networks"),
        (&["192.168.1"], "no complete address"),
        (&["127.0.0.1", "--timeout", "0"], "--timeout"),
        (&["127.0.0.1", "--timeout", "nan"], "--timeout"),
        (&["127.0.0.1", "--parallel", "0"], "--parallel"),
        (&[], "TARGET"),
    ] {
        let output = discover(args).await;
        let said = text(&output.stderr);
        assert!(
            !output.status.success() && said.contains(says),
            "{args:?}: {said}"
        );
        assert!(!said.contains("panicked"), "{said}");
    }
}
