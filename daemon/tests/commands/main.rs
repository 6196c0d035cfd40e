//! Every command as a user meets it: the built program, its output, its exit status, what it leaves behind.

mod chips;
mod cli;
mod compare;
mod discover;
mod laboratory;
mod learning;
#[path = "../run/port.rs"]
mod port;
mod puf;
mod support;
mod sweep;
mod tpf;
mod units;
