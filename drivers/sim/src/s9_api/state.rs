//! What the API of a simulated S9 knows of its unit.

use std::time::Duration;

use thermine_units::quantity::{HashRate, MegaHertz, Rpm};

/// Everything that a reply needs. Totals are not kept here where they follow from the parts: `summary`
/// adds up the pools and the boards, so that no two replies disagree.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiState {
    /// Which firmware answers.
    pub firmware: Firmware,
    /// Time of day on the unit's clock, seconds since the Unix epoch.
    pub unix: u64,
    /// Time since the miner started.
    pub elapsed: Duration,
    /// Clock that is configured.
    pub frequency: MegaHertz,
    /// Boards that are present, at most one per slot.
    pub boards: Vec<BoardState>,
    /// Speeds of the front and the rear fan; 0 for one that does not turn.
    pub fans: [Rpm; 2],
    /// Megahashes computed since the miner started.
    pub total_mh: f64,
    /// Pool slots as configured. Stock firmware always lists three.
    pub pools: [PoolState; 3],
    /// Blocks found since start.
    pub found_blocks: u64,
    /// Work items made from the pools' jobs.
    pub local_work: u64,
    /// Blocks of the network seen.
    pub network_blocks: u64,
    /// When work was last fetched, seconds since the Unix epoch; 0 if never.
    pub last_getwork: u64,
}

/// A firmware of the S9, by its `Miner` version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Firmware {
    /// 30.0.1.3 of 2019: the fans are `fan5` and `fan6`.
    #[default]
    V30_0_1_3,
    /// 16.8.1.3 of 2017: the fans are `fan3` and `fan6`.
    V16_8_1_3,
}

/// One hash board.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardState {
    /// Slot: 6, 7 or 8.
    pub slot: u8,
    /// Temperature of the circuit board in °C as printed. A failed sensor prints 0, -1 or 255.
    pub pcb_temp: i16,
    /// Temperature of the chip sensor in °C as printed.
    pub chip_temp: i16,
    /// Third sensor in °C as printed; 0 on a board without one.
    pub third_temp: i16,
    /// Mean clock of the chips.
    pub frequency: MegaHertz,
    /// Chips found at start-up; 63 on a whole board.
    pub chips: u8,
    /// Positions of chips marked as failing, from 0.
    pub failing: Vec<u8>,
    /// Hash rate over the last 5 s.
    pub hash_rate: HashRate,
    /// Answers that failed the unit's own check.
    pub hardware_errors: u64,
    /// Cores opened again, as pairs of chip position and count.
    pub reopened: Vec<(u8, u32)>,
}

/// One pool slot. `Default` is an unused one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PoolState {
    /// URL as configured, `stratum+tcp://host:port`; empty if unused.
    pub url: String,
    /// User name of the worker.
    pub user: String,
    /// Whether the pool answers.
    pub alive: bool,
    /// Whether the unit works for it now.
    pub active: bool,
    /// Difficulty asked for, once the pool has said so.
    pub difficulty: Option<f64>,
    /// Jobs received since start.
    pub getworks: u64,
    /// Shares accepted.
    pub accepted: u64,
    /// Shares rejected.
    pub rejected: u64,
    /// Shares not sent because they were late.
    pub stale: u64,
    /// Work thrown away unused.
    pub discarded: u64,
    /// Times the pool gave no work.
    pub get_failures: u64,
    /// Times a share could not be sent.
    pub remote_failures: u64,
    /// Sum of the difficulties of the accepted shares.
    pub difficulty_accepted: f64,
    /// Sum of the difficulties of the rejected shares.
    pub difficulty_rejected: f64,
    /// Sum of the difficulties of the stale shares.
    pub difficulty_stale: f64,
    /// Difficulty of the last share.
    pub last_share_difficulty: f64,
    /// When the last share was accepted, seconds since the Unix epoch.
    pub last_share: Option<u64>,
    /// Highest difficulty that a share met, rounded down.
    pub best_share: u64,
}

impl ApiState {
    /// Seconds since the miner started; at least a little, so that it can be divided by.
    pub(super) fn seconds(&self) -> f64 {
        self.elapsed.as_secs_f64().max(1e-3)
    }

    /// `Elapsed` and its like.
    pub(super) fn whole_seconds(&self) -> String {
        format!("{:.0}", self.elapsed.as_secs_f64())
    }

    /// Gigahashes per second since the miner started.
    pub(super) fn average_ghs(&self) -> f64 {
        self.total_mh / 1000.0 / self.seconds()
    }

    /// Sum of the boards' rates in GH/s as printed, so that the total agrees with its parts to the digit.
    pub(super) fn total_ghs(&self) -> f64 {
        cents(self.boards.iter().map(BoardState::ghs))
    }

    /// As [`total_ghs`](ApiState::total_ghs), for what the boards should do.
    pub(super) fn total_ideal_ghs(&self) -> f64 {
        cents(self.boards.iter().map(BoardState::ideal_ghs))
    }

    pub(super) fn hardware_errors(&self) -> u64 {
        self.boards.iter().map(|board| board.hardware_errors).sum()
    }

    /// Share of failed answers among all: hardware errors over these plus the difficulty of all shares.
    pub(super) fn hardware_error_share(&self) -> f64 {
        let errors = self.hardware_errors() as f64;
        ratio(errors, errors + self.total_difficulty())
    }

    /// Difficulty of all shares sent, which is what bmminer counts as work done.
    pub(super) fn total_difficulty(&self) -> f64 {
        self.pools.iter().map(PoolState::total_difficulty).sum()
    }

    pub(super) fn board(&self, slot: u8) -> Option<&BoardState> {
        self.boards.iter().find(|board| board.slot == slot)
    }
}

impl Firmware {
    /// The firmware's version, under the key `Miner`.
    pub fn version(self) -> &'static str {
        match self {
            Firmware::V30_0_1_3 => "30.0.1.3",
            Firmware::V16_8_1_3 => "16.8.1.3",
        }
    }

    /// Key `CompileTime`.
    pub(super) fn compiled(self) -> &'static str {
        match self {
            Firmware::V30_0_1_3 => "Wed Jul 31 16:18:27 CST 2019",
            Firmware::V16_8_1_3 => "Fri Nov 17 17:37:49 CST 2017",
        }
    }

    /// Numbers of the front and the rear fan.
    pub(super) fn fan_numbers(self) -> [u8; 2] {
        match self {
            Firmware::V30_0_1_3 => [5, 6],
            Firmware::V16_8_1_3 => [3, 6],
        }
    }

    /// Value of `chain_opencore_N`.
    pub(super) fn open_core(self) -> &'static str {
        match self {
            Firmware::V30_0_1_3 => "0",
            Firmware::V16_8_1_3 => "1",
        }
    }
}

impl BoardState {
    pub(super) fn ghs(&self) -> f64 {
        self.hash_rate.0 / 1e9
    }

    /// One hash per clock and core, 114 cores a chip.
    pub(super) fn ideal_ghs(&self) -> f64 {
        self.frequency.0 * f64::from(self.chips) * 114.0 / 1000.0
    }
}

impl PoolState {
    pub(super) fn total_difficulty(&self) -> f64 {
        self.difficulty_accepted + self.difficulty_rejected + self.difficulty_stale
    }
}

/// Sum of figures that are each rounded to a hundredth first.
fn cents(figures: impl Iterator<Item = f64>) -> f64 {
    figures.map(|figure| (figure * 100.0).round()).sum::<f64>() / 100.0
}

/// `part / whole`, and 0 of nothing.
pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}
