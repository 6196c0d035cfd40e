//! The worth of queued work, as a table.

use anyhow::{Context, Result};
use thermine_reservoir::multi_seed::OverSeeds;

use super::table::table;
use thermine_lab::proxy_bench::report::{JITTER, LATENCIES, NONCES, Row, Seen};
use thermine_lab::proxy_bench::request::ProxyBenchRequest;

/// Published hash rates of a unit with its waits and without them, GH/s.
const PAPER: (f64, f64) = (175.0, 220.0);

const HEADINGS: [&str; 13] = [
    "one way, loss",
    "GH/s direct",
    "GH/s plain proxy",
    "GH/s VBM",
    "η direct",
    "η plain",
    "η VBM",
    "idle ms/job direct",
    "plain",
    "VBM",
    "gain of VBM",
    "latency alone, 2·latency/t_hash",
    "paper",
];

/// Gain that the paper prints, and the latency at which this work has it.
struct Published {
    gain: f64,
    /// Seconds of hashing in a job.
    lasts: f64,
    /// One-way latency that gives the gain, s: the way there and back is that fraction of a job.
    wanted: f64,
    /// The latency of the bench that is nearest, s, if it is near.
    nearest: Option<f64>,
}

impl Published {
    fn of(request: &ProxyBenchRequest) -> Published {
        let gain = PAPER.1 / PAPER.0 - 1.0;
        let lasts = f64::from(request.ranges) * NONCES / (request.rate * 1e9);
        let wanted = gain * lasts / 2.0;
        let nearest = LATENCIES
            .iter()
            .map(|latency| *latency as f64 * 1e-3)
            .min_by(|a, b| (a - wanted).abs().total_cmp(&(b - wanted).abs()))
            .filter(|latency| (latency - wanted).abs() <= 0.1 * wanted);
        Published {
            gain,
            lasts,
            wanted,
            nearest,
        }
    }
}

/// The table of the bench, with what it is measured by.
///
/// # Errors
/// If a run saw no work.
pub(crate) fn text(request: &ProxyBenchRequest, rows: &[Row]) -> Result<String> {
    let published = Published::of(request);
    let numeric: Vec<usize> = (1..HEADINGS.len()).collect();
    let mut printed = table(&HEADINGS, &numeric);
    for row in rows {
        printed.add_row(cells(row, &published)?);
    }
    let queued = || rows.iter().flat_map(|row| &row.queued);
    let worst = queued()
        .map(|seen| 1.0 - seen.efficiency)
        .fold(0.0, f64::max);
    let refused: u64 = queued().map(|seen| seen.refused).sum();
    let Published {
        gain,
        lasts,
        wanted,
        ..
    } = published;
    Ok(format!(
        "{printed}\n\
         Simulated units, network and pool over real sockets in virtual time; {} units of {} GH/s, a job of {} · 2^32 \
         hashes lasts t_hash = {:.1} ms; n = {} runs of {} s a cell, seeds {} to {}; mean [95 % interval, Student's t, \
         over seeds; gains paired by seed]. GH/s from shares that the pool accepted. Latency ±{} % by line, losses \
         repaired as TCP does; the first row is the control, without latency or loss.\n\
         The paper's {:+.1} % is t_wait/t_hash: a unit that waits the way there and back for each job gains it where \
         2·latency = {gain:.3}·t_hash. For this work that is {:.1} ms one way; for one range of 2^32 nonces at {} GH/s \
         ({:.1} ms) it is {:.2} ms. A unit that rolls extranonce2 goes on with its last job: it does not wait, and \
         gains nothing from this.\n\
         With work queued no run idled for more than {:.3} % of its time; {refused} of its shares were refused.",
        request.units,
        request.rate,
        request.ranges,
        lasts * 1e3,
        request.repeats,
        request.seconds,
        request.seed,
        request.seed.wrapping_add(u64::from(request.repeats) - 1),
        JITTER * 100.0,
        100.0 * gain,
        wanted * 1e3,
        PAPER.1,
        NONCES / PAPER.1 * 1e-6,
        gain * NONCES / PAPER.1 * 1e-6 / 2.0,
        100.0 * worst,
    ))
}

fn cells(row: &Row, published: &Published) -> Result<Vec<String>> {
    let routes = [&row.direct, &row.plain, &row.queued];
    let mean = |seen: &[Seen], of: fn(&Seen) -> f64| -> Result<OverSeeds> {
        let values: Vec<f64> = seen.iter().map(of).collect();
        OverSeeds::of(&values).context("a run without any work")
    };
    let latency = row.latency_ms as f64 * 1e-3;
    let mut cells = vec![format!("{} ms, {} %", row.latency_ms, 100.0 * row.loss)];
    for seen in routes {
        let rate = mean(seen, |seen| seen.rate * 1e-9)?;
        cells.push(format!(
            "{:.1} [{:.1}, {:.1}]",
            rate.mean, rate.low, rate.high
        ));
    }
    for seen in routes {
        cells.push(format!("{:.4}", mean(seen, |seen| seen.efficiency)?.mean));
    }
    for seen in routes {
        let idle = mean(seen, |seen| seen.idle_per_job * 1e3)?;
        cells.push(format!("{:.2}", idle.mean));
    }
    let pairs = row.queued.iter().zip(&row.direct);
    let gains: Vec<f64> = pairs
        .map(|(queued, direct)| 100.0 * (queued.rate / direct.rate - 1.0))
        .collect();
    let gain = OverSeeds::of(&gains).context("a run without any work")?;
    cells.push(format!(
        "{:+.2} % [{:+.2}, {:+.2}]",
        gain.mean, gain.low, gain.high
    ));
    cells.push(format!("{:+.2} %", 100.0 * 2.0 * latency / published.lasts));
    cells.push(match published.nearest {
        Some(nearest) if nearest == latency && row.loss > 0.0 => format!(
            "{:+.1} % ({} → {} GH/s)",
            100.0 * published.gain,
            PAPER.0,
            PAPER.1
        ),
        _ => String::new(),
    });
    Ok(cells)
}
