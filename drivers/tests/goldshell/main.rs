//! The Goldshell wires over real sockets: against the simulated LB-Box and against servers that misbehave.

mod control;
mod faults;
mod fixtures;
mod login;
#[expect(dead_code, reason = "tests of other parts wait for more")]
#[path = "../shared/patience.rs"]
mod patience;
mod properties;
mod reading;
#[path = "../script/mod.rs"]
mod script;
mod secrets;
mod sim;
mod support;
