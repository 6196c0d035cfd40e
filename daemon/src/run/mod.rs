//! `thermine run`: all units of a rack, kept for as long as they are wanted.
//!
//! - `daemon`: everything from start to stop, reload (`changes`) and queue; `serve`: by signals and the web server's
//!   requests (`web_commands`);
//! - `driven_unit`, `proxied_unit`: the task of a unit, of one that mines through the proxy; `shared`: what all tasks share;
//!   `backoff`: until a lost unit is tried again; `claimed_job`: an experiment on a unit;
//! - `permit`: what a unit's interlock says, passed on to the proxy;
//! - `learner`: the live task; `record_tee`, `share_stats`, `expected`, `health`, `publish`: what is told of a unit;
//!   `captures`: what of it is kept.

mod backoff;
mod captures;
mod changes;
mod claimed_job;
pub(crate) mod daemon;
mod driven_unit;
mod expected;
mod health;
mod learner;
mod permit;
mod proxied_unit;
mod publish;
mod record_tee;
pub(crate) mod serve;
mod share_stats;
mod shared;
pub(crate) mod wall;
mod web_commands;

pub use self::daemon::Daemon;
