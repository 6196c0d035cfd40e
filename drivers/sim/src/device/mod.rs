//! The simulated unit as a state machine in device time.
//!
//! Time is cut into segments of constant hash rate: by the ticks of the thermal network, by the
//! instants at which the work on the chips changes, and by commands. Over a segment the hazard of a
//! share, rate/(hashes per share), consumes a budget drawn from the unit exponential; where it is
//! used up there is a share. Nothing is computed at the ends of [`Device::advance`], so the trajectory
//! does not depend on how a span is cut into calls.

mod finding;

use std::collections::VecDeque;
use std::time::Duration;

use rand_distr::{Distribution, Exp1};

use crate::ambient::Ambient;
use crate::fault::{Fault, Faults};
use crate::find::Find;
use crate::hashing::{Chips, Timeline, Work};
use crate::individual::Individual;
use crate::point::Point;
use crate::sensors::{Sampler, Sensors, Setting};
use crate::thermal::{Drive, Network};
use thermine_units::clock::Nanos;
use thermine_units::params::Params;
use thermine_units::pow::difficulty::Difficulty;
use thermine_units::quantity::Celsius;
use thermine_units::seed::{self, Rng};
use thermine_units::unit::OperatingPoint;

/// Time after which a unit at full duty is taken to be warm, s: over ten times its slowest time constant.
const WARM_UP_S: f64 = 2400.0;

/// A simulated mining unit.
#[derive(Debug, Clone)]
pub struct Device {
    params: Params,
    now: Nanos,
    tick: Duration,
    ticks: u64,
    ticks_per_sample: u64,
    point: Point,
    network: Network,
    chips: Chips,
    timeline: Timeline,
    sampler: Sampler,
    ambient: Ambient,
    tripped: bool,
    faults: Faults,

    shares: Rng,
    switches: Rng,
    wrongs: Rng,
    /// What is left of the share budget at `anchor`.
    budget: f64,
    /// The same for wrong answers.
    wrong_budget: f64,
    /// Start of the present segment, and what holds over it.
    anchor: Nanos,
    work: Option<Work>,
    next_find: Nanos,
    next_wrong: Nanos,
    segment_end: Nanos,
    tick_end: Nanos,
    /// Integral of clock rate times activity since the tick began, cycles.
    cycles: f64,
    copies: VecDeque<Find>,
    /// The newest share of the newest work.
    newest: Option<Find>,
}

impl Device {
    /// A unit of this model that has stood at ambient temperature and is switched on without work.
    ///
    /// Everything that happens to it follows from `seed` and the commands.
    ///
    /// # Panics
    /// If `params` fail [`Params::check`]: they come from configuration that has been checked.
    pub(crate) fn new(params: &Params, seed: u64) -> Device {
        if let Err(error) = params.check() {
            panic!("{error}");
        }
        let Individual {
            params,
            leakage,
            offsets,
            serial,
        } = Individual::of(params, seed);
        let ticks_per_sample = (params.sensor_period_s / params.tick_s).round().max(1.0);
        let mut device = Device {
            now: Nanos::ZERO,
            tick: Duration::from_secs_f64(params.tick_s),
            ticks: 0,
            ticks_per_sample: ticks_per_sample as u64,
            point: Point::nominal(&params),
            network: Network::new(&params, params.ambient_c).with_leakage(leakage),
            chips: Chips::new(&params, &mut seed::stream(serial, "sim/spread")),
            timeline: Timeline::default(),
            sampler: Sampler::new(&params, seed::stream(seed, "sim/sensors")).with_offsets(offsets),
            ambient: Ambient::new(&params, seed::stream(seed, "sim/ambient")),
            tripped: false,
            faults: Faults::default(),
            shares: seed::stream(seed, "sim/shares"),
            switches: seed::stream(seed, "sim/switches"),
            wrongs: seed::stream(seed, "sim/wrongs"),
            budget: 0.0,
            wrong_budget: 0.0,
            anchor: Nanos::ZERO,
            work: None,
            next_find: Nanos::MAX,
            next_wrong: Nanos::MAX,
            segment_end: Nanos::ZERO,
            tick_end: Nanos::ZERO,
            cycles: 0.0,
            copies: VecDeque::new(),
            newest: None,
            params,
        };
        device.tick_end = Nanos::ZERO + device.tick;
        device.budget = Exp1.sample(&mut device.shares);
        device.wrong_budget = Exp1.sample(&mut device.wrongs);
        device.start();
        device
    }

    /// A unit that has run at full duty long enough for its temperatures to be steady, and then lost its
    /// work. See `Device::new`.
    ///
    /// # Panics
    /// As `Device::new`.
    pub fn warm(params: &Params, seed: u64) -> Device {
        let mut device = Device::new(params, seed);
        let drive = Drive {
            clocking: device.frequency_hz(),
            ..device.drive(params.ambient_c)
        };
        for _ in 0..(WARM_UP_S / params.tick_s) as u64 {
            device.network.step(drive);
        }
        device.start();
        device
    }

    /// The same unit, to which from now on chance does what follows from `seed`: shares, switches, sensors and
    /// ambient.
    pub fn reseeded(mut self, seed: u64) -> Device {
        self.settle(self.now);
        self.shares = seed::stream(seed, "sim/shares");
        self.switches = seed::stream(seed, "sim/switches");
        self.wrongs = seed::stream(seed, "sim/wrongs");
        self.sampler.reseed(seed::stream(seed, "sim/sensors"));
        self.ambient.reseed(seed::stream(seed, "sim/ambient"));
        self.budget = Exp1.sample(&mut self.shares);
        self.wrong_budget = Exp1.sample(&mut self.wrongs);
        self.plan();
        self
    }

    /// Breaks something at `at`, or with the present tick if that is over.
    pub fn inject(&mut self, at: Nanos, fault: Fault) {
        self.faults.schedule(at, fault);
    }

    /// Temperature of the hottest die. No firmware knows this.
    pub fn hottest_die(&self) -> Celsius {
        Celsius(self.network.hottest())
    }

    /// Every temperature of the thermal network, °C: dies, heatsinks, circuit boards, regulators. No firmware knows them,
    /// and no noise of a sensor is in them.
    pub fn temperatures(&self) -> impl Iterator<Item = f64> {
        self.network.temperatures()
    }

    /// Whether its API has stopped following the unit.
    pub(crate) fn api_is_frozen(&self) -> bool {
        self.faults.api_is_frozen()
    }

    /// Time of the device since its start.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// What the unit is made of.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Sets clock, voltage and fan, and returns where they now stand: within the limits of [`Params`],
    /// the clock at a step of its generator. A value that is not a number leaves the setting as it was.
    ///
    /// The clock changes at once, the voltage and the fan for the whole of the present tick.
    pub fn set_operating_point(&mut self, asked: &OperatingPoint) -> OperatingPoint {
        let point = self.point.moved(asked, &self.params);
        self.settle(self.now);
        let faster = point.frequency.0 / self.point.frequency.0;
        self.timeline.hurry(self.now, faster);
        self.point = point;
        self.chips.clock(point.boards);
        self.update_rates();
        self.plan();
        point.read_back()
    }

    /// The difficulty that the unit works at when asked for `asked`: never under its floor.
    pub fn effective(&self, asked: Difficulty) -> Difficulty {
        let floor = Difficulty::ONE.scaled(self.params.difficulty_floor);
        if asked < floor { floor } else { asked }
    }

    /// The unit receives work: `job` is the caller's token, `clean` demands that older work be dropped.
    /// A difficulty under the unit's floor is raised to it.
    pub fn take_job(&mut self, job: u64, difficulty: Difficulty, clean: bool) {
        self.settle(self.now);
        if clean && !self.timeline.begun(self.now) {
            self.copy_last();
        }
        let work = Work {
            job,
            difficulty: self.effective(difficulty),
            bare: false,
        };
        let frequency = self.frequency_hz();
        self.timeline.take(
            &self.params,
            work,
            clean,
            self.now,
            frequency,
            &mut self.switches,
        );
        self.plan();
    }

    /// The host of a bare chain feeds the chips: `job` is the caller's token, `cycles` the clock cycles
    /// that they need to go through the frame. It replaces their work at once; after it they idle. Until
    /// then their wrong answers are found too.
    ///
    /// There is no floor to `difficulty` here: that is a controller's.
    pub(crate) fn take_frame(&mut self, job: u64, difficulty: Difficulty, cycles: f64) {
        self.settle(self.now);
        let work = Work {
            job,
            difficulty,
            bare: true,
        };
        let lasts = Nanos::from_seconds(cycles / self.frequency_hz()).since(Nanos::ZERO);
        self.timeline.feed(work, self.now, lasts);
        self.plan();
    }

    /// When the chips begin, or have begun, with the newest work; now if they have none.
    pub(crate) fn work_begins(&self) -> Nanos {
        self.timeline.begins().unwrap_or(self.now)
    }

    /// Work items that the unit goes through in a second: each board works through one at a time.
    pub(crate) fn work_rate(&self) -> f64 {
        self.params.boards as f64 * self.frequency_hz() / self.params.work_cycles
    }

    /// Whether the chips have work now.
    pub(crate) fn has_work(&self) -> bool {
        self.work.is_some()
    }

    /// Mean temperature of the dies. No firmware knows this.
    pub(crate) fn mean_die(&self) -> Celsius {
        let die = self.network.die();
        Celsius(die.iter().sum::<f64>() / die.len() as f64)
    }

    /// The unit has no more work: the chips idle from now on.
    pub(crate) fn lose_work(&mut self) {
        self.settle(self.now);
        self.timeline.clear();
        self.plan();
    }

    /// Unless a command comes, nothing can be observed before this instant.
    pub fn next_event(&self) -> Nanos {
        let copy = self.copies.front().map_or(Nanos::MAX, |copy| copy.at);
        self.next_find
            .min(self.next_wrong)
            .min(self.segment_end)
            .min(copy)
    }

    /// Advances to `until`, and appends to `found` the shares submitted after the present instant and not
    /// after `until`, in order. An instant in the past changes nothing.
    pub fn advance(&mut self, until: Nanos, found: &mut Vec<Find>) {
        loop {
            let event = self.next_event();
            if event > until {
                break;
            }
            self.now = event;
            if event == self.next_find {
                found.extend(self.find());
            } else if event == self.next_wrong {
                found.extend(self.find_wrong());
            } else if self.copies.front().is_some_and(|copy| copy.at == event) {
                found.extend(self.copies.pop_front());
            } else {
                self.settle(event);
                if event == self.tick_end {
                    self.end_tick();
                }
                self.plan();
            }
        }
        self.now = self.now.max(until);
    }

    /// When the last sample of the sensors was taken.
    pub(crate) fn sampled(&self) -> Nanos {
        self.sampler.last().taken
    }

    /// The last sample of the sensors.
    pub fn sensors(&self) -> Sensors {
        let mut sensors = Sensors {
            uptime: self.now.since(Nanos::ZERO),
            ..self.sampler.last().clone()
        };
        self.faults.show(&mut sensors);
        sensors
    }

    /// Rates, first sample and first segment, for the temperatures as they stand.
    fn start(&mut self) {
        self.update_rates();
        self.sample();
        self.plan();
    }

    /// Accounts for the present segment up to `t` and begins a new one there.
    fn settle(&mut self, t: Nanos) {
        let seconds = t.since(self.anchor).as_secs_f64();
        self.anchor = t;
        let hashing = match self.work {
            Some(work) if !self.tripped => {
                self.budget -= seconds * self.chips.valid_rate() / self.hashes(work.difficulty);
                let (right, wrong) = (self.chips.board_right(), self.chips.board_wrong());
                self.sampler.hashed(seconds, right, wrong);
                if work.bare {
                    self.wrong_budget -=
                        seconds * self.chips.wrong_rate() / self.hashes(work.difficulty);
                }
                1.0
            }
            _ => self.params.idle,
        };
        self.cycles += self.frequency_hz() * hashing * seconds;
    }

    /// Finds where the segment that begins at `anchor` ends, and whether a share falls into it.
    fn plan(&mut self) {
        self.work = self.timeline.at(self.anchor);
        let change = self.timeline.next_change(self.anchor);
        self.segment_end = self.tick_end.min(change);
        self.next_find = Nanos::MAX;
        self.next_wrong = Nanos::MAX;
        if let Some(work) = self.work.filter(|_| !self.tripped) {
            let hashes = self.hashes(work.difficulty);
            self.next_find = self.due(self.budget * hashes / self.chips.valid_rate());
            if work.bare {
                self.next_wrong = self.due(self.wrong_budget * hashes / self.chips.wrong_rate());
            }
        }
    }

    /// The instant `wait` seconds after the segment's start, unless the segment ends before.
    fn due(&self, wait: f64) -> Nanos {
        // At least 1 ns: a share comes after the command that made it possible.
        let wait = Nanos::from_seconds(wait).since(Nanos::ZERO) + Duration::from_nanos(1);
        let at = self.anchor + wait;
        if at <= self.segment_end {
            at
        } else {
            Nanos::MAX
        }
    }

    /// Steps the thermal network over the tick that ends now.
    fn end_tick(&mut self) {
        let ambient = self.ambient.step();
        self.faults.come(self.now);
        let drive = self.drive(ambient);
        self.network.step(drive);
        let p = &self.params;
        let work =
            drive.clocking / (p.frequency_mhz * 1e6) * (drive.voltage / p.reference_v).powi(2);
        for (board, watts) in self.faults.run_aways() {
            self.network.heat(board, watts * work);
        }
        self.cycles = 0.0;
        self.ticks += 1;
        self.tick_end += self.tick;
        self.sampler
            .drew(self.network.wall_power() * self.params.tick_s);
        let hottest = self.network.hottest();
        self.tripped = if self.tripped {
            hottest > self.params.release_c
        } else {
            hottest > self.params.trip_c
        };
        self.update_rates();
        if self.ticks.is_multiple_of(self.ticks_per_sample) {
            self.sample();
        }
    }

    /// What drives the network over the present tick.
    fn drive(&self, ambient: f64) -> Drive {
        let (voltage, fan) = if self.tripped {
            (0.0, 1.0)
        } else {
            (self.point.voltage.0, self.point.fan)
        };
        Drive {
            voltage,
            clocking: self.cycles / self.params.tick_s,
            boards: self.point.boards,
            fan,
            flow: self.faults.flow(self.params.fans),
            ambient,
        }
    }

    fn update_rates(&mut self) {
        let (frequency, voltage) = (self.frequency_hz(), self.point.voltage.0);
        self.chips.update(
            frequency,
            voltage,
            self.network.division(),
            self.network.die(),
        );
    }

    fn sample(&mut self) {
        let setting = Setting {
            frequency: self.point.frequency,
            voltage: self.point.voltage,
            tripped: self.tripped,
        };
        self.sampler.sample(self.now, &self.network, &setting);
    }

    /// Hashes that a share of `difficulty` takes on average.
    fn hashes(&self, difficulty: Difficulty) -> f64 {
        difficulty.hashes(self.params.algorithm)
    }

    fn frequency_hz(&self) -> f64 {
        self.point.frequency.0 * 1e6
    }
}
