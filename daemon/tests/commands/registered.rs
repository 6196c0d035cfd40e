//! Predictions written down before a run: made, kept, tampered with, and checked by another person.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{failure, report, success, utf8};

/// The product of two inputs on a simulated S9, in few and short steps.
const REQUEST: &str = "train xor --encode duty=0.31:1 --encode difficulty=2048:256@1 --features shares --taps 2 --hold 8 \
                       --washout 20 --train 150 --test 120 --echo-steps 0 --off-steps 0";

/// Registers `predictions` of `request` in a new file of `dir`.
fn register(dir: &Path, name: &str, predictions: &[&str], request: &str) -> PathBuf {
    let file = dir.join(format!("{name}.toml"));
    let mut args = vec!["register", name, "--out", utf8(&file)];
    for prediction in predictions {
        args.extend(["--predict", prediction]);
    }
    args.extend(request.split_whitespace());
    let said = success(&args);
    assert!(said.contains("SHA-256"), "{said}");
    file
}

/// Replaces a part of a text file that is in it once.
fn edit(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).expect("text");
    assert_eq!(text.matches(old).count(), 1, "{old} in {text}");
    fs::write(file, text.replace(old, new)).expect("written");
}

fn checked(folder: &Path) -> String {
    success(&["capture", "verify", utf8(folder)])
}

#[test]
fn a_registration_that_is_met_says_so_first_and_another_person_can_check_its_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    let predicted = ["wrong <= 30 %", "controls.nrmse >= 0.7", "nrmse <= 0.9"];
    let file = register(dir.path(), "product", &predicted, REQUEST);
    let out = dir.path().join("run");
    let said = success(&["train", "--registered", utf8(&file), "--out", utf8(&out)]);
    let first = said.trim_start().lines().next().expect("a line");
    assert!(
        first.starts_with("MET: 3 of 3 predictions of product met"),
        "{said}"
    );
    let kept = &report(&out)["registration"];
    let text = fs::read_to_string(&file).expect("text");
    let hash = kept["sha256"].as_str().expect("a hash");
    assert!(hash.len() == 64 && text.contains(hash), "{hash}");
    assert_eq!(
        text,
        fs::read_to_string(out.join("registration.toml")).expect("its copy")
    );
    assert_eq!(kept["checked"][0]["predicted"], "wrong <= 0.3");

    let said = checked(&out);
    assert!(said.starts_with("This folder holds up. MET:"), "{said}");
    assert_eq!(said.matches("yes  ").count(), 4, "{said}");

    // A number that was made nicer afterwards does not come out of the capture.
    let mut nicer = report(&out);
    nicer["registration"]["checked"][2]["measured"]["value"] = 0.1.into();
    fs::write(out.join("report.json"), nicer.to_string()).expect("written");
    let said = failure(&["capture", "verify", utf8(&out)]);
    assert!(said.contains("does not hold up"), "{said}");
    // Nor does a threshold that was moved.
    edit(
        &out.join("registration.toml"),
        "nrmse <= 0.9",
        "nrmse <= 0.8",
    );
    let said = failure(&["capture", "verify", utf8(&out)]);
    assert!(
        said.contains("was changed after it was registered"),
        "{said}"
    );
}

#[test]
fn a_registration_that_is_not_met_says_so_and_what_too_few_steps_show_is_not_decidable() {
    let dir = tempfile::tempdir().expect("a folder");
    let predicted = ["nrmse <= 0.01", "computes", "ideal.nrmse <= 0.9"];
    let file = register(dir.path(), "too-good", &predicted, REQUEST);
    let out = dir.path().join("run");
    let said = success(&["train", "--registered", utf8(&file), "--out", utf8(&out)]);
    assert!(
        said.contains("NOT MET: 1 of 3 predictions of too-good met, 1 not met, 1 not decidable"),
        "{said}"
    );
    let outcomes = &report(&out)["registration"]["checked"];
    assert_eq!(outcomes[0]["outcome"], "not_met");
    assert_eq!(outcomes[1]["outcome"], "not_decidable");
    assert!(checked(&out).contains("This folder holds up. NOT MET"));
}

#[test]
fn a_registration_is_refused_once_it_is_changed_and_never_overwritten() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = register(dir.path(), "product", &["wrong <= 0.05"], REQUEST);
    let again = [
        "register",
        "product",
        "--out",
        utf8(&file),
        "--predict",
        "computes",
        "train",
        "xor",
    ];
    let again = [&again[..], &["--encoding", "product"]].concat();
    assert!(failure(&again).contains("never overwritten"));

    let text = fs::read_to_string(&file).expect("text");
    for (old, new) in [
        ("wrong <= 0.05", "wrong <= 0.25"),
        ("hold = 8.0", "hold = 9.0"),
        ("on the same steps", "on other steps"),
    ] {
        edit(&file, old, new);
        let said = failure(&["train", "--registered", utf8(&file)]);
        assert!(
            said.contains("was changed after it was registered"),
            "{said}"
        );
        fs::write(&file, &text).expect("written");
    }
    // A comment is not part of what was registered.
    fs::write(&file, format!("# mine\n{text}")).expect("written");
    let said = failure(&["train", "--registered", utf8(&file), "--unit", "lv06"]);
    assert!(said.contains("registered for a antminer-s9"), "{said}");
}

#[test]
fn arguments_and_configurations_that_would_change_what_is_registered_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let short = "train xor --encoding duty --washout 20 --train 150 --test 120";
    let file = register(dir.path(), "duty", &["wrong <= 0.5"], short);
    for argument in [
        ["--seed", "2"],
        ["--hold", "20"],
        ["--nodes", "1"],
        ["--backend", "twin"],
    ] {
        let said = failure(&[&["train", "--registered", utf8(&file)], &argument[..]].concat());
        assert!(said.contains("cannot be used with"), "{said}");
    }
    // The preset takes the least duty from the configuration.
    let config = dir.path().join("mine.toml");
    fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/../configs/sim-s9.toml"),
        &config,
    )
    .expect("copied");
    let text = fs::read_to_string(&config).expect("text");
    let line = text
        .lines()
        .find(|line| line.starts_with("duty_min"))
        .expect("a least duty");
    edit(&config, line, "duty_min = 0.5");
    let said = failure(&[
        "train",
        "--registered",
        utf8(&file),
        "--config",
        utf8(&config),
    ]);
    assert!(
        said.contains("would change the registered analysis of duty: encodings differ"),
        "{said}"
    );
}

#[test]
fn only_what_a_report_has_can_be_predicted_and_only_a_training_registered() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("x.toml");
    let refused = |predict: &str, request: &str| {
        let args = ["register", "x", "--out", utf8(&file), "--predict", predict];
        let request: Vec<&str> = request.split_whitespace().collect();
        failure(&[&args[..], &request[..]].concat())
    };
    let said = refused("speed <= 3", "train xor --encoding product");
    assert!(
        said.contains("nothing is called `speed`") && said.contains("controls.nrmse"),
        "{said}"
    );
    assert!(refused("wrong <= 0.1", "train narma10 --encoding duty").contains("is a number"));
    assert!(refused("computes", "train narma10").contains("3 ways"));
    assert!(refused("ideal.nrmse <= 0.1", "train xor --encoding duty").contains("no ideal"));
    let said = refused("computes", "train xor --encoding duty --config my.toml");
    assert!(
        said.contains("--config is not for a registration"),
        "{said}"
    );
    assert!(refused("computes", "sweep").contains("only a training"));
    assert!(!file.exists());
}
