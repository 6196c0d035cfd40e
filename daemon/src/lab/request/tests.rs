use std::path::Path;

use super::*;
use crate::cli::request;

fn folders(dir: &Path) -> Folders {
    Folders {
        files: dir.join("files"),
        captures: dir.join("captures"),
        jobs: dir.join("jobs"),
    }
}

fn check(request: &Request) -> Result<(), Wrong> {
    request.check(&folders(Path::new("/nonexistent")))
}

#[test]
fn the_command_line_and_the_data_have_the_same_defaults() {
    let same = |text: &str, json: &str| {
        let data: Request = serde_json::from_str(json).expect("a request");
        assert_eq!(request::parse(text).expect("a command"), data, "{text}");
        check(&data).expect("sound");
    };
    same("train narma10", r#"{"train": {"task": "narma10"}}"#);
    same(
        "train narma10 --seed 2 --steps 500",
        r#"{"train": {"task": "narma10", "seed": 2, "steps": 500}}"#,
    );
    same("sweep", r#"{"sweep": {}}"#);
    same("capture record", r#"{"record": {}}"#);
    same("tpf live", r#"{"filter_trial": {}}"#);
    same(
        "tpf live --backend twin",
        r#"{"filter_trial": {"backend": "twin"}}"#,
    );
    // As older versions have queued it.
    same("tpf live", r#"{"filter_trial": {"on": "wires"}}"#);
    same("tpf live --on twin", r#"{"filter_trial": {"on": "twin"}}"#);
}

#[test]
fn a_request_in_words_asks_for_the_same_request() {
    for text in [
        "train narma10",
        "train narma10 --encoding duty --seeds 1000",
        "train --data=my.csv --input=x --target=y '--target=two words' --encode duty=1:0.3@9 --nodes 4 --mask binary",
        "train --substrate replay --capture=jobs/3-1/capture.sqlite --readout rls --features heat,power --history 3",
        "train lorenz --substrate twin --hold 2.5 --shares 3 --difficulty 64 --average --high-pass 20 --taps 2 --wall-meter",
        "train xor --seed 4 --washout 50 --train 60 --test 50 --echo-steps 0 --off-steps 0",
        "sweep --voltage 7:8:0.5 --frequency 400 --difficulty 256:1024 --window 60 --shares 9 --hold 5 --train 200 --narma",
        "capture record --shares 50 --difficulty 32 --frequency 500 --voltage 0.5 --fan 0.5 --seed 7",
        "tpf live --backend twin --watts 3.5 --train 20 --pairs 2 --block 4 --settle 1 --to-the-end --seed 9",
        "capture verify a.sqlite",
    ] {
        let asked = request::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let json = serde_json::to_string(&asked).expect("JSON");
        assert_eq!(serde_json::from_str::<Request>(&json).expect("read"), asked);
        assert_eq!(request::parse(&asked.words()).expect("read"), asked);
    }
}

#[test]
fn a_flag_that_a_job_may_not_have_is_refused_by_name_with_the_reason() {
    for (text, flag) in [
        ("train narma10 --config x.toml", "--config"),
        ("train narma10 --unit s9", "--unit"),
        ("train narma10 --out x", "--out"),
        (
            "train narma10 --store postgres://u@h/d?sslmode=disable",
            "--store",
        ),
        ("capture record --store x.sqlite", "--store"),
        ("capture record --out x.sqlite", "--out"),
        ("sweep --config x.toml", "--config"),
        ("tpf live --out x", "--out"),
    ] {
        let error = request::parse(text).expect_err("refused").to_string();
        assert!(
            error.contains(flag) && error.len() > flag.len() + 20,
            "{error}"
        );
    }
    for text in [
        "",
        "run",
        "--version",
        "train --help",
        "proxy -c x",
        "train 'narma10",
        "rm -rf /",
    ] {
        assert!(request::parse(text).is_err(), "{text}");
    }
}

#[test]
fn every_length_and_count_is_bounded_and_all_that_is_wrong_is_said() {
    for json in [
        r#"{"train": {"task": "narma10", "washout": 999999999999}}"#,
        r#"{"train": {"task": "narma10", "train": 18446744073709551615}}"#,
        r#"{"train": {"task": "narma10", "steps": 1000000}}"#,
        r#"{"train": {"task": "narma10", "steps": 0}}"#,
        r#"{"train": {"task": "narma10", "nodes": 1000000000}}"#,
        r#"{"train": {"task": "narma10", "nodes": 0}}"#,
        r#"{"train": {"task": "narma10", "history": 1000000000}}"#,
        r#"{"train": {"task": "narma10", "taps": 1000000000}}"#,
        r#"{"train": {"task": "narma10", "nodes": 1000, "history": 1000}}"#,
        r#"{"train": {"task": "narma10", "train": 90000, "features": ["cores"]}}"#,
        r#"{"train": {"task": "narma10", "train": 90000, "seeds": 1000}}"#,
        r#"{"train": {"task": "narma10", "echo_steps": 999999999}}"#,
        r#"{"train": {"task": "narma10", "hold": 1e300}}"#,
        r#"{"train": {"task": "narma10", "hold": -1}}"#,
        r#"{"train": {"task": "narma10", "difficulty": 1e-300}}"#,
        r#"{"train": {"task": "narma10", "shares": 4294967295}}"#,
        r#"{"train": {"task": "narma10", "encode": [{"actuator": "duty", "low": 1, "high": 0.3, "lag": 99999999}]}}"#,
        r#"{"train": {}}"#,
        r#"{"train": {"data": {"file": "/dev/zero", "targets": ["y"]}}}"#,
        r#"{"train": {"substrate": "replay", "capture": "/etc/passwd"}}"#,
        r#"{"train": {"substrate": "replay"}}"#,
        r#"{"train": {"task": "narma10", "capture": "x.sqlite"}}"#,
        r#"{"sweep": {"shares": 999999999999}}"#,
        r#"{"sweep": {"window": 86400, "difficulty": {"low": 1, "high": 1}}}"#,
        r#"{"sweep": {"voltage": {"low": 1, "high": 2, "step": 1e-300}}}"#,
        r#"{"sweep": {"frequency": {"low": 5, "high": 1}}}"#,
        r#"{"record": {"shares": 999999999999}}"#,
        r#"{"record": {"fan": -1}}"#,
        r#"{"filter_trial": {"pairs": 10000, "block": 10000}}"#,
        r#"{"filter_trial": {"watts": 0}}"#,
        r#"{"filter_trial": {"backend": "replay"}}"#,
        r#"{"verify": {"capture": "/etc/passwd"}}"#,
        r#"{"verify": {"capture": "postgres://u@h/d"}}"#,
    ] {
        let data: Request = serde_json::from_str(json).unwrap_or_else(|e| panic!("{json}: {e}"));
        assert!(check(&data).is_err(), "{json}");
    }
    let several = r#"{"train": {"taps": 5000, "nodes": 5000, "capture": "x"}}"#;
    let several: Request = serde_json::from_str(several).expect("a request");
    assert_eq!(check(&several).expect_err("refused").0.len(), 4);
}

#[test]
fn fields_that_are_unknown_are_refused() {
    for json in [
        r#"{"train": {"task": "narma10", "store": "postgres://u@h/d"}}"#,
        r#"{"train": {"task": "narma10", "config": "x"}}"#,
        r#"{"record": {"out": "x"}}"#,
        r#"{"verify": {"capture": "a", "json": true}}"#,
        r#"{"sim": {}}"#,
        r#"{"record": {}, "sweep": {}}"#,
        r#"{"record": {"shares": -1}}"#,
    ] {
        assert!(serde_json::from_str::<Request>(json).is_err(), "{json}");
    }
}
