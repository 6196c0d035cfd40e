//! How a request is refused, and the words for each verdict on a share.

use thermine_units::record::Verdict;

/// Why a request was refused: the list form `[code, text, null]` that all firmware understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Convention: 20 other, 21 job not found, 22 duplicate, 23 low difficulty, 24 unauthorised,
    /// 25 not subscribed.
    pub code: i64,
    /// The reason in words; firmware shows it in its log.
    pub text: String,
}

impl Refusal {
    /// A refusal with a code and a text.
    pub fn new(code: i64, text: impl Into<String>) -> Refusal {
        Refusal {
            code,
            text: text.into(),
        }
    }
}

/// The refusal that tells the unit a verdict; `None` for an accepted share.
pub fn of(verdict: Verdict) -> Option<Refusal> {
    Some(match verdict {
        Verdict::Accepted => return None,
        Verdict::Stale => Refusal::new(21, "job not found: stale"),
        Verdict::UnknownJob => Refusal::new(21, "job not found"),
        Verdict::Duplicate => Refusal::new(22, "duplicate share"),
        Verdict::LowDifficulty => Refusal::new(23, "low difficulty share"),
        Verdict::TimeOutOfRange => Refusal::new(20, "ntime out of range: check the unit's clock"),
        Verdict::VersionOutsideMask => Refusal::new(20, "version bits outside the mask"),
        Verdict::WrongExtranonce2 => Refusal::new(20, "extranonce2 has the wrong length"),
    })
}
