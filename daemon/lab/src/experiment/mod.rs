//! The one flow: a task's input drives a unit, and its states are judged.

pub(crate) mod arms;
pub mod counts;
pub mod encoder;
pub mod encoding;
pub mod features;
pub mod judge;
mod kept;
pub(crate) mod plan;
pub mod prediction;
pub mod presets;
pub mod quantities;
pub mod readouts;
pub mod recipe;
pub mod report;
pub mod report_capacity;
pub mod report_head;
pub mod report_scores;
pub mod report_seeds;
pub mod report_sensitivity;
pub mod run;
pub(crate) mod saved;
pub(crate) mod sensitivity;
pub(crate) mod states_file;
pub mod steps;
pub mod task;
pub mod trace;
pub mod trained;
