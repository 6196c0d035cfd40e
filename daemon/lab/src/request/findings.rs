//! What is wrong with a request: all of it.

use std::fmt::Display;

use crate::backend::Backend;

/// Everything that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct Wrong(pub Vec<String>);

/// What a check has found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub(super) Vec<String>);

impl Findings {
    pub(crate) fn add(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }

    /// Adds what another check has found.
    pub(crate) fn extend(&mut self, found: Result<(), Wrong>) {
        self.0
            .extend(found.err().map(|Wrong(all)| all).unwrap_or_default());
    }

    /// Wants `value` to be a number from `low` to `high`.
    pub(crate) fn within<T: PartialOrd + Display>(
        &mut self,
        name: &str,
        value: T,
        low: T,
        high: T,
    ) {
        if !(value >= low && value <= high) {
            self.add(format!("{name} {value}: must be from {low} to {high}"));
        }
    }

    /// As above, for a value that may be absent.
    pub(crate) fn within_if<T: PartialOrd + Display>(
        &mut self,
        name: &str,
        value: Option<T>,
        low: T,
        high: T,
    ) {
        if let Some(value) = value {
            self.within(name, value, low, high);
        }
    }

    /// Wants `value` to be a number above 0 and at most `most`.
    pub(crate) fn positive(&mut self, name: &str, value: f64, most: f64) {
        if !(value > 0.0 && value <= most) {
            self.add(format!(
                "{name} {value}: must be above 0 and at most {most}"
            ));
        }
    }

    /// Wants `value` to be a probability other than 0 and 1.
    pub(crate) fn probability(&mut self, name: &str, value: f64) {
        if !(value > 0.0 && value < 1.0) {
            self.add(format!("{name} {value}: must be between 0 and 1"));
        }
    }

    /// Wants `backend` to be one that is driven.
    pub(crate) fn drives(&mut self, name: &str, backend: Backend) {
        if backend == Backend::Replay {
            self.add(format!("{name} replay: must be wire or twin"));
        }
    }

    pub(super) fn file<T>(&mut self, found: Result<T, String>) {
        if let Err(what) = found {
            self.add(what);
        }
    }

    /// Nothing, or all that was found.
    pub(crate) fn all(self) -> Result<(), Wrong> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Wrong(self.0))
        }
    }
}
