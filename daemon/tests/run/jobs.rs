//! Jobs that mean harm, or are too large: refused when they are queued, and again when they are taken out; what is carried
//! out has limits and can be cancelled.

use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};
use thermine_capture::{RunMeta, Store};
use thermine_lab::config::Config;
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;

use crate::example::example;
use crate::patience::until;
use crate::support::{Daemon, thermine, unit};

/// More than the daemon with one simulated unit takes, and far less than any of the hostile jobs asks for.
const MOST_KB: u64 = 1 << 20;

/// A rack of one simulated S9 with these further keys of the daemon.
fn rack(dir: &Path, keys: &str) {
    example(dir, "sim-s9.toml", &[]);
    let text =
        format!("units = [\"sim-s9.toml\"]\n[daemon]\ndata = \"data\"\nspeed = 10\n{keys}\n");
    std::fs::write(dir.join("rack.toml"), text).expect("written");
}

fn start(dir: &Path) -> Daemon {
    Daemon::start(dir, &["-c", "rack.toml"])
}

fn post(daemon: &Daemon, job: &Value) -> (u16, String) {
    post_for(daemon, "sim-s9", job)
}

fn post_for(daemon: &Daemon, unit: &str, job: &Value) -> (u16, String) {
    let body = json!({ "job": job, "unit": unit }).to_string();
    daemon.ask("POST", "/api/v1/jobs", &body)
}

fn job(all: &Value, id: u64) -> Value {
    let jobs = all["jobs"].as_array().expect("jobs");
    let found = jobs.iter().find(|job| job["id"] == id);
    found.cloned().unwrap_or_default()
}

fn ended(daemon: &Daemon, id: u64) -> Value {
    let open = [json!("waiting"), json!("running"), Value::Null];
    let all = daemon.until("the job has ended", |all| {
        !open.contains(&job(all, id)["progress"])
    });
    job(&all, id)
}

/// Asserts that the daemon drives its unit, and how much memory it has taken at most.
fn lives(daemon: &mut Daemon) {
    daemon.runs();
    daemon.until("the unit is driven", |all| {
        unit(all, "sim-s9").is_some_and(|unit| unit["activity"] == "narma10, live")
    });
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id()));
    let status = status.expect("a process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak: u64 = peak
        .and_then(|text| text.trim().trim_end_matches(" kB").parse().ok())
        .expect("its peak");
    assert!(peak < MOST_KB, "{peak} kB");
}

/// A capture without shares among the captures.
fn capture(dir: &Path, name: &str) {
    let config = Config::simulated(Model::AntminerS9).expect("a configuration");
    let (text, config_hash) = config.fingerprint().expect("its text");
    let meta = RunMeta {
        seed: 1,
        config: text,
        config_hash,
        task: json!({}),
        provenance: Provenance::Simulated,
    };
    let folder = dir.join("data/captures");
    std::fs::create_dir_all(&folder).expect("made");
    let store = Store::create(&folder.join(name), &meta).expect("a capture");
    store.finish("finished").expect("whole");
}

/// The processes that the daemon has started.
fn children(daemon: &Daemon) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.id())).expect("a process");
    let of_each = tasks.filter_map(|task| {
        let path = task.ok()?.path().join("children");
        std::fs::read_to_string(path).ok()
    });
    of_each
        .flat_map(|text| {
            text.split_whitespace()
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

/// Whether the process runs: one that has ended and is not yet waited for does not.
fn runs(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat"));
    status.is_ok_and(|text| {
        !text
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" Z"))
    })
}

#[test]
fn hostile_jobs_are_refused_by_the_api_and_the_command_line_and_leave_nothing_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    rack(dir, "");
    std::fs::write(dir.join("secret.csv"), "hunter2,b\n1,2\n").expect("written");
    let mut daemon = start(dir);
    let files = dir.join("data/files");
    std::fs::create_dir_all(&files).expect("made");
    let made = std::process::Command::new("mkfifo")
        .arg(files.join("fifo"))
        .status();
    assert!(made.expect("mkfifo").success());
    std::os::unix::fs::symlink("/dev/zero", files.join("zero")).expect("linked");
    let secret = dir.join("secret.csv").display().to_string();
    for name in [
        "/dev/zero",
        "zero",
        "fifo",
        "../../secret.csv",
        "/etc/passwd",
        &secret,
    ] {
        let data = json!({"train": {"data": {"file": name, "input": "a", "targets": ["b"]}}});
        for job in [data, json!({"verify": {"capture": name}})] {
            let (status, answer) = post(&daemon, &job);
            assert_eq!(status, 422, "{job}: {answer}");
            assert!(!answer.contains("hunter2"), "{answer}");
        }
    }
    for job in [
        json!({"train": {"task": "narma10", "washout": 999_999_999_999_u64}}),
        json!({"train": {"task": "narma10", "nodes": 1_000_000_000}}),
        json!({"train": {"task": "narma10", "store": "postgres://u@127.0.0.1:1/x?sslmode=disable"}}),
        json!({"record": {"shares": 999_999_999_999_u64}}),
        json!({"sweep": {"shares": 999_999_999_999_u64}}),
    ] {
        let (status, answer) = post(&daemon, &job);
        assert_eq!(status, 422, "{job}: {answer}");
    }
    for command in [
        "train narma10 --washout 999999999999 --train 100 --test 50",
        "train --data /dev/zero --input a --target b",
        "train narma10 --store made.sqlite",
        "capture record -n 5 --store postgres://u@127.0.0.1:1/x",
        "capture verify /etc/passwd",
        "train narma10 --substrate replay --capture /etc/passwd",
    ] {
        let body = json!({ "command": command, "unit": "sim-s9" }).to_string();
        let (status, answer) = daemon.ask("POST", "/api/v1/jobs", &body);
        assert_eq!(status, 422, "{command}: {answer}");
        let added = thermine(dir)
            .args(["queue", "add", "-c", "rack.toml"])
            .args(command.split(' '))
            .output()
            .expect("started");
        assert!(!added.status.success(), "{command}");
    }
    assert_eq!(daemon.snapshot()["jobs"], json!([]));
    assert!(!dir.join("made.sqlite").exists());
    lives(&mut daemon);
    daemon.signal("TERM");
    assert_eq!(daemon.ends().code(), Some(0));
}

#[test]
fn hostile_rows_of_a_queue_are_checked_again_and_fail_one_by_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    rack(dir, "");
    std::fs::create_dir(dir.join("data")).expect("made");
    let old = Connection::open(dir.join("data/queue.sqlite")).expect("a file");
    old.execute_batch(
        "CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, unit TEXT NOT NULL, \
           progress TEXT NOT NULL, attempts INTEGER NOT NULL, cancelled INTEGER NOT NULL, added_ms INTEGER NOT NULL, \
           due_ms INTEGER, outcome TEXT, found TEXT) STRICT; \
         PRAGMA application_id = 1953000817; PRAGMA user_version = 1;",
    )
    .expect("as version 1 made it");
    let hostile = [
        "train narma10 --washout 999999999999 --train 100 --test 50",
        "train --data /dev/zero --input a --target b",
        "train narma10 --store postgres://u@127.0.0.1:1/x",
        "capture record -n 999999999999",
        "capture verify /etc/passwd",
        "no such command",
    ];
    let sound = "capture record -n 20";
    for command in hostile.iter().chain([&sound]) {
        let unit = if command.contains("verify") {
            ""
        } else {
            "sim-s9"
        };
        let sql = "INSERT INTO job VALUES (NULL, ?1, ?2, 'waiting', 0, 0, 0, NULL, NULL, NULL)";
        old.execute(sql, [*command, unit]).expect("written");
    }
    drop(old);
    let mut daemon = start(dir);
    for (id, command) in (1..).zip(hostile) {
        let job = ended(&daemon, id);
        assert_eq!(job["progress"], "failed", "{command}: {job}");
    }
    let job = ended(&daemon, hostile.len() as u64 + 1);
    assert_eq!(job["progress"], "done", "{job}");
    lives(&mut daemon);
}

#[test]
fn a_job_of_every_kind_that_drives_is_cancelled_while_it_runs() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    rack(dir, "");
    example(dir, "sim-lv06.toml", &[]);
    let text = std::fs::read_to_string(dir.join("rack.toml")).expect("written");
    let both = text.replace("\"sim-s9.toml\"", "\"sim-s9.toml\", \"sim-lv06.toml\"");
    std::fs::write(dir.join("rack.toml"), both).expect("written");
    let mut daemon = start(dir);
    for (id, job_of_kind) in (1..).zip([
        json!({"train": {"task": "narma10", "train": 50_000}}),
        json!({"train": {"task": "narma10", "substrate": "twin", "train": 50_000, "seeds": 100}}),
        json!({"record": {"shares": 1_000_000}}),
        json!({"sweep": {"window": 10_000}}),
        json!({"filter_trial": {"pairs": 1_000, "watts": 1_300}}),
    ]) {
        // The clock of an S9 cannot be set over its wire.
        let is_sweep = job_of_kind.get("sweep").is_some();
        let unit = if is_sweep { "sim-lv06" } else { "sim-s9" };
        let (status, answer) = post_for(&daemon, unit, &job_of_kind);
        assert_eq!(status, 201, "{answer}");
        daemon.until("it runs", |all| {
            job(all, id)["progress"] == "running" && job(all, id)["steps"].is_array()
        });
        let (status, _) = daemon.ask("DELETE", &format!("/api/v1/jobs/{id}"), "");
        assert_eq!(status, 204);
        assert_eq!(ended(&daemon, id)["progress"], "cancelled", "{job_of_kind}");
    }
    lives(&mut daemon);
}

#[test]
fn a_data_file_and_a_capture_below_the_folders_are_used() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    rack(dir, "files = \"mine\"");
    std::fs::create_dir(dir.join("mine")).expect("made");
    let rows: String = (0..160)
        .map(|i| format!("{},{}\n", f64::from(i % 7) / 7.0, f64::from(i % 5)))
        .collect();
    std::fs::write(dir.join("mine/my.csv"), format!("u,y\n{rows}")).expect("written");
    let daemon = start(dir);
    let (status, answer) = post(
        &daemon,
        &json!({"train": {"data": {"file": "my.csv", "targets": ["y"]}, "substrate": "twin",
                "encoding": "duty", "echo_steps": 0, "off_steps": 0}}),
    );
    assert_eq!(status, 201, "{answer}");
    let trained = ended(&daemon, 1);
    assert_eq!(trained["progress"], "done", "{trained}");
    let made = dir.join("data/jobs/1-1/report/capture.sqlite");
    assert!(made.is_file());
    // What a job has left is named by its folder, or by its path where the command is given.
    for words in [
        ["capture", "verify", "jobs/1-1/report/capture.sqlite"].as_slice(),
        &["capture", "verify", "data/jobs/1-1/report/capture.sqlite"],
        &[
            "train",
            "--substrate",
            "replay",
            "--capture",
            "jobs/1-1/report/capture.sqlite",
        ],
    ] {
        let added = thermine(dir)
            .args(["queue", "add", "-c", "rack.toml"])
            .args(words)
            .output()
            .expect("started");
        let error = String::from_utf8_lossy(&added.stderr).into_owned();
        assert!(added.status.success(), "{words:?}: {error}");
    }
    for id in 2..=4 {
        let analysed = ended(&daemon, id);
        assert_eq!(analysed["progress"], "done", "{analysed}");
    }
    assert!(dir.join("data/jobs/4-1/report/report.json").is_file());
    let said = std::fs::read_to_string(dir.join("data/jobs/2-1/said.txt"));
    assert!(said.expect("its table").contains("shares"));
}

#[test]
fn an_analysis_beyond_its_time_or_memory_fails_and_the_daemon_lives() {
    for (keys, named) in [
        ("analysis_seconds = 0.000001", "daemon.analysis_seconds"),
        // Less than the program itself takes.
        ("analysis_mib = 16", "daemon.analysis_mib"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path();
        rack(dir, keys);
        capture(dir, "a.sqlite");
        let mut daemon = start(dir);
        let (status, answer) = post(&daemon, &json!({"verify": {"capture": "a.sqlite"}}));
        assert_eq!(status, 201, "{answer}");
        let failed = ended(&daemon, 1);
        assert_eq!(failed["progress"], "failed", "{failed}");
        let why = failed["outcome"].as_str().expect("a reason");
        assert!(why.contains(named) || why.contains("memory"), "{why}");
        until("its process is gone", || children(&daemon).is_empty());
        lives(&mut daemon);
    }
}

/// Another connection keeps the capture locked, so that its analysis waits.
#[test]
fn an_analysis_is_cancelled_and_ends_with_the_daemon() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    rack(dir, "");
    capture(dir, "a.sqlite");
    let path = dir.join("data/captures/a.sqlite");
    let held = Connection::open(path).expect("the capture");
    held.execute_batch(
        "PRAGMA journal_mode = delete; BEGIN EXCLUSIVE; UPDATE run SET state = state",
    )
    .expect("locked");
    let process = |daemon: &Daemon| {
        let mut found = Vec::new();
        until("the analysis runs", || {
            found = children(daemon);
            !found.is_empty()
        });
        found[0]
    };
    let mut daemon = start(dir);
    let verify = json!({"verify": {"capture": "a.sqlite"}});
    assert_eq!(post(&daemon, &verify).0, 201);
    let first = process(&daemon);
    // Not even a process that does nothing any more keeps the job.
    let stopped = std::process::Command::new("kill")
        .args(["-STOP", &first.to_string()])
        .status();
    assert!(stopped.expect("kill").success());
    assert_eq!(daemon.ask("DELETE", "/api/v1/jobs/1", "").0, 204);
    assert_eq!(ended(&daemon, 1)["progress"], "cancelled");
    assert!(!runs(first));
    assert_eq!(post(&daemon, &verify).0, 201);
    let second = process(&daemon);
    daemon.signal("KILL");
    assert!(!daemon.ends().success());
    until("the process has ended with the daemon", || !runs(second));
    // The attempt counts, and the next daemon tries again.
    drop(held);
    let daemon = start(dir);
    let done = ended(&daemon, 2);
    assert_eq!(done["progress"], "done", "{done}");
    assert!(
        done["outcome"]
            .as_str()
            .is_some_and(|folder| folder.ends_with("2-2")),
        "{done}"
    );
}

#[test]
fn a_time_at_which_a_job_is_due_is_bounded_everywhere() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    rack(dir, "");
    let daemon = start(dir);
    for (due, expected) in [
        ("18446744073709551615", 422),
        ("9223372036854775807", 422),
        ("18446744073709551616", 422),
        ("-1", 422),
        ("1.5", 422),
        ("253402207200000", 201),
    ] {
        let body = format!(
            "{{\"job\": {{\"train\": {{\"task\": \"narma10\"}}}}, \"unit\": \"sim-s9\", \"due_ms\": {due}}}"
        );
        let (status, answer) = daemon.ask("POST", "/api/v1/jobs", &body);
        assert_eq!(status, expected, "{due}: {answer}");
    }
    let all = daemon.until("the job waits", |all| job(all, 1)["progress"] == "waiting");
    assert_eq!(all["jobs"][0]["due_ms"], 253_402_207_200_000_u64);
    let listed = thermine(dir)
        .args(["queue", "list", "-c", "rack.toml"])
        .output();
    let listed = String::from_utf8_lossy(&listed.expect("started").stdout).into_owned();
    assert!(listed.contains("9999"), "{listed}");
}
