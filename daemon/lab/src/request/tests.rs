use std::path::Path;

use super::*;
use crate::config::folders::Folders;

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
