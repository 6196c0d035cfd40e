//! Tasks, encodings and readouts as a user meets them: the built binary, on twins and over sockets.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{failure, report, run, success, text};

/// Enough steps to learn something from, and few enough to be driven in seconds.
const STEPS: [&str; 6] = ["--washout", "60", "--train", "500", "--test", "500"];

/// Trains on a twin into a new folder, and returns what is said and the folder.
fn train(dir: &Path, name: &str, args: &[&str]) -> (String, PathBuf) {
    let out = dir.join(name);
    let mut all = vec!["train", "--out", out.to_str().expect("UTF-8")];
    all.extend(STEPS);
    all.extend(args);
    (success(&all), out)
}

/// The column of a CSV file whose name begins with `name`.
fn column(csv: &str, name: &str) -> Vec<f64> {
    let mut lines = csv.lines();
    let header = lines.next().expect("a header");
    let index = header
        .split(',')
        .position(|h| h.starts_with(name))
        .unwrap_or_else(|| panic!("no {name} in {header}"));
    lines
        .map(|line| {
            line.split(',')
                .nth(index)
                .expect("a cell")
                .parse()
                .expect("a number")
        })
        .collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum =
        |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - ma, y - mb)).sum::<f64>();
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

const TWIN: [&str; 2] = ["--substrate", "twin"];

#[test]
fn a_pair_encoding_lets_the_device_multiply_and_the_ablation_does_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let shape =
        "--hold 10 --nodes 5 --average --features power --wall-meter --taps 12 --echo-steps 0";
    let shape: Vec<&str> = shape.split(' ').collect();
    let with = |name: &str, encoding: &[&str]| {
        let mut args = vec!["narma10", TWIN[0], TWIN[1]];
        args.extend(&shape);
        args.extend(encoding);
        let (said, folder) = train(dir.path(), name, &args);
        (said, report(&folder)["arms"][0].clone())
    };
    let (said, pair) = with("pair", &["--encoding", "pair"]);
    let score = |arm: &Value| {
        arm["verdict"]["device"]["nrmse"]["value"]
            .as_f64()
            .expect("a score")
    };
    assert!(said.contains("pair + 12 declared taps"), "{said}");
    for row in [
        "the 12 declared taps alone",
        "exact products",
        "unit off",
        "phase-randomised",
    ] {
        assert!(said.contains(row), "{row} in {said}");
    }
    assert!(
        said.contains("the device adds computation beyond its input encoding"),
        "{said}"
    );
    let (said, plain) = with("plain", &["--encode", "duty=0.31:1"]);
    assert!(
        score(&pair) < score(&plain) - 0.05,
        "{} {}",
        score(&pair),
        score(&plain)
    );
    assert!(
        !said.contains("the device adds computation beyond"),
        "{said}"
    );
}

#[test]
fn a_readout_is_saved_and_predicts_where_it_may() {
    let dir = tempfile::tempdir().expect("a folder");
    let args = ["narma10", TWIN[0], TWIN[1], "--encoding", "duty"];
    let (said, folder) = train(dir.path(), "trained", &args);
    assert!(said.contains("echo-state test"), "{said}");
    let readout = folder.join("readout-duty.json");
    let readout = readout.to_str().expect("UTF-8");

    // A twin that it has not seen, with an input that it has not seen.
    let output = run(&["predict", readout, TWIN[0], TWIN[1], "--steps", "600"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let csv = text(&output.stdout);
    let (predicted, target) = (column(&csv, "prediction0"), column(&csv, "target0"));
    assert_eq!(predicted.len(), 600);
    let r = correlation(&predicted[100..], &target[100..]);
    assert!(r > 0.5, "{r}");
    assert!(text(&output.stderr).contains("NRMSE of prediction0"));

    // The capture of its own training gives its own predictions again.
    let capture = folder.join("capture.sqlite");
    let capture = capture.to_str().expect("UTF-8");
    let replay = [
        "predict",
        readout,
        "--substrate",
        "replay",
        "--capture",
        capture,
    ];
    let csv = success(&[&replay[..], &["--seed", "1", "--steps", "1060"]].concat());
    let again = column(&csv, "prediction0");
    let states = std::fs::read_to_string(folder.join("states-duty.csv")).expect("states");
    let said: Vec<f64> = states
        .lines()
        .skip(561)
        .map(|line| {
            line.rsplit(',')
                .next()
                .expect("a cell")
                .parse()
                .expect("a number")
        })
        .collect();
    let furthest = said
        .iter()
        .zip(&again[560..])
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    assert!(furthest < 1e-9, "{furthest}");

    // A unit of another model, a real unit, and a file that is none are refused.
    let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs");
    let other = failure(&[
        "predict",
        readout,
        "-c",
        &format!("{configs}/sim-lv06.toml"),
    ]);
    assert!(other.contains("is of a antminer-s9"), "{other}");
    let real = failure(&[
        "predict",
        readout,
        "-c",
        &format!("{configs}/antminer-s9.toml"),
    ]);
    assert!(
        real.contains("trained on states of provenance `simulated`"),
        "{real}"
    );
    let edited = std::fs::read_to_string(readout).expect("JSON");
    let edited = edited.replace("board6.chip_temp", "board6.chip_heat");
    let strange = dir.path().join("strange.json");
    std::fs::write(&strange, edited).expect("written");
    let strange = strange.to_str().expect("UTF-8");
    let said = failure(&["predict", strange, TWIN[0], TWIN[1]]);
    assert!(said.contains("board6.chip_heat"), "{said}");
}

#[test]
fn a_file_of_ones_own_several_seeds_and_a_capacity() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("mine.csv");
    let rows: String = (0..700)
        .map(|t| {
            let u = |t: i32| (f64::from(t) * 0.7).sin() * (f64::from(t) * 0.13).cos();
            format!("{},{},{}\n", u(t), u(t - 1), u(t) * u(t - 1))
        })
        .collect();
    std::fs::write(&file, format!("in,out,product\n{rows}")).expect("written");
    let file = file.to_str().expect("UTF-8");
    let out = dir.path().join("mine");
    let mine = [
        "train", "--data", file, "--input", "in", "--target", "out", "--target", "product",
    ];
    let run = [
        &mine[..],
        &TWIN,
        &["--encoding", "duty", "--out", out.to_str().expect("UTF-8")],
    ];
    let said = success(&run.concat());
    assert!(
        said.contains("mine on sim-s9") && said.contains("| product "),
        "{said}"
    );
    let wrong = ["train", "--data", file, "--input", "inn", "--target", "out"];
    assert!(failure(&wrong).contains("there is no column `inn`; the columns are in, out, product"));

    let args = [
        "narma10",
        TWIN[0],
        TWIN[1],
        "--encoding",
        "duty",
        "--seeds",
        "2",
    ];
    let (said, folder) = train(dir.path(), "seeds", &args);
    assert!(
        said.contains("2 seeds (1 to 2)") && said.contains("0 of 2"),
        "{said}"
    );
    for file in ["seeds.json", "seed1/report.json", "seed2/capture.sqlite"] {
        assert!(folder.join(file).exists(), "{file}");
    }

    let args = ["memory-capacity", TWIN[0], TWIN[1], "--encoding", "duty"];
    let (said, folder) = train(dir.path(), "memory", &args);
    assert!(said.contains("as much or more: delay line of 9"), "{said}");
    assert!(folder.join("memory.svg").exists());
    let states = std::fs::read_to_string(folder.join("states-duty.csv")).expect("states");
    let inputs = column(&states, "input");
    let duties = column(&states, "drive.duty");
    // The largest input sets the least duty.
    assert!(correlation(&inputs, &duties) < -0.99, "the drive follows");
    assert!(!states.contains("target") && !states.contains("prediction"));
    let memory = |row: usize| {
        let total = &report(&folder)["rows"][row]["memory"]["total"];
        total.as_f64().expect("a capacity")
    };
    assert!((1.0..4.0).contains(&memory(0)), "{}", memory(0));
    assert!(memory(2) > 8.5, "a delay line of nine: {}", memory(2));
}

#[test]
fn a_clock_follows_the_input_over_the_wire_where_the_wire_can() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("lv06");
    let args = "train narma10 --unit lv06 --encode frequency=500:200 --hold 6 --features power,fan,waits,timescales \
                --washout 20 --train 60 --test 60 --echo-steps 0 --off-steps 0 --out";
    let mut args: Vec<&str> = args.split_whitespace().collect();
    args.push(out.to_str().expect("UTF-8"));
    success(&args);
    let states = std::fs::read_to_string(out.join("states-custom.csv")).expect("states");
    let r = correlation(
        &column(&states, "drive.frequency"),
        &column(&states, "power"),
    );
    assert!(r > 0.9, "the power follows the clock: {r}");
    let jitter = column(&states, "wait.allan1");
    assert!(jitter.iter().all(|deviation| *deviation >= 0.0) && jitter.iter().any(|d| *d > 0.0));

    let said = failure(&["train", "narma10", "--encoding", "pair"]);
    assert!(said.contains("cannot be set so over its wire"), "{said}");
    let said = failure(&[
        "train",
        "narma10",
        "--encode",
        "frequency=100:9000",
        TWIN[0],
        TWIN[1],
    ]);
    assert!(said.contains("9000 is outside"), "{said}");
}
