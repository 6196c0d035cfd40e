//! The mistakes of a request, named by the flags that made them.

use anyhow::{Result, bail};

use thermine_lab::request::Wrong;

/// The mistakes in `found` as one error: a field is the flag of the same name.
///
/// # Errors
/// If there are any.
pub(crate) fn checked(found: Result<(), Wrong>) -> Result<()> {
    let Err(Wrong(mistakes)) = found else {
        return Ok(());
    };
    let flags = mistakes.iter().map(|mistake| {
        let (field, rest) = mistake.split_once(' ').unwrap_or((mistake, ""));
        format!("--{} {rest}", field.replace('_', "-"))
    });
    bail!("{}", flags.collect::<Vec<_>>().join("; "))
}
