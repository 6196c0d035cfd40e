//! Chips at the far end of a line: registers, addresses and real hashing, but no physics.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use thermine_drivers::bm13xx::register::{CHIP_ADDRESS, Pll, VERSION_MASK};
use thermine_drivers::bm13xx::wire::ChipCodec;
use thermine_drivers::bm13xx::{
    BringUp, Chain, Command, Controller, Family, Job, Link, Port, Reply, Request, Target,
    controller::Settings,
};
use thermine_stratum::factory::{self, JobFactory};
use thermine_stratum::session::Share;
use thermine_units::clock::Waiter;
use thermine_units::clock::{Clock, Nanos};
use thermine_units::pow::Difficulty;
use thermine_units::quantity::MegaHertz;
use thermine_units::record::{Durable, Entry, Recorder, Verdict};
use thermine_units::seed;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::sync::{mpsc, watch};
use tokio_util::codec::{Decoder, Encoder};

/// Ticket difficulty of most tests, and the scale at which it asks for 6 zero bits.
pub(crate) const TICKET: u32 = 64;
pub(crate) const SCALE: f64 = 1.0 / 4_294_967_296.0;

/// What the chips answer to the n-th job since the last open-core work: after how long, and what.
pub(crate) type React = Box<dyn FnMut(u64, &Job) -> Vec<(Duration, Reply)> + Send>;

/// Does something to the bytes of the n-th reply.
pub(crate) type Spoil = Box<dyn FnMut(u64, &mut Vec<u8>) + Send>;

/// How the chips are.
pub(crate) struct Chips {
    pub(crate) family: Family,
    pub(crate) count: usize,
    /// Chip id and address register without the address.
    pub(crate) id: u32,
    pub(crate) mute: bool,
    /// Requests after which the far end hangs up.
    pub(crate) hang_up: Option<usize>,
    /// Chips that take an address.
    pub(crate) addressable: usize,
    /// Answer to a read of the PLL, if another than what was written.
    pub(crate) pll: Option<u32>,
    pub(crate) react: React,
    pub(crate) spoil: Spoil,
}

impl Chips {
    pub(crate) fn new(family: Family, count: usize) -> Chips {
        Chips {
            family,
            count,
            id: family.chip_id(),
            mute: false,
            hang_up: None,
            addressable: usize::MAX,
            pll: None,
            react: Box::new(|_, _| Vec::new()),
            spoil: Box::new(|_, _| ()),
        }
    }

    pub(crate) fn reacting(
        self,
        react: impl FnMut(u64, &Job) -> Vec<(Duration, Reply)> + Send + 'static,
    ) -> Chips {
        Chips {
            react: Box::new(react),
            ..self
        }
    }

    pub(crate) fn spoilt(self, spoil: impl FnMut(u64, &mut Vec<u8>) + Send + 'static) -> Chips {
        Chips {
            spoil: Box::new(spoil),
            ..self
        }
    }

    /// Puts the chips at one end of a pipe and a link at the other.
    pub(crate) fn connect(self, clock: &Clock) -> (Link<DuplexStream>, Log) {
        let (near, far) = duplex(4096);
        let (family, log) = (self.family, self.run(far, clock));
        (
            Link::new(near, "the test's chain", family, clock.clone()),
            log,
        )
    }

    /// Runs the chips on `far` as a task.
    pub(crate) fn run<T>(self, far: T, clock: &Clock) -> Log
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let log = Log::default();
        let codec = Spoilt {
            codec: ChipCodec::new(self.family),
            spoil: self.spoil,
            sent: 0,
        };
        let board = Board {
            port: Port::new(far, codec, clock.clone()),
            seat: clock.follow(),
            clock: clock.clone(),
            log: log.clone(),
            addresses: vec![None; self.count],
            never_addressed: true,
            registers: BTreeMap::new(),
            due: BTreeMap::new(),
            jobs: 0,
            family: self.family,
            id: self.id,
            mute: self.mute,
            hang_up: self.hang_up,
            addressable: self.addressable,
            pll: self.pll,
            react: self.react,
        };
        tokio::spawn(board.run());
        log
    }
}

/// What the chips were asked, and when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(Nanos, Request)>>>);

impl Log {
    pub(crate) fn requests(&self) -> Vec<(Nanos, Request)> {
        self.0.lock().expect("unpoisoned").clone()
    }

    /// Values written to `register`, in order.
    pub(crate) fn written(&self, register: u8) -> Vec<u32> {
        let writes = self.requests().into_iter();
        writes
            .filter_map(|(_, request)| match request {
                Request::Command(Command::Write {
                    register: of,
                    value,
                    ..
                }) if of == register => Some(value),
                _ => None,
            })
            .collect()
    }

    /// Jobs that carry work, and when they came.
    pub(crate) fn jobs(&self) -> Vec<(Nanos, Job)> {
        let requests = self.requests().into_iter();
        requests
            .filter_map(|(at, request)| match request {
                Request::Job(job) if !opens_cores(&job) => Some((at, job)),
                _ => None,
            })
            .collect()
    }
}

pub(crate) fn opens_cores(job: &Job) -> bool {
    matches!(
        job,
        Job::Bm1387 {
            nbits: u32::MAX,
            ..
        }
    )
}

struct Board<T> {
    port: Port<T, Spoilt>,
    seat: Waiter,
    clock: Clock,
    log: Log,
    addresses: Vec<Option<u8>>,
    never_addressed: bool,
    registers: BTreeMap<u8, u32>,
    due: BTreeMap<(Nanos, u64), Reply>,
    jobs: u64,
    family: Family,
    id: u32,
    mute: bool,
    hang_up: Option<usize>,
    addressable: usize,
    pll: Option<u32>,
    react: React,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Board<T> {
    async fn run(mut self) {
        let mut requests = 0;
        loop {
            if self.port.flush().await.is_err() {
                return;
            }
            let next = self.due.keys().next().copied();
            let until = next.map_or(Nanos::MAX, |(at, _)| at);
            tokio::select! {
                biased;
                request = self.port.next() => {
                    let Ok((request, at)) = request else { return };
                    requests += 1;
                    self.log.0.lock().expect("unpoisoned").push((at, request.clone()));
                    if self.hang_up == Some(requests) {
                        return;
                    }
                    if !self.mute {
                        self.handle(&request);
                    }
                }
                () = self.seat.wait_until(until) => {
                    if let Some(reply) = next.and_then(|key| self.due.remove(&key)) {
                        self.say(&reply);
                    }
                }
            }
        }
    }

    fn say(&mut self, reply: &Reply) {
        self.port.push(reply).expect("replies can be encoded");
    }

    fn handle(&mut self, request: &Request) {
        match request {
            Request::Command(Command::Read { to, register }) => self.read(*to, *register),
            Request::Command(Command::Write {
                register, value, ..
            }) => {
                if *register == VERSION_MASK && self.family == Family::Bm1366 {
                    self.port.codec_mut().codec.set_rolling(true);
                }
                self.registers.insert(*register, *value);
            }
            Request::Command(Command::ChainInactive) => {
                self.addresses.fill(None);
                self.never_addressed = false;
            }
            Request::Command(Command::SetAddress(address)) => {
                let next = self.addresses.iter_mut().take(self.addressable);
                if let Some(free) = next.into_iter().find(|a| a.is_none()) {
                    *free = Some(*address);
                }
            }
            Request::Job(job) if opens_cores(job) => {}
            Request::Job(job) => {
                let replies = (self.react)(self.jobs, job);
                self.jobs += 1;
                let now = self.clock.now();
                for (delay, reply) in replies {
                    let key = (now + delay, self.due.len() as u64 + self.jobs * 1000);
                    self.due.insert(key, reply);
                }
            }
        }
    }

    fn read(&mut self, to: Target, register: u8) {
        for address in self.addresses.clone() {
            let address = match address {
                Some(address) => address,
                None if self.never_addressed => 0,
                None => continue,
            };
            if to != Target::All && to != Target::Chip(address) {
                continue;
            }
            let written = self.registers.get(&register).copied().unwrap_or(0);
            let value = if register == CHIP_ADDRESS {
                self.id | u32::from(address)
            } else if register == self.family.pll() {
                let locked = Pll::from_register(self.family, written)
                    .map_or(0, |pll| pll.read_back(self.family));
                self.pll.unwrap_or(locked)
            } else {
                written
            };
            let of = (self.family == Family::Bm1366).then_some((address, register));
            self.say(&Reply::Register { value, of });
        }
    }
}

/// A codec whose replies suffer on their way.
struct Spoilt {
    codec: ChipCodec,
    spoil: Spoil,
    sent: u64,
}

impl Decoder for Spoilt {
    type Item = Request;
    type Error = io::Error;
    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Request>> {
        self.codec.decode(bytes)
    }
}

impl Encoder<&Reply> for Spoilt {
    type Error = io::Error;
    fn encode(&mut self, reply: &Reply, bytes: &mut BytesMut) -> io::Result<()> {
        let mut sound = BytesMut::new();
        self.codec.encode(reply, &mut sound)?;
        let mut spoilt = sound.to_vec();
        (self.spoil)(self.sent, &mut spoilt);
        self.sent += 1;
        bytes.put_slice(&spoilt);
        Ok(())
    }
}

/// Settings that bring `family` up as these tests want it.
pub(crate) fn bring_up(family: Family) -> BringUp {
    BringUp {
        expected: None,
        frequency: MegaHertz(match family {
            Family::Bm1387 => 650.0,
            Family::Bm1366 => 485.0,
        }),
        ticket: TICKET,
        baud_divider: match family {
            Family::Bm1387 => 1,
            Family::Bm1366 => 2,
        },
        version_mask: None,
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        difficulty_scale: SCALE,
        extranonce1: [0xde, 0xad, 0xbe, 0xef],
    }
}

pub(crate) fn difficulty(value: f64) -> Difficulty {
    Difficulty::new(value).expect("positive")
}

pub(crate) fn jobs() -> JobFactory {
    JobFactory::new(seed::stream(1, "jobs"))
}

pub(crate) fn job(factory: &mut JobFactory, word: u32) -> factory::Job {
    factory.next(word, 1_700_000_000, 8)
}

/// A controller of a chain that is up, at the clock's virtual time.
pub(crate) async fn controller(chips: Chips) -> (Controller<DuplexStream>, Log, Clock) {
    let clock = Clock::virtual_time();
    let family = chips.family;
    let (mut link, log) = chips.connect(&clock);
    let chain: Chain = link.bring_up(&bring_up(family)).await.expect("a chain");
    (Controller::new(link, chain, settings()), log, clock)
}

/// Shares until `span` from now is over.
pub(crate) async fn shares(
    controller: &mut Controller<DuplexStream>,
    clock: &Clock,
    span: Duration,
) -> Vec<Share> {
    let until = clock.now() + span;
    let mut shares = Vec::new();
    while let Some(share) = controller
        .next_share(until)
        .await
        .expect("the port is there")
    {
        shares.push(share);
    }
    shares
}

pub(crate) fn verdicts(shares: &[Share]) -> Vec<Verdict> {
    shares.iter().map(|share| share.judgement.verdict).collect()
}

/// A recorder, and what it will have been given.
pub(crate) fn recorder() -> (Recorder, mpsc::Receiver<Entry>) {
    let (queue, entries) = mpsc::channel(1000);
    let all = Durable {
        ticket: u64::MAX,
        failure: None,
    };
    (Recorder::open(0, queue, watch::channel(all).1), entries)
}
