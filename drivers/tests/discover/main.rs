//! The search for units over real sockets on loopback: simulated units, strangers, and nobody else.

mod bounds;
#[path = "../script/mod.rs"]
mod script;
mod strangers;
mod support;
mod units;
