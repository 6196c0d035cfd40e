//! Units told apart by how they answer: enrolled and verified over real sockets, and what must be refused.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::example::configs;
use crate::real::real_shares;
use crate::support::{report, said, text, thermine, utf8};

fn puf(args: &[&str]) -> Output {
    let mut command = thermine(&[&["puf"], args].concat());
    command
        .env_remove("THERMINE_PUF_KEY")
        .output()
        .expect("started")
}

fn success(args: &[&str]) -> String {
    said(&puf(args))
}

/// What it says, to either side, if it must not go well.
fn failure(args: &[&str]) -> String {
    let output = puf(args);
    assert!(!output.status.success(), "{args:?} succeeded");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().expect("UTF-8").to_string()
}

fn key(dir: &Path, name: &str, byte: &str) -> String {
    let file: PathBuf = dir.join(name);
    std::fs::write(&file, byte.repeat(32)).expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("set");
    path(dir, name)
}

/// An LV06 on real sockets, of which a challenge takes some 200 s of its own time.
const UNIT: [&str; 2] = ["--unit", "lv06"];
const SMALL: [&str; 10] = [
    "--blocks",
    "3",
    "--jobs",
    "12",
    "--shares",
    "4",
    "--others",
    "16",
    "--other-sessions",
    "4",
];

#[test]
fn a_unit_is_known_again_on_its_wire_and_another_is_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mine, other) = (
        key(dir.path(), "mine.key", "5e"),
        key(dir.path(), "other.key", "a7"),
    );
    let profile = path(dir.path(), "unit-1.json");
    let out = path(dir.path(), "enrol");
    let mut args = vec!["enroll", "--serial", "1", "--seed", "1", "--key", &mine];
    args.extend(["--profile", &profile, "--out", &out]);
    args.extend(UNIT);
    args.extend(SMALL);
    let said = success(&args);
    assert!(
        said.contains("simulated") && said.contains("288 shares that count"),
        "{said}"
    );
    assert!(!said.contains("5e5e"), "the key is never shown: {said}");
    let stored = std::fs::read_to_string(&profile).expect("a profile");
    assert!(!stored.contains("5e5e"));

    let verify = |serial: &str, key: &str, file: &str, out: &str| -> Vec<String> {
        let out = path(dir.path(), out);
        let mut args = vec!["verify", file, "--serial", serial, "--seed", "2"];
        args.extend(["--key", key, "--out", &out, "--false-accept", "0.1"]);
        args.extend(UNIT);
        args.iter().map(ToString::to_string).collect()
    };
    let borrowed = |args: &[String], judged: &dyn Fn(&[&str]) -> String| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        judged(&args)
    };
    let said = borrowed(&verify("1", &mine, &profile, "same"), &success);
    assert!(said.contains("ACCEPTED"), "{said}");
    let decision = std::fs::read_to_string(dir.path().join("same/decision.json"));
    let decision: Value = serde_json::from_str(&decision.expect("written")).expect("JSON");
    assert_eq!(
        (&decision["provenance"], &decision["fresh"]),
        (&"simulated".into(), &false.into())
    );
    assert!(dir.path().join("same/capture.sqlite").exists());
    let said = borrowed(&verify("2", &mine, &profile, "another"), &failure);
    assert!(said.contains("REJECTED"), "{said}");

    // Profiles that are not as they were signed are refused before any unit is asked.
    let said = borrowed(&verify("1", &other, &profile, "no"), &failure);
    assert!(said.contains("signed with another key"), "{said}");
    let changed = path(dir.path(), "changed.json");
    let text = stored.replacen("\"blocks\":3", "\"blocks\":4", 1);
    assert_ne!(text, stored);
    std::fs::write(&changed, text).expect("written");
    let said = borrowed(&verify("1", &mine, &changed, "no"), &failure);
    assert!(said.contains("changed after it was signed"), "{said}");
    assert!(!dir.path().join("no").exists(), "nobody was asked");
}

#[test]
fn a_key_is_asked_for_and_must_be_ones_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let said = failure(&["enroll", "--out", &path(dir.path(), "a")]);
    assert!(
        said.contains("--key") && said.contains("openssl rand"),
        "{said}"
    );
    let open = key(dir.path(), "open.key", "5e");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).expect("set");
    let said = failure(&["verify", "none.json", "--key", &open]);
    assert!(
        said.contains("(mode 644)") && !said.contains("5e5e"),
        "{said}"
    );
    let fine = key(dir.path(), "fine.key", "5e");
    let said = failure(&["verify", "none.json", "--key", &fine]);
    assert!(said.contains("none.json"), "{said}");
}

#[test]
fn the_old_name_of_the_backend_still_works_and_says_the_new_one_once() {
    let said = failure(&["enroll", "--by", "twin"]);
    assert_eq!(said.matches("--backend twin").count(), 1, "{said}");
    assert!(said.contains("openssl rand"), "it went on: {said}");
}

#[test]
fn a_real_capture_holds_no_fingerprint_that_its_shares_could_show() {
    let Some(csv) = real_shares() else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let out = path(dir.path(), "real");
    let said = success(&["report", csv.to_str().expect("UTF-8"), "--out", &out]);
    assert!(said.contains("No fingerprint"), "{said}");
    // Both p values of chips and of cores stand in the sentence.
    let sentence = said.lines().find(|line| line.starts_with("No fingerprint"));
    let sentence = sentence.expect("a verdict");
    for part in [
        "chips: unevenness p 0.",
        "cores: unevenness p 0.",
        "halves of this capture r +0.2",
        "cannot show persistence between captures",
    ] {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    let report = report(&dir.path().join("real"));
    let number = |pointer: &str| -> f64 {
        let value = report.pointer(pointer).and_then(Value::as_f64);
        value.unwrap_or_else(|| panic!("{pointer}"))
    };
    let near = |pointer: &str, expected: f64| {
        let value = number(pointer);
        assert!((value - expected).abs() < 5e-4, "{pointer}: {value}");
    };
    // Counted apart from this program, with a few lines of Python, over the file's 1,572 different shares of 1,600.
    assert_eq!(number("/shares"), 1572.0);
    assert_eq!(number("/strange"), 0.0);
    near("/chips/evenness/chi2", 73.4542);
    near("/cores/evenness/chi2", 106.8168);
    near("/chips/halves/r/value", 0.2456);
    near("/chips/alternate/r/value", 0.2259);
    near("/cores/halves/r/value", 0.0164);
    near("/cores/alternate/r/value", 0.0233);
    near("/chips/smallest_weakness", 3.2 / (1572f64 / 63.0).sqrt());
    assert_eq!(
        report["captures"][0]["provenance"]["replayed"],
        "unverified_device"
    );
}

/// The lines of `csv` that `keep` keeps by their number, in a file of their own below the same head.
fn rows(csv: &Path, dir: &Path, name: &str, keep: impl Fn(usize) -> bool) -> String {
    let text = std::fs::read_to_string(csv).expect("a file");
    let (head, rows) = text.split_once('\n').expect("a head");
    let rows = rows.lines().enumerate().filter(|(i, _)| keep(*i));
    let rows: Vec<&str> = rows.map(|(_, row)| row).collect();
    let file = dir.join(name);
    std::fs::write(&file, format!("{head}\n{}\n", rows.join("\n"))).expect("written");
    utf8(&file).to_owned()
}

#[test]
fn the_real_shares_in_two_files_hold_no_fingerprint() {
    let Some(csv) = real_shares() else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let first = rows(&csv, dir.path(), "first.csv", |i| i < 988);
    let rest = rows(&csv, dir.path(), "rest.csv", |i| i >= 988);
    let out = path(dir.path(), "out");
    let said = success(&["report", &first, &rest, "--out", &out]);
    assert!(
        said.starts_with("No fingerprint in 1572 shares of 2"),
        "{said}"
    );
    let both = ["unevenness p 0.", "persistence between captures r "];
    assert!(both.iter().all(|part| said.contains(part)), "{said}");
    // A share that is in both files would persist whatever the unit is.
    let overlapping = rows(&csv, dir.path(), "overlapping.csv", |i| i >= 900);
    let refused = failure(&[
        "report",
        &first,
        &overlapping,
        "--out",
        &path(dir.path(), "no"),
    ]);
    assert!(refused.contains("not separate captures"), "{refused}");
}

/// A capture of 1,500 shares of a simulated S9 on whose every board the chips in `weak` find half of a sound chip's
/// shares.
fn uneven(dir: &Path, name: &str, weak: std::ops::Range<usize>, seed: &str) -> String {
    let chips: Vec<String> = (0..3)
        .flat_map(|board| {
            weak.clone()
                .map(move |chip| format!("[{}, 0.5]", 63 * board + chip))
        })
        .collect();
    let text = std::fs::read_to_string(configs().join("sim-s9.toml")).expect("an example");
    let silicon = format!(
        "\n[unit.simulated.silicon]\nweak = [{}]\n\n[stratum]",
        chips.join(", ")
    );
    let config = dir.join(format!("{name}.toml"));
    std::fs::write(&config, text.replace("\n[stratum]", &silicon)).expect("written");
    let capture = path(dir, &format!("{name}-{seed}.sqlite"));
    let arguments = ["capture", "record", "--shares", "1500", "--seed", seed];
    let files = ["--config", utf8(&config), "-o", &capture];
    crate::support::success(&[&arguments[..], &files].concat());
    capture
}

#[test]
fn two_captures_of_an_uneven_unit_show_a_fingerprint_and_those_of_two_units_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let one = uneven(dir.path(), "one", 0..20, "1");
    let again = uneven(dir.path(), "one", 0..20, "2");
    let other = uneven(dir.path(), "other", 20..40, "3");
    let judged = |captures: &[&str], name: &str| {
        let out = path(dir.path(), name);
        success(&[&["report"], captures, &["--out", &out]].concat())
    };
    let same = judged(&[&one, &again], "same");
    assert!(
        same.starts_with("A fingerprint: the chips differ, and in the same way in 2 captures"),
        "{same}"
    );
    let two_units = judged(&[&one, &other], "two");
    assert!(two_units.starts_with("No fingerprint"), "{two_units}");
    let alone = judged(&[&one], "alone");
    assert!(
        alone.starts_with("Uneven, and the halves agree, in the chips: record a second capture"),
        "{alone}"
    );
    let refused = failure(&["report", &one, &one, "--out", &path(dir.path(), "no")]);
    assert!(refused.contains("not separate captures"), "{refused}");
}

#[test]
fn a_fleet_is_reported_with_its_plots() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = path(dir.path(), "fleet");
    let said = success(&[
        "report",
        "--unit",
        "lv06",
        "--fleet",
        "8",
        "--sessions",
        "4",
        "--jobs",
        "4",
        "--shares",
        "4",
        "--seed",
        "5",
        "--out",
        &out,
    ]);
    for part in [
        "simulated",
        "seed 5",
        "units all alike",
        "cloned",
        "replayed",
        "relayed",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for file in ["report.json", "roc.svg", "shares.svg"] {
        assert!(dir.path().join("fleet").join(file).exists(), "{file}");
    }
    let said = failure(&["report", "--unit", "bm1387", "--out", &out]);
    assert!(said.contains("no twin"), "{said}");
}
