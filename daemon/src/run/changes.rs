//! What a reload has changed.

/// What a reload has changed, by unit.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    /// Were ended and begun anew.
    pub(crate) changed: Vec<String>,
    /// Settings that need a new start of the program, and stay as they were.
    pub(crate) later: Vec<&'static str>,
}

impl std::fmt::Display for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        for (what, units) in [
            ("added", &self.added),
            ("removed", &self.removed),
            ("changed", &self.changed),
        ] {
            if !units.is_empty() {
                parts.push(format!("{what} {}", units.join(", ")));
            }
        }
        if !self.later.is_empty() {
            parts.push(format!(
                "{} has changed and stays as it was until the program is started anew",
                self.later.join(", ")
            ));
        }
        match parts.is_empty() {
            true => f.write_str("nothing has changed"),
            false => f.write_str(&parts.join("; ")),
        }
    }
}
