//! The one connection to the pools: ordered, kept up, and left for a better one when that comes back.
//!
//! - [`endpoint`]: where a pool is, TCP or TLS; `pool`: a pool as configured;
//! - `opening`: what a connection begins with; `contact`: which manner of it each pool takes; `error`: what can fail;
//! - `connection`: one authorised connection; `pending`: shares that the pool has not answered;
//! - `remarks`: what pools say that nothing is done about;
//! - `task`: goes from pool to pool; `session`: what it does at one; `notices`: what it makes of the pool's words.

mod connection;
mod contact;
pub mod endpoint;
mod error;
mod notices;
mod opening;
mod pending;
mod pool;
mod remarks;
mod session;
mod task;

pub use pool::{Policy, Pool};
pub(crate) use task::Upstream;
