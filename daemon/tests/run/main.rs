//! `thermine run` as a user meets it: the built program, its signals, its queue; real sockets on loopback.

#![expect(
    clippy::print_stdout,
    reason = "a fault test says what was injected and what was lost"
)]

mod faults;
mod kills;
mod ledger;
mod long;
mod miner;
mod queue;
mod reload;
mod restless;
mod start;
mod support;
mod unit;
mod work;
