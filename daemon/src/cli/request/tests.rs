use super::*;
use thermine_lab::config::daemon::Daemon;

#[test]
fn the_command_line_and_the_data_have_the_same_defaults() {
    let folders = Daemon::default().folders();
    let same = |text: &str, json: &str| {
        let data: Request = serde_json::from_str(json).expect("a request");
        assert_eq!(parse(text).expect("a command"), data, "{text}");
        data.check(&folders).expect("sound");
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
        let asked = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let json = serde_json::to_string(&asked).expect("JSON");
        assert_eq!(serde_json::from_str::<Request>(&json).expect("read"), asked);
        assert_eq!(parse(&asked.words()).expect("read"), asked);
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
        ("train --registered x.toml", "--registered"),
    ] {
        let error = parse(text).expect_err("refused").to_string();
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
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn names_of_older_versions_are_still_read() {
    let same = |old: &str, new: &str| {
        assert_eq!(parse(old).expect(old), parse(new).expect(new), "{old}");
    };
    same(
        "train narma10 --substrate twin",
        "train narma10 --backend twin",
    );
    same("train narma10 --substrate handshake", "train narma10");
    let old = r#"{"train": {"task": "narma10", "substrate": "handshake"}}"#;
    let old: Request = serde_json::from_str(old).expect("a request");
    assert_eq!(old, parse("train narma10").expect("a command"));
}
