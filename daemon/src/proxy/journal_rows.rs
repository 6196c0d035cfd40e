//! The tables of the share journal: what is entered, deleted and found again.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use thermine_proxy::journal::{Entry, Outcome, Receipt, Restored, Share, Subscription};
use thermine_stratum::request::Submit;

/// Entries between two looks at what can be deleted.
pub(super) const PRUNED_EVERY: usize = 4096;

/// Rows deleted at once at most: more than come between two looks, and done in milliseconds.
const PRUNED: i64 = 4 * PRUNED_EVERY as i64;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// Shares with an outcome, newest first. Each takes some 200 bytes, and 1 kB if everything in it is as long as
    /// it may be.
    shares: i64,
    /// Bans, newest first.
    bans: i64,
}

const KEPT: Kept = Kept {
    shares: 1_000_000,
    bans: 10_000,
};

pub(super) const TABLES: &str = "
CREATE TABLE subscription (
    number          INTEGER PRIMARY KEY,
    pool            TEXT NOT NULL,
    user            TEXT NOT NULL,
    session         TEXT,
    extranonce1     BLOB NOT NULL,
    extranonce2_len INTEGER NOT NULL
);
CREATE TABLE share (
    ticket       INTEGER PRIMARY KEY,
    subscription INTEGER NOT NULL REFERENCES subscription,
    worker       TEXT NOT NULL,
    prevhash     BLOB NOT NULL,
    job_id       TEXT NOT NULL,
    extranonce2  BLOB NOT NULL,
    ntime        INTEGER NOT NULL,
    nonce        INTEGER NOT NULL,
    version_bits INTEGER,
    difficulty   REAL NOT NULL,
    unix_s       REAL NOT NULL,
    outcome      TEXT,
    code         INTEGER,
    remark       TEXT
);
CREATE INDEX unresolved ON share (ticket) WHERE outcome IS NULL;
CREATE TABLE prefix (mark INTEGER NOT NULL);
CREATE TABLE ban (
    worker  TEXT NOT NULL,
    reason  TEXT NOT NULL,
    unix_s  REAL NOT NULL,
    seconds REAL NOT NULL
);
";

/// What a restart finds.
pub(super) fn restore(connection: &mut Connection) -> rusqlite::Result<Restored> {
    // Journals of older versions lack it; without it, to delete a subscription takes a look at every share.
    connection
        .execute_batch("CREATE INDEX IF NOT EXISTS share_subscription ON share (subscription)")?;
    while prune(connection)? {}
    let next = |query: &str| -> rusqlite::Result<u64> {
        let last: Option<i64> = connection.query_row(query, [], |row| row.get(0))?;
        Ok(last.map_or(0, |last| last.unsigned_abs() + 1))
    };
    let next_ticket = next("SELECT max(ticket) FROM share")?;
    let next_subscription = next("SELECT max(number) FROM subscription")?;
    let prefix: Option<u32> = connection
        .query_row("SELECT mark FROM prefix", [], |row| row.get(0))
        .optional()?;
    let mut all = connection.prepare("SELECT * FROM subscription ORDER BY number")?;
    let all: Vec<Arc<Subscription>> = all
        .query_map([], |row| subscription(row).map(Arc::new))?
        .collect::<rusqlite::Result<_>>()?;
    let mut query = connection.prepare(
        "SELECT ticket, subscription, worker, prevhash, job_id, extranonce2, ntime, nonce, version_bits, \
         difficulty, unix_s FROM share WHERE outcome IS NULL ORDER BY ticket",
    )?;
    let unresolved = query
        .query_map([], |row| share(row, &all))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    // The newest one of each pool and user; later ones replace earlier ones.
    let mut newest: Vec<Arc<Subscription>> = Vec::new();
    for subscription in all {
        newest.retain(|known| known.pool != subscription.pool || known.user != subscription.user);
        newest.push(subscription);
    }
    Ok(Restored {
        next_ticket,
        next_subscription,
        prefix: prefix.unwrap_or(0),
        subscriptions: newest,
        unresolved,
    })
}

fn subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    Ok(Subscription {
        number: row.get::<_, i64>(0)?.unsigned_abs(),
        pool: row.get(1)?,
        user: row.get(2)?,
        session: row.get(3)?,
        extranonce1: row.get(4)?,
        extranonce2_len: row.get::<_, u32>(5)? as usize,
    })
}

fn share(row: &Row<'_>, subscriptions: &[Arc<Subscription>]) -> rusqlite::Result<Share> {
    let number = row.get::<_, i64>(1)?.unsigned_abs();
    let subscription = subscriptions.iter().find(|known| known.number == number);
    Ok(Share {
        ticket: row.get::<_, i64>(0)?.unsigned_abs(),
        subscription: subscription
            .cloned()
            .ok_or(rusqlite::Error::QueryReturnedNoRows)?,
        worker: row.get(2)?,
        prevhash: row.get(3)?,
        submit: Submit {
            user: String::new(),
            job_id: row.get(4)?,
            extranonce2: row.get(5)?,
            ntime: row.get(6)?,
            nonce: row.get(7)?,
            version_bits: row.get(8)?,
        },
        difficulty: row.get(9)?,
        unix: row.get(10)?,
    })
}

/// Deletes some of what need not be kept. Returns whether there may be more.
pub(super) fn prune(connection: &mut Connection) -> rusqlite::Result<bool> {
    delete_old(connection, KEPT)
}

/// Deletes some of what is beyond `kept`. Returns whether there may be more.
fn delete_old(connection: &mut Connection, kept: Kept) -> rusqlite::Result<bool> {
    let transaction = connection.transaction()?;
    let shares = transaction.execute(
        "DELETE FROM share WHERE ticket IN (SELECT ticket FROM share WHERE outcome IS NOT NULL \
         AND ticket <= (SELECT max(ticket) FROM share) - ?1 ORDER BY ticket LIMIT ?2)",
        [kept.shares, PRUNED],
    )?;
    let subscriptions = transaction.execute(
        "DELETE FROM subscription WHERE number IN (SELECT number FROM subscription AS old \
         WHERE NOT EXISTS (SELECT 1 FROM share WHERE share.subscription = old.number) \
         AND number NOT IN (SELECT max(number) FROM subscription GROUP BY pool, user) LIMIT ?1)",
        [PRUNED],
    )?;
    transaction.execute(
        "DELETE FROM ban WHERE rowid <= (SELECT max(rowid) FROM ban) - ?1",
        [kept.bans],
    )?;
    transaction.commit()?;
    Ok(shares.max(subscriptions) as i64 == PRUNED)
}

/// Enters a subscription, unless it stands there.
fn subscribe(connection: &Connection, new: &Subscription) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO subscription VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            new.number as i64,
            new.pool,
            new.user,
            new.session,
            new.extranonce1,
            new.extranonce2_len as i64
        ])?;
    Ok(())
}

/// Enters `entry`. A share's receipt is given back, to be given on when the entry is durable.
pub(super) fn enter(connection: &Connection, entry: Entry) -> rusqlite::Result<Option<Receipt>> {
    match entry {
        Entry::Subscription(new) => subscribe(connection, &new)?,
        Entry::Prefix(mark) => {
            connection.execute("DELETE FROM prefix", [])?;
            connection.execute("INSERT INTO prefix VALUES (?1)", [mark])?;
        }
        Entry::Share(share, receipt) => {
            subscribe(connection, &share.subscription)?;
            let Share { submit, .. } = &*share;
            connection
                .prepare_cached(
                    "INSERT INTO share (ticket, subscription, worker, prevhash, job_id, extranonce2, ntime, \
                     nonce, version_bits, difficulty, unix_s) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                )?
                .execute(params![
                    share.ticket as i64,
                    share.subscription.number as i64,
                    share.worker,
                    share.prevhash,
                    submit.job_id,
                    submit.extranonce2,
                    submit.ntime,
                    submit.nonce,
                    submit.version_bits,
                    share.difficulty,
                    share.unix
                ])?;
            return Ok(Some(receipt));
        }
        Entry::Outcome(ticket, outcome) => {
            let (name, code, remark) = match outcome {
                Outcome::Accepted => ("accepted", None, None),
                Outcome::AcceptedBefore => ("accepted before", None, None),
                Outcome::Refused(code, text) => ("refused", Some(code), Some(text)),
                Outcome::Expired(why) => ("expired", None, Some(why.to_owned())),
            };
            connection
                .prepare_cached(
                    "UPDATE share SET outcome = ?2, code = ?3, remark = ?4 WHERE ticket = ?1",
                )?
                .execute(params![ticket as i64, name, code, remark])?;
        }
        Entry::Ban {
            worker,
            reason,
            unix,
            seconds,
        } => {
            connection.execute(
                "INSERT INTO ban VALUES (?1, ?2, ?3, ?4)",
                params![worker, reason, unix, seconds],
            )?;
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Connection {
        let connection = Connection::open_in_memory().expect("memory");
        connection.execute_batch(TABLES).expect("tables");
        connection
    }

    fn count(connection: &Connection, what: &str) -> i64 {
        let query = format!("SELECT count(*) FROM {what}");
        connection
            .query_row(&query, [], |row| row.get(0))
            .expect("counted")
    }

    #[test]
    fn every_table_is_bounded_and_what_is_not_settled_is_kept() {
        let mut connection = memory();
        let share = |ticket: u64| {
            let subscription = Subscription {
                number: ticket,
                pool: format!("stratum+tcp://pool{}.example:1", ticket % 3),
                user: "u".into(),
                session: None,
                extranonce1: ticket.to_be_bytes().to_vec(),
                extranonce2_len: 8,
            };
            subscribe(&connection, &subscription).expect("entered");
            connection
                .execute(
                    "INSERT INTO share (ticket, subscription, worker, prevhash, job_id, extranonce2, ntime, nonce, \
                     difficulty, unix_s) VALUES (?1, ?1, 'w', x'00', 'j', x'00', 0, 0, 1, 0)",
                    [ticket as i64],
                )
                .expect("entered");
            if ticket != 1 {
                enter(&connection, Entry::Outcome(ticket, Outcome::Accepted)).expect("entered");
            }
            let ban = Entry::Ban {
                worker: "w".into(),
                reason: "r".into(),
                unix: 0.0,
                seconds: 1.0,
            };
            enter(&connection, ban).expect("entered");
        };
        (0..100).for_each(share);
        // Subscriptions without a share, as a pool makes them that reconnects again and again.
        for number in 100..200 {
            connection
                .execute(
                    "INSERT INTO subscription VALUES (?1, 'a', 'u', NULL, x'00', 8)",
                    [number],
                )
                .expect("entered");
        }
        let kept = Kept {
            shares: 10,
            bans: 20,
        };
        while delete_old(&mut connection, kept).expect("pruned") {}
        assert_eq!(count(&connection, "share"), 11);
        assert_eq!(count(&connection, "share WHERE ticket = 1"), 1);
        assert_eq!(count(&connection, "ban"), 20);
        assert_eq!(count(&connection, "subscription"), 12);
        assert_eq!(count(&connection, "subscription WHERE number = 199"), 1);
    }
}
