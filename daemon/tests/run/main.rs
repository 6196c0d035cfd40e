//! `thermine run` as a user meets it: the built program, its signals, its queue; real sockets on loopback.

mod faults;
mod long;
mod queue;
mod start;
mod support;
mod unit;
