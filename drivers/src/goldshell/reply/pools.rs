//! `/mcb/pools`: where the unit is told to mine.

use serde_json::Value;

use super::{Unreadable, json};
use crate::cgminer::reply::fields::Fields;

/// Entries that are read; the web page allows three.
const MOST: usize = 16;

/// One pool. Its password is left unread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pool {
    /// URL as configured, `stratum+tcp://host:port`.
    pub url: Option<String>,
    /// User name of the worker.
    pub user: Option<String>,
    /// Whether the unit takes the URL for one.
    pub(crate) legal: Option<bool>,
    /// Whether the unit works for it now.
    pub active: Option<bool>,
    /// Place in the list, from 0.
    pub(crate) priority: Option<u64>,
    /// The number by which `delpool` knows it.
    pub(crate) drag_id: Option<u64>,
}

/// View of a `/mcb/pools` reply, in the unit's order.
///
/// # Errors
/// If the reply is no JSON list.
pub fn pools(bytes: &[u8]) -> Result<Vec<Pool>, Unreadable> {
    let Value::Array(list) = json(bytes)? else {
        return Err(Unreadable::Lacks("list"));
    };
    let rows = list.iter().filter_map(Value::as_object).take(MOST);
    Ok(rows
        .map(|row| {
            let row = Fields(row);
            Pool {
                url: row.text("url"),
                user: row.text("user"),
                legal: row.flag("legal"),
                active: row.flag("active"),
                priority: row.count("pool-priority"),
                drag_id: row.count("dragid"),
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_read_without_its_password() {
        let pools = pools(
            br#"[{"url":"stratum+tcp://pool.example:3333","legal":true,"active":true,"dragid":0,
                  "user":"rig.1","pool-priority":0,"pass":"hunter2"},{"url":7,"active":"perhaps"},3]"#,
        )
        .expect("readable");
        let [first, second] = &pools[..] else {
            panic!("{pools:?}")
        };
        assert_eq!(
            first.url.as_deref(),
            Some("stratum+tcp://pool.example:3333")
        );
        assert_eq!((first.active, first.priority), (Some(true), Some(0)));
        assert_eq!(second.active, None);
        assert!(!format!("{pools:?}").contains("hunter2"));
    }
}
