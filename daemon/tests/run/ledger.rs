//! What the journal, the pool and the miners say of the same shares, held against each other.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rusqlite::Connection;
use thermine::proxy::journal;
use thermine_sim::pool::Pool;

use crate::miner::Miner;
use crate::support::{Daemon, thermine};

/// What makes a share another one at the pool: job, extranonce2, block time, nonce.
type Key = (String, Vec<u8>, u32, u32);

/// What the journal says of a share.
struct Kept {
    key: Key,
    outcome: String,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Shares that miners were told accepted.
    pub(crate) acknowledged: usize,
    /// Of them counted by the pool, once.
    pub(crate) counted: usize,
    /// Of them known in the journal to have come after their block, or to have been overtaken by it.
    pub(crate) stale: usize,
}

/// Has every share settled that a program that has ended left open in `dir`: a proxy without units sends them to the
/// pool again, and its report says how many of them have an outcome.
pub(crate) fn settle(dir: &Path) {
    let open = || {
        let kept = journal::counts(&dir.join("journal.sqlite")).expect("a journal");
        kept.open
    };
    let left = open();
    if left == 0 {
        return;
    }
    let mut command = thermine(dir);
    command
        .args(["proxy", "-c", "proxy.toml"])
        .env("THERMINE_PROXY__REPORT_SECONDS", "0.05");
    let mut proxy = Daemon::of(command);
    proxy.says(&format!("Of {left} shares from before a restart"), 0);
    proxy.signal("TERM");
    assert_eq!(proxy.ends().code(), Some(0));
    assert_eq!(open(), 0, "shares stay open");
}

/// Checks, of a program that has ended and whose pool has answered everything, that each share that a miner was told
/// accepted is counted by the pool or known to be stale, and that the pool has counted none twice.
pub(crate) fn check(dir: &Path, pool: &Pool, miners: &[Miner]) -> Found {
    let mut at_pool = HashSet::new();
    for (share, _) in pool.shares() {
        let key = (share.job_id, share.extranonce2, share.ntime, share.nonce);
        assert!(at_pool.insert(key.clone()), "counted twice: {key:?}");
    }
    let counts = pool.counts();
    assert_eq!(counts.low, 0, "{counts:?}");
    assert_eq!(at_pool.len() as u64, counts.accepted, "{counts:?}");
    let kept = read(&dir.join("journal.sqlite"));
    for share in kept.values().filter(|share| is_accepted(share)) {
        assert!(at_pool.contains(&share.key), "not counted: {:?}", share.key);
    }
    let mut found = Found::default();
    for miner in miners {
        let told = miner.told();
        assert!(told.refused.is_empty(), "{}: {told:?}", miner.worker);
        for nonce in &told.accepted {
            let share = kept.get(&(miner.worker.clone(), *nonce));
            let share = share.unwrap_or_else(|| panic!("lost: {} {nonce}", miner.worker));
            found.acknowledged += 1;
            match is_accepted(share) {
                true => found.counted += 1,
                false => found.stale += 1,
            }
        }
    }
    found
}

fn is_accepted(share: &Kept) -> bool {
    share.outcome.starts_with("accepted")
}

/// The journal's shares by worker and nonce. What the pool did not take must have been stale.
fn read(journal: &Path) -> HashMap<(String, u32), Kept> {
    let connection = Connection::open(journal).expect("a journal");
    let mut query = connection
        .prepare(
            "SELECT worker, nonce, job_id, extranonce2, ntime, outcome, code, remark FROM share",
        )
        .expect("its shares");
    let rows = query.query_map([], |row| {
        let (worker, nonce): (String, u32) = (row.get(0)?, row.get(1)?);
        let key = (row.get(2)?, row.get(3)?, row.get(4)?, nonce);
        let outcome: Option<String> = row.get(5)?;
        let (code, remark): (Option<i64>, Option<String>) = (row.get(6)?, row.get(7)?);
        let outcome = outcome.expect("an outcome");
        let remark = remark.unwrap_or_default();
        match outcome.as_str() {
            "refused" => assert_eq!(code, Some(21), "{remark}"),
            "expired" => assert!(remark.contains("block"), "{remark}"),
            _ => {}
        }
        Ok(((worker, nonce), Kept { key, outcome }))
    });
    let rows = rows.expect("rows").map(|row| row.expect("a share"));
    rows.collect()
}
