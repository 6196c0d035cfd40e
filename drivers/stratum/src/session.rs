//! One authorised miner connection, as a value that its owner drives.
//!
//! A session is not a task: its owner calls [`Session::next_share`] and [`Session::send_job`] from its own loop, so
//! that a share's way from the socket to the next job's bytes crosses no other task. `next_share` may be dropped at any
//! await point: bytes to be written wait in a buffer, and a share is read only when there is a place to record it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::arrivals::{MOST_UNAUTHORISED, speaks_tls};
use crate::factory::Job;
use crate::line::ConnectionKiller;
use crate::notice::{Notice, Notify};
use crate::refusal::{self, Refusal};
use crate::request::Submit;
use crate::server_connection::ServerConnection;
use crate::server_protocol::{Asked, Lost};
pub use crate::session_error::SessionError;
use crate::subscribed::Subscribed;
use crate::verifier::{Judgement, Verifier, job_id};
use thermine_units::clock::{Clock, Nanos, Waiter};
use thermine_units::pow::Difficulty;
use thermine_units::pow::work::BIP320_MASK;
use thermine_units::record::{Durable, JobRecord, Record, Recorder, RecorderClosed, Slot};

/// How a server treats its connections. Its times are wall time, or virtual time on such a clock.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Factor on the difficulty that a share's hash must really meet: 1 for hardware.
    pub difficulty_scale: f64,
    /// Version bits that a unit may be granted for rolling.
    pub version_mask: u32,
    /// From accept to authorised.
    pub handshake_timeout: Duration,
    /// Connections of one listener that may be unauthorised at once.
    pub max_unauthorised: usize,
    /// Time without a line from the unit after which it is given up.
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

/// Bytes of extranonce2, as in the S9 captures: bmminer takes 2 to 8.
const EXTRANONCE2_LEN: usize = 4;

/// Wall time that a unit is given to close its end of the connection too.
const HANG_UP: Duration = Duration::from_secs(2);

/// A share as judged, whatever the verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// When the socket read that brought its last byte returned.
    pub arrived: Nanos,
    /// Its verdict, job and difficulty.
    pub judgement: Judgement,
    /// Its nonce, which tells chip and core.
    pub nonce: u32,
}

/// An authorised connection of one unit.
#[derive(Debug)]
pub struct Session {
    connection: ServerConnection,
    verifier: Verifier,
    recorder: Recorder,
    durable: watch::Receiver<Durable>,
    slot: Option<Slot>,
    tickets: u64,
    unacknowledged: VecDeque<(u64, Value)>,
}

impl Session {
    /// Takes a new connection through subscribe and authorise. `welcome` decides by worker name.
    ///
    /// # Errors
    /// If the peer goes away, speaks something else or takes too long.
    pub(crate) async fn establish(
        stream: TcpStream,
        peer: SocketAddr,
        extranonce1: Vec<u8>,
        settings: Settings,
        clock: Clock,
        welcome: impl Fn(&str) -> bool,
    ) -> Result<Session, SessionError> {
        let after = settings.handshake_timeout;
        let waiter = clock.follow();
        let deadline = clock.now() + clock.device(after);
        let late = SessionError::HandshakeTimeout { peer, after };
        match waiter.timeout(deadline, speaks_tls(&stream)).await {
            Some(false) => {}
            Some(true) => return Err(SessionError::Tls(peer)),
            None => return Err(late),
        }
        let given = Subscribed {
            session: None,
            extranonce1,
            extranonce2_len: EXTRANONCE2_LEN,
        };
        let (mask, idle) = (settings.version_mask, settings.idle_timeout);
        let mut connection = ServerConnection::new(stream, peer, mask, idle, clock);
        let come_in = come_in(&mut connection, &given, welcome);
        match waiter.timeout(deadline, come_in).await {
            Some(Ok(())) => Ok(Session::adopt(
                connection,
                &given,
                settings.difficulty_scale,
            )),
            Some(Err(source)) => Err(lost(&connection, source)),
            None => Err(late),
        }
    }

    /// A session of a connection that has been authorised, and was `given` these extranonces. `scale` is a factor on
    /// the difficulty that a share's hash must really meet: 1 for hardware.
    pub fn adopt(connection: ServerConnection, given: &Subscribed, scale: f64) -> Session {
        let recorder = Recorder::discard();
        let extranonce1 = given.extranonce1.clone();
        let mut session = Session {
            verifier: Verifier::new(extranonce1, given.extranonce2_len, scale),
            durable: recorder.durable(),
            recorder,
            slot: None,
            tickets: 0,
            unacknowledged: VecDeque::new(),
            connection,
        };
        let now = session.connection.clock().now();
        session.connection.protocol_mut().resume(now);
        session.take_mask();
        session
    }

    /// The connection, to go on without a session.
    pub fn into_connection(self) -> ServerConnection {
        self.connection
    }

    fn take_mask(&mut self) {
        self.verifier
            .set_version_mask(self.connection.protocol().version_mask());
    }

    /// Worker name that it authorised with.
    pub fn worker(&self) -> &str {
        self.connection.worker()
    }

    /// Name and version that its firmware gave, if any.
    pub fn agent(&self) -> Option<&str> {
        self.connection.protocol().agent()
    }

    /// Address that it connected from.
    pub fn peer(&self) -> SocketAddr {
        self.connection.peer()
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
    pub fn heard_since(&self, then: Nanos) -> bool {
        self.connection.protocol().heard() > then
    }

    /// The clock of its limits and stamps.
    pub fn clock(&self) -> &Clock {
        self.connection.clock()
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
        self.connection.tell_difficulty(difficulty);
        let notify = Notify {
            job_id: job_id(job.serial),
            work: job.work,
            clean,
        };
        let notice = Notice::Notify(notify);
        self.connection.say(&notice);
        let sent = self.clock().now();
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
        let waiter = self.clock().follow();
        loop {
            if let Some(share) = self.next_share_until(&waiter, Nanos::MAX).await? {
                return Ok(share);
            }
        }
    }

    /// As [`next_share`](Session::next_share), on the owner's place at the clock and not beyond `until`.
    ///
    /// # Errors
    /// As [`Session::next_share`].
    pub async fn next_share_until(
        &mut self,
        waiter: &Waiter,
        until: Nanos,
    ) -> Result<Option<Share>, SessionError> {
        loop {
            let due = self.connection.due().min(until);
            if let Some(share) = waiter.timeout(due, self.listen()).await {
                return share.map(Some);
            }
            if self.clock().now() >= until {
                return Ok(None);
            }
            self.connection
                .tick(None)
                .map_err(|lost| self.error(lost))?;
        }
    }

    /// Acknowledges, answers and reads until there is a share. Cancel safe.
    async fn listen(&mut self) -> Result<Share, SessionError> {
        loop {
            self.acknowledge()?;
            self.flush().await?;
            if self.slot.is_none() {
                self.slot = Some(self.recorder.reserve().await?);
            }
            tokio::select! {
                biased;
                next = self.connection.next() => match next.map_err(|lost| self.error(lost))? {
                    (Asked::Submit { id, submit }, arrived) => return Ok(self.judge(id, submit, arrived)),
                    (asked, _) => self.answer(asked),
                },
                _ = self.durable.changed(), if !self.unacknowledged.is_empty() => {}
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
        self.connection.is_over()
    }

    /// Hangs up, so that the unit has no work: without new jobs it would go on with its last one for ever.
    /// It will come back, to a server that gives it none.
    pub async fn hang_up(&mut self) {
        self.connection.close(HANG_UP).await;
    }

    /// A way for another task to hang up.
    ///
    /// # Errors
    /// If the process has no file descriptor left for it.
    pub fn killer(&self) -> std::io::Result<ConnectionKiller> {
        self.connection.killer()
    }

    fn judge(&mut self, id: Value, submit: Submit, arrived: Nanos) -> Share {
        let judgement = self.verifier.judge(&submit);
        self.tickets += 1;
        let nonce = submit.nonce;
        let record = judgement.record(self.tickets, submit, arrived);
        if let Some(slot) = self.slot.take() {
            slot.fill(Record::Share(record));
        }
        match refusal::of(judgement.verdict) {
            None => self.unacknowledged.push_back((self.tickets, id)),
            Some(refusal) => self.connection.reply(id, Err(refusal)),
        }
        Share {
            arrived,
            judgement,
            nonce,
        }
    }

    /// Answers what is no share.
    fn answer(&mut self, asked: Asked) {
        match asked {
            Asked::Subscribe { id, .. } => {
                let given = Subscribed {
                    session: None,
                    extranonce1: self.verifier.extranonce1().to_vec(),
                    extranonce2_len: self.verifier.extranonce2_len(),
                };
                self.connection.subscribe(id, &given);
            }
            Asked::Authorize { id, user } => {
                let outcome = if user == self.worker() {
                    Ok(json!(true))
                } else {
                    Err(Refusal::new(24, "unauthorized worker"))
                };
                self.connection.reply(id, outcome);
            }
            Asked::Configured => self.take_mask(),
            // Advisory: the experiment decides the difficulty, and says so with every job.
            Asked::SuggestDifficulty(_) | Asked::Submit { .. } => {}
        }
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
            self.connection.reply(id, Ok(json!(true)));
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SessionError> {
        self.connection
            .flush()
            .await
            .map_err(|lost| self.error(lost))
    }

    fn error(&self, source: Lost) -> SessionError {
        lost(&self.connection, source)
    }
}

fn lost(connection: &ServerConnection, source: Lost) -> SessionError {
    SessionError::Lost {
        unit: connection.worker().to_owned(),
        peer: connection.peer(),
        source,
    }
}

/// Takes a connection through subscribe and authorise.
async fn come_in(
    connection: &mut ServerConnection,
    given: &Subscribed,
    welcome: impl Fn(&str) -> bool,
) -> Result<(), Lost> {
    let mut has_been_refused = false;
    while !connection.protocol().is_ready() {
        match connection.next().await?.0 {
            Asked::Subscribe { id, .. } => connection.subscribe(id, given),
            Asked::Authorize { id, user } if welcome(&user) => connection.welcome(id, user),
            Asked::Authorize { id, user } => {
                // One that tries name after name is not reported name by name.
                if !std::mem::replace(&mut has_been_refused, true) {
                    tracing::warn!(peer = %connection.peer(), worker = %user, "no such worker is expected");
                }
                connection.reply(id, Err(Refusal::new(24, "unauthorized worker")));
            }
            Asked::Submit { .. } | Asked::Configured | Asked::SuggestDifficulty(_) => {}
        }
    }
    connection.flush().await
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_peer_that_says_nothing_is_given_up_in_virtual_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (_silent, (stream, peer)) = (near.expect("connected"), far.expect("accepted"));
        let clock = Clock::virtual_time();
        let driver = clock.drive();
        let settings = Settings::default();
        let limit = settings.handshake_timeout;
        let establish = Session::establish(stream, peer, vec![0; 4], settings, clock, |_| true);
        let mut establish = std::pin::pin!(establish);
        let almost = Nanos::ZERO + limit - Duration::from_nanos(1);
        assert!(driver.timeout(almost, &mut establish).await.is_none());
        let wait = driver.wait_until(Nanos::ZERO + 2 * limit);
        let (session, ()) = tokio::join!(establish, wait);
        let end = session.expect_err("nothing was said");
        assert!(
            matches!(end, SessionError::HandshakeTimeout { after, .. } if after == limit),
            "{end}"
        );
    }
}
