//! The cgminer API as a simulated unit serves it: what all firmwares of the family have in common.
//!
//! The figures come from a state that the simulated unit keeps up to date; the replies are pure functions of
//! it. Key order, digits and the types of the values (numbers as strings among them) are the firmware's, and
//! what it gets wrong is kept.

pub(super) mod frame;
pub(super) mod item;
mod request;
mod serve;
mod speaker;

pub use self::item::Form;
pub use self::request::answer;
pub use self::serve::run;
pub use self::speaker::Speaker;
