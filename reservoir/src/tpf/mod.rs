//! The Thermodynamic Probability Filter: give a hash up after k of n rounds if a predictor says that it will
//! fail (arXiv 2601.12032). Here it is built for real, with the accounts that say what it is worth.
//!
//! ```text
//! header ──► round twin ──► observations O = λ f(state) + noise ──► filter ──► keep or abort ──► account
//! ```
//!
//! - [`twin`]: what an observer of the rounds would see, from nothing at all to the finished hash;
//! - [`activity`]: switching in the registers, round by round, as a model of energy;
//! - [`filter`] and [`network`]: the predictors, and where they cut;
//! - [`account`]: what is kept, what is found, and the cost of a found share;
//! - [`windows`]: features of windows of shares, with the label taken from the next window;
//! - [`curve`]: from which round on success can be told at all;
//! - [`exact`]: proportions with exact intervals;
//! - [`trial`]: two arms on a unit, block against block;
//! - [`published`]: the paper's figures, by the paper's procedures;
//! - [`theorems`]: which proofs stand behind which formula.

pub mod account;
pub mod activity;
pub mod curve;
pub mod exact;
pub mod filter;
pub mod network;
pub mod published;
pub mod theorems;
mod tree;
pub mod trial;
pub mod twin;
pub mod windows;
