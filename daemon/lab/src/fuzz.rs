//! Fuzz entries for files whose readers this crate keeps to itself. See `daemon/fuzz`.

#[cfg(test)]
#[expect(
    dead_code,
    reason = "the tests of parsers with seed folders use the rest"
)]
#[path = "../../../drivers/tests/shared/mutated.rs"]
mod mutated;

pub use super::puf::profile::fuzz_profile as puf_profile;

use super::experiment::trained::Readout;

/// A readout with what it says of its training: one that is taken can be applied.
pub(crate) fn readout(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("readout.json");
    std::fs::write(&file, data).expect("written");
    if let Ok(readout) = Readout::load(&file) {
        assert!(readout.look_back() < 1_000_000, "{}", readout.look_back());
    }
}

#[cfg(test)]
mod tests {
    use super::mutated::through;
    use super::*;

    /// A file in `daemon/fuzz/seeds`.
    macro_rules! seed {
        ($name:literal) => {
            include_bytes!(concat!("../../fuzz/seeds/", $name)).to_vec()
        };
    }

    #[test]
    fn profiles() {
        let seeds = [seed!("puf_profile/enrolled.json")];
        through("puf_profile", &seeds, 400, puf_profile);
    }

    #[test]
    fn readouts() {
        let seeds = [seed!("readout/duty.json")];
        through("readout", &seeds, 400, readout);
    }
}
