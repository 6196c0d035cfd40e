//! Names of flags of older versions, which are still understood.

use std::ffi::OsString;

use crate::render::stdout::complain;

/// What a flag was called, and what it is called now.
const FLAGS: [(&str, &str); 1] = [("--substrate", "--backend")];

/// Says the new name of each flag in `arguments` that has one, once.
pub fn say(arguments: impl IntoIterator<Item = OsString>) {
    let mut said = Vec::new();
    for argument in arguments {
        let argument = argument.to_string_lossy();
        let flag = argument
            .split_once('=')
            .map_or(&*argument, |(flag, _)| flag);
        let known = FLAGS.iter().find(|(old, _)| *old == flag);
        if let Some((old, new)) = known
            && !said.contains(old)
        {
            complain(format_args!("{old} is now called {new}"));
            said.push(old);
        }
    }
}
