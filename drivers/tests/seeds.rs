//! The fuzzers' seeds, and what comes of cutting and flipping them, through every parser.

use std::path::Path;

#[path = "shared/mutated.rs"]
mod mutated;
#[path = "../fuzz/src/lib.rs"]
pub mod parsers;

/// Mutations of each seed.
const MUTATIONS: usize = 200;

fn through(target: &str, parser: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let seeds = mutated::seeds(&folder.join(target));
    mutated::through(target, &seeds, MUTATIONS, parser);
}

#[test]
fn stratum_lines() {
    through("stratum_line", parsers::stratum_line);
}

#[test]
fn cgminer_replies() {
    through("cgminer_reply", parsers::cgminer_reply);
}

#[test]
fn axeos_replies() {
    through("axeos_reply", parsers::axeos_reply);
}

#[test]
fn goldshell_replies() {
    through("goldshell_reply", parsers::goldshell_reply);
}

#[test]
fn bm13xx_frames() {
    through("bm13xx_frames", parsers::bm13xx_frames);
}
