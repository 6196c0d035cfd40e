//! `thermine top`: a running daemon at a glance, in a terminal.
//!
//! - `args`: its flags; `terminal`: the terminal, and the thread that asks the daemon; `view` and `text`: what is shown;
//! - `absent`: instead of these in a build without the feature `tui`.

#[cfg(not(feature = "tui"))]
mod absent;
mod args;
#[cfg(feature = "tui")]
mod terminal;
#[cfg(feature = "tui")]
mod text;
#[cfg(feature = "tui")]
mod view;

#[cfg(not(feature = "tui"))]
pub(crate) use self::absent::run;
pub(crate) use self::args::Args;
#[cfg(feature = "tui")]
pub(crate) use self::terminal::run;
