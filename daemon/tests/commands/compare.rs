//! A simulated share log beside that of a real S9: the same analyses, and values inside its intervals.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::real::real_shares;
use crate::support::{success, utf8};

/// Chip clock, domain voltage and fan at which the simulated unit has the real one's work rate and hash rate.
const DRIVE: [&str; 6] = ["--frequency", "675", "--voltage", "0.438", "--fan", "1"];

fn compare(a: &Path, b: &Path) -> Value {
    let text = success(&["capture", "compare", utf8(a), utf8(b), "--json"]);
    serde_json::from_str(&text).expect("JSON")
}

/// A recorded capture of `shares` answers.
fn recorded(folder: &Path, shares: &str) -> PathBuf {
    let out = folder.join("sim.sqlite");
    let mut args = vec![
        "capture",
        "record",
        "--unit",
        "s9",
        "--shares",
        shares,
        "--out",
        utf8(&out),
    ];
    args.extend(DRIVE);
    let said = success(&args);
    assert!(said.contains("simulated, seed 1"), "{said}");
    out
}

/// What the real capture measures: `quantity,value,low,high`, from `thermine capture compare`.
fn reference() -> Vec<(String, [f64; 3])> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/antminer-s9-quantities.csv");
    let mut reader = csv::Reader::from_path(file).expect("the reference");
    reader
        .records()
        .map(|record| {
            let record = record.expect("a row");
            let number = |i: usize| record[i].parse().expect("a number");
            (record[0].to_string(), [number(1), number(2), number(3)])
        })
        .collect()
}

fn row<'a>(comparison: &'a Value, name: &str) -> &'a Value {
    let rows = comparison["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["name"] == name);
    row.unwrap_or_else(|| panic!("no row {name}"))
}

#[test]
fn a_simulated_s9_measures_what_a_real_one_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let simulated = recorded(folder.path(), "12000");
    let itself = compare(&simulated, &simulated);
    assert_eq!(itself["differing"], 0);
    assert_eq!(itself["inside"], itself["compared"]);
    let mut outside = Vec::new();
    let reference = reference();
    for (name, [_, low, high]) in &reference {
        let value = row(&itself, name)["b"]["value"].as_f64().expect("a value");
        if !(*low..=*high).contains(&value) {
            outside.push(format!("{name}: {value} is not in {low} to {high}"));
        }
    }
    // Of the same law one value in twenty lies outside a 95 % interval, and one capture's values hang together.
    assert!(reference.len() >= 38 && outside.len() <= 3, "{outside:#?}");

    let Some(csv) = real_shares() else {
        return;
    };
    let real = folder.path().join("real.sqlite");
    success(&["capture", "import", utf8(&csv), "--out", utf8(&real)]);
    let comparison = compare(&real, &simulated);
    assert_eq!(comparison["differing"], 0, "{:#}", comparison["rows"]);
    let number = |key: &str| comparison[key].as_u64().expect("a number");
    assert!(number("inside") + 3 >= number("compared") && number("compared") >= 38);
    for (name, [value, low, high]) in &reference {
        let a = &row(&comparison, name)["a"];
        for (key, expected) in [("value", value), ("low", low), ("high", high)] {
            let found = a[key].as_f64().expect("a number");
            assert!(
                (found - expected).abs() <= 1e-6 * expected.abs().max(1e-3),
                "{name}, {key}: {found} {expected}"
            );
        }
    }
    // Real answers come in steps, simulated ones do not.
    let period = row(&comparison, "comb of Δt: period");
    let found = period["a"]["value"].as_f64().expect("a period");
    assert!(
        (found - 1.158).abs() < 0.002 && period["b"].is_null(),
        "{period}"
    );
    let law = |name: &str| {
        let laws = comparison["same"].as_array().expect("laws");
        let law = laws.iter().find(|law| law["name"] == name).expect("a law");
        law["test"]["p"].as_f64().expect("a probability")
    };
    assert!(law("difficulty of shares") > 0.01 && law("Δt of first answers") > 0.01);
    assert!(law("delays of copies") > 0.01);
}

#[test]
fn another_drive_is_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("slow.sqlite");
    let (n, f) = ("2000", "500");
    success(&[
        "capture",
        "record",
        "--shares",
        n,
        "--frequency",
        f,
        "--seed",
        "3",
        "--out",
        utf8(&out),
    ]);
    let comparison = compare(&out, &out);
    let clock = row(&comparison, "clock by the work counter");
    let found = clock["b"]["value"].as_f64().expect("a clock");
    assert!((found - 500.0).abs() < 15.0, "{found}");
    let reference = reference();
    let rate = reference
        .iter()
        .find(|(name, _)| name == "unique shares")
        .expect("the rate");
    let slow = row(&comparison, "unique shares")["b"]["value"]
        .as_f64()
        .expect("a rate");
    assert!(slow < rate.1[1], "{slow}");
}
