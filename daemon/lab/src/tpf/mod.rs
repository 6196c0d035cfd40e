//! The Thermodynamic Probability Filter (arXiv 2601.12032), and measurements of its value.
//!
//! - [`twin`]: filters on simulated observations of real SHA-256d rounds, beside the paper's own figures;
//! - [`curve`]: the round from which on the state predicts success;
//! - [`study`]: whether anything that can be seen of a share tells its difficulty; [`calibration`]: whether the tests of a
//!   study keep their stated rates; [`evidence`]: the shares of a capture;
//! - [`live`]: a randomised trial of a filter on a unit.

pub mod calibration;
pub mod curve;
pub mod evidence;
mod header;
pub mod live;
pub mod study;
pub mod twin;

pub use self::header::Header;
