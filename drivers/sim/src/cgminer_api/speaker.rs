//! What one firmware says, as against how the API says it.

use super::item::Form;

/// A unit's state at one moment, and the firmware's words for it.
pub trait Speaker {
    /// Name and version of the program, for the status.
    fn description(&self) -> &'static str;

    /// Time of day on the unit's clock, seconds since the Unix epoch.
    fn unix(&self) -> u64;

    /// The reply to `command` without its end; `None` for a command that is refused or unknown.
    fn reply(&self, command: &str, form: Form) -> Option<String>;

    /// Whether `command` is known but granted to nobody.
    fn refuses(&self, command: &str) -> bool;
}
