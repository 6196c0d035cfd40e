//! The Thermodynamic Probability Filter (arXiv 2601.12032), and the measurements that say what it is worth.
//!
//! - [`twin`]: filters on simulated observations of real SHA-256d rounds, beside the paper's own figures;
//! - [`curve`]: from which round on success can be told from the state;
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
