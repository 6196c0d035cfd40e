//! A unit in device time: takes jobs and settings, finds shares, warms up.
//!
//! Deterministic from its seed, and the same whatever the instants at which it is asked: the heat moves
//! on in fixed ticks, and shares come by a hazard that is integrated exactly between them. Whoever fronts
//! it sleeps, or jumps, until [`Device::next_event`].

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use rand_distr::{Exp1, Poisson, StandardNormal};

use super::params::Params;
use super::thermal::Thermal;
use crate::clock::Nanos;
use crate::pow::Difficulty;
use crate::quantity::{Celsius, HashRate, MegaHertz, Rpm, Volts, Watts};
use crate::seed::{self, Rng};
use crate::unit::{Board, OperatingPoint, Telemetry};

/// Device time after which a warm unit counts as settled: several of its slowest time constant.
const WARM_UP: f64 = 1500.0;

/// Window of the firmware's short hash rate, in s.
const RATE_WINDOW: f64 = 5.0;

/// A share that the unit has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Find {
    /// When.
    pub at: Nanos,
    /// Token of the job that it answers.
    pub job: u64,
    /// Board, from 0.
    pub board: u8,
    /// Chip on the board, from 0 along the air flow.
    pub chip: u8,
    /// Core of the chip, from 0.
    pub core: u8,
    /// Whether it repeats the answer before it.
    pub copy: bool,
}

/// What the unit's firmware would report.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensors {
    /// When the sensors were read.
    pub at: Nanos,
    /// Each board.
    pub boards: Vec<BoardSensors>,
    /// Speed of the fans.
    pub fan: Rpm,
    /// Clock that is set.
    pub frequency: MegaHertz,
    /// Core voltage that is set.
    pub voltage: Volts,
    /// Power at the wall as a meter of 1 W steps shows it. An S9 has no meter: this is an external one's.
    pub meter: Watts,
    /// Hashes since the start.
    pub total_hashes: f64,
    /// Time since the start.
    pub uptime: Duration,
}

/// What the firmware would report of one board.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardSensors {
    /// Board sensor, whole degrees.
    pub pcb_temp: Celsius,
    /// Chip sensor, whole degrees.
    pub chip_temp: Celsius,
    /// Hash rate over the last 5 s, from counted answers.
    pub hash_rate: HashRate,
    /// Wrong answers since the start.
    pub hardware_errors: u64,
}

/// A simulated unit.
#[derive(Debug, Clone)]
pub struct Device {
    params: Params,
    thermal: Thermal,
    chips: Rng,
    shares: Rng,
    start: Nanos,
    now: Nanos,
    tick_end: Nanos,
    work: Option<Work>,
    /// Seconds in this tick, up to `counted`, in which the chips hashed.
    active: f64,
    counted: Nanos,
    /// Answers that are already on their way: to a job replaced, and second copies.
    pending: VecDeque<Find>,
    /// Running sum of the chips' valid hash rates.
    cumulative: Vec<f64>,
    sensors: Sensors,
    next_reading: Nanos,
}

/// The job that is being hashed.
#[derive(Debug, Clone, Copy)]
struct Work {
    job: u64,
    difficulty: Difficulty,
    /// When it came.
    taken: Nanos,
    /// When the first hash on it was made.
    ready: Nanos,
    /// Whether the chips still hash the job before while this one is not ready.
    overlap: bool,
    /// Hazard that is left until the next share, counted from `anchor`.
    hazard: f64,
    anchor: Nanos,
}

impl Device {
    /// A unit at the temperature of its room, at `at`.
    pub fn cold(params: &Params, seed: u64, at: Nanos) -> Device {
        let mut chips = seed::stream(seed, "chips");
        let thermal = Thermal::new(params, &mut chips);
        let boards = (0..params.boards)
            .map(|_| BoardSensors {
                pcb_temp: Celsius(params.ambient),
                chip_temp: Celsius(params.ambient),
                hash_rate: HashRate(0.0),
                hardware_errors: 0,
            })
            .collect();
        let mut device = Device {
            sensors: Sensors {
                at,
                boards,
                fan: Rpm(0.0),
                frequency: MegaHertz(params.frequency_mhz),
                voltage: Volts(params.voltage),
                meter: Watts(0.0),
                total_hashes: 0.0,
                uptime: Duration::ZERO,
            },
            params: params.clone(),
            thermal,
            chips,
            shares: seed::stream(seed, "shares"),
            start: at,
            now: at,
            tick_end: at + Duration::from_secs_f64(params.tick),
            work: None,
            active: 0.0,
            counted: at,
            pending: VecDeque::new(),
            cumulative: Vec::new(),
            next_reading: at,
        };
        device.update_rates();
        device.read_sensors();
        device
    }

    /// A unit as it is after hashing at full duty for half an hour, at `at`.
    pub fn warm(params: &Params, seed: u64, at: Nanos) -> Device {
        let mut device = Device::cold(params, seed, at);
        for _ in 0..(WARM_UP / params.tick) as usize {
            device.thermal.step(params.tick, 1.0, &mut device.chips);
        }
        device.update_rates();
        for board in 0..params.boards {
            device.sensors.boards[board].hash_rate = HashRate(device.board_rate(board));
        }
        device.next_reading = at;
        device.read_sensors();
        device
    }

    /// Device time that it has come to.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// The difficulty that it answers at when asked for `asked`: never below its floor.
    pub fn effective(&self, asked: Difficulty) -> Difficulty {
        match Difficulty::new(self.params.difficulty_floor) {
            Ok(floor) if floor > asked => floor,
            _ => asked,
        }
    }

    /// Moves the unit to an operating point, within its limits and steps, and returns where it went.
    pub fn set_operating_point(&mut self, point: &OperatingPoint) -> OperatingPoint {
        let p = &self.params;
        let (frequency, voltage, fan) = self.thermal.settings();
        let set = |asked: Option<f64>, old: f64, (low, high): (f64, f64)| match asked {
            Some(value) if value.is_finite() => value.clamp(low, high),
            _ => old,
        };
        let asked = point
            .frequency
            .map(|f| (f.0 / p.frequency_step_mhz).round() * p.frequency_step_mhz);
        let new = (
            set(asked, frequency, p.frequency_limits_mhz),
            set(point.voltage.map(|v| v.0), voltage, p.voltage_limits),
            set(point.fan, fan, (p.fan_min, 1.0)),
        );
        if new != (frequency, voltage, fan) {
            self.spend_hazard();
            self.thermal.set(new.0, new.1, new.2);
            self.update_rates();
        }
        OperatingPoint {
            frequency: Some(MegaHertz(new.0)),
            voltage: Some(Volts(new.1)),
            fan: Some(new.2),
        }
    }

    /// Hands the unit a job, now. A clean one makes it drop the old job: for the dead time it hashes
    /// nothing new, and answers to the old job fade out. Another is taken over without a gap.
    pub fn take_job(&mut self, job: u64, difficulty: Difficulty, clean: bool) {
        self.count_activity(self.now);
        let difficulty = self.effective(difficulty);
        let (shortest, longest) = self.params.dead_time;
        let (ready, overlap) = match &self.work {
            Some(_) if !clean => (self.now, false),
            old => {
                let dead = self.shares.random_range(shortest..=longest);
                (self.now + dead, old.is_some())
            }
        };
        if overlap {
            self.answer_late(ready);
        }
        self.work = Some(Work {
            job,
            difficulty,
            taken: self.now,
            ready,
            overlap,
            hazard: self.shares.sample(Exp1),
            anchor: ready,
        });
    }

    /// Takes all work away: the chips idle until the next job.
    pub fn lose_work(&mut self) {
        self.count_activity(self.now);
        self.work = None;
    }

    /// The next instant at which something can happen, if no job and no setting comes before.
    pub fn next_event(&self) -> Nanos {
        let pending = self.pending.front().map_or(Nanos::MAX, |find| find.at);
        self.next_find().min(pending).min(self.tick_end)
    }

    /// Moves on to `until` and appends the shares found on the way, in order.
    pub fn advance(&mut self, until: Nanos, found: &mut Vec<Find>) {
        loop {
            let next = self.next_event();
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            if let Some(find) = self.pending.pop_front_if(|find| find.at <= next) {
                found.push(find);
            } else if self.next_find() <= next {
                self.find(next, found);
            } else {
                self.tick();
            }
        }
        self.now = self.now.max(until);
    }

    /// What the firmware reports now: the last reading of the sensors.
    pub fn sensors(&self) -> &Sensors {
        &self.sensors
    }

    /// Power at the wall and fraction of full fan speed, without a meter's or sensor's error.
    pub fn truth(&self) -> (Watts, f64) {
        (Watts(self.thermal.power()), self.thermal.fan())
    }

    /// Right answers per second at the job's difficulty while it is being hashed.
    fn rate(&self, difficulty: Difficulty) -> f64 {
        self.cumulative.last().copied().unwrap_or(0.0) / difficulty.hashes()
    }

    /// When the next share of the job in hand comes at the present rate.
    fn next_find(&self) -> Nanos {
        let Some(work) = &self.work else {
            return Nanos::MAX;
        };
        let rate = self.rate(work.difficulty);
        let wait = work.hazard / rate;
        if wait.is_finite() && wait < 1e9 {
            work.anchor + Duration::from_secs_f64(wait)
        } else {
            Nanos::MAX
        }
    }

    /// Takes off the hazard that has passed at the rate that is about to change.
    fn spend_hazard(&mut self) {
        let now = self.now;
        let rate = self.work.map_or(0.0, |work| self.rate(work.difficulty));
        if let Some(work) = &mut self.work {
            let passed = now.since(work.anchor).as_secs_f64() * rate;
            work.hazard = (work.hazard - passed).max(0.0);
            work.anchor = work.anchor.max(now);
        }
    }

    fn find(&mut self, at: Nanos, found: &mut Vec<Find>) {
        let Some(work) = &mut self.work else { return };
        let job = work.job;
        work.anchor = at;
        work.hazard = self.shares.sample(Exp1);
        let find = self.draw(at, job);
        found.push(find);
        self.copy_perhaps(find);
    }

    /// Draws which chip and core found a share.
    fn draw(&mut self, at: Nanos, job: u64) -> Find {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let point = self.shares.random::<f64>() * total;
        let index = self.cumulative.partition_point(|sum| *sum <= point);
        let per_board = self.params.chips_per_board();
        let index = index.min(self.cumulative.len().saturating_sub(1));
        Find {
            at,
            job,
            board: (index / per_board) as u8,
            chip: (index % per_board) as u8,
            core: self.shares.random_range(0..self.params.cores) as u8,
            copy: false,
        }
    }

    fn copy_perhaps(&mut self, find: Find) {
        if self.shares.random::<f64>() < self.params.copies {
            let copy = Find {
                at: find.at + self.params.copy_delay,
                copy: true,
                ..find
            };
            self.queue(copy);
        }
    }

    fn queue(&mut self, find: Find) {
        let place = self.pending.partition_point(|other| other.at <= find.at);
        self.pending.insert(place, find);
    }

    /// Draws the answers to the job in hand that still come after it has been replaced: its rate decays
    /// exponentially, and ends when the chips have turned to the new job.
    fn answer_late(&mut self, until: Nanos) {
        let Some(old) = self.work else { return };
        let decay = self.params.old_job_decay.as_secs_f64();
        let expected = self.rate(old.difficulty) * decay;
        let mut hazard: f64 = 0.0;
        // A job that was itself not ready yet has no answers to give.
        while old.ready <= self.now {
            hazard += self.shares.sample::<f64, _>(Exp1);
            // The inverse of the integrated rate.
            let fraction = hazard / expected;
            if fraction.is_nan() || fraction >= 1.0 {
                break;
            }
            let at = self.now + Duration::from_secs_f64(-decay * (1.0 - fraction).ln());
            if at >= until {
                break;
            }
            let find = self.draw(at, old.job);
            self.queue(find);
            self.copy_perhaps(find);
        }
    }

    /// Adds the seconds between `counted` and `to` in which the chips hashed.
    fn count_activity(&mut self, to: Nanos) {
        if let Some(work) = &self.work {
            let from = self.counted;
            self.active += to.since(from.max(work.ready)).as_secs_f64();
            if work.overlap && from < work.ready {
                let decay = self.params.old_job_decay.as_secs_f64();
                let level = |t: Nanos| (-t.since(work.taken).as_secs_f64() / decay).exp();
                self.active += decay * (level(from) - level(to.min(work.ready)));
            }
        }
        self.counted = to;
    }

    fn tick(&mut self) {
        let now = self.tick_end;
        self.count_activity(now);
        self.spend_hazard();
        let dt = self.params.tick;
        let activity = (self.active / dt).clamp(0.0, 1.0);
        self.active = 0.0;
        self.count_answers(dt, activity);
        self.thermal.step(dt, activity, &mut self.chips);
        self.update_rates();
        self.tick_end = now + Duration::from_secs_f64(dt);
        if now >= self.next_reading {
            self.read_sensors();
        }
    }

    /// Lets the firmware count its boards' answers of one tick, right and wrong ones.
    fn count_answers(&mut self, dt: f64, activity: f64) {
        let hashes = self.params.counting_difficulty * (f64::from(u32::MAX) + 1.0);
        let blend = 1.0 - (-dt / RATE_WINDOW).exp();
        let per_board = self.params.chips_per_board();
        let raw = self.thermal.chip_rate() * per_board as f64;
        for board in 0..self.params.boards {
            let valid = self.board_rate(board);
            let right = self.poisson(valid * activity * dt / hashes);
            let wrong = self.poisson((raw - valid) * activity * dt / hashes);
            let reading = &mut self.sensors.boards[board];
            reading.hardware_errors += wrong as u64;
            reading.hash_rate.0 += blend * (right * hashes / dt - reading.hash_rate.0);
            self.sensors.total_hashes += right * hashes;
        }
    }

    fn poisson(&mut self, mean: f64) -> f64 {
        Poisson::new(mean).map_or(0.0, |law| self.chips.sample(law))
    }

    /// Valid hashes per second of a board that is hashing.
    fn board_rate(&self, board: usize) -> f64 {
        let per_board = self.params.chips_per_board();
        let upto = |chips: usize| {
            chips
                .checked_sub(1)
                .map_or(0.0, |last| self.cumulative[last])
        };
        upto((board + 1) * per_board) - upto(board * per_board)
    }

    fn update_rates(&mut self) {
        let rate = self.thermal.chip_rate();
        let mut sum = 0.0;
        self.cumulative.clear();
        self.cumulative
            .extend(self.thermal.errors().iter().map(|error| {
                sum += rate * (1.0 - error);
                sum
            }));
    }

    fn read_sensors(&mut self) {
        let at = self.now.max(self.sensors.at);
        self.next_reading = at + Duration::from_secs_f64(self.params.sensor_period);
        for board in 0..self.params.boards {
            let mut read = |truth: f64| {
                let noise: f64 = self.chips.sample(StandardNormal);
                Celsius((truth + self.params.sensor_noise * noise).round())
            };
            let pcb_temp = read(self.thermal.board_sensor(board));
            let chip_temp = read(self.thermal.chip_sensor(board));
            self.sensors.boards[board].pcb_temp = pcb_temp;
            self.sensors.boards[board].chip_temp = chip_temp;
        }
        let noise: f64 = self.chips.sample(StandardNormal);
        let (frequency, voltage, _) = self.thermal.settings();
        self.sensors.at = at;
        // Tachometers count in steps of 60.
        self.sensors.fan = Rpm((self.thermal.fan() * self.params.fan_rpm / 60.0).round() * 60.0);
        self.sensors.frequency = MegaHertz(frequency);
        self.sensors.voltage = Volts(voltage);
        self.sensors.meter = Watts((self.thermal.power() + noise).round());
        self.sensors.uptime = at.since(self.start);
    }
}

impl Sensors {
    /// The reading as a driver would give it, with boards in `slots`. Without the meter, which is not the
    /// unit's own.
    pub fn telemetry(&self, slots: &[u8]) -> Telemetry {
        let total = self.boards.iter().map(|board| board.hash_rate.0).sum();
        let seconds = self.uptime.as_secs_f64();
        Telemetry {
            taken: self.at,
            boards: self
                .boards
                .iter()
                .zip(slots)
                .map(|(board, slot)| Board {
                    slot: *slot,
                    pcb_temp: Some(board.pcb_temp),
                    chip_temp: Some(board.chip_temp),
                    frequency: Some(self.frequency),
                    hash_rate: Some(board.hash_rate),
                    hardware_errors: Some(board.hardware_errors),
                    ..Board::default()
                })
                .collect(),
            fans: vec![self.fan, self.fan],
            hash_rate: Some(HashRate(total)),
            hash_rate_average: (seconds > 0.0).then(|| HashRate(self.total_hashes / seconds)),
            hardware_errors: Some(self.boards.iter().map(|b| b.hardware_errors).sum()),
            uptime: Some(self.uptime),
            ..Telemetry::default()
        }
    }
}
