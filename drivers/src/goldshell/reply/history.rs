//! `/cpb/hshistory`: the hash rate of the last hours, minute by minute.

use serde_json::Value;

use super::{Unreadable, json};
use thermine_units::quantity::HashRate;

/// Minutes that a unit remembers.
pub const MINUTES: usize = 288;

/// View of a `/cpb/hshistory` reply: one rate a minute, the newest last, [`MINUTES`] at most. What is no
/// rate is `None` and keeps its place.
///
/// # Errors
/// If the reply is no JSON list.
pub fn history(bytes: &[u8]) -> Result<Vec<Option<HashRate>>, Unreadable> {
    let Value::Array(list) = json(bytes)? else {
        return Err(Unreadable::Lacks("list"));
    };
    let newest = list.len().saturating_sub(MINUTES);
    let rate = |mhs: &Value| HashRate(mhs.as_f64()? * 1e6).credible();
    Ok(list[newest..].iter().map(rate).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_gaps_stay_gaps() {
        let read = history(b"[175000.5,null,0,-1]").expect("readable");
        assert_eq!(
            read,
            [Some(HashRate(175_000.5e6)), None, Some(HashRate(0.0)), None]
        );
        let long: Vec<u32> = (0..1000).collect();
        let read = history(serde_json::json!(long).to_string().as_bytes()).expect("readable");
        assert_eq!(read.len(), MINUTES);
        assert_eq!(read.last(), Some(&Some(HashRate(999e6))));
        assert!(history(b"{}").is_err());
    }
}
