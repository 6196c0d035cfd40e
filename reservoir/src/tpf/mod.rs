//! The Thermodynamic Probability Filter: abort a hash after k of n rounds if a predictor says that it will fail
//! (arXiv 2601.12032). This module implements it, with an account of what it costs and saves.
//!
//! ```text
//! header ──► round twin ──► observations O = λ f(state) + noise ──► filter ──► keep or abort ──► account
//! ```
//!
//! - [`twin`]: observations of the rounds, from pure noise to the finished hash;
//! - [`activity`]: switching in the registers, round by round, as a model of energy; - [`filter`] and [`network`]:
//!   the predictors and their thresholds; - [`account`]: the nonces kept, the shares found, and the cost of a found
//!   share;
//! - [`windows`]: features of windows of shares, with the label taken from the next window; - [`curve`]: from which
//!   round on a success can be predicted;
//! - [`exact`]: proportions with exact intervals; - [`trial`]: a randomised trial of two arms on one unit, in blocks;
//! - [`published`]: the paper's figures, by the paper's procedures; - [`theorems`]: the proof of each formula.

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
