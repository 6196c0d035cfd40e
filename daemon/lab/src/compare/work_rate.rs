//! Work items per second, from the number of the work item that a share belongs to.

use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::Resampling;

/// Fits of a slope, each without what the last found far off.
const TRIMS: usize = 5;

/// Work items per second from `points`: ms since the job was sent, and the number of the work item of a share found
/// then. `None` of fewer than 30.
pub(crate) fn work_rate(points: &[(f64, f64)]) -> Option<Estimate> {
    if points.len() < 30 {
        return None;
    }
    let resampling = Resampling {
        block: 1,
        resamples: 400,
        seed: 1,
    };
    resampling.estimate(points.len(), |places| slope(places, points) * 1e3)
}

/// Least-squares slope of the second coordinate on the first, over `places`, without what lies more than three
/// standard deviations off: the work of a queued job is counted from another start.
fn slope(places: &[usize], points: &[(f64, f64)]) -> f64 {
    let mut kept = places.to_vec();
    let mut slope = f64::NAN;
    for _ in 0..TRIMS {
        let n = kept.len() as f64;
        let x = kept.iter().map(|i| points[*i].0).sum::<f64>() / n;
        let y = kept.iter().map(|i| points[*i].1).sum::<f64>() / n;
        let moment = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            let centred = kept.iter().map(|i| of(points[*i].0 - x, points[*i].1 - y));
            centred.sum()
        };
        slope = moment(&|x, y| x * y) / moment(&|x, _| x * x);
        let sd = (moment(&|x, y| (y - slope * x).powi(2)) / n).sqrt();
        kept.retain(|i| (points[*i].1 - y - slope * (points[*i].0 - x)).abs() <= 3.0 * sd);
    }
    slope
}
