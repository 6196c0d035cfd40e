//! What chips draw while a job switches, measured with a meter at the wall: the parameter `idle`, which no firmware
//! reports and on which every thermal score of an encoding by duty rests.
//!
//! The unit is driven through levels of duty, by the cadence of clean jobs, in an order that is the same backwards, so
//! that a steady drift of room or meter cancels. `fit` separates what the chips draw by the activity, by their leakage
//! and without either.

mod course;
mod fit;
mod meter;
mod report;
mod request;
mod run;

pub use self::meter::Meter;
pub use self::report::{Level, Report};
pub use self::request::WallMeterRequest;
pub use self::run::{again, run};
