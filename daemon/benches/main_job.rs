//! The main job as a user runs it: wall time, memory and score on sockets; and the scores over ten seeds
//! on the twin, which has the same physics and takes seconds.

#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Seeds of the table.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=10;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Runs the program and returns its report, with wall seconds and peak resident memory in MB where the
/// system tells.
fn run(folder: &Path, args: &[&str]) -> Outcome<(Value, f64, Option<f64>)> {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_thermine"))
        .args(["train", "narma10", "--out"])
        .arg(folder)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    while child.try_wait()?.is_none() {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes =
                line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
            peak = kilobytes.map(|kb| kb / 1000.0).or(peak);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let seconds = began.elapsed().as_secs_f64();
    let report = std::fs::read_to_string(folder.join("report.json"))?;
    Ok((serde_json::from_str(&report)?, seconds, peak))
}

/// NRMSE of each arm, then of each control of the first.
fn scores(report: &Value) -> Vec<(String, f64)> {
    let nrmse = |score: &Value| score["nrmse"]["value"].as_f64().unwrap_or(f64::NAN);
    let arms = report["arms"].as_array().cloned().unwrap_or_default();
    let mut rows: Vec<(String, f64)> = arms
        .iter()
        .map(|arm| (arm["mode"].to_string(), nrmse(&arm["verdict"]["device"])))
        .collect();
    let controls = report["arms"][0]["verdict"]["controls"].as_array().cloned();
    for control in controls.unwrap_or_default() {
        rows.push((
            format!("control: {}", control["control"]),
            nrmse(&control["score"]),
        ));
    }
    rows
}

fn main() -> Outcome<()> {
    let dir = tempfile::tempdir()?;
    let (report, seconds, peak) = run(&dir.path().join("sockets"), &[])?;
    let peak = peak.map_or_else(|| "not known here".into(), |mb| format!("{mb:.0} MB"));
    println!("main job on sockets, simulated S9, seed 1: {seconds:.1} s, peak memory {peak}");
    for (row, value) in scores(&report) {
        println!("  {row:<32} {value:.3}");
    }
    println!("twin, simulated S9, seeds 1 to 10: NRMSE, mean ± standard deviation");
    let mut table: Vec<(String, Vec<f64>)> = Vec::new();
    for seed in SEEDS {
        let folder = dir.path().join(seed.to_string());
        let (report, ..) = run(
            &folder,
            &["--substrate", "twin", "--seed", &seed.to_string()],
        )?;
        for (i, (row, value)) in scores(&report).into_iter().enumerate() {
            match table.get_mut(i) {
                Some((_, values)) => values.push(value),
                None => table.push((row, vec![value])),
            }
        }
        std::fs::remove_dir_all(&folder)?;
    }
    for (row, values) in table {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        println!("  {row:<32} {mean:.3} ± {sd:.3}  (n = {n})");
    }
    Ok(())
}
