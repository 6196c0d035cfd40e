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
mod permits;
mod pools;
mod restless;
mod support;
mod tls;
mod wait;
