//! Files of strangers: nothing in them commands a terminal, forges a formula, aborts the program or costs a user's file.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{failure, run, success, text, utf8};

const HEAD: &str = "timestamp,job_id,jitter_ms,version,prevhash,coinb1,coinb2,extranonce1,extranonce2,merkle_branch,ntime,\
                    nbits,nonce";

/// A CSV file of one share of the job `job`.
fn share(path: &Path, job: &str, nonce: &str) {
    let hash = "00".repeat(32);
    let row = format!("1.0,{job},5.0,20000000,{hash},01,02,0a,00000000,,65000000,1d00ffff,{nonce}");
    fs::write(path, format!("{HEAD}\n{row}\n")).expect("written");
}

#[test]
fn an_imported_formula_is_text_in_an_export_and_a_users_partial_file_stays() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let (csv, capture, table) = (at("b.csv"), at("i.sqlite"), at("x.csv"));
    share(&csv, "\"=cmd|'/c calc'!A1\u{1b}[2J\"", "00000001");
    for users in ["i.partial", ".i.sqlite.partial"] {
        fs::write(at(users), "precious").expect("written");
    }
    let files = ["--out", utf8(&capture), "--difficulty", "1"];
    success(&[&["capture", "import", utf8(&csv)], &files[..]].concat());
    for users in ["i.partial", ".i.sqlite.partial"] {
        assert_eq!(fs::read_to_string(at(users)).expect("there"), "precious");
    }
    let left = fs::read_dir(dir.path()).expect("a folder").count();
    assert_eq!(left, 4, "the import leaves the capture only");
    for what in ["shares", "jobs"] {
        let _ = fs::remove_file(&table);
        let export = [
            "capture",
            "export",
            utf8(&capture),
            "-f",
            "csv",
            "--what",
            what,
        ];
        success(&[&export[..], &["--out", utf8(&table)]].concat());
        let written = fs::read_to_string(&table).expect("a table");
        assert!(
            written.contains(r"'=cmd|'/c calc'!A1\u001b[2J"),
            "{what}: {written}"
        );
        assert!(!written.contains('\u{1b}'), "{what}: {written:?}");
    }
}

#[test]
fn an_error_repeats_what_a_file_says_without_its_commands_and_cut() {
    let dir = tempfile::tempdir().expect("a folder");
    let csv = dir.path().join("b.csv");
    for nonce in ["\u{1b}[2Jowned\u{9b}31m", &"f".repeat(100_000)] {
        share(&csv, "j", nonce);
        let said = failure(&["capture", "import", utf8(&csv)]);
        assert!(said.contains("nonce"), "{said}");
        assert!(
            !said.contains(['\u{1b}', '\u{9b}']) && said.len() < 2000,
            "{said:?}"
        );
    }
    let said = failure(&["capture", "import", "/dev/zero"]);
    assert!(said.contains("a device and not a regular file"), "{said}");
    let config = dir.path().join("c.toml");
    fs::write(&config, "\"\\u001b[2Jowned\\u202e\" = 1\n").expect("written");
    let checked = run(&["config", "check", utf8(&config)]);
    assert!(!checked.status.success());
    let said = text(&checked.stdout);
    assert!(
        said.contains(r"unknown key `\u001b[2Jowned\u202e`"),
        "{said:?}"
    );
}

/// A readout that a twin has been trained with, and a place for one that is changed.
struct Trained {
    dir: tempfile::TempDir,
    sound: Value,
}

impl Trained {
    fn new() -> Trained {
        let dir = tempfile::tempdir().expect("a folder");
        let out = dir.path().join("out");
        let steps = [
            "--washout",
            "30",
            "--train",
            "100",
            "--test",
            "50",
            "--substrate",
            "twin",
        ];
        success(&[&["train", "narma10", "--out", utf8(&out)], &steps[..]].concat());
        let sound = fs::read_to_string(out.join("readout-monologue.json")).expect("a readout");
        let sound = serde_json::from_str(&sound).expect("JSON");
        Trained { dir, sound }
    }

    /// The sound readout with one value changed in what it says of its training.
    fn with(&self, part: &str, path: &[&str], value: Value) -> Value {
        let mut readout = self.sound.clone();
        let text = readout["provenance"][part]
            .as_str()
            .expect("text")
            .to_owned();
        let mut said: Value = serde_json::from_str(&text).expect("JSON");
        let place = path.iter().fold(&mut said, |inner, key| &mut inner[*key]);
        *place = value;
        readout["provenance"][part] = said.to_string().into();
        readout
    }

    /// Predicts with a readout.
    fn predict(&self, readout: &str) -> std::process::Output {
        let file = self.dir.path().join("m.json");
        fs::write(&file, readout).expect("written");
        run(&[
            "predict",
            utf8(&file),
            "--substrate",
            "twin",
            "--steps",
            "5",
        ])
    }

    /// Asserts that a readout is refused for this reason.
    fn refused(&self, readout: &Value, why: &str) {
        let output = self.predict(&readout.to_string());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{why}: {said}");
        assert!(
            said.contains(why) && !said.contains("panicked"),
            "{why}: {said}"
        );
    }
}

#[test]
fn a_sound_readout_predicts() {
    let trained = Trained::new();
    let output = trained.predict(&trained.sound.to_string());
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_readout_whose_training_is_said_to_be_impossible_is_refused() {
    let trained = Trained::new();
    for (part, path, value, why) in [
        (
            "recipe",
            &["features", "history"][..],
            json!(1_000_000_000),
            "features.history",
        ),
        (
            "recipe",
            &["features", "high_pass"],
            json!(1e300),
            "features.high_pass",
        ),
        ("recipe", &["taps"], json!(10_000_000_000_u64), "taps"),
        ("encoding", &["nodes"], json!(1_000_000_000), "encoding"),
        (
            "step",
            &["timeout_seconds"],
            json!(1e300),
            "step.timeout_seconds",
        ),
        ("range", &[], json!([1.0, 1.0]), "range"),
    ] {
        trained.refused(&trained.with(part, path, value), why);
    }
}

#[test]
fn a_readout_with_weights_beyond_every_number_is_refused() {
    let trained = Trained::new();
    let mut large = trained.sound.clone();
    for weight in large["weights"][0].as_array_mut().expect("a list") {
        *weight = json!(1e308);
    }
    trained.refused(&large, "not finite");
}

#[test]
fn what_is_no_readout_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("m.json");
    fs::write(&file, "[".repeat(1_000_000)).expect("written");
    failure(&["predict", utf8(&file), "--substrate", "twin"]);
    let said = failure(&["predict", "/dev/zero", "--substrate", "twin"]);
    assert!(said.contains("not a regular file"), "{said}");
}

#[test]
fn the_log_has_no_colours_where_it_is_no_terminal() {
    let dir = tempfile::tempdir().expect("a folder");
    let args = ["vbm", "bench", "--seconds", "2", "--repeats", "2"];
    let output = crate::support::thermine(&args)
        .env("THERMINE_LOG", "info")
        .current_dir(dir.path())
        .output()
        .expect("it runs");
    let log = text(&output.stderr);
    assert!(!log.contains('\u{1b}'), "{log:?}");
    assert!(
        !log.contains("ERROR"),
        "a healthy bench has no errors: {log}"
    );
}
