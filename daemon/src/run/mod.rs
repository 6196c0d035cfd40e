//! `thermine run`: all units of a rack, kept for as long as they are wanted.
//!
//! - [`daemon`]: everything from start to stop, reload (`changes`) and queue;
//! - `keeper`: a driven unit; `attendant`: one that mines through the proxy; `backoff`: until they are tried again;
//! - `lent`: a job in a keeper's hands; `seam`: the web server's requests;
//! - `permit`: what a unit's interlock says, passed on to the proxy;
//! - `learner`: the live task; `tap`, `gauge`, `expected`, `health`, `publish`: what is told of a unit; `captures`: what of it is kept.

mod attendant;
mod backoff;
mod captures;
mod changes;
pub mod daemon;
mod expected;
mod gauge;
mod health;
mod keeper;
mod learner;
mod lent;
mod permit;
mod publish;
mod seam;
pub(crate) mod serve;
mod tap;
pub(crate) mod wall;

pub use self::daemon::Daemon;
