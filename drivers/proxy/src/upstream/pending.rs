//! Shares that the pool has not answered: on their way, or waiting for it to come back.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::journal::{Order, Outcome, Settled, Share};
use crate::subscription::Subscription;
use crate::template::Template;
use thermine_units::clock::Nanos;

/// Shares that may wait. Twenty a minute from each of ten thousand units fill this in twenty seconds; but those
/// are of the units, and what the pool wants is far less.
const MOST: usize = 65_536;

#[derive(Debug)]
struct Waiting {
    share: Share,
    unit: Option<u64>,
    /// Serial of its template and the version bits that the pool allowed to be rolled then; `None` if it is from
    /// before a restart.
    template: Option<(u64, u32)>,
    arrived: Nanos,
    /// Over which connection it was sent last, and when.
    sent: Option<(u64, Nanos)>,
    /// Whether it had been sent before, so that a second copy may be what the pool sees.
    twice: bool,
}

/// What shares are measured by at present.
#[derive(Debug)]
pub(super) struct Present<'a> {
    /// Number of the connection.
    pub(super) connection: u64,
    /// Its subscription.
    pub(super) subscription: &'a Subscription,
    /// The newest template.
    pub(super) newest: &'a Template,
    /// Serial of the oldest template whose shares can still count.
    pub(super) live: u64,
    /// Serial of the first template of this connection.
    pub(super) first: u64,
    /// Version bits that the pool allows to be rolled.
    pub(super) mask: u32,
    /// How long a share is kept.
    pub(super) keep_for: Duration,
}

/// What is next for a share.
#[derive(Debug)]
pub(super) enum Next {
    /// It is to be sent.
    Send(Box<Share>),
    /// It can never count any more.
    Settled(Settled),
    Wait,
}

/// All of them, in the order in which they came.
#[derive(Debug)]
pub(super) struct Pending {
    waiting: BTreeMap<u64, Waiting>,
    /// Connection and ticket of what was sent, oldest first; some of it has been answered.
    sent: VecDeque<(u64, u64)>,
}

impl Pending {
    /// Begins with those that a store had. Whether they were sent is not known.
    pub(super) fn new(restored: Vec<Share>, now: Nanos) -> Pending {
        let waiting = |share: Share| {
            let ticket = share.ticket;
            let waiting = Waiting {
                share,
                unit: None,
                template: None,
                arrived: now,
                sent: None,
                twice: true,
            };
            (ticket, waiting)
        };
        Pending {
            waiting: restored.into_iter().map(waiting).collect(),
            sent: VecDeque::new(),
        }
    }

    /// Takes a share in. Those that there is no room for any more, oldest first, are returned.
    pub(super) fn add(&mut self, order: Order, now: Nanos) -> Vec<Settled> {
        let ticket = order.share.ticket;
        let waiting = Waiting {
            share: *order.share,
            unit: Some(order.unit),
            template: Some((order.template, order.mask)),
            arrived: order.arrived,
            sent: None,
            twice: false,
        };
        self.waiting.insert(ticket, waiting);
        let mut dropped = Vec::new();
        while self.waiting.len() > MOST {
            if let Some((ticket, waiting)) = self.waiting.pop_first() {
                dropped.push(settled(
                    ticket,
                    &waiting,
                    Outcome::Expired("too many shares wait for a pool that is away"),
                    now,
                ));
            }
        }
        dropped
    }

    /// The shares to be sent over the present connection, marked as sent. Those that can never count any more
    /// are returned apart. A share of another pool stays, for as long as shares are kept.
    pub(super) fn due(&mut self, present: &Present<'_>, now: Nanos) -> (Vec<Share>, Vec<Settled>) {
        let tickets: Vec<u64> = self.waiting.keys().copied().collect();
        let (mut send, mut expired) = (Vec::new(), Vec::new());
        for ticket in tickets {
            match self.try_send(ticket, present, now) {
                Next::Send(share) => send.push(*share),
                Next::Settled(settled) => expired.push(settled),
                Next::Wait => {}
            }
        }
        (send, expired)
    }

    /// What is next for one share; if it is to be sent, it is marked as sent.
    pub(super) fn try_send(&mut self, ticket: u64, present: &Present<'_>, now: Nanos) -> Next {
        let Some(waiting) = self.waiting.get_mut(&ticket) else {
            return Next::Wait;
        };
        if waiting
            .sent
            .is_some_and(|(over, _)| over == present.connection)
        {
            return Next::Wait;
        }
        let share = &waiting.share;
        // A share of a template of this very connection is of this pool, and judged by the extranonce that its
        // job came with, whatever has been set since.
        let ours = waiting
            .template
            .is_some_and(|(template, _)| template >= present.first);
        let why = if now.since(waiting.arrived) > present.keep_for {
            "the pool was away for too long"
        } else if !ours
            && (share.subscription.pool != present.subscription.pool
                || share.subscription.user != present.subscription.user)
        {
            return Next::Wait;
        } else if !ours && !share.subscription.same_space(present.subscription) {
            "the pool has forgotten the session"
        } else if share.prevhash != present.newest.work.prevhash
            || waiting
                .template
                .is_some_and(|(template, _)| template < present.live)
        {
            "its block has been found"
        } else {
            waiting.twice |= waiting.sent.is_some();
            waiting.sent = Some((present.connection, now));
            self.sent.push_back((present.connection, ticket));
            // What the pool puts in place of its own bits: all that its mask covers, and no more. With version
            // rolling agreed upon, the sixth parameter always stands there (BIP 310).
            let mask = match waiting.template {
                Some((_, mask)) if ours => mask,
                _ => present.mask,
            };
            let mut share = share.clone();
            let version = share.submit.version_bits.unwrap_or(0);
            share.submit.version_bits = (mask != 0).then_some(version & mask);
            return Next::Send(Box::new(share));
        };
        let settled = settled(ticket, waiting, Outcome::Expired(why), now);
        self.waiting.remove(&ticket);
        Next::Settled(settled)
    }

    /// The pool at the far end of `connection` answered a share; `None` if it was not asked about that one.
    pub(super) fn answered(
        &mut self,
        ticket: u64,
        connection: u64,
        answer: Result<(), (i64, String)>,
        now: Nanos,
    ) -> Option<Settled> {
        let (over, _) = self.waiting.get(&ticket)?.sent?;
        if over != connection {
            return None;
        }
        let waiting = self.waiting.remove(&ticket)?;
        let outcome = match answer {
            Ok(()) => Outcome::Accepted,
            // Only a share whose first copy may have arrived is excused.
            Err((22, _)) if waiting.twice => Outcome::AcceptedBefore,
            Err((code, text)) => Outcome::Refused(code, text),
        };
        Some(settled(ticket, &waiting, outcome, now))
    }

    /// Since when the oldest share that was sent over `connection` has had no answer.
    pub(super) fn unanswered_since(&mut self, connection: u64) -> Option<Nanos> {
        loop {
            let (over, ticket) = *self.sent.front()?;
            let sent = self.waiting.get(&ticket).and_then(|waiting| waiting.sent);
            match sent {
                Some((last, at)) if over == connection && last == connection => return Some(at),
                // Answered, written off, or lost with an earlier connection.
                _ => self.sent.pop_front(),
            };
        }
    }
}

fn settled(ticket: u64, waiting: &Waiting, outcome: Outcome, now: Nanos) -> Settled {
    Settled {
        unit: waiting.unit,
        ticket,
        outcome,
        span: now.since(waiting.arrived),
    }
}
