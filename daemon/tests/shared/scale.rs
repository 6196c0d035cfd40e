//! How much a test does.

/// Whether tests run in their long form: hundreds of injected faults where tens are in every run, a day where an hour is.
pub(crate) fn long() -> bool {
    std::env::var_os("THERMINE_TESTS_LONG").is_some()
}
