//! `thermine run` as a user meets it: the built program, its signals, its queue; real sockets on loopback.

#![expect(
    clippy::print_stdout,
    reason = "a fault test says what was injected and what was lost"
)]

mod captures;
#[path = "../shared/example.rs"]
mod example;
mod faults;
mod held;
mod jobs;
mod kills;
mod ledger;
mod long;
mod miner;
#[path = "../../../drivers/tests/shared/patience.rs"]
mod patience;
#[path = "../shared/port.rs"]
mod port;
#[expect(dead_code, reason = "the tests of the store need more of it")]
#[path = "../shared/postgres.rs"]
mod postgres;
mod queue;
mod reload;
mod restless;
#[path = "../shared/scale.rs"]
mod scale;
mod start;
mod support;
#[path = "../shared/tools.rs"]
mod tools;
mod tripped;
mod unit;
mod work;
