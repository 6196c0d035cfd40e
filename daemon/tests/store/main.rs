//! The store: files and PostgreSQL alike, what becomes of them when things go wrong, and what leaves them.

#![expect(
    clippy::print_stdout,
    reason = "a skipped test says why, a fault test what was lost, and a writer what it was told"
)]

mod exports;
mod faults;
mod files;
mod imports;
#[cfg(feature = "postgres")]
#[path = "../shared/port.rs"]
mod port;
#[cfg(feature = "postgres")]
#[path = "../shared/postgres.rs"]
mod postgres;
#[path = "../shared/real.rs"]
mod real;
mod records;
#[cfg(feature = "postgres")]
mod servers;
mod wire;
