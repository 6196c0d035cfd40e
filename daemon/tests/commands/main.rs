//! Every command as a user meets it: the built program, its output, its exit status, what it leaves behind.

mod chips;
mod cli;
mod compare;
mod discover;
#[path = "../shared/example.rs"]
mod example;
mod gaps;
mod joined;
mod laboratory;
mod learning;
mod outside;
#[expect(dead_code, reason = "tests of other parts wait for more")]
#[path = "../../../drivers/tests/shared/patience.rs"]
mod patience;
#[path = "../shared/port.rs"]
mod port;
mod puf;
#[path = "../shared/real.rs"]
mod real;
mod registered;
mod session;
#[path = "../shared/slow.rs"]
mod slow;
mod support;
mod sweep;
#[path = "../shared/tools.rs"]
mod tools;
mod tpf;
mod units;
mod wall_meter;
