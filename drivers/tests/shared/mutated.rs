//! Parsers against seeds, and against what comes of cutting and flipping them: what the fuzzers do, a little of it with
//! every test.

use std::path::Path;

use rand::RngExt;
use thermine_units::seed;

/// The files of a folder.
///
/// # Panics
///
/// If there are none.
pub(crate) fn seeds(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} has seeds", folder.display());
    files
        .iter()
        .map(|file| std::fs::read(file).expect("a seed"))
        .collect()
}

/// Says which input a parser panicked at.
pub(crate) struct Input<'a>(&'a [u8]);

impl Drop for Input<'_> {
    #[expect(clippy::print_stderr, reason = "a failed test says why")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input was {:?}", String::from_utf8_lossy(self.0));
        }
    }
}

/// Runs `parser` on each seed and on so many mutations of it, the same in every run of `name`.
pub(crate) fn through(name: &str, seeds: &[Vec<u8>], mutations: usize, parser: impl Fn(&[u8])) {
    let mut rng = seed::stream(1, name);
    for seed in seeds {
        let run = |bytes: &[u8]| {
            let _input = Input(bytes);
            parser(bytes);
        };
        run(seed);
        for _ in 0..mutations {
            let mut bytes = seed.clone();
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
            run(&bytes);
        }
    }
}
