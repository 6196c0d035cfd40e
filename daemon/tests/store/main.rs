//! The store: files and PostgreSQL alike, what becomes of them when things go wrong, and what leaves them.

#![expect(
    clippy::print_stdout,
    reason = "a fault test says what was lost, and a writer what it was told"
)]

mod exports;
mod faults;
mod files;
mod imports;
#[expect(dead_code, reason = "tests of other parts wait for more")]
#[path = "../../../drivers/tests/shared/patience.rs"]
mod patience;
#[path = "../shared/port.rs"]
mod port;
#[path = "../shared/postgres.rs"]
mod postgres;
#[path = "../shared/real.rs"]
mod real;
mod records;
#[path = "../shared/scale.rs"]
mod scale;
mod servers;
#[path = "../shared/tools.rs"]
mod tools;
mod wire;
