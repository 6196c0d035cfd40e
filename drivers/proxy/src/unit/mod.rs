//! One unit's connection to the proxy, from accept to the end, in one task.

mod end;
mod greeting;
mod work;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

pub use self::end::End;
use self::greeting::{Greeting, MOST_WORKER, configured, parse, subscription};
use self::work::Next;
use crate::account::Phase;
use crate::ban::{Ban, Conduct};
use crate::hub::{Hub, Member, lock};
use crate::ledger::Ledger;
use crate::mailbox::{Hold, Mail};
use crate::queue::Feed;
use crate::space::Space;
use crate::template::Template;
use crate::vardiff::Vardiff;
use thermine_stratum::Session;
use thermine_stratum::arrivals::Arrival;
use thermine_stratum::line::{LineError, LineStream};
use thermine_stratum::notice::{Notice, Refusal};
use thermine_stratum::request::{Call, Request, SUBSCRIBE_EXTRANONCE, Submit};
use thermine_stratum::session::{self, Adopted};
use thermine_stratum::strikes::Strikes;
use thermine_units::clock::{Clock, Nanos};
use thermine_units::pow::{Algorithm, Difficulty};
use thermine_units::record::Verdict;

/// Shares of one unit that may wait for the store; beyond that it is not read.
const UNSTORED: usize = 256;

/// Silence towards a unit after which the difficulty is said again: an S9 leaves a pool from which it has
/// heard nothing for 90 s.
const KEEP_ALIVE: std::time::Duration = std::time::Duration::from_secs(45);

/// A unit that has subscribed and authorised.
struct Unit {
    hub: Hub,
    clock: Clock,
    peer: SocketAddr,
    number: u64,
    member: Member,
    agent: Option<String>,
    prefix: u32,
    space: Arc<Space>,
    current: Arc<Template>,
    /// Version bits that it asked to roll; `None` if it did not ask.
    rolls: Option<u32>,
    told_of_extranonce: bool,
    ledger: Ledger,
    vardiff: Vardiff,
    feed: Option<Feed>,
    conduct: Arc<Mutex<Conduct>>,
    /// Difficulty that it was told last.
    told: Option<Difficulty>,
    /// Pieces of the present template that it has been given.
    pieces: u64,
    unstored: usize,
    strikes: Strikes,
    heard: Nanos,
    /// When the difficulty is said again, if nothing else is said before.
    reminds: Nanos,
    next: Next,
    hold: Option<Hold>,
}

/// Serves a connection until it ends; it gets one of `places` when it has authorised.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    hub: Hub,
    arrival: Arrival,
    places: Arc<Semaphore>,
) -> Result<(), End> {
    let clock = hub.clock().clone();
    let (mut lines, greeting) = tokio::select! {
        biased;
        () = arrival.evicted() => return Err(End::Evicted),
        greeted = Greeting::of(stream, peer, &hub) => greeted?,
    };
    drop(arrival);
    let _place = places.try_acquire_owned().map_err(|_| End::Crowded)?;
    let Greeting {
        current,
        prefix,
        space,
        agent,
        worker,
        rolls,
        extranonce,
        suggests,
        strikes,
        ..
    } = greeting;
    let (worker, prefix) = (worker.unwrap_or_default(), prefix.ok_or(End::Full)?);
    let now = clock.now();
    let (number, member) = hub.join(&worker, peer, agent.as_deref());
    let leave = Leave(hub.clone(), number);
    let settings = hub.units();
    let mut vardiff = Vardiff::new(settings.vardiff, now);
    if let Some(difficulty) = suggests {
        vardiff.suggest(difficulty, now);
    }
    let ranged = settings
        .ranged
        .iter()
        .find(|(pattern, ..)| matches(pattern, &worker));
    let feed = ranged.map(|(_, range, rate)| Feed::new(*range, *rate, settings.lead, now));
    // The newest one after joining: none that comes later is missed.
    let newest = hub.current().unwrap_or(current);
    tracing::info!(%peer, worker, agent, "unit connected");
    let mut unit = Unit {
        conduct: hub.conduct(peer, &worker),
        clock: clock.clone(),
        peer,
        number,
        member,
        agent,
        prefix: prefix.number(),
        space,
        current: newest.clone(),
        rolls,
        told_of_extranonce: extranonce,
        ledger: Ledger::default(),
        vardiff,
        feed,
        told: None,
        pieces: 0,
        unstored: 0,
        strikes,
        heard: now,
        reminds: now + KEEP_ALIVE,
        next: Next::first(now),
        hold: None,
        hub,
    };
    if let Some(why) = unit.member.withheld() {
        tracing::info!(%peer, worker, %why, "connected and gets no work");
        lock(&unit.member.account).enter(Phase::Away, now);
    }
    loop {
        let hold = unit.mine(&mut lines).await?;
        let Some(returned) = unit.lend(lines, hold).await else {
            drop(leave);
            return Ok(());
        };
        lines = returned;
        // It still hashes the last job of the experiment that held it.
        if let Some(why) = unit.member.withheld() {
            return Err(End::Withheld(worker, why));
        }
        let newest = unit.hub.current();
        unit.told = None;
        unit.next = Next::Nothing;
        unit.heard = unit.clock.now();
        if let Some(newest) = newest {
            unit.take(&mut lines, newest, true)?;
        }
    }
}

/// Leaves the hub.
struct Leave(Hub, u64);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

impl Unit {
    /// Mines until somebody wants the unit's job stream, and its shares so far are stored.
    async fn mine(&mut self, lines: &mut LineStream) -> Result<Hold, End> {
        let seat = self.clock.follow();
        let mailbox = self.member.mailbox.clone();
        let idle_timeout = self.hub.units().idle_timeout;
        loop {
            self.begin(lines)?;
            self.top_up(lines);
            lines.flush().await.map_err(|source| self.broken(source))?;
            if self.unstored == 0
                && let Some(hold) = self.hold.take()
            {
                return Ok(hold);
            }
            let now = self.clock.now();
            let next = (self.heard + idle_timeout)
                .min(self.reminds)
                .min(self.next.due())
                .min(self.vardiff.due())
                .min(match &self.feed {
                    Some(feed) if self.member.withheld().is_none() => feed.due(now),
                    _ => Nanos::MAX,
                });
            tokio::select! {
                biased;
                () = mailbox.full() => {
                    let mail = mailbox.fetch();
                    self.open(lines, &mail)?;
                    self.top_up(lines);
                    lines.flush().await.map_err(|source| self.broken(source))?;
                    // Only now is what was on its way over.
                    self.hold = mail.hold.or(self.hold.take());
                }
                line = lines.next(), if self.unstored < UNSTORED && self.hold.is_none() => {
                    let line = line.map_err(|source| self.broken(source))?;
                    self.heard = self.clock.now();
                    let worker = self.member.worker.clone();
                    if let Some(request) = parse(&line, lines, &mut self.strikes, self.heard, &worker)? {
                        self.answer(lines, request, line.arrived).await?;
                    }
                }
                () = seat.wait_until(next) => self.timers(lines)?,
            }
        }
    }

    /// Does what the mail says.
    fn open(&mut self, lines: &mut LineStream, mail: &Mail) -> Result<(), End> {
        for (id, kept) in &mail.stored {
            self.unstored = self.unstored.saturating_sub(1);
            let outcome = match kept {
                true => Ok(json!(true)),
                false => Err(Refusal::new(20, "the share could not be stored")),
            };
            self.say(
                lines,
                &Notice::Reply {
                    id: id.clone(),
                    outcome,
                },
            );
        }
        if let Some(why) = mail.close {
            return Err(End::Closed(self.member.worker.to_string(), why));
        }
        if mail.permit {
            self.permitted()?;
        }
        // One that was published as the unit came in may be what it was let in with: given again, it would retire what
        // the unit has mined on since.
        if let Some((template, clean)) = &mail.template
            && !Arc::ptr_eq(template, &self.current)
        {
            self.take(lines, template.clone(), *clean)?;
        }
        Ok(())
    }

    /// Whether the unit may have work has changed: it is disconnected, which takes away what it has, or gets some.
    fn permitted(&mut self) -> Result<(), End> {
        match self.member.withheld() {
            Some(why) if self.told.is_some() => {
                Err(End::Withheld(self.member.worker.to_string(), why))
            }
            None if self.told.is_none() && self.next == Next::Nothing => {
                self.next = Next::first(self.clock.now());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Gives the unit work of a new template.
    fn take(
        &mut self,
        lines: &mut LineStream,
        template: Arc<Template>,
        clean: bool,
    ) -> Result<(), End> {
        let clean = clean || !template.continues(&self.current) || self.told.is_none();
        if template.space != self.space {
            self.move_to(lines, template.space.clone())?;
        }
        self.current = template;
        self.pieces = 0;
        // It gets its first job when that is due.
        if self.next != Next::Nothing {
            return Ok(());
        }
        if clean {
            self.ledger.retire();
            if let Some(feed) = &mut self.feed {
                feed.clear();
            }
            self.piece(lines, true);
        } else if self.feed.is_none() {
            self.piece(lines, false);
        }
        Ok(())
    }

    /// The pool's extranonce has changed. One that can be told is told; the others must subscribe again.
    fn move_to(&mut self, lines: &mut LineStream, space: Arc<Space>) -> Result<(), End> {
        let moved = space.unit_extranonce1(self.prefix) != self.space.unit_extranonce1(self.prefix)
            || space.unit_extranonce2_len() != self.space.unit_extranonce2_len();
        if self.prefix >= space.units() || moved && !self.told_of_extranonce {
            return Err(End::Moved(self.member.worker.to_string()));
        }
        if moved {
            let notice = Notice::SetExtranonce {
                extranonce1: space.unit_extranonce1(self.prefix),
                extranonce2_len: space.unit_extranonce2_len(),
            };
            self.say(lines, &notice);
        }
        let mask = |space: &Space| self.rolls.map(|rolls| rolls & space.version_mask());
        if mask(&space) != mask(&self.space)
            && let Some(mask) = mask(&space)
        {
            self.say(lines, &Notice::SetVersionMask(mask));
        }
        self.space = space;
        Ok(())
    }

    fn timers(&mut self, lines: &mut LineStream) -> Result<(), End> {
        let now = self.clock.now();
        if now >= self.heard + self.hub.units().idle_timeout {
            return Err(End::Idle(self.member.worker.to_string()));
        }
        self.retarget(lines);
        if now >= self.reminds {
            let difficulty = self.told.unwrap_or(self.vardiff.difficulty());
            self.say(lines, &Notice::SetDifficulty(difficulty.get()));
        }
        Ok(())
    }

    async fn answer(
        &mut self,
        lines: &mut LineStream,
        Request { id, call }: Request,
        arrived: Nanos,
    ) -> Result<(), End> {
        let outcome = match call {
            Call::Reply => return Ok(()),
            Call::Submit(submit) => return self.share(lines, id, submit, arrived).await,
            Call::Subscribe { .. } => Ok(subscription(&self.space, self.prefix)),
            Call::Authorize { user } => self.another_worker(&user),
            Call::Configure {
                version_rolling,
                others,
            } => {
                let before = self.mask();
                self.rolls = version_rolling;
                self.told_of_extranonce |= others.iter().any(|name| name == SUBSCRIBE_EXTRANONCE);
                let outcome = Ok(configured(version_rolling, &others, &self.space));
                self.say(lines, &Notice::Reply { id, outcome });
                // Its jobs so far may have bits within what it may roll now; a new one has not.
                let (version, mask) = (self.current.work.version, self.mask());
                if version & mask & !before != 0
                    && self.next == Next::Nothing
                    && self.pieces < self.space.pieces()
                {
                    self.piece(lines, false);
                }
                return Ok(());
            }
            Call::ExtranonceSubscribe => {
                self.told_of_extranonce = true;
                Ok(json!(true))
            }
            Call::SuggestDifficulty(difficulty) => {
                if let Some(difficulty) = difficulty {
                    self.vardiff.suggest(difficulty, self.clock.now());
                }
                Ok(json!(true))
            }
            Call::Other(method) => Err(Refusal::new(20, format!("method {method} not found"))),
        };
        self.say(lines, &Notice::Reply { id, outcome });
        Ok(())
    }

    /// A further worker name on this connection: its shares count for the first. That of a unit that is watched by an
    /// interlock is refused, since that interlock could not take the work of this connection away.
    fn another_worker(&self, user: &str) -> Result<Value, Refusal> {
        if *user == *self.member.worker {
            return Ok(json!(true));
        }
        if let Some(ban) = self.hub.banned(self.peer, user) {
            return Err(Refusal::new(24, format!("banned: {}", ban.reason)));
        }
        if user.is_empty() || user.len() > MOST_WORKER || self.hub.watches(user) {
            return Err(Refusal::new(24, "unauthorized worker"));
        }
        Ok(json!(true))
    }

    /// A share: judged, counted, and sent on if the pool would take it.
    async fn share(
        &mut self,
        lines: &mut LineStream,
        id: Value,
        submit: Submit,
        arrived: Nanos,
    ) -> Result<(), End> {
        let judged = self.ledger.judge(&submit, self.mask());
        let now = self.clock.now();
        let forward = judged.forward;
        let algorithm = self
            .hub
            .current()
            .map_or_else(Algorithm::default, |template| template.work.algorithm());
        {
            let mut account = lock(&self.member.account);
            account.judged(judged.verdict, judged.difficulty, algorithm);
            if judged.verdict == Verdict::Accepted {
                match forward {
                    Some(_) => account.forwarded += 1,
                    None => account.filtered += 1,
                }
            }
        }
        if let (Some(feed), Some(piece)) = (&mut self.feed, judged.piece) {
            feed.answered(piece, now);
        }
        if let (Verdict::Accepted, Some(difficulty)) = (judged.verdict, judged.difficulty) {
            self.vardiff.share(difficulty);
        }
        match (session::refusal(judged.verdict), forward) {
            (Some(refusal), _) => {
                let outcome = Err(refusal);
                self.say(lines, &Notice::Reply { id, outcome });
            }
            (None, None) => {
                let outcome = Ok(json!(true));
                self.say(lines, &Notice::Reply { id, outcome });
            }
            (None, Some(forward)) => {
                self.unstored += 1;
                let template = forward.template;
                let submit = Submit {
                    user: String::new(),
                    job_id: template.job_id.clone(),
                    extranonce2: forward.extranonce2,
                    version_bits: Some(forward.version),
                    ..submit
                };
                self.hub
                    .forward(self.number, &self.member, id, &template, submit, arrived)
                    .await?;
            }
        }
        let ban = lock(&self.conduct).judged(judged.verdict, now);
        if let Some(ban) = ban {
            return self.ban(ban).await;
        }
        self.retarget(lines);
        Ok(())
    }

    async fn ban(&mut self, ban: Ban) -> Result<(), End> {
        let (worker, reason) = (self.member.worker.to_string(), ban.reason.clone());
        tracing::warn!(worker, peer = %self.peer, reason, "banned a unit");
        self.hub.ban(self.peer, &worker, ban).await?;
        Err(End::Banned(worker, reason))
    }

    /// Lends the unit out, and returns its lines when it comes back; `None` if it does not.
    async fn lend(&mut self, lines: LineStream, hold: Hold) -> Option<LineStream> {
        self.ledger.retire();
        if let Some(feed) = &mut self.feed {
            feed.clear();
        }
        let enter = |phase, now| lock(&self.member.account).enter(phase, now);
        enter(Phase::Held, self.clock.now());
        let session = Session::adopt(Adopted {
            lines,
            peer: self.peer,
            worker: self.member.worker.to_string(),
            agent: self.agent.clone(),
            extranonce1: self.space.unit_extranonce1(self.prefix),
            extranonce2_len: self.space.unit_extranonce2_len(),
            version_mask: self.mask(),
            settings: session::Settings {
                difficulty_scale: self.hub.scale(),
                ..session::Settings::default()
            },
            clock: self.clock.clone(),
        });
        // An error drops the session, and so hangs up.
        hold.taken.send(session).ok()?;
        let session = hold.back.await.ok()?;
        enter(Phase::Network, self.clock.now());
        Some(session.into_lines())
    }

    /// Version bits that it may roll.
    fn mask(&self) -> u32 {
        self.rolls
            .map_or(0, |rolls| rolls & self.space.version_mask())
    }

    fn say(&mut self, lines: &mut LineStream, notice: &Notice) {
        lines.push(&notice.to_line());
        self.reminds = self.clock.now() + KEEP_ALIVE;
    }

    fn broken(&self, source: LineError) -> End {
        End::Line {
            worker: self.member.worker.to_string(),
            source,
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
