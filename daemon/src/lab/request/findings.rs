//! What the check of a request finds.

/// Everything that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct Wrong(pub Vec<String>);

/// What a check has found.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<String>);

impl Findings {
    pub(super) fn add(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }

    /// Wants `value` to be a number from `low` to `high`.
    pub(super) fn within<T: PartialOrd + std::fmt::Display>(
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
    pub(super) fn within_if<T: PartialOrd + std::fmt::Display>(
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

    pub(super) fn file<T>(&mut self, found: Result<T, String>) {
        if let Err(what) = found {
            self.add(what);
        }
    }
}
