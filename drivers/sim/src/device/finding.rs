//! Which chip finds what, and when it is sent twice.

use std::time::Duration;

use rand::RngExt;
use rand_distr::{Distribution, Exp1};

use super::Device;
use crate::find::Find;
use thermine_units::params::Params;
use thermine_units::seed::Rng;

impl Device {
    /// The share that falls on `now`.
    pub(super) fn find(&mut self) -> Option<Find> {
        let work = self.work?;
        self.settle(self.now);
        self.budget = Exp1.sample(&mut self.shares);
        self.plan();
        let (board, chip) = self.chips.draw(&mut self.shares);
        let core = live_core(&self.params, (board, chip), &mut self.shares);
        let find = Find {
            at: self.now,
            job: work.job,
            board: board as u8,
            chip: chip as u8,
            core,
            copy: false,
            wrong: false,
        };
        if self.timeline.newest() == Some(work.job) {
            self.newest = Some(find);
        }
        Some(find)
    }

    /// A switch is interrupted by a further job: now and then the share that has set it off is sent once more.
    pub(super) fn copy_last(&mut self) {
        let Some(newest) = self.newest.take() else {
            return;
        };
        if !self.switches.random_bool(self.params.copy_probability) {
            return;
        }
        let p = &self.params;
        // A switch that waits for another to end is none that this share has just set off.
        if self.now.since(newest.at).as_secs_f64() > p.copy_max_s {
            return;
        }
        let delay = p.copy_min_s + (p.copy_max_s - p.copy_min_s) * self.switches.random::<f64>();
        let copy = Find {
            at: (newest.at + Duration::from_secs_f64(delay))
                .max(self.now + Duration::from_nanos(1)),
            copy: true,
            ..newest
        };
        let place = self.copies.partition_point(|other| other.at <= copy.at);
        self.copies.insert(place, copy);
    }

    /// The wrong answer that falls on `now`.
    pub(super) fn find_wrong(&mut self) -> Option<Find> {
        let work = self.work?;
        self.settle(self.now);
        self.wrong_budget = Exp1.sample(&mut self.wrongs);
        self.plan();
        let (board, chip) = self.chips.draw_wrong(&mut self.wrongs);
        let core = live_core(&self.params, (board, chip), &mut self.wrongs);
        Some(Find {
            at: self.now,
            job: work.job,
            board: board as u8,
            chip: chip as u8,
            core,
            copy: false,
            wrong: true,
        })
    }
}

/// A core, as written in a nonce, of the chip at `place` (board, and position in its chain): any that computes.
fn live_core(params: &Params, place: (usize, usize), rng: &mut Rng) -> u8 {
    let (board, position) = place;
    let chip = board * params.columns * params.chips + position;
    let layout = params.layout;
    // A chip without a live core has no weight, and finds nothing.
    loop {
        let core = rng.random_range(0..layout.cores());
        if !params.silicon.is_dead(chip, core) {
            return layout.core(core);
        }
    }
}
