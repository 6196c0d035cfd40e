//! Whether anything that can be seen of a share tells its difficulty.

mod family;
mod report;
mod run;

pub use self::family::{Dropped, TestRow};
pub use self::report::{LEVEL, StudyReport, StudyRequest};
pub use self::run::run;
