//! Steps in which the unit's connection broke, as a capture tells of them; and data that can be read only once.

use rusqlite::Connection;
use serde_json::json;

use crate::support::{reported, success, utf8};

/// Steps of the run.
const SPLIT: [&str; 6] = ["--washout", "20", "--train", "90", "--test", "70"];

#[test]
fn interrupted_steps_and_what_looks_back_on_them_are_neither_trained_nor_scored_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("whole");
    let run = [
        &[
            "train",
            "narma10",
            "--substrate",
            "twin",
            "--encoding",
            "duty",
            "--history",
            "3",
        ],
        &SPLIT[..],
        &["--echo-steps", "20", "--off-steps", "20"],
    ]
    .concat();
    let (_, whole) = reported(&run, &out);
    let device = |report: &serde_json::Value| report["arms"][0]["verdict"]["device"].clone();
    assert_eq!(device(&whole)["train_steps"], 90);

    // Two steps of the training and one of the test lose their unit.
    let capture = out.join("capture.sqlite");
    let database = Connection::open(&capture).expect("opens");
    let marked = database
        .execute(
            "UPDATE step SET observation = json_set(observation, '$.outcome', 'interrupted', '$.gap', \
             json('{\"secs\": 2, \"nanos\": 500000000}')) \
             WHERE step IN (40, 42, 150) AND stream = (SELECT id FROM stream WHERE name = ?1)",
            [whole["arms"][0]["name"].as_str().expect("a name")],
        )
        .expect("marked");
    assert_eq!(marked, 3);
    drop(database);

    let replay = dir.path().join("replay");
    let args = [
        "train",
        "narma10",
        "--substrate",
        "replay",
        "--capture",
        utf8(&capture),
    ];
    let (said, report) = reported(&args, &replay);
    assert!(
        said.contains("connection lost in 3 steps, 7.5 s in all: 8 rows left out"),
        "{said}"
    );
    // Rows 40 to 44 and 150 to 152: a readout with a history of 3 looks back two steps.
    let device = device(&report);
    assert_eq!(
        (&device["train_steps"], &device["test_steps"]),
        (&json!(85), &json!(67))
    );
    let account = &report["arms"][0];
    assert_eq!(
        (&account["interrupted"], &account["left_out"]),
        (&json!(3), &json!(8))
    );
    let name = report["arms"][0]["name"].as_str().expect("a name");
    let states =
        std::fs::read_to_string(replay.join(format!("states-{name}.csv"))).expect("states");
    let left_out: Vec<usize> = states
        .lines()
        .skip(1)
        .enumerate()
        .filter(|(_, line)| line.contains(",left out,"))
        .map(|(row, _)| row)
        .collect();
    assert_eq!(left_out, [40, 41, 42, 43, 44, 150, 151, 152]);
    let predicted = states.lines().skip(1).filter(|line| !line.ends_with(','));
    assert_eq!(predicted.count(), 67);
}

#[test]
fn data_may_come_through_a_pipe() {
    let dir = tempfile::tempdir().expect("a folder");
    let pipe = dir.path().join("data");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    let mut table = "t;u;y\n".to_string();
    for t in 0..180 {
        let u = f64::from(t * 37 % 101) / 202.0;
        table += &format!("{t};{u};{}\n", u * u).replace('.', ",");
    }
    let feed = {
        let pipe = pipe.clone();
        std::thread::spawn(move || std::fs::write(pipe, table))
    };
    let out = dir.path().join("out");
    let args = [
        &[
            "train",
            "--data",
            utf8(&pipe),
            "--target",
            "y",
            "--substrate",
            "twin",
        ],
        &SPLIT[..],
        &["--echo-steps", "0", "--off-steps", "0", "--out", utf8(&out)],
    ];
    let said = success(&args.concat());
    assert!(said.contains("data"), "{said}");
    feed.join().expect("ended").expect("written once");
}
