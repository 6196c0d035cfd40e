//! Predictions that are written down before the run that they are about: a file with the request, the thresholds, the
//! analysis and a hash; the run of exactly that request; and the check of the folder that it leaves, by anyone.

mod file;
mod run;
mod verify;

pub use self::file::{Asked, Registration, register};
pub use self::run::{REGISTRATION, run};
pub use self::verify::{Finding, Verified, verify};
