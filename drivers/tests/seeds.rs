//! The fuzzers' seeds, and what comes of cutting and flipping them, through every parser.

use std::path::{Path, PathBuf};

use rand::RngExt;
use thermine_units::seed;

#[path = "../fuzz/src/lib.rs"]
pub mod parsers;

/// Mutations of each seed.
const MUTATIONS: usize = 200;

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).expect("a seed");
        (path, bytes)
    };
    let seeds: Vec<_> = entries
        .map(|entry| read(entry.expect("an entry").path()))
        .collect();
    assert!(!seeds.is_empty(), "{target} has seeds");
    seeds
}

fn through(target: &str, parser: fn(&[u8])) {
    let mut rng = seed::stream(1, target);
    for (_, bytes) in seeds(target) {
        parser(&bytes);
        for _ in 0..MUTATIONS {
            let mut bytes = bytes.clone();
            for _ in 0..rng.random_range(1..6) {
                if bytes.is_empty() {
                    break;
                }
                let at = rng.random_range(0..bytes.len());
                match rng.random_range(0..4) {
                    0 => bytes.truncate(at),
                    1 => bytes[at] ^= 1 << rng.random_range(0..8),
                    2 => {
                        let piece = bytes[at..].to_vec();
                        bytes.extend(piece);
                    }
                    _ => bytes.insert(at, rng.random()),
                }
            }
            parser(&bytes);
        }
    }
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
