//! A subscription to a pool: the header space that its shares belong to.

/// A subscription to a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Number within the store.
    pub number: u64,
    /// The pool, as configured.
    pub pool: String,
    /// Account at the pool.
    pub user: String,
    /// What the pool calls it, to resume it with; `None` if it does not say.
    pub session: Option<String>,
    /// First extranonce, as it stands in the coinbase.
    pub extranonce1: Vec<u8>,
    /// Bytes of extranonce2.
    pub extranonce2_len: usize,
}

impl Subscription {
    /// Whether a share of `other` is one of this too.
    pub(crate) fn same_space(&self, other: &Subscription) -> bool {
        self.pool == other.pool
            && self.user == other.user
            && self.extranonce1 == other.extranonce1
            && self.extranonce2_len == other.extranonce2_len
    }
}
