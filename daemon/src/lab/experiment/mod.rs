//! The one flow: a task's input drives a unit, and its states are judged.

pub(crate) mod arms;
pub(crate) mod counts;
pub mod encoder;
pub mod encoding;
pub mod features;
pub(crate) mod judge;
pub(crate) mod plan;
pub mod presets;
pub mod quantities;
pub mod readouts;
pub mod recipe;
pub(crate) mod report;
pub(crate) mod report_capacity;
pub(crate) mod report_head;
pub(crate) mod report_scores;
pub(crate) mod report_seeds;
pub(crate) mod run;
pub(crate) mod saved;
pub(crate) mod states_file;
pub(crate) mod steps;
pub mod task;
pub mod trace;
pub(crate) mod trained;
