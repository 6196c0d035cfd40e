//! What a unit is given to do: nothing, a readout that was trained before, a queued trial of the probability filter.

use std::sync::atomic::Ordering;

use serde_json::Value;
use thermine::live::snapshot::Health;
use thermine_capture::verify::verify;
use thermine_lab::config::overrides::Overrides;
use thermine_lab::config::rack::Rack;

use crate::example::example;
use crate::patience::found_async;
use crate::support::{Daemon, thermine, unit};
use crate::unit::{Manner, Unit};

fn add(daemon: &Daemon, unit: &str, command: &str) {
    let body = serde_json::json!({"unit": unit, "command": command}).to_string();
    let (status, answer) = daemon.ask("POST", "/api/v1/jobs", &body);
    assert_eq!(status / 100, 2, "{answer}");
}

/// Waits until the only job is done, and returns its folder, in the folder of the daemon.
fn done(daemon: &Daemon) -> String {
    let all = daemon.until("the job has ended", |all| {
        all["jobs"][0]["outcome"].is_string() && all["jobs"][0]["progress"] != "running"
    });
    let job = &all["jobs"][0];
    assert_eq!(job["progress"], "done", "{job}");
    job["outcome"].as_str().expect("a folder").to_string()
}

#[test]
fn a_queued_trial_of_the_filter_is_carried_out_and_its_account_stands_beside_the_unit() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    example(dir, "sim-lv06.toml", &[]);
    let start = || Daemon::start(dir, &["-c", "sim-lv06.toml"]);
    let mut daemon = start();
    daemon.until("it is driven", |all| {
        unit(all, "sim-lv06").is_some_and(|unit| unit["activity"] == "narma10, live")
    });
    add(
        &daemon,
        "sim-lv06",
        "tpf live --train 20 --pairs 2 --block 4 --to-the-end",
    );
    let folder = dir.join(done(&daemon));
    let report = std::fs::read(folder.join("report/report.json")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(
        (&report["pairs"], &report["power"]),
        (&2.into(), &"measured".into())
    );
    assert_eq!(
        (&report["filter"]["steps"], &report["pass"]["steps"]),
        (&8.into(), &8.into())
    );
    let capture = verify(&folder.join("report/capture.sqlite")).expect("a capture");
    assert_eq!((capture.invalid, capture.contradictions), (0, 0));
    let shares = |arm: &str, part: &str| report[arm][part]["shares"].as_u64().expect("a count");
    let counted: u64 = ["filter", "pass"]
        .into_iter()
        .map(|arm| shares(arm, "counted") + shares(arm, "settling"))
        .sum();
    assert!(
        counted > 0 && capture.shares >= counted,
        "{counted} {capture:?}"
    );
    assert!(folder.join("said.txt").is_file());
    let account = |all: &Value| unit(all, "sim-lv06").expect("there")["tpf"].clone();
    let all = daemon.until("the unit is driven on", |all| {
        unit(all, "sim-lv06").is_some_and(|unit| unit["activity"] == "narma10, live")
    });
    let told = account(&all);
    assert!(
        (0.0..=1.0).contains(&told["keep"].as_f64().expect("a part")),
        "{told}"
    );
    assert!(
        !told["sentence"].as_str().expect("words").is_empty(),
        "{told}"
    );
    daemon.signal("TERM");
    assert_eq!(daemon.ends().code(), Some(0));
    // It outlives the program.
    assert_eq!(account(&start().snapshot()), told);
}

/// In virtual time: at a multiple of the wall's, a socket's latency is as many times longer for the unit, whose duty is
/// then another than the one that the readout was trained with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trained_readout_is_applied_to_a_live_unit_and_refused_on_one_of_another_model() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    for name in ["sim-s9.toml", "sim-lv06.toml"] {
        example(dir, name, &[]);
    }
    let training = "train narma10 --config sim-s9.toml --substrate twin --encoding duty --washout 50 --train 400 --test 100 \
                    --echo-steps 0 --off-steps 0 --out trained";
    let trained = thermine(dir).args(training.split_whitespace()).output();
    let trained = trained.expect("started");
    let error = String::from_utf8_lossy(&trained.stderr).into_owned();
    assert!(trained.status.success(), "{error}");
    let text = "units = [\"sim-s9.toml\", \"sim-lv06.toml\"]\n\
                [[readout]]\nunit = \"sim-s9\"\nfile = \"trained/readout-duty.json\"\n\
                [[readout]]\nunit = \"sim-lv06\"\nfile = \"trained/readout-duty.json\"\n";
    std::fs::write(dir.join("rack.toml"), text).expect("written");
    let mut rack = Rack::load(&dir.join("rack.toml"), &Overrides::none()).expect("a rack");
    rack.daemon.data = dir.join("data");
    let daemon = thermine::run::Daemon::start(
        rack,
        true,
        thermine::cli::request::parse,
        &thermine_lab::session::Context::new("thermine run"),
    )
    .await
    .expect("started");
    let all = found_async("the one learns, and the other is lost", async || {
        let all = daemon.live().snapshot();
        let [s9, lv06] = &all.units[..] else {
            panic!("two units: {all:?}");
        };
        let scores = s9.learning.as_ref().and_then(|learning| learning.nrmse);
        if scores.is_some_and(|nrmse| nrmse.n > 300) && lv06.health == Health::Lost {
            Ok(all)
        } else {
            Err(all)
        }
    })
    .await;
    let (s9, lv06) = (&all.units[0], &all.units[1]);
    assert_eq!(s9.activity, "narma10, by a trained readout, live");
    let learning = s9.learning.as_ref().expect("learning");
    let (nrmse, control) = (
        learning.nrmse.expect("a score"),
        learning.control.expect("one"),
    );
    println!("trained readout: {nrmse:?}, current input alone: {control:?}");
    // It never learns here: what it knows of the task it has from its training. A constant has 1.
    assert!(nrmse.high < 1.0, "{nrmse:?}");
    let why = lv06.why.as_ref().expect("a reason");
    assert!(
        why.contains("the readout is of a") && why.contains("trained/readout-duty.json"),
        "{why}"
    );
    assert_eq!(lv06.shares.accepted, 0, "{lv06:?}");
    daemon.stop().await.expect("ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_live_off_units_are_watched_without_work_and_still_carry_out_experiments() {
    let dir = tempfile::tempdir().expect("a folder");
    let real = Unit::start(dir.path(), "real", Manner::Well).await;
    example(dir.path(), "sim-s9.toml", &[]);
    let rack = "units = [\"real.toml\", \"sim-s9.toml\"]\n[daemon]\nlive = \"off\"\n";
    std::fs::write(dir.path().join("rack.toml"), rack).expect("written");
    tokio::task::spawn_blocking(move || {
        let dir = dir.path();
        let mut daemon = Daemon::start(dir, &["-c", "rack.toml"]);
        let is_watched = |all: &Value, name: &str| {
            unit(all, name).is_some_and(|unit| {
                let told = unit["temperatures"]
                    .as_array()
                    .is_some_and(|all| !all.is_empty());
                unit["activity"] == "watched, without work" && unit["health"] == "well" && told
            })
        };
        let both = |all: &Value| is_watched(all, "real") && is_watched(all, "sim-s9");
        daemon.until("both are watched", both);
        add(&daemon, "sim-s9", "capture record -n 50");
        let capture = dir.join(done(&daemon)).join("capture.sqlite");
        let report = verify(&capture).expect("a capture");
        assert_eq!((report.invalid, report.contradictions), (0, 0));
        assert!(report.shares >= 50, "{report:?}");
        daemon.until("both are watched again", both);
        // It is let in, so it could have been given work all the while.
        assert!(real.connections() > 0);
        daemon.signal("TERM");
        assert_eq!(daemon.ends().code(), Some(0));
        assert_eq!(
            real.counts.submitted.load(Ordering::Relaxed),
            0,
            "it was given work"
        );
    })
    .await
    .expect("the test");
}
