//! What the chips compute: how fast, how often wrongly, and on whose work.

use std::time::Duration;

use rand::RngExt;
use rand_distr::{Distribution, Exp1, StandardNormal};

use super::exp::exp;
use super::rows::{largest, vectorised};
use thermine_units::clock::Nanos;
use thermine_units::params::Params;
use thermine_units::pow::difficulty::Difficulty;
use thermine_units::seed::Rng;
use thermine_units::unit::BOARDS;

/// The chips' error rates, by the law of [`Params`]: e = logistic((f/fmax − 1)/w).
#[derive(Debug, Clone)]
pub(crate) struct Chips {
    columns_per_board: usize,
    boards: usize,
    hashes_per_cycle: f64,
    nominal: f64,
    per_voltage: f64,
    per_kelvin: f64,
    per_width: f64,
    /// fmax of each chip at 80 °C and nominal voltage, Hz; in the order of the thermal network.
    fmax: Vec<f64>,
    /// What part of a sound chip's hashes each computes, see [`thermine_units::params::Silicon`].
    weight: Vec<f64>,
    /// Sum of the weights of each board.
    board_weight: Vec<f64>,
    /// Clock of each column over that of the unit.
    clock: Vec<f64>,
    /// Right answers of each chip, as a fraction of a sound chip's hashes at the unit's clock: its weight times its
    /// clock times 1 − e.
    right: Vec<f64>,
    best: f64,
    /// Hashes per second of each board that are right, and that are wrong.
    board_right: Vec<f64>,
    board_wrong: Vec<f64>,
}

impl Chips {
    /// Chips with a spread drawn from `rng`: each one's fmax is normal about the mean.
    pub(crate) fn new(p: &Params, rng: &mut Rng) -> Chips {
        let chips = p.boards * p.columns * p.chips;
        let fmax = (0..chips)
            .map(|_| {
                let deviation: f64 = StandardNormal.sample(rng);
                // A chip beyond four deviations would have failed the maker's test.
                p.fmax_mhz * 1e6 * (1.0 + p.fmax_spread * deviation.clamp(-4.0, 4.0))
            })
            .collect();
        let mut all = Chips {
            columns_per_board: p.columns,
            boards: p.boards,
            hashes_per_cycle: p.hashes_per_cycle,
            nominal: p.reference_v,
            per_voltage: p.fmax_per_voltage,
            per_kelvin: p.fmax_per_k,
            per_width: 1.0 / p.error_width,
            fmax,
            weight: vec![1.0; chips],
            board_weight: vec![0.0; p.boards],
            clock: vec![1.0; p.boards * p.columns],
            right: vec![1.0; chips],
            best: 1.0,
            board_right: vec![0.0; p.boards],
            board_wrong: vec![0.0; p.boards],
        };
        for chip in 0..chips {
            let (board, place) = all.position(chip);
            let number = board * p.columns * p.chips + place;
            let weight = p.silicon.weight(number, p.layout.cores());
            all.weight[chip] = weight;
            all.board_weight[board] += weight;
        }
        all
    }

    /// Sets how each board is clocked, as a fraction of the unit's clock; boards beyond these run at that. Takes effect
    /// with the next [`update`](Chips::update).
    pub(crate) fn clock(&mut self, boards: [f64; BOARDS]) {
        let columns = self.clock.chunks_exact_mut(self.columns_per_board);
        for (columns, part) in columns.zip(boards) {
            columns.fill(part);
        }
    }

    /// Sets the rates for clock `frequency` (Hz), `voltage` set per column (V) and its `division` over the
    /// columns, and the temperatures of the dies (°C).
    pub(crate) fn update(&mut self, frequency: f64, voltage: f64, division: &[f64], die: &[f64]) {
        vectorised(
            #[inline(always)]
            || self.rates(frequency, voltage, division, die),
        );
        self.best = largest(&self.right);
    }

    /// The loops of [`Chips::update`].
    #[inline(always)]
    fn rates(&mut self, frequency: f64, voltage: f64, division: &[f64], die: &[f64]) {
        let columns = division.len();
        let (v, t) = (self.per_voltage, self.per_kelvin);
        let relative = voltage / self.nominal;
        self.board_right.fill(0.0);
        let rows = self
            .right
            .chunks_exact_mut(columns)
            .zip(self.fmax.chunks_exact(columns))
            .zip(self.weight.chunks_exact(columns))
            .zip(die.chunks_exact(columns));
        for (((right, fmax), weight), die) in rows {
            let chips = right
                .iter_mut()
                .zip(fmax)
                .zip(weight)
                .zip(die)
                .zip(division)
                .zip(&self.clock);
            for (((((right, fmax), weight), die), division), clock) in chips {
                let scale = (1.0 + v * (relative * division - 1.0)) * (1.0 + t * (die - 80.0));
                // A starved chip's limit may come out negative; then all it says is wrong.
                let limit = (fmax * scale).max(1.0);
                let error = exp((frequency * clock / limit - 1.0) * self.per_width);
                *right = weight * clock / (1.0 + error);
            }
            let boards = right.chunks_exact(self.columns_per_board);
            for (sum, right) in self.board_right.iter_mut().zip(boards) {
                *sum += right.iter().sum::<f64>();
            }
        }
        let rate = frequency * self.hashes_per_cycle;
        let boards = self.board_right.iter_mut().zip(&mut self.board_wrong);
        let clock = self.clock.chunks_exact(self.columns_per_board);
        for (((right, wrong), weight), clock) in boards.zip(&self.board_weight).zip(clock) {
            *wrong = (weight * clock[0] - *right) * rate;
            *right *= rate;
        }
    }

    /// Right hashes per second of the unit.
    pub(crate) fn valid_rate(&self) -> f64 {
        self.board_right.iter().sum()
    }

    /// Right hashes per second of each board.
    pub(crate) fn board_right(&self) -> &[f64] {
        &self.board_right
    }

    /// Wrong hashes per second of each board.
    pub(crate) fn board_wrong(&self) -> &[f64] {
        &self.board_wrong
    }

    /// Wrong hashes per second of the unit.
    pub(crate) fn wrong_rate(&self) -> f64 {
        self.board_wrong.iter().sum()
    }

    /// Board, and chip of its chain, drawn in proportion to the rates of right answers.
    pub(crate) fn draw(&self, rng: &mut Rng) -> (usize, usize) {
        // Rejection: chips differ little, so the first is mostly kept.
        loop {
            let chip = rng.random_range(0..self.right.len());
            if rng.random::<f64>() * self.best <= self.right[chip] {
                return self.position(chip);
            }
        }
    }

    /// The same in proportion to the rates of wrong answers.
    pub(crate) fn draw_wrong(&self, rng: &mut Rng) -> (usize, usize) {
        // Error rates differ by orders of magnitude, so no rejection here.
        let wrong = || {
            let clock = self.clock.iter().cycle();
            let chips = self.weight.iter().zip(clock).zip(&self.right);
            chips.map(|((weight, clock), right)| weight * clock - right)
        };
        let mut rest = rng.random::<f64>() * wrong().sum::<f64>();
        let chip = wrong().position(|wrong| {
            rest -= wrong;
            rest < 0.0
        });
        // Rounding alone gets here, and then the last chip that computes at all.
        let last = || self.weight.iter().rposition(|weight| *weight > 0.0);
        self.position(chip.or_else(last).unwrap_or(0))
    }

    /// Board, and place in its chain, of the chip that is number `chip` in the order of the thermal network.
    fn position(&self, chip: usize) -> (usize, usize) {
        let columns = self.boards * self.columns_per_board;
        let (in_column, column) = (chip / columns, chip % columns);
        let chips = self.right.len() / columns;
        let position = column % self.columns_per_board * chips + in_column;
        (column / self.columns_per_board, position)
    }
}

/// A piece of work: the caller's token and how hard a share of it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Work {
    pub(crate) job: u64,
    pub(crate) difficulty: Difficulty,
    /// Whether wrong answers are handed on too, as bare chips do. A controller keeps them to itself.
    pub(crate) bare: bool,
}

/// Which work is on the chips, now and as far ahead as the present job goes.
///
/// On a clean job the chips go on with the old work for a time drawn per switch (exponential, so that old
/// shares fade out as they do in the capture), then idle, then begin the new work after a dead time drawn
/// per switch. That they idle between, rather than compute what is thrown away, is an assumption: the
/// shares do not tell, and power was not measured. Without `clean` the old work goes on until the next
/// work item is fetched, and there is no gap.
///
/// A clean job that comes in the dead time of another begins a dead time of its own, and a longer one. One that comes when the
/// chips have only just begun with another is queued behind it: they stop as at any switch, take up that other
/// once more, and begin the new work when they have done with it. In the capture a job that came 18 to 30 ms
/// after another was answered by no share for 52 ms, while the other still was from 32 ms to 50 ms on.
///
/// A bare chain has no controller that refills it: [`Timeline::feed`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Timeline {
    /// The replaced work, and when it ends.
    old: Option<(Work, Nanos)>,
    /// The present work, and when it begins; not before the replaced one ends.
    current: Option<(Work, Nanos)>,
    /// Work that is taken up once more before the present one, from when until when.
    resumed: Option<(Work, Nanos, Nanos)>,
    /// When the newest clean job came.
    cleaned: Option<Nanos>,
    /// When the chips have gone through the present work, if nobody refills them.
    ends: Option<Nanos>,
}

impl Timeline {
    /// A frame of work arrives at `now`: it replaces what is on the chips at once, and lasts for `lasts`.
    pub(crate) fn feed(&mut self, work: Work, now: Nanos, lasts: Duration) {
        self.old = None;
        self.resumed = None;
        self.current = Some((work, now));
        self.ends = Some(now + lasts);
    }

    /// From `now` on the chips are clocked `factor` times as fast: a frame lasts so much shorter.
    pub(crate) fn hurry(&mut self, now: Nanos, factor: f64) {
        if let Some(ends) = self.ends.as_mut().filter(|ends| **ends > now) {
            let left = ends.since(now).as_secs_f64() / factor;
            *ends = now + Nanos::from_seconds(left).since(Nanos::ZERO);
        }
    }

    /// New work arrives at `now`; chips clocked at `frequency` (Hz).
    pub(crate) fn take(
        &mut self,
        p: &Params,
        work: Work,
        clean: bool,
        now: Nanos,
        frequency: f64,
        rng: &mut Rng,
    ) {
        let nanos = |seconds: f64| Nanos::from_seconds(seconds).since(Nanos::ZERO);
        self.ends = None;
        let since_last = self.cleaned.map(|last| now.since(last).as_secs_f64());
        let queued = clean
            && self.begun(now)
            && since_last.is_some_and(|gap| (p.queue_min_s..p.queue_max_s).contains(&gap));
        if clean {
            self.cleaned = Some(now);
            // Work that has been taken up once more is now the old one; what would have been is not any more.
            let resumed = self.resumed.take();
            if let Some((work, _, until)) =
                resumed.filter(|(_, from, until)| *from <= now && now < *until)
            {
                self.old = Some((work, until));
            }
        }
        match self.current {
            Some((running, from)) if from <= now => self.old = Some((running, Nanos::MAX)),
            // The present work has not begun: it is dropped, and what runs before it stays.
            Some((_, from)) if !clean => {
                self.current = Some((work, from));
                return;
            }
            _ => {}
        }
        if clean || self.old.is_none() {
            let life: f64 = Exp1.sample(rng);
            let dead = p.switch_min_s + (p.switch_max_s - p.switch_min_s) * rng.random::<f64>();
            let interrupted = self.current.is_some_and(|(_, from)| from > now);
            let dead = if interrupted {
                dead + p.interrupted_s * rng.random::<f64>()
            } else {
                dead
            };
            let life = (life * p.old_work_s).min(p.old_work_max_s).min(dead);
            if let Some((_, until)) = &mut self.old {
                *until = (*until).min(now + nanos(life));
            }
            let mut begins = now + nanos(dead);
            if let (true, Some((other, _))) = (queued, self.old) {
                let from = now + nanos(p.resume_s);
                begins = from + nanos(p.resumed_s);
                self.resumed = Some((other, from, begins));
            }
            self.current = Some((work, begins));
        } else {
            let left = p.work_cycles * rng.random::<f64>();
            // Chips that stand still finish nothing: their work is replaced at once.
            let seconds = if frequency > 0.0 {
                left / frequency
            } else {
                0.0
            };
            let fetch = now + nanos(seconds);
            if let Some((_, until)) = &mut self.old {
                *until = fetch;
            }
            self.current = Some((work, fetch));
        }
    }

    /// Whether the chips have begun with the newest work.
    pub(crate) fn begun(&self, now: Nanos) -> bool {
        self.current.is_some_and(|(_, from)| from <= now)
    }

    /// Token of the newest work.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.current.map(|(work, _)| work.job)
    }

    /// When the newest work begins, or has begun.
    pub(crate) fn begins(&self) -> Option<Nanos> {
        self.current.map(|(_, from)| from)
    }

    /// No more work: the chips idle.
    pub(crate) fn clear(&mut self) {
        *self = Timeline::default();
    }

    /// The work that the chips compute from `t` on, until [`Timeline::next_change`].
    pub(crate) fn at(&self, t: Nanos) -> Option<Work> {
        let old = self.old.filter(|(_, until)| t < *until);
        let going = self.ends.is_none_or(|ends| t < ends);
        let current = self.current.filter(|(_, from)| *from <= t && going);
        let resumed = self
            .resumed
            .filter(|(_, from, until)| *from <= t && t < *until);
        let resumed = resumed.map(|(work, ..)| work);
        old.map(|(work, _)| work)
            .or(resumed)
            .or(current.map(|(work, _)| work))
    }

    /// The first instant after `t` at which the work on the chips changes by itself.
    pub(crate) fn next_change(&self, t: Nanos) -> Nanos {
        let resumed = self.resumed.map(|(_, from, until)| [from, until]);
        [self.old, self.current]
            .into_iter()
            .flatten()
            .map(|(_, change)| change)
            .chain(resumed.into_iter().flatten())
            .chain(self.ends)
            .filter(|change| *change > t)
            .min()
            .unwrap_or(Nanos::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thermine_units::seed;

    fn work(job: u64) -> Work {
        Work {
            job,
            difficulty: Difficulty::ONE,
            bare: false,
        }
    }

    fn jobs(timeline: &Timeline, from: Nanos) -> Vec<(Option<u64>, Nanos)> {
        let mut at = from;
        let mut jobs = Vec::new();
        while at < Nanos::MAX {
            let end = timeline.next_change(at);
            jobs.push((timeline.at(at).map(|work| work.job), end));
            at = end;
        }
        jobs
    }

    #[test]
    fn chips_that_stand_still_take_new_work_at_once() {
        let p = Params::lb_box();
        let mut rng = seed::stream(1, "switches");
        let mut timeline = Timeline::default();
        timeline.take(&p, work(1), true, Nanos::ZERO, 0.0, &mut rng);
        let later = Nanos::from_seconds(1.0);
        timeline.take(&p, work(2), false, later, 0.0, &mut rng);
        assert_eq!(timeline.at(later), Some(work(2)));
        assert_eq!(timeline.next_change(later), Nanos::MAX);
    }

    #[test]
    fn a_clean_job_ends_the_old_work_then_idles_then_begins() {
        let p = Params::s9();
        let mut rng = seed::stream(1, "switches");
        let mut timeline = Timeline::default();
        let mut take = |timeline: &mut Timeline, job, clean, now| {
            timeline.take(&p, work(job), clean, now, 600e6, &mut rng);
        };
        take(&mut timeline, 1, true, Nanos::ZERO);
        let t = Nanos::from_seconds(1.0);
        take(&mut timeline, 2, true, t);
        let seen: Vec<_> = jobs(&timeline, t).iter().map(|(job, _)| *job).collect();
        assert_eq!(seen, [Some(1), None, Some(2)]);

        // Another in the dead time: the old work is not drawn out, the dropped job never runs.
        let old_end = timeline.next_change(t);
        let soon = t + std::time::Duration::from_nanos(1);
        take(&mut timeline, 3, true, soon);
        let after = jobs(&timeline, soon);
        assert!(after[0].1 <= old_end);
        assert_eq!(after.last().map(|(job, _)| *job), Some(Some(3)));
        // And one that is not clean takes the dropped one's place.
        take(&mut timeline, 4, false, soon);
        let replaced = jobs(&timeline, soon);
        assert_eq!(replaced.last().map(|(job, _)| *job), Some(Some(4)));
        assert_eq!(replaced[0], after[0]);
    }

    #[test]
    fn a_frame_lasts_its_time_at_the_clock_of_the_chips() {
        let mut timeline = Timeline::default();
        let ms = Duration::from_millis;
        timeline.feed(work(1), Nanos::ZERO, ms(10));
        timeline.feed(work(2), Nanos::ZERO + ms(4), ms(10));
        assert_eq!(
            jobs(&timeline, Nanos::ZERO + ms(4)),
            [(Some(2), Nanos::ZERO + ms(14)), (None, Nanos::MAX)]
        );
        timeline.hurry(Nanos::ZERO + ms(6), 2.0);
        assert_eq!(
            timeline.next_change(Nanos::ZERO + ms(6)),
            Nanos::ZERO + ms(10)
        );
        timeline.hurry(Nanos::ZERO + ms(11), 2.0);
        assert_eq!(timeline.at(Nanos::ZERO + ms(11)), None);
    }

    #[test]
    fn the_best_chips_are_drawn_most() {
        let p = Params {
            frequency_mhz: 650.0,
            ..Params::s9()
        };
        let mut rng = seed::stream(2, "chips");
        let mut chips = Chips::new(&p, &mut rng);
        chips.update(650e6, p.voltage_v, &[1.0; 63], &[80.0; 189]);
        let n = 400_000;
        let mut drawn = vec![0.0; 189];
        for _ in 0..n {
            let (board, chip) = chips.draw(&mut rng);
            drawn[board * 63 + chip] += 1.0;
        }
        let total: f64 = chips.right.iter().sum();
        let mut chi2 = 0.0;
        for (index, right) in chips.right.iter().enumerate() {
            let (in_column, column) = (index / 63, index % 63);
            let expected = f64::from(n) * right / total;
            let got: f64 = drawn[column / 21 * 63 + column % 21 * 3 + in_column];
            chi2 += (got - expected).powi(2) / expected;
        }
        // 188 degrees of freedom: mean 188, deviation 19.4.
        assert!(chi2 < 270.0, "{chi2}");
    }
}
