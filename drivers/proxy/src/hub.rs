//! What all units share: the newest template, the prefixes, the way to the pool and to the store.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::account::Account;
use crate::ban::{Ban, Bans, Conduct, Conducts, Rules};
use crate::journal::{Entry, Journal, Order, Outcome, Receipt, Restored, Settled, Share, Stopped};
use crate::lock::lock;
use crate::mailbox::Mailbox;
use crate::permits::Permits;
use crate::space::Prefixes;
use crate::template::Template;
use crate::vardiff::Goal;
use thermine_stratum::request::Submit;
use thermine_units::clock::{Clock, Nanos};

/// Shares on their way to the upstream task at most; beyond that the units wait.
const ORDERS: usize = 8192;

/// Prefixes whose use is entered in the store at once.
const PREFIXES: u32 = 256;

/// How units are treated.
#[derive(Debug, Clone)]
pub struct UnitSettings {
    /// Factor on the difficulty that a share's hash must really meet: 1 for hardware.
    pub difficulty_scale: f64,
    /// Share difficulty.
    pub vardiff: Goal,
    /// What gets a unit banned.
    pub ban: Rules,
    /// Units that run dry: worker name (a `*` at its end for any that begins so), hashes of a piece of work,
    /// and hash rate to begin with.
    pub ranged: Vec<(String, f64, f64)>,
    /// How long the queue of such a unit is to last at least.
    pub lead: Duration,
    /// Units connected at most.
    pub most: usize,
    /// Connections that may be unauthorised at once.
    pub max_unauthorised: usize,
    /// Wall time from accept to authorised.
    pub handshake_timeout: Duration,
    /// Time without a line from a unit after which it is given up.
    pub idle_timeout: Duration,
}

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
    /// Worker name that it authorised with.
    pub worker: String,
    /// Where it connects from.
    pub peer: SocketAddr,
    /// The program that it named in `mining.subscribe`.
    pub agent: Option<Arc<str>>,
    /// Its account up to now.
    pub account: Account,
}

/// Shared by all tasks of the proxy; clones are the same one.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    units: UnitSettings,
    clock: Clock,
    journal: Journal,
    orders: mpsc::Sender<Order>,
    current: watch::Sender<Option<Arc<Template>>>,
    members: Mutex<HashMap<u64, Member>>,
    /// Sum of those that have left.
    left: Mutex<Account>,
    prefixes: Mutex<Reserved>,
    bans: Mutex<Bans>,
    conducts: Mutex<Conducts>,
    /// Locked before `members`, never after.
    permits: Mutex<Permits>,
    tickets: AtomicU64,
    numbers: AtomicU64,
    /// Shares of before a restart: accepted by the pool, and all settled.
    restored: Mutex<(u64, u64)>,
}

#[derive(Debug, Default)]
struct Reserved {
    prefixes: Prefixes,
    /// Prefixes up to here are entered in the store.
    entered: u32,
}

impl Hub {
    /// A hub, and what its upstream task is to serve.
    pub(crate) fn new(
        units: UnitSettings,
        clock: Clock,
        journal: Journal,
        restored: &Restored,
    ) -> (Hub, mpsc::Receiver<Order>) {
        let (orders, receiver) = mpsc::channel(ORDERS);
        let inner = Inner {
            units,
            journal,
            orders,
            current: watch::Sender::new(None),
            members: Mutex::default(),
            left: Mutex::new(Account::sum()),
            prefixes: Mutex::new(Reserved {
                prefixes: Prefixes::beginning_at(restored.prefix),
                entered: restored.prefix,
            }),
            bans: Mutex::default(),
            conducts: Mutex::default(),
            permits: Mutex::default(),
            tickets: AtomicU64::new(restored.next_ticket),
            numbers: AtomicU64::new(0),
            restored: Mutex::default(),
            clock,
        };
        (Hub(Arc::new(inner)), receiver)
    }

    pub(crate) fn units(&self) -> &UnitSettings {
        &self.0.units
    }

    pub(crate) fn scale(&self) -> f64 {
        self.0.units.difficulty_scale
    }

    /// The clock of the proxy and of every session that an experiment holds.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// The newest template, once a pool has given one; `None` if the proxy has ended.
    pub(crate) async fn ready(&self) -> Option<Arc<Template>> {
        let mut current = self.0.current.subscribe();
        let ready = current.wait_for(Option::is_some).await;
        ready.ok().and_then(|current| current.clone())
    }

    /// The newest template, if a pool has given one.
    pub fn current(&self) -> Option<Arc<Template>> {
        self.0.current.borrow().clone()
    }

    /// A new template: into every unit's mailbox.
    pub(crate) fn publish(&self, template: Arc<Template>) {
        self.0.current.send_replace(Some(template.clone()));
        for member in lock(&self.0.members).values() {
            member.mailbox.template(template.clone());
        }
    }

    /// The pool is gone. Units go on with the newest template: its shares may still count.
    pub(crate) fn upstream_lost(&self) {
        // Whoever reads the log sees why; nothing is to be told to anybody.
        tracing::debug!(
            units = lock(&self.0.members).len(),
            "no connection to a pool"
        );
    }

    pub(crate) fn join(
        &self,
        worker: &str,
        peer: SocketAddr,
        agent: Option<&str>,
    ) -> (u64, Member) {
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        // Held until the member is there: what an interlock says meanwhile reaches it afterwards.
        let permits = lock(&self.0.permits);
        let member = Member {
            mailbox: Arc::new(Mailbox::new(self.0.clock.clone())),
            account: Arc::new(Mutex::new(Account::new(self.0.clock.now()))),
            worker: worker.into(),
            peer,
            agent: agent.map(Into::into),
            withheld: Arc::new(Mutex::new(permits.refusal(worker, peer.ip()))),
        };
        lock(&self.0.members).insert(number, member.clone());
        (number, member)
    }

    pub(crate) fn leave(&self, number: u64) {
        let member = lock(&self.0.members).remove(&number);
        if let Some(member) = member {
            let account = lock(&member.account).at(self.0.clock.now());
            lock(&self.0.left).add(&account);
        }
    }

    /// A prefix for a unit, entered in the store before any share with it can be.
    ///
    /// # Errors
    /// If the store has stopped.
    pub(crate) async fn prefix(&self, units: u32) -> Result<Option<u32>, Stopped> {
        let (prefix, enter) = {
            let mut reserved = lock(&self.0.prefixes);
            let Some(prefix) = reserved.prefixes.take(units) else {
                return Ok(None);
            };
            // The mark goes round with the prefixes.
            let ahead = reserved.entered.wrapping_sub(prefix) % units;
            let enter = (ahead == 0 || ahead > PREFIXES).then(|| {
                reserved.entered = (prefix + PREFIXES) % units;
                reserved.entered
            });
            (prefix, enter)
        };
        if let Some(mark) = enter {
            self.0.journal.write(Entry::Prefix(mark)).await?;
        }
        Ok(Some(prefix))
    }

    pub(crate) fn give_back(&self, prefix: u32) {
        lock(&self.0.prefixes).prefixes.give_back(prefix);
    }

    /// Stores a share and sends it on. The unit is told when it is durable.
    ///
    /// # Errors
    /// If the store has stopped.
    pub(crate) async fn forward(
        &self,
        unit: u64,
        member: &Member,
        id: serde_json::Value,
        template: &Template,
        submit: Submit,
        arrived: Nanos,
    ) -> Result<(), Stopped> {
        let share = Share {
            ticket: self.0.tickets.fetch_add(1, Ordering::Relaxed),
            worker: member.worker.to_string(),
            subscription: template.subscription.clone(),
            prevhash: template.work.prevhash,
            submit,
            difficulty: template.difficulty.get(),
            unix: self.0.clock.unix(arrived).as_secs_f64(),
        };
        let order = Order {
            share: Box::new(share.clone()),
            unit,
            template: template.serial,
            mask: template.space.version_mask(),
            arrived,
            in_flight: Some(self.0.clock.in_flight()),
        };
        let receipt = Receipt::new(member.mailbox.clone(), id, &self.0.clock);
        // In this order: the store must know a share before its outcome can come.
        self.0
            .journal
            .write(Entry::Share(Box::new(share), receipt))
            .await?;
        self.0.orders.send(order).await.map_err(|_| Stopped)
    }

    /// Enters what became of shares, in the store and in the accounts of their units.
    ///
    /// # Errors
    /// If the store has stopped.
    pub(crate) async fn settle_all(&self, settled: Vec<Settled>) -> Result<(), Stopped> {
        for Settled {
            unit,
            ticket,
            outcome,
            span,
        } in settled
        {
            let enter = |account: &mut Account| match &outcome {
                Outcome::Accepted | Outcome::AcceptedBefore => account.answered(Ok(()), span),
                Outcome::Refused(code, _) => account.answered(Err(*code), span),
                Outcome::Expired(_) => account.expired += 1,
            };
            let member = unit.and_then(|unit| lock(&self.0.members).get(&unit).cloned());
            match (unit, member) {
                (Some(_), Some(member)) => enter(&mut lock(&member.account)),
                (Some(_), None) => enter(&mut lock(&self.0.left)),
                (None, _) => {
                    let mut restored = lock(&self.0.restored);
                    restored.1 += 1;
                    restored.0 += u64::from(matches!(
                        outcome,
                        Outcome::Accepted | Outcome::AcceptedBefore
                    ));
                }
            }
            self.0
                .journal
                .write(Entry::Outcome(ticket, outcome))
                .await?;
        }
        Ok(())
    }

    /// Bans a worker, and enters it in the store.
    ///
    /// # Errors
    /// If the store has stopped.
    pub(crate) async fn ban(
        &self,
        peer: SocketAddr,
        worker: &str,
        ban: Ban,
    ) -> Result<(), Stopped> {
        let now = self.0.clock.now();
        let entry = Entry::Ban {
            worker: format!("{worker} at {}", peer.ip()),
            reason: ban.reason.clone(),
            unix: self.0.clock.unix(now).as_secs_f64(),
            seconds: ban.until.since(now).as_secs_f64(),
        };
        lock(&self.0.bans).ban(peer.ip(), worker, ban);
        self.0.journal.write(entry).await
    }

    /// The conduct of a worker, over all its connections.
    pub(crate) fn conduct(&self, peer: SocketAddr, worker: &str) -> Arc<Mutex<Conduct>> {
        let (rules, now) = (self.0.units.ban, self.0.clock.now());
        lock(&self.0.conducts).of(peer.ip(), worker, rules, now)
    }

    /// The ban of a worker, if one is in force.
    pub(crate) fn banned(&self, peer: SocketAddr, worker: &str) -> Option<Ban> {
        lock(&self.0.bans).find(peer.ip(), worker, self.0.clock.now())
    }

    /// From now on the connections of `unit`, which has this worker name and address, get work only while an interlock
    /// permits it: see `permits`.
    pub fn watch(&self, unit: &str, worker: &str, address: IpAddr) {
        self.review(|permits| permits.watch(unit, worker, address));
    }

    /// No interlock watches `unit` any more: it has left the configuration.
    pub fn forget(&self, unit: &str) {
        self.review(|permits| permits.forget(unit));
    }

    /// Withholds work from `unit` because of `why`, and returns the number under which its next interlock may
    /// [`permit`](Hub::permit) some.
    pub fn hand_over(&self, unit: &str, why: &str) -> u64 {
        self.review(|permits| permits.hand_over(unit, why))
    }

    /// What the interlock with this number says of `unit`: why it gets no work, or that it may have some.
    pub fn permit(&self, unit: &str, interlock: u64, withheld: Option<Arc<str>>) {
        self.review(|permits| permits.say(unit, interlock, withheld));
    }

    /// Whether `worker` is the name of a unit that an interlock watches.
    pub(crate) fn watches(&self, worker: &str) -> bool {
        lock(&self.0.permits).watches(worker)
    }

    /// Changes the permits, and tells every unit whose own has changed.
    fn review<T>(&self, change: impl FnOnce(&mut Permits) -> T) -> T {
        let mut permits = lock(&self.0.permits);
        let changed = change(&mut permits);
        for member in lock(&self.0.members).values() {
            let now = permits.refusal(&member.worker, member.peer.ip());
            let mut withheld = lock(&member.withheld);
            if *withheld != now {
                *withheld = now;
                member.mailbox.permit();
            }
        }
        changed
    }

    /// Units connected and authorised.
    pub fn count(&self) -> usize {
        lock(&self.0.members).len()
    }

    /// Shares from before a restart that the pool has accepted since, and all that are settled.
    pub fn restored(&self) -> (u64, u64) {
        *lock(&self.0.restored)
    }

    /// The units that are connected and authorised.
    pub(crate) fn members(&self) -> Vec<Member> {
        lock(&self.0.members).values().cloned().collect()
    }

    /// Every unit's account, by worker name.
    pub fn seen(&self) -> Vec<Seen> {
        let now = self.0.clock.now();
        let mut seen: Vec<Seen> = self
            .members()
            .into_iter()
            .map(|member| Seen {
                worker: member.worker.to_string(),
                peer: member.peer,
                agent: member.agent.clone(),
                account: lock(&member.account).at(now),
            })
            .collect();
        seen.sort_by(|a, b| a.worker.cmp(&b.worker));
        seen
    }

    /// The account of all units, those that have left included.
    pub fn total(&self) -> Account {
        let mut total = lock(&self.0.left).clone();
        for seen in self.seen() {
            total.add(&seen.account);
        }
        total
    }
}
