//! `thermine tpf` as a user meets it.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{report, run, said, success, utf8};

/// The report of a run that must have succeeded.
fn report_of(output: &Output, out: &Path) -> Value {
    said(output);
    report(out)
}

fn tpf(args: &[&str], out: &Path) -> Output {
    run(&[&["tpf"], args, &["--out", utf8(out)]].concat())
}

#[test]
fn twin_puts_the_papers_figures_beside_its_procedures_and_what_they_leave_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("twin");
    let args = [
        "--train",
        "2000",
        "--test",
        "4000",
        "--exit-nonces",
        "65536",
        "--demonstrate-leak",
    ];
    let args = [&["twin"], &args[..]].concat();
    let text = said(&tpf(&args, &out));
    for needed in [
        "92.19 %, 0 kept of 4000",
        "12.8×",
        "88.50 %",
        "physical null, λ = 0",
        "final-hash oracle (published)",
        "Thermine.Energy.one_le_costPerShare_of_independent",
        "event in the same window",
        "0 of 0 successes (2^-20)",
    ] {
        assert!(text.contains(needed), "{needed} in {text}");
    }
    let report = report(&out);
    // 0.004 successes expected: recall is unidentified, and no ρ is told.
    assert_eq!(report["legacy"]["account"]["successes"], 0);
    assert_eq!(report["legacy"]["bill"]["per_share"], Value::Null);
    assert_eq!(report["same_window"]["accuracy"], 1.0);
    let exit = &report["early_exit"]["account"];
    assert_eq!(exit["candidates"], 65_536);
    assert_eq!(exit["found"], exit["successes"]);
    assert_eq!(exit["kept"], exit["successes"]);
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 4 * 7);
    // With the oracle and a cut by the likelihood ratio a share is cheap; that is what was put in.
    let oracle = rows
        .iter()
        .filter(|row| row["observable"] == "final_hash" && row["cut"] == "cheapest");
    for row in oracle {
        let rho = row["accounts"][0][1]["per_share"]["value"].as_f64();
        assert!(rho.is_some_and(|rho| rho < 0.5), "{row}");
    }
    assert!(out.join("activity.svg").exists() && out.join("filters.svg").exists());
}

#[test]
fn curve_is_chance_and_then_exact() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("curve");
    let text = said(&tpf(&["curve", "--nonces", "1000", "--every", "64"], &out));
    assert!(text.contains("none: no nonce in it"));
    let report = report(&out);
    let points = report["points"].as_array().expect("points");
    let exact: Vec<u64> = points
        .iter()
        .filter(|point| point["auc"]["value"] == 1.0)
        .filter_map(|point| {
            Some(64 * (point["compression"].as_u64()? - 1) + point["round"].as_u64()?)
        })
        .collect();
    assert_eq!(exact, [125, 126, 127, 128]);
    assert!(out.join("curve.svg").exists());

    let few = tpf(
        &["curve", "--nonces", "600", "--every", "64", "--bits", "30"],
        &dir.path().join("few"),
    );
    assert!(!few.status.success());
    assert!(String::from_utf8_lossy(&few.stderr).contains("fewer --bits"));
}

#[test]
fn live_counts_every_share_of_both_arms() {
    let dir = tempfile::tempdir().expect("a folder");
    let short = [
        "--train",
        "40",
        "--pairs",
        "3",
        "--block",
        "6",
        "--to-the-end",
    ];
    for backend in ["twin", "wire"] {
        let out = dir.path().join(backend);
        let args = [&["live", "--backend", backend], &short[..]].concat();
        let text = said(&tpf(&args, &out));
        assert!(text.contains("no pool sees any of it"));
        let report = report(&out);
        assert_eq!(
            (&report["pairs"], &report["power"]),
            (&Value::from(3), &Value::from("measured"))
        );
        assert_eq!(report["filter"]["steps"], 18);
        assert_eq!(report["pass"]["steps"], 18);
        assert_eq!(report["pass"]["aborted"], 0);
        assert!(
            report["filter"]["aborted"]
                .as_u64()
                .is_some_and(|n| n > 0 && n < 18)
        );
        assert!(out.join("evidence.svg").exists());
        let shares = |arm: &str| -> u64 {
            ["counted", "settling"]
                .iter()
                .filter_map(|part| report[arm][part]["shares"].as_u64())
                .sum()
        };
        assert!(shares("filter") > 0 && shares("pass") > 0);
        // The capture holds these and those of training.
        let capture = out.join("capture.sqlite");
        let info = success(&["capture", "info", utf8(&capture)]);
        assert!(info.contains("finished"), "{info}");
    }
}

#[test]
fn live_without_a_power_reading_says_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = tpf(
        &["live", "--unit", "s9", "--backend", "twin"],
        &dir.path().join("s9"),
    );
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("give --watts"), "{said}");
}

#[test]
fn the_old_name_of_the_backend_still_works_and_says_the_new_one_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("old");
    let old = ["live", "--on", "twin", "--train", "20", "--pairs", "1"];
    let output = tpf(&[&old[..], &["--block", "1"]].concat(), &out);
    assert_eq!(report_of(&output, &out)["on"], "twin");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("--backend twin").count(), 1, "{said}");
    let both = tpf(
        &["live", "--on", "twin", "--backend", "twin"],
        &dir.path().join("both"),
    );
    assert!(!both.status.success());
}

#[test]
fn everything_that_is_wrong_is_said_before_anything_is_made() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("none");
    let output = tpf(&["twin", "--bits", "99", "--train", "1"], &out);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("bits 99") && said.contains("train 1"),
        "{said}"
    );
    assert!(!out.exists());
}
