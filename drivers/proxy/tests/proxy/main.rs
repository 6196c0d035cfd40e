//! The Virtual Block Manager over real sockets: a simulated pool before it, units behind it.

#![expect(
    clippy::print_stdout,
    reason = "a fault test says what was injected and what was lost"
)]

mod arrivals;
mod dialects;
mod experiment;
mod faults;
mod path;
#[expect(dead_code, reason = "tests of other parts wait for more")]
#[path = "../../../tests/shared/patience.rs"]
mod patience;
mod permits;
mod pools;
mod restless;
mod support;
mod timers;
mod tls;
mod wait;
