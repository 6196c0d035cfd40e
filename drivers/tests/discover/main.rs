//! The search for units over real sockets on loopback: simulated units, strangers, and nobody else.

mod bounds;
#[expect(dead_code, reason = "tests of other parts wait for more")]
#[path = "../shared/patience.rs"]
mod patience;
#[path = "../script/mod.rs"]
mod script;
mod strangers;
mod support;
mod units;
