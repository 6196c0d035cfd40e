//! Information measures: how much one observation says about another, and whether it says anything.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`table`] | counts, G and χ² |
//! | [`leakage`] | the leakage ratio Λ of counts, exactly |
//! | [`mutual`] | mutual information of counts: plug-in, Miller–Madow, shrinkage |
//! | [`ksg`] | mutual information of continuous quantities |
//! | [`permutation`] | tests of independence, also of series |
//! | [`sequential`] | tests that may be evaluated at any time |
//! | [`discrimination`] | ROC area with its interval, Welch's t |
//! | [`power`] | the smallest effect that a test could have found | | [`protocol`] | an estimate together with its
//! weaknesses | | [`calibration`] | whether the tests keep their stated error rates, on simulated captures |
//!
//! Many tests at once are adjusted with [`crate::describe::holm`].

pub mod calibration;
pub mod discrimination;
pub mod ksg;
pub mod leakage;
pub mod mutual;
pub mod permutation;
pub mod power;
pub mod protocol;
pub mod sequential;
pub mod table;
