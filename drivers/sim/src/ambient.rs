//! The temperature of the room.

use rand_distr::{Distribution, StandardNormal};

use thermine_units::params::Params;
use thermine_units::seed::Rng;

/// Ambient temperature: an Ornstein-Uhlenbeck process, stepped exactly.
#[derive(Debug, Clone)]
pub(crate) struct Ambient {
    rng: Rng,
    mean: f64,
    deviation: f64,
    keep: f64,
    kick: f64,
}

impl Ambient {
    /// From now on driven by `rng`.
    pub(crate) fn reseed(&mut self, rng: Rng) {
        self.rng = rng;
    }

    /// A process at its mean, driven by `rng`.
    pub(crate) fn new(p: &Params, rng: Rng) -> Ambient {
        let keep = (-p.tick_s / p.ambient_time_s).exp();
        Ambient {
            rng,
            mean: p.ambient_c,
            deviation: 0.0,
            keep,
            kick: p.ambient_sd_k * (1.0 - keep * keep).sqrt(),
        }
    }

    /// The temperature one tick on, °C.
    pub(crate) fn step(&mut self) -> f64 {
        let kick: f64 = StandardNormal.sample(&mut self.rng);
        self.deviation = self.deviation * self.keep + self.kick * kick;
        self.mean + self.deviation
    }
}
