//! The Virtual Block Manager over real sockets: a simulated pool before it, units behind it.

mod experiment;
mod faults;
mod path;
mod pools;
mod support;
mod tls;
mod wait;
