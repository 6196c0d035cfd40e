//! Whether responses come from the unit that was enrolled: profiles, likelihood ratios, error rates.
//!
//! A *block* is the response to one challenge, as a vector of features. Blocks of one unit scatter about the unit's
//! mean, and the units' means about the population's: x = m + y + e, y ~ N(0, B) between units, e ~ N(0, W) within
//! one. Both laws are fitted to units other than those that are judged.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`shrinkage`] | covariances from fewer blocks than features |
//! | [`population`] | m, B and W, and the coordinates in which W is the identity and B diagonal |
//! | [`profile`] | an enrolled unit, and the likelihood ratio of further blocks |
//! | [`trials`] | scores of many units against many profiles: error rates, equal error rate, intervals |
//! | [`drift`] | how scores move with temperature or time, within units |
//! | [`response_time`] | how late a response may arrive |
//! | [`fingerprint`] | whether the shares of several captures tell chips or cores apart, and in the same way |
//!
//! Units are the unit of resampling everywhere: two scores that share a unit are not independent.

pub mod drift;
pub mod fingerprint;
pub mod population;
pub mod profile;
pub mod response_time;
pub mod shrinkage;
pub mod trials;

pub use population::{FitError, Kind, Population};
pub use profile::{Probe, Profile};
pub use trials::{Score, Trials};
