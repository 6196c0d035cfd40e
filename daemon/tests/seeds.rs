//! The fuzzers' seeds, and what comes of cutting and flipping them, through the parsers of files that a user names.

use std::path::{Path, PathBuf};

#[path = "../../drivers/tests/shared/mutated.rs"]
mod mutated;
#[path = "../fuzz/src/lib.rs"]
pub mod parsers;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Runs `parser` over the seeds of `target` and mutations of them.
fn through(target: &str, mutations: usize, parser: fn(&[u8])) {
    let seeds = mutated::seeds(&here().join("fuzz/seeds").join(target));
    mutated::through(target, &seeds, mutations, parser);
}

/// The same over the examples in `configs/` that have a section, and over those that are at the seeds.
fn through_examples(target: &str, section: &str, parser: fn(&[u8])) {
    let mut seeds = mutated::seeds(&here().join("../configs"));
    seeds.retain(|text| String::from_utf8_lossy(text).contains(section));
    assert!(!seeds.is_empty(), "an example has {section}");
    mutated::through(target, &seeds, 100, parser);
}

#[test]
fn csv_imports() {
    through("csv_import", 60, parsers::csv_import);
}

#[test]
fn unit_configurations() {
    through_examples("unit_config", "[unit]", parsers::unit_config);
}

#[test]
fn rack_and_daemon_configurations() {
    through_examples("rack_config", "units = [", parsers::rack_config);
    through("rack_config", 200, parsers::rack_config);
}

#[test]
fn proxy_configurations() {
    through_examples("proxy_config", "[proxy]", parsers::proxy_config);
}

#[test]
fn readouts() {
    through("readout", 200, parsers::readout);
}
