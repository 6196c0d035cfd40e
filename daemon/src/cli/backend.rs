//! `--backend`, the one name for what every command drives.

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use thermine_lab as lab;

/// What is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// The unit on its wires.
    #[value(aliases = ["wires", "handshake"])]
    Wire,
    /// The simulator's physics in this process: no wires, virtual time.
    Twin,
    /// A capture, read again.
    Replay,
}

impl From<Backend> for lab::backend::Backend {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Wire => Self::Wire,
            Backend::Twin => Self::Twin,
            Backend::Replay => Self::Replay,
        }
    }
}

/// Parses `--backend` of a command that replays nothing.
pub(super) fn wire_or_twin() -> impl TypedValueParser<Value = lab::backend::Backend> {
    let values = [Backend::Wire, Backend::Twin].map(|value| value.to_possible_value());
    PossibleValuesParser::new(values.into_iter().flatten())
        .try_map(|name| Backend::from_str(&name, false).map(Into::into))
}
