//! Simulated chips at the far end of a serial line: registers, addresses, line time, and work that is
//! hashed for real.
//!
//! The physics ([`Device`]) decides when a nonce is found and by which chip and core. The nonce itself is
//! searched for among those of that chip and core, in the frame's own bytes, at the ticket mask's difficulty
//! times a scale. A wrong byte anywhere between host and header therefore gives nonces that do not verify.
//!
//! - `chain`: registers and addresses; `pty`: the port that a driver opens;
//! - `serial`: the task; `search`: nonces; `faults`: a bad line.

pub(crate) mod chain;
mod faults;
pub(crate) mod pty;
mod search;
mod serial;

use std::io;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use faults::Faults;
use serial::Serial;

use super::device::Device;
use thermine_drivers::bm13xx::Family;
use thermine_units::clock::{Clock, Nanos};
use thermine_units::model::{lv06, s9};
use thermine_units::params::Params;
use thermine_units::quantity::Celsius;

/// What a simulated chain is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Generation of its chips.
    pub family: Family,
    /// Number of chips, from 1; at most 63 BM1387, as on an S9's board, or 128 BM1366.
    pub chips: usize,
    /// Its physics: one board of as many chips.
    pub params: Params,
    /// Seed of its physics, of its nonces and of its faults.
    pub seed: u64,
    /// Factor on the difficulty that a nonce's hash really meets: 2^-34 makes the 38 zero bits of ticket
    /// difficulty 64 into 4. The driver must use the same. Up to 16 zero bits are found in time.
    pub difficulty_scale: f64,
    /// What is wrong with the line.
    pub faults: Faults,
}

/// What the simulator knows and no driver does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Status {
    /// When it was so, device time.
    pub at: Nanos,
    /// True temperature of the hottest die.
    pub(crate) hottest: Celsius,
    /// True mean temperature of the dies.
    pub mean_die: Celsius,
    /// What has happened up to then.
    pub counters: Counters,
}

/// What has happened on the line since start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames of work taken.
    pub(crate) frames: u64,
    /// Commands carried out.
    pub(crate) commands: u64,
    /// Nonces found, wrong ones included, copies not.
    pub nonces: u64,
    /// Wrong ones among them.
    pub wrong: u64,
    /// Answers for which no nonce was found in time: the difficulty is scaled too little.
    pub unfound: u64,
    /// Received bytes that belong to no sound frame.
    pub skipped: u64,
    /// Bytes that the line lost or changed, see [`Faults`].
    pub damaged: u64,
    /// Requests sent at a baud rate that is not the chips'.
    pub(crate) misread: u64,
    /// Requests lost because too many were on the line.
    pub(crate) overrun: u64,
    /// Replies lost because too many were on the line.
    pub lost: u64,
    /// Bytes of replies given up because the host has not read for seconds.
    pub unread: u64,
}

/// Starts the chips as a task of `tracker`, on a pseudo-terminal of their own, until `shutdown`. Returns
/// the path that a driver opens as it would a serial port; it may close it and open it again.
///
/// They begin as after a reset, but warm as after half an hour of hashing. To be called within a tokio
/// runtime.
///
/// # Errors
/// If the settings contradict themselves, or there is no pseudo-terminal to be had.
pub fn start(
    settings: Settings,
    clock: Clock,
    tracker: &TaskTracker,
    shutdown: &CancellationToken,
) -> io::Result<PathBuf> {
    settings.check()?;
    let (port, slave) = pty::open()?;
    let path = slave.path().clone();
    let (serial, _) = Serial::new(settings, port, Some(slave), clock);
    tracker.spawn(serial.run(shutdown.clone()));
    Ok(path)
}

/// Like [`start`], at the far end of `port`, which must carry bytes unchanged. It gives what the simulator
/// knows, with each sample of the sensors.
///
/// # Errors
/// If the settings contradict themselves.
pub fn serve<T>(
    settings: Settings,
    port: T,
    clock: Clock,
    tracker: &TaskTracker,
    shutdown: &CancellationToken,
) -> io::Result<watch::Receiver<Status>>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    settings.check()?;
    let (serial, status) = Serial::new(settings, port, None, clock);
    tracker.spawn(serial.run(shutdown.clone()));
    Ok(status)
}

impl Settings {
    /// `chips` chips of `family` with the physics of the unit that they are usually in, nothing wrong with
    /// the line.
    pub fn new(family: Family, chips: usize, seed: u64, difficulty_scale: f64) -> Settings {
        Settings {
            family,
            chips,
            params: match family {
                Family::Bm1387 => Params::bm1387(chips),
                Family::Bm1366 => Params::bm1366(),
            },
            seed,
            difficulty_scale,
            faults: Faults::default(),
        }
    }

    fn check(&self) -> io::Result<()> {
        let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        let (layout, most) = match self.family {
            Family::Bm1387 => (s9::LAYOUT, 63),
            Family::Bm1366 => (lv06::LAYOUT, 128),
        };
        if !(1..=most).contains(&self.chips) {
            return wrong(format!("a chain has 1 to {most} chips, not {}", self.chips));
        }
        let p = &self.params;
        if let Err(error) = p.check() {
            return wrong(error.to_string());
        }
        let described = p.columns * p.chips;
        if p.boards != 1 || described != self.chips || p.layout != layout {
            return wrong(format!(
                "the physics is of {} board(s) of {described} chips with nonces as {}, not of one of {}",
                p.boards, p.layout.name, self.chips
            ));
        }
        let scale = self.difficulty_scale;
        if !(scale.is_finite() && scale > 0.0) {
            return wrong(format!("difficulty scale {scale} is not a positive number"));
        }
        for (name, p) in [
            ("duplicate", self.faults.duplicate),
            ("late", self.faults.late),
        ] {
            if !(0.0..=1.0).contains(&p) {
                return wrong(format!("fault {name}: {p} is not a probability"));
            }
        }
        Ok(())
    }
}

impl Status {
    fn of(device: &Device, counters: Counters) -> Status {
        Status {
            at: device.now(),
            hottest: device.hottest_die(),
            mean_die: device.mean_die(),
            counters,
        }
    }
}
