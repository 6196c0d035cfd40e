//! A port with a seat at the clock: requests out, replies back, and pauses that read on.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::baud::Baud;
use super::error::ChainError;
use super::frame::{Command, Family, Reply, Request, Target};
use super::port::{Port, PortError};
use super::register::baud_rate;
use super::wire::HostCodec;
use thermine_units::clock::{Clock, Nanos, Waiter};

/// Silence after which no further reply to a read is expected. A chain of 63 chips answers within 40 ms
/// at the slowest rate; adapters hold bytes back for up to 16 ms.
const QUIET: Duration = Duration::from_millis(100);

/// Time that the last bytes get to leave the adapter before the rate is changed.
const DRAIN: Duration = Duration::from_millis(50);

/// The host's end of a chain.
#[derive(Debug)]
pub struct Link<T> {
    port: Port<T, HostCodec>,
    place: String,
    family: Family,
    seat: Waiter,
    clock: Clock,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Link<T> {
    /// Takes over the open port of a chain of `family`. `place` says where it is, for errors and the log.
    /// The link drives `clock`: it holds a seat for whoever the run is for.
    pub fn new(port: T, place: impl Into<String>, family: Family, clock: Clock) -> Link<T> {
        Link {
            port: Port::new(port, HostCodec::new(family), clock.clone()),
            place: place.into(),
            family,
            seat: clock.drive(),
            clock,
        }
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Generation of the chips.
    pub(crate) fn family(&self) -> Family {
        self.family
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Bytes from the chips that belonged to no sound frame.
    pub(crate) fn skipped(&self) -> u64 {
        self.port.codec().skipped()
    }

    /// Tells the decoder that the chips' replies carry rolled version bits from now on.
    pub(super) fn set_rolling(&mut self) {
        self.port.codec_mut().set_rolling(true);
    }

    /// Queues a request; [`flush`](Link::flush) sends it.
    pub(super) fn push(&mut self, request: &Request) -> Result<(), ChainError> {
        let pushed = self.port.push(request);
        pushed.map_err(|error| self.failed(error.into()))
    }

    /// Sends what is queued. Cancel safe.
    pub(super) async fn flush(&mut self) -> Result<(), ChainError> {
        let flushed = self.port.flush().await;
        flushed.map_err(|error| self.failed(error))
    }

    /// Sends a command.
    pub(super) async fn command(&mut self, command: Command) -> Result<(), ChainError> {
        self.push(&Request::Command(command))?;
        self.flush().await
    }

    /// Writes a register of all chips.
    pub(super) async fn write_all(&mut self, register: u8, value: u32) -> Result<(), ChainError> {
        self.command(Command::Write {
            to: Target::All,
            register,
            value,
        })
        .await
    }

    /// The next reply and when it came, or `None` at `until`. Cancel safe.
    pub(super) async fn reply(
        &mut self,
        until: Nanos,
    ) -> Result<Option<(Reply, Nanos)>, ChainError> {
        let reply = tokio::select! {
            biased;
            reply = self.port.next() => Some(reply),
            () = self.seat.wait_until(until) => None,
        };
        reply
            .transpose()
            .map_err(|error: PortError| self.failed(error))
    }

    /// Lets `span` of device time go by. What comes meanwhile is read and dropped.
    pub(super) async fn pause(&mut self, span: Duration) -> Result<(), ChainError> {
        let until = self.clock.now() + span;
        while self.reply(until).await?.is_some() {}
        Ok(())
    }

    /// What all chips hold in `register`, in the order of their replies: reads until silence, or until
    /// there are `most` values. Nonces that come meanwhile are dropped.
    pub(super) async fn read_all(
        &mut self,
        register: u8,
        most: usize,
    ) -> Result<Vec<u32>, ChainError> {
        self.command(Command::Read {
            to: Target::All,
            register,
        })
        .await?;
        let mut values = Vec::new();
        let mut until = self.clock.now() + QUIET;
        while values.len() < most {
            match self.reply(until).await? {
                Some((Reply::Register { value, of }, arrived)) => {
                    if of.is_none_or(|(_, of)| of == register) {
                        values.push(value);
                        until = arrived + QUIET;
                    }
                }
                Some((Reply::Nonce(_), _)) => {}
                None => break,
            }
        }
        Ok(values)
    }

    pub(super) fn failed(&self, source: PortError) -> ChainError {
        ChainError::Port {
            place: self.place.clone(),
            source,
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Baud + Unpin> Link<T> {
    /// Sets the host's baud rate to that of `divider`, once what was sent has left. Returns the rate.
    pub(super) async fn set_divider(&mut self, divider: u8) -> Result<u32, ChainError> {
        self.pause(DRAIN).await?;
        let rate = baud_rate(divider);
        let set = self.port.get_mut().set_baud_rate(rate);
        set.map_err(|error| self.failed(error.into()))?;
        Ok(rate)
    }
}
