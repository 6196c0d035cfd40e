//! Filters on simulated observations of real SHA-256d rounds: the paper's figures by its own procedures, and what they
//! leave out.

mod report;
mod request;
mod run;
mod verdict;

pub use self::report::{EarlyExitReport, FilterRow, Published, TwinReport};
pub use self::request::TwinRequest;
pub use self::run::run;
pub use self::verdict::{percent, rho};
