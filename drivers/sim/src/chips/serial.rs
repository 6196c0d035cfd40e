//! The chips at the end of the line: takes in frames, lets time pass on the physics, sends replies.
//!
//! A frame takes its time on the wire, 10 bits a byte at the chips' baud rate, in either direction. The
//! pseudo-terminal hands all bytes over at once, so a request is put into a queue until its last byte would
//! have come, and a reply until its last byte would have gone.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use rand::RngExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::chain::Chain;
use super::faults::{LineCodec, Outgoing};
use super::pty::Slave;
use super::search::{Frame, Place, counters, zero_bits_needed};
use super::settings::Settings;
use super::status::{Counters, Status};
use crate::{Device, Find};
use thermine_drivers::bm13xx::wire::{reply_bytes, request_bytes};
use thermine_drivers::bm13xx::{Command, Family, Job, Port, PortError, Reply, Request};
use thermine_units::clock::{Clock, Nanos, Waiter};
use thermine_units::pow::Difficulty;
use thermine_units::seed::{self, Rng};
use thermine_units::unit::OperatingPoint;

/// Requests, and replies, that may be on the line at a time; what comes beyond is lost. At the slowest rate
/// this is a second's worth.
const MAX_QUEUED: usize = 1024;

/// By how much the two ends' baud rates may differ, as a fraction: over 10 bits, half a bit.
const BAUD_TOLERANCE: f64 = 0.05;

/// Difficulty at which exactly 2^32 hashes go to a share: what 32 zero bits ask for.
const ZERO_BITS_32: f64 = 65_535.0 / 65_536.0;

/// A chain of chips, its physics and its line.
#[derive(Debug)]
pub(super) struct Serial<T> {
    settings: Settings,
    port: Port<T, LineCodec>,
    slave: Option<Slave>,
    clock: Clock,
    seat: Waiter,
    rng: Rng,
    device: Device,
    chain: Chain,
    /// The newest frame, with its number and when it came.
    frame: Option<(u64, Nanos, Frame)>,
    arrivals: Line<Request>,
    outgoing: Line<Outgoing>,
    /// Nonces that are held back, and until when.
    late: VecDeque<(Nanos, Reply)>,
    counters: Counters,
    status: watch::Sender<Status>,
    found: Vec<Find>,
    replies: Vec<Reply>,
}

/// One direction of the line: what is on it, and when its last byte arrives.
#[derive(Debug)]
struct Line<F> {
    frames: VecDeque<(Nanos, F)>,
    free: Nanos,
}

impl<F> Line<F> {
    fn new() -> Line<F> {
        Line {
            frames: VecDeque::new(),
            free: Nanos::ZERO,
        }
    }

    /// Puts a frame of `bytes` on the line at `now`, or behind what is on it; `false` if it is lost.
    fn put(&mut self, frame: F, bytes: usize, baud: u32, now: Nanos) -> bool {
        if self.frames.len() == MAX_QUEUED {
            return false;
        }
        let takes = Duration::from_nanos(bytes as u64 * 10_000_000_000 / u64::from(baud.max(1)));
        self.free = self.free.max(now) + takes;
        self.frames.push_back((self.free, frame));
        true
    }

    fn next(&self) -> Nanos {
        self.frames.front().map_or(Nanos::MAX, |(at, _)| *at)
    }

    fn take(&mut self, now: Nanos) -> Option<F> {
        self.frames
            .pop_front_if(|(at, _)| *at <= now)
            .map(|(_, frame)| frame)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Serial<T> {
    /// Chips that have just been switched on, warm, at the end of `port`.
    pub(super) fn new(
        settings: Settings,
        port: T,
        slave: Option<Slave>,
        clock: Clock,
    ) -> (Serial<T>, watch::Receiver<Status>) {
        let chain = Chain::new(settings.family, settings.chips);
        let device = Device::warm(&settings.params, settings.seed);
        let wire = seed::stream(settings.seed, "chips/line");
        let codec = LineCodec::new(settings.family, settings.faults, wire);
        let (status, receiver) = watch::channel(Status::of(&device, Counters::default()));
        let mut serial = Serial {
            port: Port::new(port, codec, clock.clone()),
            slave,
            seat: clock.follow(),
            rng: seed::stream(settings.seed, "chips/nonces"),
            device,
            chain,
            frame: None,
            arrivals: Line::new(),
            outgoing: Line::new(),
            late: VecDeque::new(),
            counters: Counters::default(),
            status,
            found: Vec::new(),
            replies: Vec::new(),
            clock,
            settings,
        };
        serial.set_clock();
        (serial, receiver)
    }

    /// Works until `shutdown`, or until the port is gone.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        match shutdown.run_until_cancelled(self.serve()).await {
            None => {}
            Some(Ok(never)) => match never {},
            Some(Err(error)) => tracing::debug!(%error, "the chips' line is gone"),
        }
    }

    async fn serve(&mut self) -> Result<Infallible, PortError> {
        loop {
            self.flush().await?;
            let next = self.next_event();
            tokio::select! {
                biased;
                request = self.port.next() => {
                    let (request, at) = request?;
                    self.receive(request, at);
                }
                () = self.seat.wait_until(next) => self.catch_up(self.clock.now())?,
            }
        }
    }

    /// Sends what has been pushed. While the host does not take it, time passes on the physics.
    async fn flush(&mut self) -> Result<(), PortError> {
        loop {
            let next = self.next_event();
            let sent = tokio::select! {
                biased;
                sent = self.port.flush() => Some(sent),
                () = self.seat.wait_until(next) => None,
            };
            match sent {
                None => self.catch_up(self.clock.now())?,
                // Chips do not mind that nobody reads.
                Some(Err(PortError::Stuck)) => {
                    self.counters.unread += self.port.discard_unsent() as u64;
                }
                Some(sent) => return sent,
            }
        }
    }

    /// Unless a request comes, nothing happens before this instant.
    fn next_event(&self) -> Nanos {
        let late = self.late.front().map_or(Nanos::MAX, |(at, _)| *at);
        self.device
            .next_event()
            .min(self.arrivals.next())
            .min(self.outgoing.next())
            .min(late)
    }

    /// The first bytes of a request have come at `at`: puts it on the line.
    fn receive(&mut self, request: Request, at: Nanos) {
        let baud = self.chain.baud();
        if let Some(slave) = &self.slave {
            slave.share();
            let off = |host: u32| (f64::from(host) / f64::from(baud) - 1.0).abs();
            if slave.baud().is_some_and(|host| off(host) > BAUD_TOLERANCE) {
                self.counters.misread += 1;
                return;
            }
        }
        let bytes = request_bytes(self.settings.family, &request);
        if !self.arrivals.put(request, bytes, baud, at) {
            self.counters.overrun += 1;
        }
    }

    /// Lets everything happen that falls due up to `now`, in order.
    fn catch_up(&mut self, now: Nanos) -> Result<(), PortError> {
        loop {
            let at = self.next_event();
            if at > now {
                return Ok(());
            }
            let sampled = self.device.sampled();
            let mut found = std::mem::take(&mut self.found);
            self.device.advance(at, &mut found);
            for find in found.drain(..) {
                self.answer(find);
            }
            self.found = found;
            if self.device.sampled() != sampled {
                self.report();
            }
            if let Some(request) = self.arrivals.take(at) {
                match request {
                    Request::Command(command) => self.obey(command, at),
                    Request::Job(job) => self.work_on(job, at),
                }
            }
            if let Some((_, reply)) = self.late.pop_front_if(|(until, _)| *until <= at) {
                self.send(Outgoing::Reply(reply), at);
            }
            if let Some(outgoing) = self.outgoing.take(at) {
                self.port.push(&outgoing)?;
            }
        }
    }

    fn obey(&mut self, command: Command, at: Nanos) {
        self.counters.commands += 1;
        let mut replies = std::mem::take(&mut self.replies);
        self.chain
            .handle(command, self.device.has_work(), &mut replies);
        for reply in replies.drain(..) {
            self.send(Outgoing::Reply(reply), at);
        }
        self.replies = replies;
        let codec = self.port.codec_mut();
        codec.inner_mut().set_rolling(self.chain.rolls());
        let pll = self.settings.family.pll();
        if matches!(command, Command::Write { register, .. } if register == pll) {
            if self.settings.faults.garbage {
                let garbage = codec.garbage();
                self.send(garbage, at);
            }
            self.set_clock();
        }
    }

    /// The physics has one clock for all chips: the mean of theirs.
    fn set_clock(&mut self) {
        self.device.set_operating_point(&OperatingPoint {
            frequency: Some(self.chain.frequency()),
            ..OperatingPoint::default()
        });
    }

    /// A frame has arrived: it replaces what the chips were at.
    fn work_on(&mut self, job: Job, at: Nanos) {
        let mask = self.chain.version_mask();
        let (rounds, parts) = match &job {
            Job::Bm1387 { midstates, .. } if self.chain.takes_midstates() => (midstates.len(), 1),
            Job::Bm1387 { .. } => (1, 1),
            Job::Bm1366 { .. } => (1 << mask.count_ones(), self.parts()),
        };
        let ticket = self.chain.ticket_log2();
        let zero_bits = zero_bits_needed(ticket, self.settings.difficulty_scale);
        self.counters.frames += 1;
        let number = self.counters.frames;
        let difficulty = Difficulty::ONE.scaled(ZERO_BITS_32 * 2f64.powi(ticket.cast_signed()));
        let cycles = self.settings.params.work_cycles * rounds as f64 / parts as f64;
        self.device.take_frame(number, difficulty, cycles);
        self.frame = Some((number, at, Frame::new(job, rounds as u32, mask, zero_bits)));
    }

    /// The physics says that a chip has found something: finds a nonce for it.
    fn answer(&mut self, find: Find) {
        let Some((_, since, frame)) = self.frame.as_ref().filter(|(n, ..)| *n == find.job) else {
            return;
        };
        // By the clock as it is now: if it was changed during the frame, the place is not exact.
        let cycles = find.at.since(*since).as_secs_f64() * self.chain.frequency().0 * 1e6;
        let place = Place {
            address: self.chain.address(usize::from(find.chip)),
            core: find.core,
            counters: counters(self.settings.family, self.chain.len()),
            progress: cycles * self.parts() as f64 / self.settings.params.work_cycles,
        };
        let Some(mut nonce) = frame.search(place, find.wrong) else {
            self.counters.unfound += 1;
            return;
        };
        if self.settings.family == Family::Bm1366 {
            // The core's part that found it.
            nonce.id |= self.rng.random_range(0..8);
        }
        self.counters.nonces += 1;
        self.counters.wrong += u64::from(find.wrong);
        let reply = Reply::Nonce(nonce);
        let faults = self.settings.faults;
        if faults.duplicate > 0.0 && self.rng.random_bool(faults.duplicate) {
            self.send(Outgoing::Reply(reply), find.at);
        }
        if faults.late > 0.0 && self.rng.random_bool(faults.late) {
            if self.late.len() < MAX_QUEUED {
                self.late.push_back((find.at + faults.late_by, reply));
            }
        } else {
            self.send(Outgoing::Reply(reply), find.at);
        }
    }

    /// Parts that the nonces of a round are divided into: a core of a BM1387 goes through its own whatever
    /// the chain, a BM1366 through what the step of the addresses leaves it.
    fn parts(&self) -> usize {
        match self.settings.family {
            Family::Bm1387 => 1,
            Family::Bm1366 => self.chain.len().next_power_of_two(),
        }
    }

    fn send(&mut self, outgoing: Outgoing, at: Nanos) {
        let bytes = match outgoing {
            Outgoing::Reply(_) => reply_bytes(self.settings.family, self.chain.rolls()),
            Outgoing::Garbage(_, length) => length,
        };
        if !self.outgoing.put(outgoing, bytes, self.chain.baud(), at) {
            self.counters.lost += 1;
        }
    }

    fn report(&mut self) {
        let codec = self.port.codec();
        self.counters.skipped = codec.skipped();
        self.counters.damaged = codec.damaged();
        let status = Status::of(&self.device, self.counters);
        self.status.send_replace(status);
    }
}
