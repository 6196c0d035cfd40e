//! One authorised miner connection, as a value that its owner drives.
//!
//! A session is not a task: whoever holds it calls [`Session::next_share`] and [`Session::send_job`]
//! from its own loop, so that a share's way from the socket to the next job's bytes crosses no other
//! task. `next_share` may be dropped at any await point: bytes to be written wait in a buffer, and a
//! share is read only when there is a place to record it.

mod error;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

pub use self::error::SessionError;
use crate::arrivals::{MOST_UNAUTHORISED, speaks_tls};
use crate::factory::Job;
use crate::line::{Line, LineError, LineStream, Plug};
use crate::notice::{Notice, Notify, Refusal};
use crate::request::{Call, Request, RequestError, Submit, configured};
use crate::strikes::Strikes;
use crate::verifier::{Judgement, Verifier, job_id};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::pow::Difficulty;
use thermine_units::pow::work::BIP320_MASK;
use thermine_units::record::{Durable, JobRecord, Record, Recorder, RecorderClosed, Slot, Verdict};

/// How a server treats its connections.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Factor on the difficulty that a share's hash must really meet: 1 for hardware.
    pub difficulty_scale: f64,
    /// Version bits that a unit may be granted for rolling.
    pub version_mask: u32,
    /// Wall time from accept to authorised.
    pub handshake_timeout: Duration,
    /// Connections of one listener that may be unauthorised at once.
    pub max_unauthorised: usize,
    /// Wall time without a line from the unit after which it is given up.
    pub idle_timeout: Duration,
}

impl Default for Settings {
    /// For hardware. A unit authorises within a second of its connection, and an S9 gives a pool 90 s of silence; it
    /// may find nothing for minutes at a high difficulty.
    fn default() -> Settings {
        Settings {
            difficulty_scale: 1.0,
            version_mask: BIP320_MASK,
            handshake_timeout: Duration::from_secs(15),
            max_unauthorised: MOST_UNAUTHORISED,
            idle_timeout: Duration::from_secs(600),
        }
    }
}

/// Silence towards the unit after which the difficulty is said again: an S9 leaves a pool from which it
/// has heard nothing for 90 s.
const KEEP_ALIVE: Duration = Duration::from_secs(45);

/// Wall time that a unit is given to hang up in turn.
const HANG_UP: Duration = Duration::from_secs(2);

/// A share as judged, whatever the verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// When the socket read that brought its last byte returned.
    pub arrived: Nanos,
    /// What it is worth.
    pub judgement: Judgement,
    /// Its nonce.
    pub nonce: u32,
}

/// A connection that has been authorised elsewhere.
pub struct Adopted {
    /// Its lines, in both directions.
    pub lines: LineStream,
    /// Address of the unit.
    pub peer: SocketAddr,
    /// Worker name that the unit authorized as.
    pub worker: String,
    /// Agent that the unit named in `mining.subscribe`.
    pub agent: Option<String>,
    /// Extranonce1 given to the unit.
    pub extranonce1: Vec<u8>,
    /// Length of the extranonce2 asked of the unit, bytes.
    pub extranonce2_len: usize,
    /// Version bits that the unit may roll; 0 if none.
    pub version_mask: u32,
    /// Time limits of the session.
    pub settings: Settings,
    /// Clock of its time limits.
    pub clock: Clock,
}

/// An authorised connection of one unit.
#[derive(Debug)]
pub struct Session {
    lines: LineStream,
    clock: Clock,
    settings: Settings,
    peer: SocketAddr,
    worker: Option<String>,
    agent: Option<String>,
    subscribed: bool,
    verifier: Verifier,
    difficulty: Option<Difficulty>,
    recorder: Recorder,
    durable: watch::Receiver<Durable>,
    slot: Option<Slot>,
    tickets: u64,
    unacknowledged: VecDeque<(u64, Value)>,
    strikes: Strikes,
    last_heard: Instant,
    last_said: Instant,
}

impl Session {
    /// Takes a new connection through subscribe and authorise. `welcome` decides by worker name.
    ///
    /// # Errors
    /// If the peer goes away, speaks something else or takes too long.
    pub async fn establish(
        stream: TcpStream,
        peer: SocketAddr,
        extranonce1: Vec<u8>,
        settings: Settings,
        clock: Clock,
        welcome: impl Fn(&str) -> bool,
    ) -> Result<Session, SessionError> {
        let after = settings.handshake_timeout;
        let begun = Instant::now();
        match tokio::time::timeout(after, speaks_tls(&stream)).await {
            Ok(false) => {}
            Ok(true) => return Err(SessionError::Tls { peer }),
            Err(_) => return Err(SessionError::HandshakeTimeout { peer, after }),
        }
        let recorder = Recorder::discard();
        let now = Instant::now();
        let strikes = Strikes::new(clock.now());
        let mut session = Session {
            lines: LineStream::new(stream, clock.clone()),
            clock,
            peer,
            worker: None,
            agent: None,
            subscribed: false,
            // Four bytes, as in the S9 captures: bmminer takes 2 to 8.
            verifier: Verifier::new(extranonce1, 4, settings.difficulty_scale),
            difficulty: None,
            durable: recorder.durable(),
            recorder,
            slot: None,
            tickets: 0,
            unacknowledged: VecDeque::new(),
            strikes,
            last_heard: now,
            last_said: now,
            settings,
        };
        match tokio::time::timeout_at(begun + after, session.handshake(welcome)).await {
            Ok(Ok(())) => Ok(session),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(SessionError::HandshakeTimeout { peer, after }),
        }
    }

    /// A session of a connection that has been authorised elsewhere.
    pub fn adopt(adopted: Adopted) -> Session {
        let recorder = Recorder::discard();
        let now = Instant::now();
        let strikes = Strikes::new(adopted.clock.now());
        let scale = adopted.settings.difficulty_scale;
        let mut verifier = Verifier::new(adopted.extranonce1, adopted.extranonce2_len, scale);
        verifier.set_version_mask(adopted.version_mask);
        Session {
            lines: adopted.lines,
            clock: adopted.clock,
            settings: adopted.settings,
            peer: adopted.peer,
            worker: Some(adopted.worker),
            agent: adopted.agent,
            subscribed: true,
            verifier,
            difficulty: None,
            durable: recorder.durable(),
            recorder,
            slot: None,
            tickets: 0,
            unacknowledged: VecDeque::new(),
            strikes,
            last_heard: now,
            last_said: now,
        }
    }

    /// The connection, for whoever goes on with it.
    pub fn into_lines(self) -> LineStream {
        self.lines
    }

    async fn handshake(&mut self, welcome: impl Fn(&str) -> bool) -> Result<(), SessionError> {
        let mut strangers = 0_u32;
        while !self.subscribed || self.worker.is_none() {
            self.flush().await?;
            let line = self.lines.next().await.map_err(|e| self.line_error(e))?;
            let Some(request) = self.parse(&line)? else {
                continue;
            };
            match request.call {
                Call::Authorize { user } if welcome(&user) => {
                    self.reply(request.id, Ok(json!(true)));
                    self.worker = Some(user);
                }
                Call::Authorize { user } => {
                    // One that tries name after name is not reported name by name.
                    if strangers == 0 {
                        tracing::warn!(peer = %self.peer, worker = %user, "no such worker is expected");
                    }
                    strangers = strangers.saturating_add(1);
                    let refusal = Refusal::new(24, "unauthorized worker");
                    self.reply(request.id, Err(refusal));
                }
                Call::Submit(_) if !self.subscribed => {
                    self.reply(request.id, Err(Refusal::new(25, "not subscribed")));
                }
                Call::Submit(_) => {
                    self.reply(request.id, Err(Refusal::new(24, "unauthorized worker")));
                }
                call => self.answer(request.id, call),
            }
        }
        self.flush().await
    }

    /// Worker name that it authorised with.
    pub fn worker(&self) -> &str {
        self.worker.as_deref().unwrap_or("unauthorised unit")
    }

    /// Name and version that its firmware gave, if any.
    pub fn agent(&self) -> Option<&str> {
        self.agent.as_deref()
    }

    /// Its address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Bytes of both extranonces together.
    pub fn extranonce_len(&self) -> usize {
        self.verifier.extranonce1().len() + self.verifier.extranonce2_len()
    }

    /// Records from now on to `recorder`, and acknowledges a share only when it says that it is durable.
    pub fn record_to(&mut self, recorder: Recorder) {
        self.durable = recorder.durable();
        self.recorder = recorder;
        self.slot = None;
    }

    /// Takes `next`, a later connection of the same unit, in place of this one. Records and the numbers of
    /// shares go on; shares that were not yet acknowledged stay recorded and lose only their reply.
    pub fn go_on_with(&mut self, mut next: Session) {
        next.recorder = self.recorder.clone();
        next.durable = self.recorder.durable();
        next.slot = None;
        next.tickets = self.tickets;
        *self = next;
    }

    /// Whether a line of the unit was read after `then`.
    pub fn heard_since(&self, then: Instant) -> bool {
        self.last_heard > then
    }

    /// Sends a job, its difficulty before it if that has changed, and returns when its bytes were handed
    /// to the socket.
    ///
    /// # Errors
    /// If the unit has gone or does not read, or the capture has failed.
    pub async fn send_job(
        &mut self,
        job: Job,
        difficulty: Difficulty,
        clean: bool,
        step: Option<u64>,
    ) -> Result<Nanos, SessionError> {
        if self.difficulty != Some(difficulty) {
            self.difficulty = Some(difficulty);
            self.say(&Notice::SetDifficulty(difficulty.get()));
        }
        let notify = Notify {
            job_id: job_id(job.serial),
            work: job.work,
            clean,
        };
        let notice = Notice::Notify(notify);
        self.say(&notice);
        let sent = self.clock.now();
        self.flush().await?;

        let Notice::Notify(Notify { job_id, work, .. }) = notice else {
            unreachable!("built above");
        };
        self.verifier
            .issue(job.serial, work.clone(), difficulty, sent, clean);
        let record = JobRecord {
            step,
            ..self
                .verifier
                .job_record(job_id, work, difficulty, sent, clean)
        };
        self.recorder.record(Record::Job(record)).await?;
        Ok(sent)
    }

    /// Waits for the next share, answering whatever else the unit asks meanwhile. Cancel safe.
    ///
    /// # Errors
    /// If the unit has gone, is silent for too long or sends garbage, or the capture has failed.
    pub async fn next_share(&mut self) -> Result<Share, SessionError> {
        loop {
            self.acknowledge()?;
            self.flush().await?;
            if self.slot.is_none() {
                self.slot = Some(self.recorder.reserve().await?);
            }
            let idle = self.last_heard + self.settings.idle_timeout;
            let keep_alive = self.last_said + KEEP_ALIVE;
            tokio::select! {
                biased;
                line = self.lines.next() => {
                    let line = line.map_err(|error| self.line_error(error))?;
                    self.last_heard = Instant::now();
                    let Some(request) = self.parse(&line)? else { continue };
                    match request.call {
                        Call::Submit(submit) => return Ok(self.judge(request.id, submit, line.arrived)),
                        call => self.answer(request.id, call),
                    }
                }
                _ = self.durable.changed(), if !self.unacknowledged.is_empty() => {}
                () = sleep_until(idle.min(keep_alive)) => {
                    if Instant::now() >= idle {
                        return Err(SessionError::Idle {
                            unit: self.worker().to_string(),
                            peer: self.peer,
                            after: self.settings.idle_timeout,
                        });
                    }
                    if let Some(difficulty) = self.difficulty {
                        self.say(&Notice::SetDifficulty(difficulty.get()));
                    }
                    self.last_said = Instant::now();
                }
            }
        }
    }

    /// Waits until every share so far is durable and acknowledged. Call it before letting a session go.
    ///
    /// # Errors
    /// As [`Session::next_share`].
    pub async fn settle(&mut self) -> Result<(), SessionError> {
        self.acknowledge()?;
        while !self.unacknowledged.is_empty() {
            if self.durable.changed().await.is_err() {
                break;
            }
            self.acknowledge()?;
        }
        self.flush().await
    }

    /// Whether the unit has gone and nothing that it has sent is left to be read.
    pub fn is_over(&self) -> bool {
        self.lines.is_over()
    }

    /// Hangs up, so that the unit has no work: without new jobs it would go on with its last one for ever.
    /// It will come back, to a server that gives it none.
    pub async fn hang_up(&mut self) {
        self.lines.close(HANG_UP).await;
    }

    /// Hangs up like [`hang_up`](Session::hang_up), for whoever does not hold the session.
    ///
    /// # Errors
    /// If the process has no file descriptor left for it.
    pub fn plug(&self) -> std::io::Result<Plug> {
        self.lines.plug()
    }

    fn judge(&mut self, id: Value, submit: Submit, arrived: Nanos) -> Share {
        let judgement = self.verifier.judge(&submit);
        self.tickets += 1;
        let nonce = submit.nonce;
        let record = judgement.record(self.tickets, submit, arrived);
        if let Some(slot) = self.slot.take() {
            slot.fill(Record::Share(record));
        }
        match refusal(judgement.verdict) {
            None => self.unacknowledged.push_back((self.tickets, id)),
            Some(refusal) => self.reply(id, Err(refusal)),
        }
        Share {
            arrived,
            judgement,
            nonce,
        }
    }

    /// Answers what is neither a share nor an authorisation.
    fn answer(&mut self, id: Value, call: Call) {
        let outcome = match call {
            Call::Reply => return,
            Call::Subscribe { agent, .. } => {
                self.agent = agent;
                self.subscribed = true;
                let extranonce1 = hex::encode(self.verifier.extranonce1());
                Ok(json!([
                    [
                        ["mining.set_difficulty", extranonce1],
                        ["mining.notify", extranonce1]
                    ],
                    extranonce1,
                    self.verifier.extranonce2_len()
                ]))
            }
            Call::Configure {
                version_rolling,
                others,
            } => {
                let granted = version_rolling.map(|asked| asked & self.settings.version_mask);
                if let Some(mask) = granted {
                    self.verifier.set_version_mask(mask);
                }
                Ok(configured(granted, &others))
            }
            // Advisory: the experiment decides the difficulty, and says so with every job.
            Call::ExtranonceSubscribe | Call::SuggestDifficulty(_) => Ok(json!(true)),
            Call::Authorize { user } if Some(&user) == self.worker.as_ref() => Ok(json!(true)),
            Call::Authorize { .. } => Err(Refusal::new(24, "unauthorized worker")),
            Call::Other(method) => Err(Refusal::new(20, format!("method {method} not found"))),
            Call::Submit(_) => Err(Refusal::new(20, "unexpected submit")),
        };
        self.reply(id, outcome);
    }

    /// Parses a line. One that is not Stratum is answered, counted and skipped, up to a limit.
    fn parse(&mut self, line: &Line) -> Result<Option<Request>, SessionError> {
        let error = match Request::parse(&line.text) {
            Ok(request) => {
                self.strikes.good();
                return Ok(Some(request));
            }
            Err(error) => error,
        };
        let over = self.strikes.bad(self.clock.now());
        if self.strikes.total() == 1 {
            tracing::warn!(unit = self.worker(), peer = %self.peer, %error, "skipped a line");
        }
        if over {
            return Err(SessionError::Garbage {
                unit: self.worker().to_string(),
                peer: self.peer,
                count: self.strikes.total(),
                last: error.to_string(),
            });
        }
        let id = match &error {
            RequestError::Parameters { id, .. } => id.clone(),
            RequestError::Malformed { .. } => Value::Null,
        };
        self.reply(id, Err(Refusal::new(20, error.to_string())));
        Ok(None)
    }

    /// Acknowledges the shares that have become durable.
    fn acknowledge(&mut self) -> Result<(), SessionError> {
        let (ticket, failure) = {
            let durable = self.durable.borrow_and_update();
            (durable.ticket, durable.failure.clone())
        };
        if let Some(failure) = failure {
            return Err(RecorderClosed(failure).into());
        }
        while let Some((_, id)) = self.unacknowledged.pop_front_if(|(t, _)| *t <= ticket) {
            self.reply(id, Ok(json!(true)));
        }
        Ok(())
    }

    fn reply(&mut self, id: Value, outcome: Result<Value, Refusal>) {
        self.say(&Notice::Reply { id, outcome });
    }

    fn say(&mut self, notice: &Notice) {
        self.lines.push(&notice.to_line());
        self.last_said = Instant::now();
    }

    async fn flush(&mut self) -> Result<(), SessionError> {
        self.lines.flush().await.map_err(|e| self.line_error(e))
    }

    fn line_error(&self, source: LineError) -> SessionError {
        SessionError::Line {
            unit: self.worker().to_string(),
            peer: self.peer,
            source,
        }
    }
}

/// The refusal that a verdict is told with; `None` for an accepted share.
pub fn refusal(verdict: Verdict) -> Option<Refusal> {
    Some(match verdict {
        Verdict::Accepted => return None,
        Verdict::Stale => Refusal::new(21, "job not found: stale"),
        Verdict::UnknownJob => Refusal::new(21, "job not found"),
        Verdict::Duplicate => Refusal::new(22, "duplicate share"),
        Verdict::LowDifficulty => Refusal::new(23, "low difficulty share"),
        Verdict::TimeOutOfRange => Refusal::new(20, "ntime out of range: check the unit's clock"),
        Verdict::VersionOutsideMask => Refusal::new(20, "version bits outside the mask"),
        Verdict::WrongExtranonce2 => Refusal::new(20, "extranonce2 has the wrong length"),
    })
}
