//! `thermine wall-meter`: on a simulated S9 whose `idle` is known, over sockets.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{failure, report, reported, success, thermine, utf8};

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn idle_is_recovered_over_its_whole_range() {
    let dir = tempfile::tempdir().expect("a folder");
    for (idle, seed) in [("0", "1"), ("0.15", "2"), ("0.5", "3"), ("1", "4")] {
        let out = dir.path().join(format!("idle{idle}"));
        let assume = format!("idle={idle}");
        let args = [
            "wall-meter",
            "--unit",
            "s9",
            "--assume",
            &assume,
            "--seed",
            seed,
        ];
        let (said, report) = reported(&args, &out);
        let known: f64 = idle.parse().expect("a number");
        let found = &report["idle"];
        let (low, high) = (number(&found["low"]), number(&found["high"]));
        // Near 0 the leakage, of which little is known, hides it most.
        assert!(high - low < 0.25, "{said}");
        assert!(low - 0.01 <= known && known <= high + 0.01, "{said}");
        assert_eq!(said.contains("1 is ruled out"), known < 0.9, "{said}");
        assert_eq!(said.contains("0.15 is ruled out"), known > 0.3, "{said}");
    }
}

#[test]
fn a_log_of_a_meter_is_judged_by_an_earlier_drive() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("drive");
    let (_, driven) = reported(&["wall-meter", "--level", "60"], &out);
    let course = fs::read_to_string(out.join("course.json")).expect("a drive");
    let course: Value = serde_json::from_str(&course).expect("JSON");
    let all = course["watts"].as_array().expect("readings");
    let log = |file: &Path, rows: &[Value]| {
        let rows = rows
            .iter()
            .map(|row| format!("{},{}\n", row["unix_s"], row["watts"]));
        let text = format!("time,watts\n{}", rows.collect::<String>());
        fs::write(file, text).expect("written");
    };
    let file = dir.path().join("plug.csv");
    let judge = [
        "wall-meter",
        utf8(&out),
        "--watts",
        utf8(&file),
        "--others",
        "0:0",
    ];
    log(&file, all);
    let said = success(&judge);
    let value = format!("idle = {:.3}", number(&driven["idle"]["value"]));
    assert!(said.contains(&value), "{value} in {said}");

    log(&file, &all[..all.len() / 2]);
    let said = failure(&judge);
    assert!(said.contains("has no reading of the meter"), "{said}");
    fs::write(&file, "when,W\n1,2\n").expect("written");
    let said = failure(&judge);
    assert!(said.contains("no column `time`"), "{said}");
}

#[test]
fn what_a_person_types_is_taken_for_the_level_that_was_asked_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs/sim-s9.toml");
    let text = fs::read_to_string(example).expect("text");
    let text = text.replacen("[unit.simulated]", "[unit.simulated]\nspeed = 20", 1);
    let config = dir.path().join("mine.toml");
    fs::write(&config, text).expect("written");
    let out = dir.path().join("out");
    let mut child = thermine(&[
        "wall-meter",
        "--ask",
        "--level",
        "20",
        "--config",
        utf8(&config),
        "--out",
        utf8(&out),
    ])
    .stdin(Stdio::piped())
    .stdout(Stdio::null())
    .stderr(Stdio::piped())
    .spawn()
    .expect("started");
    let mut typed = child.stdin.take().expect("its input");
    let mut watts = 0.0;
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().expect("its errors")).lines() {
        let line = line.expect("text");
        said.push_str(&line);
        said.push('\n');
        let mut say = |watts: f64, times: usize| {
            let line = format!("{watts}\n").repeat(times);
            // At its end the program reads no more.
            let _ = typed.write_all(line.as_bytes());
        };
        if let Some((_, duty)) = line.split_once(", duty ") {
            let duty: f64 = duty
                .split(':')
                .next()
                .expect("a duty")
                .parse()
                .expect("a number");
            watts = 200.0 + 1000.0 * duty;
            say(watts, 2);
        } else if line.contains("type it again") {
            say(watts, 1);
        }
    }
    assert!(child.wait().expect("ended").success(), "{said}");
    for level in report(&out)["levels"].as_array().expect("levels") {
        let typed = 200.0 + 1000.0 * number(&level["duty"]);
        assert!((number(&level["watts"]) - typed).abs() < 1e-9, "{level}");
    }
}
