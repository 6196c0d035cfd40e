//! The task of one unit: mail from the hub, lines from the unit, timers.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::end::End;
use super::greeting::{Greeting, MOST_WORKER, greet, subscribed};
use super::state::{Membership, Next, Unit};
use crate::account::Phase;
use crate::hub::Hub;
use crate::ledger::Ledger;
use crate::lock::lock;
use crate::mailbox::{Hold, Mail};
use crate::queue::Feed;
use crate::space::Space;
use crate::template::Template;
use crate::vardiff::Vardiff;
use thermine_stratum::Session;
use thermine_stratum::arrivals::Arrival;
use thermine_stratum::notice::Notice;
use thermine_stratum::refusal::Refusal;
use thermine_stratum::server_connection::ServerConnection;
use thermine_stratum::server_protocol::Asked;
use thermine_units::clock::Nanos;

/// Shares of one unit that may wait for the store; beyond that it is not read.
const UNSTORED: usize = 256;

/// Serves a connection until it ends; it gets one of `places` when it has authorised.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    hub: Hub,
    arrival: Arrival,
    places: Arc<Semaphore>,
) -> Result<(), End> {
    let (mut wire, greeting) = tokio::select! {
        biased;
        () = arrival.evicted() => return Err(End::Evicted),
        greeted = greet(stream, peer, &hub) => greeted?,
    };
    drop(arrival);
    let _place = places.try_acquire_owned().map_err(|_| End::Crowded)?;
    let mut unit = Unit::join(hub, &wire, greeting);
    loop {
        let hold = unit.mine(&mut wire).await?;
        let Some(returned) = unit.lend(wire, hold).await else {
            return Ok(());
        };
        wire = returned;
        unit.resume(&mut wire)?;
    }
}

impl Unit {
    /// A unit that has just authorised on `wire` joins the hub.
    fn join(hub: Hub, wire: &ServerConnection, greeting: Greeting) -> Unit {
        let (clock, worker, peer) = (hub.clock().clone(), wire.worker(), wire.peer());
        let agent = wire.protocol().agent();
        let now = clock.now();
        let (number, member) = hub.join(worker, peer, agent);
        let membership = Membership::new(hub.clone(), number);
        tracing::info!(%peer, worker, agent, "unit connected");
        if let Some(why) = member.withheld() {
            tracing::info!(%peer, worker, %why, "connected and gets no work");
            lock(&member.account).enter(Phase::Away, now);
        }
        let settings = hub.units();
        let mut vardiff = Vardiff::new(settings.vardiff, now);
        if let Some(difficulty) = greeting.suggests {
            vardiff.suggest(difficulty, now);
        }
        let mut ranged = settings.ranged.iter();
        let ranged = ranged.find(|(pattern, ..)| matches(pattern, worker));
        Unit {
            feed: ranged.map(|(_, range, rate)| Feed::new(*range, *rate, settings.lead, now)),
            conduct: hub.conduct(peer, worker),
            // The newest one after joining: none that comes later is missed.
            current: hub.current().unwrap_or(greeting.current),
            clock,
            membership,
            member,
            prefix: greeting.prefix,
            space: greeting.space,
            ledger: Ledger::default(),
            vardiff,
            pieces: 0,
            rolled: 0,
            unstored: 0,
            next: Next::first(now),
            hold: None,
            hub,
        }
    }

    /// Mines until its job stream is wanted, and its shares so far are stored.
    async fn mine(&mut self, wire: &mut ServerConnection) -> Result<Hold, End> {
        let waiter = self.clock.follow();
        let mailbox = self.member.mailbox.clone();
        let worker = self.member.worker.clone();
        let lost = |lost| End::Lost(worker.to_string(), lost);
        loop {
            self.begin(wire)?;
            self.top_up(wire);
            wire.flush().await.map_err(lost)?;
            if self.unstored == 0
                && let Some(hold) = self.hold.take()
            {
                return Ok(hold);
            }
            let due = wire.due().min(self.due());
            tokio::select! {
                biased;
                () = mailbox.full() => {
                    let mail = mailbox.fetch();
                    self.open(wire, &mail)?;
                    self.top_up(wire);
                    wire.flush().await.map_err(lost)?;
                    // Only now is what was on its way over.
                    self.hold = mail.hold.or(self.hold.take());
                }
                next = wire.next(), if self.unstored < UNSTORED && self.hold.is_none() => {
                    let (asked, arrived) = next.map_err(lost)?;
                    self.answer(wire, asked, arrived).await?;
                }
                () = waiter.wait_until(due) => {
                    self.retarget(wire);
                    wire.tick(Some(self.vardiff.difficulty())).map_err(lost)?;
                }
            }
        }
    }

    /// When there is something to do, beside the connection's own timers.
    fn due(&self) -> Nanos {
        let feed = match &self.feed {
            Some(feed) if self.member.withheld().is_none() => feed.due(self.clock.now()),
            _ => Nanos::MAX,
        };
        self.next.due().min(self.vardiff.due()).min(feed)
    }

    /// Does what the mail says.
    fn open(&mut self, wire: &mut ServerConnection, mail: &Mail) -> Result<(), End> {
        for (id, kept) in &mail.stored {
            self.unstored = self.unstored.saturating_sub(1);
            let outcome = match kept {
                true => Ok(json!(true)),
                false => Err(Refusal::new(20, "the share could not be stored")),
            };
            wire.reply(id.clone(), outcome);
        }
        if mail.permit {
            self.permitted(wire)?;
        }
        // One that was published as the unit came in may be what it was let in with: given again, it would retire what
        // the unit has mined on since.
        if let Some((template, clean)) = &mail.template
            && !Arc::ptr_eq(template, &self.current)
        {
            self.take(wire, template.clone(), *clean)?;
        }
        Ok(())
    }

    /// Whether the unit may have work has changed: it is disconnected, which takes away what it has, or gets some.
    fn permitted(&mut self, wire: &ServerConnection) -> Result<(), End> {
        let has_been_told = wire.protocol().difficulty().is_some();
        match self.member.withheld() {
            Some(why) if has_been_told => Err(self.withheld(why)),
            None if !has_been_told && self.next == Next::Nothing => {
                self.next = Next::first(self.clock.now());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn withheld(&self, why: Arc<str>) -> End {
        End::Withheld(self.member.worker.to_string(), why)
    }

    /// Gives the unit work of a new template.
    pub(super) fn take(
        &mut self,
        wire: &mut ServerConnection,
        template: Arc<Template>,
        clean: bool,
    ) -> Result<(), End> {
        let is_first = wire.protocol().difficulty().is_none();
        let clean = clean || is_first || !template.continues(&self.current);
        if template.space != self.space {
            self.move_to(wire, template.space.clone())?;
        }
        self.current = template;
        self.pieces = 0;
        // It gets its first job when that is due.
        if self.next != Next::Nothing {
            return Ok(());
        }
        if clean {
            self.retire();
            self.piece(wire, true);
        } else if self.feed.is_none() {
            self.piece(wire, false);
        }
        Ok(())
    }

    /// The pool's extranonce has changed. One that can be told is told; the others must subscribe again.
    fn move_to(&mut self, wire: &mut ServerConnection, space: Arc<Space>) -> Result<(), End> {
        let prefix = self.prefix.number();
        let (before, now) = (subscribed(&self.space, prefix), subscribed(&space, prefix));
        if prefix >= space.units() || before != now && !wire.protocol().takes_extranonce() {
            return Err(End::Moved(self.member.worker.to_string()));
        }
        if before != now {
            wire.say(&Notice::SetExtranonce {
                extranonce1: now.extranonce1,
                extranonce2_len: now.extranonce2_len,
            });
        }
        wire.set_version_mask(space.version_mask());
        self.space = space;
        Ok(())
    }

    async fn answer(
        &mut self,
        wire: &mut ServerConnection,
        asked: Asked,
        arrived: Nanos,
    ) -> Result<(), End> {
        match asked {
            Asked::Submit { id, submit } => return self.share(wire, id, submit, arrived).await,
            Asked::Subscribe { id, .. } => {
                wire.subscribe(id, &subscribed(&self.space, self.prefix.number()));
            }
            Asked::Authorize { id, user } => wire.reply(id, self.another_worker(&user)),
            Asked::Configured => {
                // Its jobs so far may have bits within what it may roll now; a new one has not.
                let more = wire.protocol().version_mask() & !self.rolled;
                if self.current.work.version & more != 0 && self.has_piece() {
                    self.piece(wire, false);
                }
            }
            Asked::SuggestDifficulty(difficulty) => {
                self.vardiff.suggest(difficulty, self.clock.now());
            }
        }
        Ok(())
    }

    /// A further worker name on this connection: its shares count for the first. That of a unit that is watched by an
    /// interlock is refused, since that interlock could not take the work of this connection away.
    fn another_worker(&self, user: &str) -> Result<Value, Refusal> {
        if *user == *self.member.worker {
            return Ok(json!(true));
        }
        if let Some(ban) = self.hub.banned(self.member.peer, user) {
            return Err(Refusal::new(24, format!("banned: {}", ban.reason)));
        }
        if user.is_empty() || user.len() > MOST_WORKER || self.hub.watches(user) {
            return Err(Refusal::new(24, "unauthorized worker"));
        }
        Ok(json!(true))
    }

    /// Lends the unit out, and returns its connection when it comes back; `None` if it does not.
    async fn lend(&mut self, wire: ServerConnection, hold: Hold) -> Option<ServerConnection> {
        self.retire();
        let enter = |phase, now| lock(&self.member.account).enter(phase, now);
        enter(Phase::Held, self.clock.now());
        let given = subscribed(&self.space, self.prefix.number());
        let session = Session::adopt(wire, &given, self.hub.scale());
        // An error drops the session, and so hangs up.
        hold.taken.send(session).ok()?;
        let session = hold.back.await.ok()?;
        enter(Phase::Network, self.clock.now());
        Some(session.into_connection())
    }

    /// Goes on mining after an experiment.
    fn resume(&mut self, wire: &mut ServerConnection) -> Result<(), End> {
        // It still hashes the last job of the experiment that held it.
        if let Some(why) = self.member.withheld() {
            return Err(self.withheld(why));
        }
        wire.protocol_mut().resume(self.clock.now());
        self.next = Next::Nothing;
        match self.hub.current() {
            Some(newest) => self.take(wire, newest, true),
            None => Ok(()),
        }
    }
}

/// Whether a worker name fits a pattern: the name itself, or its beginning and a `*`.
fn matches(pattern: &str, worker: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => worker.starts_with(beginning),
        None => pattern == worker,
    }
}
