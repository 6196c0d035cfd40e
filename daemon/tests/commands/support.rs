//! Runs the program, and reads what it says and leaves.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The program, to be run with `args`.
pub(crate) fn thermine(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thermine"));
    command.env("RUST_BACKTRACE", "0").args(args);
    command
}

pub(crate) fn run(args: &[&str]) -> Output {
    thermine(args).output().expect("started")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What was printed by a program that must have succeeded.
pub(crate) fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs the command line, which must succeed, and returns what it prints.
pub(crate) fn success(args: &[&str]) -> String {
    let output = run(args);
    assert!(
        output.status.success(),
        "{args:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Runs the command line, which must fail, and returns what it says.
pub(crate) fn failure(args: &[&str]) -> String {
    let output = run(args);
    assert!(!output.status.success(), "{args:?} succeeded");
    let said = text(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// Runs the command line with a report in `folder`: what it prints, and the report.
pub(crate) fn reported(args: &[&str], folder: &Path) -> (String, Value) {
    let said = success(&[args, &["--out", utf8(folder)]].concat());
    (said, report(folder))
}

/// The report in `folder`.
pub(crate) fn report(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("report.json")).expect("a report");
    serde_json::from_str(&text).expect("JSON")
}

pub(crate) fn utf8(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
