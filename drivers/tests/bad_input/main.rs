//! One catalogue of abuse for every wire that the program listens on or reads: nothing panics, memory stays
//! bounded, whoever behaves is served meanwhile, and the reason is logged once and counted.
//!
//! What is particular to one wire stands with that wire's other tests.

mod catalogue;
mod chips;
mod log;
mod memory;
#[expect(dead_code, reason = "tests of other parts wait for more")]
#[path = "../shared/patience.rs"]
mod patience;
mod polled;
mod pool;
mod served;
mod stratum;
mod units;
