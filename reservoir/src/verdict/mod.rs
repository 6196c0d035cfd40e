//! The verdict: a device's states compared with every control, in one sentence.
//!
//! *The device computes* is said only if its score is better than that of every control that is linear in the
//! input's history, the intervals of the two scores apart. *It adds computation beyond its input encoding* is said
//! only if the readout of *encoded drive and device* is better than that of the *encoded drive* alone, and better
//! than that of *encoded drive and as many leaky integrators, with the same history,* as the device has features,
//! each with the 95 % interval of the paired difference below zero. A thermal device is a bank of leaky integrators,
//! so it adds nothing that such a bank in software achieves too. Where the steps are not equally long, both need the
//! control that is given their lengths to be beaten.
//!
//! - [`Trial`]: what is judged; [`Control`]: what it is compared with; `rivals`: the controls' states;
//! - [`Verdict`]: the scores; `sentence`: the verdict in words.

mod control;
mod judged;
mod rivals;
mod sentence;
mod trial;

pub use control::Control;
pub use judged::{Comparison, Direct, Verdict, better, worse};
pub use trial::{StepLength, Trial};
