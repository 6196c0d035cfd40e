//! Experiments survive SIGKILL.

use std::path::Path;

use serde_json::Value;

use crate::example::example;
use crate::support::{Daemon, thermine};

const LONG: [&str; 6] = ["train", "narma10", "--encoding", "duty", "--seeds", "1000"];

fn queue(dir: &Path, args: &[&str]) -> String {
    let output = thermine(dir)
        .args(["queue", "-c", "sim-s9.toml"])
        .args(args)
        .output();
    let output = output.expect("started");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

fn job(dir: &Path) -> Value {
    serde_json::from_str(&queue(dir, &["list", "--json"])).expect("one job")
}

#[test]
fn a_job_that_ran_when_the_program_was_killed_is_begun_again_and_can_be_taken_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    example(dir, "sim-s9.toml", &[]);
    // The daemon need not run.
    let id = queue(dir, &[["add"].as_slice(), LONG.as_slice()].concat());
    assert_eq!(job(dir)["progress"], "waiting");
    for attempt in 1..=2 {
        let mut daemon = Daemon::start(dir, &["-c", "sim-s9.toml"]);
        let all = daemon.until("it runs", |all| {
            let job = &all["jobs"][0];
            job["progress"] == "running" && job["steps"][0].as_u64() > Some(10)
        });
        assert_eq!(all["jobs"][0]["command"], LONG.join(" "));
        let folder = dir.join(format!("runs/daemon/jobs/{id}-{attempt}"));
        assert!(folder.is_dir(), "{}", folder.display());
        daemon.signal("KILL");
        assert!(!daemon.ends().success());
        assert_eq!(
            job(dir)["progress"],
            "running",
            "nobody was left to enter anything"
        );
    }
    let mut daemon = Daemon::start(dir, &["-c", "sim-s9.toml"]);
    daemon.until("it runs again", |all| {
        all["jobs"][0]["steps"][0].as_u64() > Some(10)
    });
    assert!(queue(dir, &["cancel", &id]).contains("being ended"));
    daemon.until("it is ended", |all| {
        all["jobs"][0]["progress"] == "cancelled"
    });
    daemon.until("the unit is driven on", |all| {
        all["units"][0]["learning"]["step"].as_u64() > Some(0)
    });
    daemon.signal("TERM");
    assert_eq!(daemon.ends().code(), Some(0));
}
