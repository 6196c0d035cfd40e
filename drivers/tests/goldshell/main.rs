//! The Goldshell wires over real sockets: against the simulated LB-Box and against servers that misbehave.

mod control;
mod faults;
mod fixtures;
mod login;
mod properties;
mod reading;
#[path = "../script/mod.rs"]
mod script;
mod secrets;
mod sim;
mod support;
