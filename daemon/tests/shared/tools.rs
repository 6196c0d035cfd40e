//! What a test needs and this machine may not have.

/// Set by `.ci/run`: a test that lacks something fails instead of skipping.
const REQUIRED: &str = "THERMINE_TESTS_NEED_ALL";

/// Says that a test is skipped because `what` is missing, and how to get it.
///
/// # Panics
///
/// Where `THERMINE_TESTS_NEED_ALL` is set.
pub(crate) fn missing(what: &str, remedy: &str) {
    let why = format!("{what} is missing: {remedy}");
    assert!(std::env::var_os(REQUIRED).is_none(), "{why}");
    #[expect(clippy::print_stderr, reason = "a skipped test says why")]
    {
        eprintln!("skipped: {why}");
    }
}
