//! `thermine sweep`: what it says first, what it finds, and that an interruption costs nothing.

use std::path::Path;
use std::process::Output;

use crate::support::{run, text, utf8};

fn sweep(folder: &Path, args: &[&str]) -> Output {
    run(&[&["sweep"], args, &["--out", utf8(folder)]].concat())
}

/// Two clocks at one voltage, and one voltage at which nothing can be right.
const SMALL: [&str; 12] = [
    "--voltage",
    "8.2",
    "--frequency",
    "300:600:100",
    "--difficulty",
    "1024",
    "--window",
    "100",
    "--train",
    "100",
    "--hold",
    "5",
];

#[test]
fn what_the_published_grid_can_hold_is_said_before_anything_is_driven() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("none");
    let output = sweep(&out, &["--feasibility"]);
    let said = text(&output.stdout);
    assert!(output.status.success());
    assert!(
        said.contains("952 cells. A window of 300 s holds 4.6 to 882 shares"),
        "{said}"
    );
    assert!(
        said.contains("10,000+ shares per cell are reached by none"),
        "{said}"
    );
    assert!(!out.exists());
}

#[test]
fn a_sweep_goes_on_where_it_was_cut_and_refuses_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole");
    let output = sweep(&whole, &SMALL);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        said.contains("4 of 4 cells") && said.contains("simulated by twin"),
        "{said}"
    );
    assert!(said.contains("0.586") && said.contains("0.0915"), "{said}");
    let csv = std::fs::read_to_string(whole.join("cells.csv")).expect("the cells");
    assert_eq!(csv.lines().count(), 5);
    let map = std::fs::read_to_string(whole.join("z-d1024.svg")).expect("a map");
    assert!(map.starts_with("<svg") && map.matches("<title>").count() == 4);

    // As if it had been killed in its third cell.
    let cut = folder.path().join("cut");
    std::fs::create_dir(&cut).expect("a folder");
    let journal = std::fs::read_to_string(whole.join("cells.jsonl")).expect("the journal");
    let kept: Vec<&str> = journal.lines().take(3).collect();
    let torn = format!("{}\n{{\"index\":3,", kept.join("\n"));
    std::fs::write(cut.join("cells.jsonl"), torn).expect("written");
    let output = sweep(&cut, &SMALL);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(said.contains("2 of 4 cells are finished already"), "{said}");
    let again = std::fs::read_to_string(cut.join("cells.csv")).expect("the cells");
    assert_eq!(again, csv);

    let mut other = SMALL;
    other[7] = "101";
    let output = sweep(&cut, &other);
    assert!(!output.status.success());
    assert!(
        text(&output.stderr).contains("of another sweep"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn what_cannot_be_swept_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, expected) in [
        (&["--unit", "bm1387"][..], "bare chips"),
        (&["--frequency", "600:200:25"], "LOW up to HIGH"),
        (&["--difficulty", "0"], "10^12"),
        (&["--window", "0"], "--window 0"),
        (&["--train", "3"], "--train 3"),
        (
            &["--frequency", "1:1000:1", "--voltage", "7:8:0.01"],
            "larger steps",
        ),
    ] {
        let output = sweep(&folder.path().join("out"), args);
        let error = text(&output.stderr);
        assert!(
            !output.status.success() && error.contains(expected),
            "{args:?}: {error}"
        );
    }
    // Beyond the hardware: a cell is refused, and says why.
    let out = folder.path().join("high");
    let output = sweep(
        &out,
        &[
            "--voltage",
            "9.9",
            "--frequency",
            "600",
            "--difficulty",
            "1024",
        ],
    );
    let said = text(&output.stdout);
    assert!(
        output.status.success() && said.contains("is outside the model's"),
        "{said}"
    );
}

#[test]
fn a_unit_on_its_wire_is_swept_through_its_interlock() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/sim-lv06.toml");
    let folder = tempfile::tempdir().expect("a folder");
    let mut args = vec![
        "--config",
        config.to_str().expect("a path"),
        "--voltage",
        "1.2",
    ];
    args.extend(["--frequency", "400:600:200", "--difficulty", "256"]);
    args.extend(["--window", "100", "--train", "100", "--hold", "5"]);
    let output = sweep(&folder.path().join("out"), &args);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(
        said.contains("2 of 2 cells") && said.contains(": simulated, seed 1"),
        "{said}"
    );
    assert!(
        said.contains("outside the model's limits"),
        "600 MHz is beyond an LV06: {said}"
    );
    let csv = std::fs::read_to_string(folder.path().join("out/cells.csv")).expect("the cells");
    let row: Vec<&str> = csv.lines().nth(1).expect("400 MHz").split(',').collect();
    assert!(row[3].parse::<u32>().expect("shares") > 10, "{csv}");
}
