//! `thermine tpf study` and `thermine switch-profile` as a user meets them.

use serde_json::Value;

use crate::real::real_shares;
use crate::support::{failure, reported};

#[test]
fn a_simulated_unit_is_profiled_and_its_capture_studied() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("profile");
    let args = ["switch-profile", "--unit", "s9", "--jobs", "1000"];
    let (said, report) = reported(&args, &folder);
    assert!(said.contains("simulated"), "{said}");
    let loss = &report["profile"]["loss_per_switch"];
    let number = |value: &Value| value.as_f64().expect("a number");
    // The simulated S9 is fitted to a real one, which loses 25.7 ms: of all its rows, those of the fit included.
    assert!(
        number(&loss["low"]) < 0.0257 && 0.0257 < number(&loss["high"]),
        "{said}"
    );
    assert!(number(&report["profile"]["fraction_lost"]["low"]) > 0.1);
    assert!(folder.join("hazard.svg").exists());

    let capture = folder.join("capture.sqlite");
    let capture = capture.to_str().expect("UTF-8");
    let (said, study) = reported(&["tpf", "study", capture], &dir.path().join("study"));
    assert!(said.contains("replayed (simulated)"), "{said}");
    assert_eq!(study["verified"]["invalid"], 0);
    let tests = study["tests"].as_array().expect("tests");
    assert!(tests.len() > 40, "{said}");
    for test in tests {
        assert!(number(&test["adjusted"]) >= number(&test["p"]));
    }
    assert!(said.contains("after Holm's correction"), "{said}");
    assert!(said.contains("log Λ = G/2 in exact arithmetic"), "{said}");
    let measured = tests
        .iter()
        .filter_map(|test| test["measurement"].as_object());
    for measurement in measured {
        let (exact, g) = (&measurement["leakage"], number(&measurement["test"]["g"]));
        let (low, high) = (2.0 * number(&exact["low"]), 2.0 * number(&exact["high"]));
        assert!(low - 1e-7 < g && g < high + 1e-7, "{g} in [{low}, {high}]");
    }
    // The same question again has the same answer.
    let (_, again) = reported(&["tpf", "study", capture], &dir.path().join("again"));
    assert_eq!(study["tests"], again["tests"]);
    let (_, other) = reported(&args, &dir.path().join("other"));
    assert_eq!(report["profile"], other["profile"]);
}

#[test]
fn a_twin_is_profiled_as_the_wire_is_but_not_studied() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("twin");
    let (_, report) = reported(
        &["switch-profile", "--backend", "twin", "--jobs", "1000"],
        &folder,
    );
    let loss = report["profile"]["loss_per_switch"]["value"].as_f64();
    assert!(
        loss.is_some_and(|loss| (0.015..0.04).contains(&loss)),
        "{loss:?}"
    );
    let capture = folder.join("capture.sqlite");
    let out = dir.path().join("study");
    let error = failure(&[
        "tpf",
        "study",
        capture.to_str().expect("UTF-8"),
        "--out",
        out.to_str().expect("UTF-8"),
    ]);
    assert!(
        error.contains("twin's, whose shares are not hashed"),
        "{error}"
    );
}

#[test]
fn a_real_capture_tells_nothing_of_difficulty_and_loses_a_quarter() {
    let Some(csv) = real_shares() else { return };
    let csv = csv.to_str().expect("UTF-8");
    let dir = tempfile::tempdir().expect("a folder");
    let (said, study) = reported(&["tpf", "study", csv], &dir.path().join("study"));
    assert_eq!(study["verified"]["valid"], 1600);
    assert_eq!(study["shares"], 1572);
    assert!(said.contains("None of 43 tests rejects"), "{said}");
    assert!(said.contains("replayed (unverified device)"), "{said}");
    let alone = ["tpf", "study", csv, "--only", "nonce bit 8"];
    let (said, study) = reported(&alone, &dir.path().join("alone"));
    let test = &study["tests"][0];
    assert_eq!(study["tests"].as_array().map(Vec::len), Some(1));
    assert_eq!(test["adjusted"], test["p"], "{said}");
    let other = ["tpf", "study", csv, "--only", "the moon", "--out"];
    let out = dir.path().join("moon");
    let error = failure(&[&other[..], &[out.to_str().expect("UTF-8")]].concat());
    assert!(error.contains("there is no test of `the moon`"), "{error}");
    let (said, report) = reported(&["switch-profile", csv], &dir.path().join("profile"));
    let profile = &report["profile"];
    for (name, expected) in [
        ("loss_per_switch", 0.0257),
        ("fraction_lost", 0.267),
        ("steady_rate", 12.71),
        ("old_fraction", 0.088),
    ] {
        let end = |which: &str| profile[name][which].as_f64().expect("a number");
        assert!(
            end("low") < expected && expected < end("high"),
            "{name}: {said}"
        );
    }
}

#[test]
fn the_tests_are_calibrated_and_say_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let args = [
        "tpf",
        "study",
        "--calibrate",
        "--captures",
        "40",
        "--shares",
        "400",
    ];
    let (said, report) = reported(&args, &dir.path().join("calibration"));
    assert!(
        said.contains("40 simulated captures of 400 shares"),
        "{said}"
    );
    assert!(
        said.contains("10 of 10 tests reject the null at their stated rate"),
        "{said}"
    );
    let curves = report["curves"].as_array().expect("curves");
    let g = |curve: &Value| curve[1][2]["rejected"].as_u64().expect("a count");
    assert!(
        g(&curves[0]) <= 8 && g(&curves[curves.len() - 1]) > 20,
        "{said}"
    );
}

#[test]
fn what_is_wrong_is_said() {
    let missing = failure(&["tpf", "study", "nowhere.sqlite"]);
    assert!(
        missing.contains("there is no file nowhere.sqlite"),
        "{missing}"
    );
    let missing = failure(&["switch-profile", "nowhere.sqlite"]);
    assert!(missing.contains("name it with --unit"), "{missing}");
    let nothing = failure(&["tpf", "study"]);
    assert!(nothing.contains("CAPTURE"), "{nothing}");
    let both = failure(&["switch-profile", "x.sqlite", "--unit", "s9"]);
    assert!(both.contains("cannot be used with"), "{both}");
}
