//! From chips out of reset to a chain that takes work.
//!
//! Both generations: count the chips, give them addresses, set the slowest clock, raise the baud rate, say
//! which nonces to report, ramp the clock up. A BM1387 then has its cores opened one by one; a BM1366 has a
//! list of registers that its makers write and do not explain.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::baud::Baud;
use super::clocking::{HASH_COUNTING, MIDSTATES, Ramp, STEP_PAUSE, hash_counting, read_back};
use super::error::ChainError;
use super::frame::{Command, Family, Job, Request, Target};
use super::link::Link;
use super::register::{CHIP_ADDRESS, Pll, RESET_DIVIDER, VERSION_MASK, ticket_mask};
use thermine_units::pow::work::BIP320_MASK;
use thermine_units::quantity::MegaHertz;

/// How a chain is to be brought up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BringUp {
    /// Chips that there must be; `None` takes as many as answer.
    pub expected: Option<usize>,
    /// Clock to run at, within the [limits](Family::limits) of the family.
    pub frequency: MegaHertz,
    /// Difficulty from which on the chips report nonces: a power of two.
    pub ticket: u32,
    /// Divider of the baud rate to run at, see [`baud_rate`](super::register::baud_rate); 0 to 26.
    pub baud_divider: u8,
    /// BM1366: version bits that the chips roll by themselves, within BIP 320; `None` leaves that off.
    pub version_mask: Option<u32>,
}

/// A chain that takes work.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// Generation of its chips.
    pub family: Family,
    /// Addresses of its chips, in chain order.
    pub addresses: Vec<u8>,
    /// Clock that the PLLs really have: read back where the chips answer.
    pub frequency: MegaHertz,
    /// Difficulty from which on nonces are reported.
    pub ticket: u32,
    /// Baud rate of the line after bring-up, bit/s.
    pub baud_rate: u32,
    /// Version bits that the chips roll; 0 if none.
    pub version_mask: u32,
    /// What was not as it should be, and did not hinder.
    pub warnings: Vec<String>,
}

/// Attempts at counting and addressing, each of which a single lost byte can spoil.
const ATTEMPTS: u32 = 3;

/// Times that *chain inactive* is said, and the pause after each (bOSminer's).
const INACTIVE: u32 = 3;
const INACTIVE_PAUSE: Duration = Duration::from_millis(100);

/// Pause after a write that chips take time over.
const SETTLE: Duration = Duration::from_millis(10);

/// BM1387: works that open one core of every chip each, and the pause after each: cores draw current.
const OPEN_CORE_WORKS: u32 = 114;
const OPEN_CORE_PAUSE: Duration = Duration::from_millis(5);

/// BM1387, misc control: clock inverted as on an S9, blocks gated until opened, several midstates a job.
const MISC_CONTROL: u32 = 1 << 21 | 1 << 15 | 1 << 7;
/// BM1387, misc control: the divider in this write is to be ignored.
const NOT_SET_BAUD: u32 = 1 << 30;

/// BM1366, baud register but for the divider in bits 15 to 8.
const BAUD_1366: u32 = 0x1130_0000;
/// BM1366, version rolling on, but for the mask in bits 15 to 0.
const ROLL_VERSIONS: u32 = 0x9000_0000;

/// BM1366: registers and values that ESP-Miner writes to all chips before addresses are given, …
const ENABLES_BEFORE: [(u8, u32); 2] = [(0xa8, 0x0007_0000), (0x18, 0xff0f_c100)];
/// … once they are given (core mailbox), …
const ENABLES_ALL: [(u8, u32); 2] = [(0x3c, 0x8000_8540), (0x3c, 0x8000_8020)];
/// … after the ticket mask (analogue multiplexer, drive strength), …
const ENABLES_DRIVE: [(u8, u32); 2] = [(0x54, 0x0000_0003), (0x58, 0x0211_1111)];
/// … if there is but one chip (relay), …
const ENABLE_ALONE: (u8, u32) = (0x2c, 0x007c_0003);
/// … and to each chip.
const ENABLES_EACH: [(u8, u32); 5] = [
    (0xa8, 0x0007_01f0),
    (0x18, 0xf000_c100),
    (0x3c, 0x8000_8540),
    (0x3c, 0x8000_8020),
    (0x3c, 0x8000_82aa),
];

impl Family {
    /// Most chips that can have addresses of their own.
    pub(crate) fn most_chips(self) -> usize {
        match self {
            // As many as an S9's board carries; the step of 4 leaves room for one more.
            Family::Bm1387 => 63,
            Family::Bm1366 => 256,
        }
    }

    /// Addresses of a chain of `chips`.
    fn addresses(self, chips: usize) -> Vec<u8> {
        let step = self.address_step(chips);
        (0..chips)
            .filter_map(|chip| u8::try_from(chip * step).ok())
            .collect()
    }
}

impl BringUp {
    /// Whether the settings are possible for `family`.
    ///
    /// # Errors
    /// [`ChainError::Setting`].
    pub fn check(&self, family: Family) -> Result<(), ChainError> {
        let wrong = |setting, value: String, reason: String| {
            Err(ChainError::Setting {
                setting,
                value,
                reason,
            })
        };
        let (lowest, highest) = family.limits().frequency;
        if !(lowest.0..=highest.0).contains(&self.frequency.0) {
            let reason = format!("a bare {family} runs at {lowest} to {highest}");
            return wrong("frequency", self.frequency.to_string(), reason);
        }
        if !self.ticket.is_power_of_two() {
            let reason = "must be a power of two".into();
            return wrong("ticket difficulty", self.ticket.to_string(), reason);
        }
        if self.baud_divider > RESET_DIVIDER {
            let reason = format!("is at most {RESET_DIVIDER}");
            return wrong("baud divider", self.baud_divider.to_string(), reason);
        }
        let most = family.most_chips();
        if let Some(expected) = self.expected.filter(|n| !(1..=most).contains(n)) {
            let reason = format!("a chain of {family} has 1 to {most}");
            return wrong("number of chips", expected.to_string(), reason);
        }
        if let Some(mask) = self.version_mask {
            let value = format!("{mask:08x}");
            if family == Family::Bm1387 {
                let reason = "a BM1387 does not roll versions by itself".into();
                return wrong("version mask", value, reason);
            }
            if mask == 0 || mask & !BIP320_MASK != 0 {
                let reason = format!("must be within {BIP320_MASK:08x} (BIP 320) and not empty");
                return wrong("version mask", value, reason);
            }
        }
        Ok(())
    }
}

/// Value of the BM1366's version rolling register for `mask`.
pub(super) fn roll_versions(mask: u32) -> u32 {
    ROLL_VERSIONS | mask >> 13
}

impl<T: AsyncRead + AsyncWrite + Baud + Unpin> Link<T> {
    /// Brings the chain up.
    ///
    /// # Errors
    /// If a setting is impossible, the port fails, or the chips are not what they should be.
    pub async fn bring_up(&mut self, settings: &BringUp) -> Result<Chain, ChainError> {
        settings.check(self.family())?;
        let family = self.family();
        let mut warnings = Vec::new();
        let chips = self.find_chips(settings).await?;
        let addresses = self.give_addresses(chips).await?;
        let lowest = family.limits().frequency.0;
        self.write_clock(lowest).await?;
        let baud_rate = match family {
            Family::Bm1387 => self.enable_1387(settings).await?,
            Family::Bm1366 => self.enable_1366(settings, &addresses).await?,
        };
        for pll in Ramp::new(family, lowest, settings.frequency) {
            self.write_all(family.pll(), pll.to_register(family))
                .await?;
            self.pause(STEP_PAUSE).await?;
        }
        let written = Pll::nearest(family, settings.frequency).map(|pll| pll.frequency());
        let values = self.read_all(family.pll(), chips).await?;
        let read = read_back(family, &values);
        if values.len() < chips {
            let answers = values.len();
            warnings.push(format!(
                "{answers} of {chips} chips told their clock when asked"
            ));
        }
        if let Some(read) = read.filter(|read| !read.agree || Some(read.frequency) != written) {
            let mean = read.frequency;
            let asked = settings.frequency;
            warnings.push(format!(
                "the chips' clocks are {mean} on average where {asked} was set"
            ));
        }
        let frequency = read
            .map(|read| read.frequency)
            .or(written)
            .unwrap_or(settings.frequency);
        if family == Family::Bm1366 {
            self.write_all(HASH_COUNTING, hash_counting(chips, frequency))
                .await?;
        }
        if self.skipped() > 0 {
            let skipped = self.skipped();
            warnings.push(format!(
                "{skipped} bytes from the chips belonged to no sound frame"
            ));
        }
        let chain = Chain {
            family,
            addresses,
            frequency,
            ticket: settings.ticket,
            baud_rate,
            version_mask: settings.version_mask.unwrap_or(0),
            warnings,
        };
        for warning in &chain.warnings {
            tracing::warn!(place = self.place(), "{warning}");
        }
        tracing::info!(place = self.place(), chips, %frequency, "chain is up");
        Ok(chain)
    }

    /// Counts the chips, at the rate after reset, then at that which an earlier run may have left them at.
    async fn find_chips(&mut self, settings: &BringUp) -> Result<usize, ChainError> {
        let mut dividers = vec![RESET_DIVIDER, settings.baud_divider];
        dividers.dedup();
        let mut rates = Vec::new();
        for divider in dividers {
            rates.push(self.set_divider(divider).await?);
            let mut failure = None;
            for _ in 0..ATTEMPTS {
                if let Some(mask) = settings.version_mask {
                    // Three times, as ESP-Miner: a chip just out of reset misses the first.
                    for _ in 0..3 {
                        self.write_all(VERSION_MASK, roll_versions(mask)).await?;
                        self.pause(SETTLE).await?;
                    }
                    self.set_rolling();
                }
                match self.count(settings.expected).await {
                    Ok(0) => {}
                    Ok(chips) => return Ok(chips),
                    Err(error @ ChainError::Port { .. }) => return Err(error),
                    Err(error) => failure = Some(error),
                }
            }
            // What answers at this rate answers at no other.
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
        Err(ChainError::Silent {
            place: self.place().into(),
            family: self.family(),
            rates,
        })
    }

    /// Asks all chips who they are. `Ok(0)` if none answers.
    async fn count(&mut self, expected: Option<usize>) -> Result<usize, ChainError> {
        let family = self.family();
        let most = family.most_chips();
        // One more than there can be, so that too many are noticed and endless noise is not.
        let ids = self.read_all(CHIP_ADDRESS, most + 1).await?;
        let place = self.place().to_string();
        let found = ids.len();
        if let Some(&id) = ids.iter().find(|id| **id & !0xff != family.chip_id()) {
            return Err(ChainError::Foreign { place, family, id });
        }
        if found > most {
            return Err(ChainError::TooMany { place, found, most });
        }
        match expected.filter(|expected| found > 0 && *expected != found) {
            Some(expected) => Err(ChainError::Count {
                place,
                expected,
                found,
            }),
            None => Ok(found),
        }
    }

    /// Gives each chip its address and checks that it has it.
    async fn give_addresses(&mut self, chips: usize) -> Result<Vec<u8>, ChainError> {
        let family = self.family();
        let addresses = family.addresses(chips);
        if family == Family::Bm1366 {
            self.write_each(&ENABLES_BEFORE, None).await?;
        }
        let mut answered = 0;
        for _ in 0..ATTEMPTS {
            for _ in 0..INACTIVE {
                self.command(Command::ChainInactive).await?;
                self.pause(INACTIVE_PAUSE).await?;
            }
            for address in &addresses {
                self.command(Command::SetAddress(*address)).await?;
                self.pause(SETTLE).await?;
            }
            let mut given: Vec<u8> = self
                .read_all(CHIP_ADDRESS, chips)
                .await?
                .into_iter()
                .filter(|id| id & !0xff == family.chip_id())
                .map(|id| (id & 0xff) as u8)
                .collect();
            given.sort_unstable();
            given.dedup();
            if given == addresses {
                return Ok(addresses);
            }
            answered = given.iter().filter(|a| addresses.contains(a)).count();
        }
        Err(ChainError::Addresses {
            place: self.place().into(),
            chips,
            answered,
        })
    }

    async fn write_clock(&mut self, frequency: MegaHertz) -> Result<(), ChainError> {
        let family = self.family();
        if let Some(pll) = Pll::nearest(family, frequency) {
            self.write_all(family.pll(), pll.to_register(family))
                .await?;
        }
        self.pause(STEP_PAUSE).await
    }

    /// Writes registers of one chip, or of all.
    async fn write_each(
        &mut self,
        values: &[(u8, u32)],
        chip: Option<u8>,
    ) -> Result<(), ChainError> {
        for &(register, value) in values {
            self.command(Command::Write {
                to: chip.map_or(Target::All, Target::Chip),
                register,
                value,
            })
            .await?;
            self.pause(SETTLE).await?;
        }
        Ok(())
    }

    /// Misc control, baud rate, ticket mask, and the cores opened at the slowest clock. Returns the rate.
    async fn enable_1387(&mut self, settings: &BringUp) -> Result<u32, ChainError> {
        let control = MISC_CONTROL | u32::from(settings.baud_divider) << 8;
        self.write_all(Family::Bm1387.baud(), control).await?;
        let rate = self.set_divider(settings.baud_divider).await?;
        self.write_all(Family::Bm1387.baud(), control | NOT_SET_BAUD)
            .await?;
        self.set_ticket(settings).await?;
        // All bits of nbits are set: that opens the next core that is closed.
        let open = Request::Job(Job::Bm1387 {
            id: 0,
            nbits: u32::MAX,
            ntime: 0,
            tail: [0; 4],
            midstates: vec![[0; 8]; usize::from(MIDSTATES)],
        });
        for _ in 0..OPEN_CORE_WORKS {
            self.push(&open)?;
            self.flush().await?;
            self.pause(OPEN_CORE_PAUSE).await?;
        }
        Ok(rate)
    }

    /// The registers that ESP-Miner writes, in its order but for the clock. Returns the baud rate.
    async fn enable_1366(
        &mut self,
        settings: &BringUp,
        addresses: &[u8],
    ) -> Result<u32, ChainError> {
        self.write_each(&ENABLES_ALL, None).await?;
        self.set_ticket(settings).await?;
        self.write_each(&ENABLES_DRIVE, None).await?;
        if addresses.len() == 1 {
            self.write_each(&[ENABLE_ALONE], None).await?;
        }
        for address in addresses {
            self.write_each(&ENABLES_EACH, Some(*address)).await?;
        }
        let value = BAUD_1366 | u32::from(settings.baud_divider) << 8;
        self.write_all(Family::Bm1366.baud(), value).await?;
        self.set_divider(settings.baud_divider).await
    }

    async fn set_ticket(&mut self, settings: &BringUp) -> Result<(), ChainError> {
        let mask = ticket_mask(settings.ticket.trailing_zeros());
        self.write_all(self.family().ticket_mask(), mask).await?;
        self.pause(SETTLE).await
    }
}
