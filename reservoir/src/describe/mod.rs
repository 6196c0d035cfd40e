//! Descriptive statistics of a sample, and tests: whether it is uniform, Poisson or exponential, and which places of
//! many are outliers.

mod counting;
mod entropy;
pub mod exact;
mod lattice;
mod multiplicity;
mod outliers;
mod resampling;
mod summary;
pub mod tails;
mod uniformity;
mod waits;

pub use counting::{DeadTime, DeadTimeTest, Dispersion, FEWEST_WAITS, two_sided};
pub use entropy::{Entropy, MOST_BINS};
pub use lattice::Lattice;
pub use multiplicity::{benjamini_hochberg, holm};
pub use outliers::{Outlier, Place, Places, Search};
pub use resampling::Resampling;
pub use summary::Summary;
pub use uniformity::{CountUniformity, Uniformity};
pub use waits::{SameLaw, ShiftedExponential, WaitTest, autocorrelation};
