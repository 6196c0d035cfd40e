//! The mathematics of reservoir computing: tasks, states, readouts, controls, scores and verdicts.
//!
//! ```text
//! task ──► (a reservoir, elsewhere) ──► state matrix ──► readout ──► score ──► controls ──► verdict
//! ```
//!
//! # What it does not know
//!
//! It knows no device, no wire and no capture: a reservoir is a [`state::StateMatrix`]. It does no input or output,
//! reads no clock, spawns no thread and has no global state. Every random number comes from a seed that the caller
//! passes ([`random`]), so equal arguments give equal results to the last bit.
//!
//! # Where to begin reading
//!
//! [`evaluate`](mod@evaluate) is the main path in one function: fit a readout on the training rows, predict the test rows, and
//! return the NRMSE with its interval. [`verdict`] compares such a score with every control.
//!
//! | module | contents |
//! | --- | --- |
//! | [`tasks`] | NARMA, Mackey–Glass, Lorenz, channel equalisation, parity, waveforms |
//! | [`state`], [`split`], [`left_out`] | the state matrix; washout, training and test; steps left out |
//! | [`readout`] | ridge and its path of penalties, elastic net, logistic, recursive least squares, saved readouts |
//! | [`metrics`], [`bootstrap`], [`multi_seed`] | NRMSE, its interval, several seeds |
//! | [`controls`], [`verdict`] | delay lines, leaky integrators, surrogates; the comparison with all of them |
//! | [`counted_product`] | what the noise of counted events leaves of a product |
//! | [`capacity`] | linear memory, information processing capacity, ranks |
//! | [`esn`] | a software echo state network, the reference reservoir |
//! | [`describe`] | summaries, waiting times, uniformity, outliers, exact intervals, many tests at once |
//! | [`information`] | mutual information, tests of independence, their power and calibration |
//! | [`identity`] | which unit responded: profiles, likelihood ratios, error rates |
//! | [`switching`] | the cost of changes of jobs |
//! | [`tpf`] | the Thermodynamic Probability Filter and its account |
//! | [`hierarchical`] | exact arithmetic of any length, statistics over dyadic time scales |
//!
//! # Example
//!
//! How well does a delay line of the input solve NARMA-10, compared with the present input alone?
//!
//! ```
//! use thermine_reservoir::bootstrap::Bootstrap;
//! use thermine_reservoir::controls::delay_line;
//! use thermine_reservoir::evaluate::evaluate;
//! use thermine_reservoir::split::Split;
//! use thermine_reservoir::tasks::narma::narma10;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let split = Split { washout: 50, train: 500, test: 250 };
//! let seed = 1;
//! let task = narma10(split.total(), seed);
//! let bootstrap = Bootstrap::new(split.test, seed);
//! let score = |taps| -> Result<_, Box<dyn std::error::Error>> {
//!     let states = delay_line(&task.input, taps)?;
//!     Ok(evaluate(&states, &task.target, &split, &bootstrap)?.nrmse)
//! };
//! let (present, line) = (score(1)?, score(20)?);
//! // The mean of the target scores 1. Both intervals are 95 %.
//! assert!(line.high < present.low && present.value < 1.0, "{line:?} {present:?}");
//! # Ok(())
//! # }
//! ```

mod blocks;
pub mod bootstrap;
pub mod capacity;
pub mod controls;
pub mod counted_product;
mod dense;
pub mod describe;
pub mod esn;
pub mod evaluate;
pub mod hierarchical;
pub mod identity;
pub mod information;
pub mod left_out;
pub mod metrics;
pub mod multi_seed;
pub mod random;
pub mod readout;
pub mod split;
pub mod state;
pub mod switching;
pub mod tasks;
pub mod tpf;
mod tridiagonal;
pub mod verdict;
