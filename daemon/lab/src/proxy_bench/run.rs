//! All rows of the bench, one run after the other.

use std::time::Duration;

use anyhow::Result;

use super::cell::{Cell, Route};
use super::report::{JITTER, LATENCIES, NONCES, Row};
use super::request::ProxyBenchRequest;
use crate::session::Context;

/// Probability that a line is lost and sent again, but in the control.
const LOSS: f64 = 0.01;

/// Measures each latency on each route as `request` asks for, and before them a control without latency or loss.
///
/// # Errors
/// If loopback has no port left, a run hangs, or `context` is stopped.
pub async fn run(request: &ProxyBenchRequest, context: &Context) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let lossy = LATENCIES.map(|latency| (latency, LOSS));
    for (latency_ms, loss) in std::iter::once((0, 0.0)).chain(lossy) {
        let mut row = Row {
            latency_ms,
            loss,
            direct: Vec::new(),
            plain: Vec::new(),
            queued: Vec::new(),
        };
        for repeat in 0..request.repeats {
            let cell = |route| Cell {
                route,
                latency: Duration::from_millis(latency_ms),
                jitter: JITTER,
                loss,
                units: usize::from(request.units),
                rate: request.rate * 1e9,
                range: f64::from(request.ranges) * NONCES,
                seconds: request.seconds,
                seed: request.seed.wrapping_add(u64::from(repeat)),
            };
            for (route, seen) in [
                (Route::Direct, &mut row.direct),
                (Route::Plain, &mut row.plain),
                (Route::Queued, &mut row.queued),
            ] {
                seen.push(context.unless_stopped(cell(route).run()).await?);
            }
        }
        rows.push(row);
    }
    Ok(rows)
}
