//! A row of the benchmark: what is trained on which twin, and what is asked of it.

use thermine_units::model::Model;

use crate::request::Train;

/// What is measured.
pub(super) struct Row {
    /// At most 21 characters, so that the table fits a terminal.
    pub(super) name: &'static str,
    pub(super) model: Model,
    pub(super) request: Train,
    /// What the paper prints (arXiv 2601.12032).
    pub(super) paper: Option<f64>,
    /// What is asked of it at most.
    pub(super) goal: Option<f64>,
    /// What is to be known about it.
    pub(super) remark: &'static str,
}
