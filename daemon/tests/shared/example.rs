//! The examples of `configs/`.

use std::path::{Path, PathBuf};

/// The examples.
pub(crate) fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs")
}

/// A copy of an example in `dir` with some of its text replaced.
pub(crate) fn example(dir: &Path, name: &str, replace: &[(&str, &str)]) -> PathBuf {
    let mut text = std::fs::read_to_string(configs().join(name)).expect("an example");
    for (from, to) in replace {
        assert!(text.contains(from), "{name} has {from}");
        text = text.replace(from, to);
    }
    let path = dir.join(name);
    std::fs::write(&path, text).expect("written");
    path
}
