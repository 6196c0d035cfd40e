//! Whether a unit is what its configuration says, by what was measured on its wires.
//!
//! A unit is *verified* when its control interface named the model, its Stratum agent does not contradict the model, and
//! nothing that it reports contradicts what it did. What confirms each model:
//!
//! | model | its control interface says | its Stratum agent | source |
//! | --- | --- | --- | --- |
//! | `antminer-s9` | `Type` is `Antminer S9`, with or without a firmware's name behind it | `bmminer/…`, or none | version replies of stock and modified units, as pyasic keeps them; bmminer's source |
//! | `lucky-miner-lv06` | `LV06` or `Lucky Miner LV06`; or its chip, `BM1366`, where the agent says `bitaxe/BM1366/…`: stock firmware names no more, and a Bitaxe Ultra, the same hardware, cannot be told apart | `bitaxe/BM1366/…`, or none | ESP-Miner 2.1's source |
//! | `goldshell-lb-box` | `Goldshell-LBBox` | not published: any but that of another model or of a computer | pages of its siblings |
//! | `bm1387`, `bm1366` | the chip's own address register, read when the chain is brought up | none on this wire | the chips' drivers |
//!
//! What contradicts a unit, each with a margin that no sound unit comes near:
//!
//! - it claims more than `FACTOR` times, or less than a `FACTOR`-th of, the hashes that its shares prove, and chance
//!   explains that once in a million times at most. A unit that is driven at a low duty hashes a third of the time, so the
//!   factor is above 3;
//! - its own count of accepted shares stands still while `COUNTED` of its shares are accepted: only a reply that nobody
//!   computes does that;
//! - neither a temperature nor a fan moves for `STILL` while it works: fans alone waver by some revolutions from one
//!   reading to the next.
//!
//! A contradiction stays for as long as the program has the unit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::discover::classify::{names, short};
use thermine_units::clock::Nanos;
use thermine_units::model::agent::{Says, is_of_a_computer, says};
use thermine_units::model::{Model, Wire};
use thermine_units::pow::Difficulty;
use thermine_units::provenance::Provenance;
use thermine_units::unit::{Identity, Telemetry};

/// Times that claimed and proven hashes may differ by.
const FACTOR: f64 = 5.0;
/// Probability of a difference by chance at which it counts: one in a million, as −ln p.
const NATS: f64 = 13.8;
/// Device time over which claim and proof are compared: a claim is a mean over seconds to minutes.
const SPAN: Duration = Duration::from_secs(120);
/// Accepted shares during which the unit's own count must have moved.
const COUNTED: u64 = 50;
/// Readings that must have come meanwhile: some firmware refreshes its counters every few seconds.
const READINGS: u32 = 10;
/// Device time in which some temperature or fan must have moved.
const STILL: Duration = Duration::from_secs(1800);

/// What has been seen of one unit; clones are the same one.
#[derive(Debug, Clone)]
pub struct Evidence(Arc<Mutex<Seen>>);

impl Evidence {
    /// Nothing seen yet of a unit that is said to be of `model`.
    pub fn new(model: Model) -> Evidence {
        Evidence(Arc::new(Mutex::new(Seen::new(model))))
    }

    /// The unit said who it is.
    pub fn identity(&self, identity: &Identity) {
        self.seen().identity = Some(identity.clone());
    }

    /// The unit has connected, and named this program or none.
    pub fn agent(&self, agent: Option<&str>) {
        self.seen().agent = agent.map(str::to_owned);
    }

    /// Bare chips have answered with the address of their model.
    pub fn chips_answered(&self) {
        self.seen().chips = true;
    }

    /// The unit has had work from now on, or has none any more: claims are compared with shares only while it has.
    pub fn working(&self, works: bool) {
        let mut seen = self.seen();
        seen.works = works;
        seen.compared = None;
        seen.still = None;
    }

    /// So many shares were accepted, which together take this number of hashes on average.
    pub fn shares(&self, shares: u64, hashes: f64) {
        self.seen().shares(shares, hashes);
    }

    /// A share of this difficulty, as it was asked for, was accepted.
    pub fn share(&self, asked: Difficulty) {
        let mut seen = self.seen();
        let model = seen.model;
        let hashes = Difficulty::ONE.hashes(model.algorithm());
        seen.shares(1, asked.get().max(model.difficulty_floor()) * hashes);
    }

    /// The unit was read.
    pub fn reading(&self, reading: &Telemetry) {
        self.seen().reading(reading);
    }

    /// Where numbers measured on this unit come from.
    pub fn provenance(&self) -> Provenance {
        match self.doubt() {
            None => Provenance::Device,
            Some(_) => Provenance::UnverifiedDevice,
        }
    }

    /// Why the unit cannot be called what its configuration says; `None` if it can.
    pub fn doubt(&self) -> Option<String> {
        self.seen().doubt()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Seen {
    model: Model,
    identity: Option<Identity>,
    agent: Option<String>,
    chips: bool,
    works: bool,
    last: Option<Nanos>,
    compared: Option<Compared>,
    counter: Counter,
    still: Option<Still>,
    contradiction: Option<String>,
}

/// Claim and proof since a reading.
#[derive(Debug, Clone, Copy)]
struct Compared {
    since: Nanos,
    last: Nanos,
    claimed: f64,
    proven: f64,
    shares: u64,
}

/// The unit's own count of accepted shares beside ours.
#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    last: Option<u64>,
    shares: u64,
    readings: u32,
}

/// Temperatures and fans that have not moved, and since when.
#[derive(Debug, Clone)]
struct Still {
    since: Nanos,
    readings: u32,
    values: Vec<f64>,
}

impl Seen {
    fn new(model: Model) -> Seen {
        Seen {
            model,
            identity: None,
            agent: None,
            chips: false,
            works: false,
            last: None,
            compared: None,
            counter: Counter::default(),
            still: None,
            contradiction: None,
        }
    }

    fn shares(&mut self, shares: u64, hashes: f64) {
        if let Some(compared) = &mut self.compared {
            compared.proven += hashes;
            compared.shares += shares;
        }
        self.counter.shares += shares;
    }

    fn reading(&mut self, reading: &Telemetry) {
        // The same one may be handed in again.
        if self.last.replace(reading.taken) == Some(reading.taken) {
            return;
        }
        self.count(reading);
        if self.works && !self.model.is_bare() {
            self.compare(reading);
            self.look_for_movement(reading);
        }
    }

    fn compare(&mut self, reading: &Telemetry) {
        let (now, Some(rate)) = (reading.taken, reading.hash_rate) else {
            return;
        };
        let compared = self.compared.get_or_insert(Compared {
            since: now,
            last: now,
            claimed: 0.0,
            proven: 0.0,
            shares: 0,
        });
        compared.claimed += rate.0 * now.since(compared.last).as_secs_f64();
        compared.last = compared.last.max(now);
        let span = now.since(compared.since);
        if span < SPAN {
            return;
        }
        let Compared {
            claimed,
            proven,
            shares,
            ..
        } = *compared;
        // Where there is no share nothing says what one would have taken: a long silence ends a run by itself.
        let hashes = proven / shares.max(1) as f64;
        if shares > 0 && differ(shares as f64, claimed / hashes) {
            let seconds = span.as_secs_f64();
            self.contradiction = Some(format!(
                "it claims {:.3e} H/s, but its {shares} shares of {seconds:.0} s prove {:.3e} H/s",
                claimed / seconds,
                proven / seconds
            ));
        }
        // What is too little to tell goes on until it is enough.
        if shares as f64 >= NATS && claimed / hashes >= NATS {
            self.compared = None;
        }
    }

    fn count(&mut self, reading: &Telemetry) {
        let counter = &mut self.counter;
        if reading.accepted.is_none() || reading.accepted != counter.last {
            *counter = Counter {
                last: reading.accepted,
                ..Counter::default()
            };
            return;
        }
        counter.readings += u32::from(counter.shares >= COUNTED);
        if counter.readings >= READINGS {
            self.contradiction = Some(format!(
                "it counts no accepted share while {} of its shares were accepted",
                counter.shares
            ));
        }
    }

    fn look_for_movement(&mut self, reading: &Telemetry) {
        let boards = reading.boards.iter();
        let temperatures = boards.flat_map(|board| {
            [board.pcb_temp, board.chip_temp, board.regulator_temp]
                .into_iter()
                .flatten()
                .map(|temperature| temperature.0)
        });
        let fans = reading.fans.iter().map(|fan| fan.0);
        let values: Vec<f64> = temperatures.chain(fans).collect();
        match &mut self.still {
            Some(still) if still.values == values => {
                still.readings += 1;
                let lasted = reading.taken.since(still.since);
                if !values.is_empty() && lasted >= STILL && still.readings >= READINGS {
                    self.contradiction = Some(format!(
                        "none of its temperatures and fans has moved for {} min at work",
                        lasted.as_secs() / 60
                    ));
                }
            }
            _ => {
                self.still = Some(Still {
                    since: reading.taken,
                    readings: 0,
                    values,
                });
            }
        }
    }

    fn doubt(&self) -> Option<String> {
        if let Some(contradiction) = &self.contradiction {
            return Some(contradiction.clone());
        }
        if self.model.is_bare() {
            let unread = "its chips have not answered with the address of their model";
            return (!self.chips).then(|| unread.to_owned());
        }
        let entry = self.model.entry();
        let agent = self.agent.as_deref().unwrap_or_default().trim();
        let said = says(self.model, agent);
        let is_other = match said {
            Says::This => false,
            Says::Another(_) => true,
            Says::Nothing if entry.agents_are_assumed => is_of_a_computer(agent),
            Says::Nothing => !agent.is_empty(),
        };
        if is_other {
            return Some(format!(
                "its Stratum agent {:?} is none of a {}",
                short(agent),
                self.model
            ));
        }
        let Some(identity) = &self.identity else {
            return Some("its control interface has not said who it is".into());
        };
        let named = identity.model.as_deref();
        // Stock AxeOS names only the chip.
        let by_chip = entry.wire == Wire::AxeOs
            && said == Says::This
            && named.is_some()
            && named == entry.chip;
        if by_chip || names(identity) == Some(self.model) {
            return None;
        }
        let name = named.map_or("no model".to_owned(), |named| {
            format!("\"{}\"", short(named))
        });
        Some(format!(
            "its control interface names {name}, not a {}",
            self.model
        ))
    }
}

/// Whether `n` counted and `mean` expected differ by more than [`FACTOR`], and by more than chance explains: the
/// Chernoff bound of a Poisson count whose mean is at the end of that range. A unit that claims nothing is not
/// contradicted.
fn differ(n: f64, mean: f64) -> bool {
    let bound = |mean: f64| mean - n + n * (n / mean).ln();
    let (low, high) = (mean / FACTOR, mean * FACTOR);
    mean > 0.0 && ((n < low && bound(low) > NATS) || (n > high && bound(high) > NATS))
}

#[cfg(test)]
mod tests;
