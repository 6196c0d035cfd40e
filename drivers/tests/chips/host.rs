//! A host: sends requests, collects replies with the device time at which they came.

use std::time::Duration;

use thermine_drivers::bm13xx::register::ticket_mask;
use thermine_drivers::bm13xx::{Command, Family, HostCodec, Job, Port, Reply, Request, Target};
use thermine_sim::chips::{Settings, Status, serve};
use thermine_units::clock::{Clock, Nanos, Waiter};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// log2 of the ticket difficulty that the tests set, 64, and of the scale that makes 4 zero bits of its 38.
pub(crate) const TICKET: u32 = 6;
pub(crate) const SCALE: f64 = 1.0 / (1u64 << 34) as f64;
pub(crate) const ZERO_BITS: u32 = 4;

/// Silence after which a read is over: longer than 63 replies at the slowest rate take.
const QUIET: Duration = Duration::from_millis(100);

pub(crate) struct Host<T> {
    pub(crate) port: Port<T, HostCodec>,
    pub(crate) clock: Clock,
    seat: Waiter,
    family: Family,
    _stop: DropGuard,
}

/// A host in virtual time at one end of a pipe, simulated chips at the other.
pub(crate) fn connected(settings: Settings) -> (Host<DuplexStream>, watch::Receiver<Status>) {
    let clock = Clock::virtual_time();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let shutdown = CancellationToken::new();
    let family = settings.family;
    let tracker = TaskTracker::new();
    let status = serve(settings, far, clock.clone(), &tracker, &shutdown).expect("settings");
    (Host::new(near, family, clock, shutdown), status)
}

impl<T: AsyncRead + AsyncWrite + Unpin> Host<T> {
    /// The chips end with the host.
    pub(crate) fn new(port: T, family: Family, clock: Clock, stop: CancellationToken) -> Host<T> {
        Host {
            port: Port::new(port, HostCodec::new(family), clock.clone()),
            seat: clock.drive(),
            clock,
            family,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) async fn send(&mut self, request: Request) {
        self.port.push(&request).expect("encoded");
        self.port.flush().await.expect("sent");
    }

    pub(crate) async fn command(&mut self, command: Command) {
        self.send(Request::Command(command)).await;
    }

    pub(crate) async fn write(&mut self, register: u8, value: u32) {
        let to = Target::All;
        self.command(Command::Write {
            to,
            register,
            value,
        })
        .await;
    }

    /// The next reply, or `None` at `until`.
    pub(crate) async fn reply(&mut self, until: Nanos) -> Option<(Reply, Nanos)> {
        tokio::select! {
            biased;
            reply = self.port.next() => Some(reply.expect("a port")),
            () = self.seat.wait_until(until) => None,
        }
    }

    /// All replies for `span` of device time.
    pub(crate) async fn listen(&mut self, span: Duration) -> Vec<(Reply, Nanos)> {
        let until = self.clock.now() + span;
        let mut replies = Vec::new();
        while let Some(reply) = self.reply(until).await {
            replies.push(reply);
        }
        replies
    }

    pub(crate) async fn read(&mut self, to: Target, register: u8) -> Vec<(Reply, Nanos)> {
        self.command(Command::Read { to, register }).await;
        self.listen(QUIET).await
    }

    /// Addresses, clock, ticket difficulty, the fast baud rate.
    pub(crate) async fn bring_up(&mut self, chips: usize, pll: u32) {
        self.command(Command::ChainInactive).await;
        for chip in 0..chips {
            let address = (chip * self.family.address_step(chips)) as u8;
            self.command(Command::SetAddress(address)).await;
        }
        self.write(self.family.pll(), pll).await;
        self.write(self.family.ticket_mask(), ticket_mask(TICKET))
            .await;
        let fast = match self.family {
            Family::Bm1387 => 0x0020_0180,
            Family::Bm1366 => 0x1130_0200,
        };
        self.write(self.family.baud(), fast).await;
        self.listen(QUIET).await;
    }

    /// Sends the jobs that `job` makes, one every `period`, for `span`; gives the replies meanwhile.
    pub(crate) async fn feed(
        &mut self,
        period: Duration,
        span: Duration,
        mut job: impl FnMut(u64) -> Job,
    ) -> Vec<(Reply, Nanos)> {
        let mut due = self.clock.now();
        let end = due + span;
        let mut replies = Vec::new();
        let mut number = 0;
        while due < end {
            self.send(Request::Job(job(number))).await;
            number += 1;
            due += period;
            while let Some(reply) = self.reply(due).await {
                replies.push(reply);
            }
        }
        replies
    }
}
