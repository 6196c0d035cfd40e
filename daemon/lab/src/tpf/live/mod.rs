//! A filter on a unit at this program's own server, in blocks of random order beside blocks without it.
//!
//! A filter cannot stop a hash inside a chip, so a host can only abort a *step*: from the shares of the last step the
//! filter predicts whether the next one will be poor, and then holds the unit at its least duty. Every share is verified,
//! recorded, acknowledged and counted, with the filter and without.

mod report;
mod request;
mod run;
mod trial;

pub use self::report::{Arm, Look, Power, TrialReport};
pub use self::request::FilterTrial;
pub use self::run::{check_unit, run};
