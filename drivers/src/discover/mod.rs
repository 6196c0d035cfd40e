//! Finds mining units on a network and names them from what they say, without setting anything or logging in.
//!
//! - `targets`: addresses, ranges and host names as a person writes them, made into a bounded list;
//! - `probe`: what one address answers on each wire;
//! - `http`: one bounded GET to an address of which nothing is known;
//! - [`classify`](mod@classify): the model that the answers amount to, a pure function of them;
//! - [`scan`](mod@scan): many addresses, a bounded number at a time.
//!
//! Only what was asked for is contacted: no redirect is followed and no proxy is used.

pub mod classify;
pub(crate) mod http;
pub(crate) mod probe;
pub mod scan;
pub(crate) mod targets;

pub use classify::{Answers, classify};
pub use probe::{Found, Prober, Settings};
pub use scan::{Probed, Scan, scan};
pub use targets::{Target, resolve};
