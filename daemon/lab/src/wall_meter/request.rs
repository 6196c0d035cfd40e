//! What is asked for, as plain data.

use crate::request::declare::request;
use crate::request::findings::Findings;

request! {
    /// A measurement of `idle` with a meter at the wall.
    pub struct WallMeterRequest {
        /// Length of each level of duty, s of the unit's time.
        level: f64 = 120.0 => within(20.0, 3600.0);
        /// Share difficulty; absent for the configuration's.
        difficulty: Option<f64> = None => within_if(1.0, 1e12);
        /// Watts at the wall that the chips do not take, as fans and controller: least and most.
        others: (f64, f64) = (0.0, 0.0);
        /// Seed of the simulated unit and of the interval.
        seed: u64 = 1;
    }
    also check_others;
}

fn check_others(request: &WallMeterRequest, found: &mut Findings) {
    let (low, high) = request.others;
    if !(low >= 0.0 && high >= low && high.is_finite()) {
        found.add(format!(
            "others {low}:{high}: must be two numbers of watts from 0 on, the smaller first"
        ));
    }
}
