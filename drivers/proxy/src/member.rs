//! A unit as the hub and its reports see it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::account::Account;
use crate::lock::lock;
use crate::mailbox::Mailbox;

/// A unit as the hub sees it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) account: Arc<Mutex<Account>>,
    pub(crate) worker: Arc<str>,
    pub(crate) peer: SocketAddr,
    /// What its firmware calls itself.
    pub(crate) agent: Option<Arc<str>>,
    /// Why it gets no work; `None` if it may have some.
    pub(crate) withheld: Arc<Mutex<Option<Arc<str>>>>,
}

impl Member {
    /// Why it gets no work; `None` if it may have some.
    pub(crate) fn withheld(&self) -> Option<Arc<str>> {
        lock(&self.withheld).clone()
    }
}

/// A unit as a report sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Worker name.
    pub worker: String,
    /// Where it connects from.
    pub peer: SocketAddr,
    /// The program that it named in `mining.subscribe`.
    pub agent: Option<Arc<str>>,
    /// Its account up to now.
    pub account: Account,
}
