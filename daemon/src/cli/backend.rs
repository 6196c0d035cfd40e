//! `--backend`: what an experiment drives.

use clap::ValueEnum;

use crate::lab;

/// The backends by their names on the command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// A unit on its wires, by the Single-Word Handshake.
    #[default]
    #[value(alias = "handshake")]
    Wire,
    /// The simulator's physics, in process and without wires: the same numbers in a tenth of the time.
    Twin,
    /// A capture, as recorded.
    Replay,
}

impl From<Backend> for lab::backend::Backend {
    fn from(backend: Backend) -> lab::backend::Backend {
        match backend {
            Backend::Wire => lab::backend::Backend::Wire,
            Backend::Twin => lab::backend::Backend::Twin,
            Backend::Replay => lab::backend::Backend::Replay,
        }
    }
}
