//! Telling units of one model apart by their responses to challenges.
//!
//! - [`challenge`]: the jobs and operating points of a challenge; `response`: what a unit returns; `features`: a response in
//!   numbers;
//! - [`enroll`]: measures a unit's [`profile`], signed with a [`Key`]; [`verify`]: judges a claim by it; `driven`: challenges
//!   the unit;
//! - [`fleet`]: simulated units that differ; [`claims`]: error rates of claims among them; `attacks`: ways to pass for another
//!   unit, and [`attempts`]: their success; [`fleet_report`]: all of these together;
//! - [`fingerprint`]: whether the shares of separate captures tell chips or cores apart, and in the same way.
//!
//! This is no strong physical unclonable function: a host that knows a profile can emulate its nonces and times.

pub mod attempts;
pub mod challenge;
pub mod claims;
pub mod enroll;
pub mod fingerprint;
pub mod fleet;
pub mod fleet_report;
pub mod profile;
pub mod verify;

mod attacks;
mod driven;
mod features;
mod key;
mod response;

pub use self::attacks::{HASHES_PER_SHARE, Replayed};
pub use self::driven::prepared;
pub use self::key::Key;
