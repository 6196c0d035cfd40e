//! `--backend`: what a command drives.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;

use crate::lab::backend::Backend;
use crate::render::stdout::complain;

/// What the help says of a backend.
fn help(backend: Backend) -> &'static str {
    match backend {
        Backend::Wire => "The unit, real or simulated, over its own wire",
        Backend::Twin => "The simulator's physics in process: the same in a tenth of the time",
        Backend::Replay => "A capture, as it was recorded",
    }
}

/// A parser of `--backend` for a command that supports `backends`.
pub(crate) fn one_of(
    backends: &'static [Backend],
) -> impl TypedValueParser<Value = Backend> + Clone {
    let value = |backend: &Backend| PossibleValue::new(backend.name()).help(help(*backend));
    PossibleValuesParser::new(backends.iter().map(value)).try_map(|name| {
        let found = backends.iter().find(|backend| backend.name() == name);
        found.copied().ok_or(ErrorKind::InvalidValue.to_string())
    })
}

/// Parses the value of a flag that `--backend` replaces, in which `handshake` is the wire.
pub(crate) fn former(text: &str) -> Result<Backend, String> {
    match text {
        "handshake" | "wire" => Ok(Backend::Wire),
        "twin" => Ok(Backend::Twin),
        _ => Err("must be `wire` or `twin`; the flag is now --backend".into()),
    }
}

/// The backend that was asked for, by `--backend` or by the `former` flag that it replaces.
pub(crate) fn chosen(
    backend: Option<Backend>,
    (former, asked): (&str, Option<Backend>),
) -> Option<Backend> {
    if let Some(asked) = asked {
        complain(format_args!(
            "{former} is now --backend: write `--backend {}`",
            asked.name()
        ));
    }
    backend.or(asked)
}
