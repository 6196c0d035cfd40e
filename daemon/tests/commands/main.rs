//! Every command as a user meets it: the built program, its output, its exit status, what it leaves behind.

mod chips;
mod cli;
mod compare;
mod discover;
#[path = "../shared/example.rs"]
mod example;
mod gaps;
mod laboratory;
mod learning;
mod outside;
#[path = "../shared/port.rs"]
mod port;
mod puf;
#[path = "../shared/real.rs"]
mod real;
mod session;
#[path = "../shared/slow.rs"]
mod slow;
mod support;
mod sweep;
mod tpf;
mod units;
