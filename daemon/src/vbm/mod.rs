//! `thermine vbm bench`: what it is worth that no unit waits for its next work.
//!
//! - [`cell`]: one run on simulated units, a simulated network and a simulated pool, over real sockets in
//!   virtual time; here: the table of them.

pub mod cell;

use std::time::Duration;

use anyhow::{Context, Result};
use thermine_reservoir::multi_seed::OverSeeds;

use self::cell::{Cell, Route, Seen};
use crate::cli;
use crate::render::stdout;
use crate::render::table::table;

/// What the paper prints: a unit reaches 175 GH/s with its waits, and 220 GH/s without.
const PAPER: (f64, f64) = (175.0, 220.0);

/// Hashes of one range of nonces.
const NONCES: f64 = 4_294_967_296.0;

/// Injected one-way latencies in ms; the rows with jitter and loss.
const LATENCIES: [u64; 5] = [0, 25, 50, 100, 200];

/// Fraction of the latency that a line takes more or less.
const JITTER: f64 = 0.2;

/// Probability that a line is lost and sent again.
const LOSS: f64 = 0.01;

/// The runs of one row, by seed.
struct Row {
    latency: Duration,
    loss: f64,
    direct: Vec<Seen>,
    plain: Vec<Seen>,
    queued: Vec<Seen>,
}

/// Runs the subcommand.
pub(crate) fn run(args: cli::VbmBench) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let cells = std::iter::once((0, 0.0)).chain(LATENCIES.map(|latency| (latency, LOSS)));
    let mut rows = Vec::new();
    for (latency, loss) in cells {
        let mut row = Row {
            latency: Duration::from_millis(latency),
            loss,
            direct: Vec::new(),
            plain: Vec::new(),
            queued: Vec::new(),
        };
        for repeat in 0..args.repeats {
            let cell = |route| Cell {
                route,
                latency: row.latency,
                jitter: JITTER,
                loss,
                units: usize::from(args.units),
                rate: args.rate * 1e9,
                range: f64::from(args.ranges) * NONCES,
                seconds: args.seconds,
                seed: args.seed.wrapping_add(u64::from(repeat)),
            };
            let (direct, plain, queued) =
                (cell(Route::Direct), cell(Route::Plain), cell(Route::Queued));
            row.direct.push(runtime.block_on(direct.run())?);
            row.plain.push(runtime.block_on(plain.run())?);
            row.queued.push(runtime.block_on(queued.run())?);
        }
        rows.push(row);
    }
    stdout::line(render(&args, &rows)?)?;
    Ok(())
}

fn render(args: &cli::VbmBench, rows: &[Row]) -> Result<String> {
    let lasts = f64::from(args.ranges) * NONCES / (args.rate * 1e9);
    let published = PAPER.1 / PAPER.0 - 1.0;
    // The row that gives the published gain: the way there and back is that fraction of a job.
    let wanted = published * lasts / 2.0;
    let nearest = LATENCIES
        .iter()
        .map(|latency| *latency as f64 * 1e-3)
        .min_by(|a, b| (a - wanted).abs().total_cmp(&(b - wanted).abs()))
        .filter(|latency| (latency - wanted).abs() <= 0.1 * wanted);
    let headings = [
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
    let numeric: Vec<usize> = (1..headings.len()).collect();
    let mut printed = table(&headings, &numeric);
    for row in rows {
        let mean = |seen: &[Seen], of: fn(&Seen) -> f64| -> Result<OverSeeds> {
            let values: Vec<f64> = seen.iter().map(of).collect();
            OverSeeds::of(&values).context("a run without any work")
        };
        let rate = |seen: &[Seen]| -> Result<String> {
            let rate = mean(seen, |seen| seen.rate * 1e-9)?;
            Ok(format!(
                "{:.1} [{:.1}, {:.1}]",
                rate.mean, rate.low, rate.high
            ))
        };
        let eta = |seen: &[Seen]| -> Result<String> {
            Ok(format!("{:.4}", mean(seen, |seen| seen.efficiency)?.mean))
        };
        let idle = |seen: &[Seen]| -> Result<String> {
            Ok(format!(
                "{:.2}",
                mean(seen, |seen| seen.idle_per_job * 1e3)?.mean
            ))
        };
        let pairs = row.queued.iter().zip(&row.direct);
        let gains: Vec<f64> = pairs
            .map(|(queued, direct)| 100.0 * (queued.rate / direct.rate - 1.0))
            .collect();
        let gain = OverSeeds::of(&gains).context("a run without any work")?;
        let latency = row.latency.as_secs_f64();
        let paper = match nearest {
            Some(nearest) if nearest == latency && row.loss > 0.0 => {
                format!(
                    "{:+.1} % ({} → {} GH/s)",
                    100.0 * published,
                    PAPER.0,
                    PAPER.1
                )
            }
            _ => String::new(),
        };
        printed.add_row([
            format!("{} ms, {} %", row.latency.as_millis(), 100.0 * row.loss),
            rate(&row.direct)?,
            rate(&row.plain)?,
            rate(&row.queued)?,
            eta(&row.direct)?,
            eta(&row.plain)?,
            eta(&row.queued)?,
            idle(&row.direct)?,
            idle(&row.plain)?,
            idle(&row.queued)?,
            format!("{:+.2} % [{:+.2}, {:+.2}]", gain.mean, gain.low, gain.high),
            format!("{:+.2} %", 100.0 * 2.0 * latency / lasts),
            paper,
        ]);
    }
    let worst = rows
        .iter()
        .flat_map(|row| &row.queued)
        .map(|seen| 1.0 - seen.efficiency)
        .fold(0.0, f64::max);
    let refused: u64 = rows
        .iter()
        .flat_map(|row| &row.queued)
        .map(|s| s.refused)
        .sum();
    Ok(format!(
        "{printed}\n\
         Simulated units, network and pool over real sockets in virtual time; {} units of {} GH/s, a job of {} · 2^32 \
         hashes lasts t_hash = {:.1} ms; n = {} runs of {} s a cell, seeds {} to {}; mean [95 % interval, Student's t, \
         over seeds; gains paired by seed]. GH/s from shares that the pool accepted. Latency ±{} % by line, losses \
         repaired as TCP does; the first row is the control, without latency or loss.\n\
         The paper's {:+.1} % is t_wait/t_hash: a unit that waits the way there and back for each job gains it where \
         2·latency = {:.3}·t_hash. For this work that is {:.1} ms one way; for one range of 2^32 nonces at {} GH/s \
         ({:.1} ms) it is {:.2} ms. A unit that rolls extranonce2 goes on with its last job, waits for nobody, and \
         gains nothing of this.\n\
         With work queued no run idled for more than {:.3} % of its time; {refused} of its shares were refused.",
        args.units,
        args.rate,
        args.ranges,
        lasts * 1e3,
        args.repeats,
        args.seconds,
        args.seed,
        args.seed.wrapping_add(u64::from(args.repeats) - 1),
        JITTER * 100.0,
        100.0 * published,
        published,
        wanted * 1e3,
        PAPER.1,
        NONCES / PAPER.1 * 1e-6,
        published * NONCES / PAPER.1 * 1e-6 / 2.0,
        100.0 * worst,
    ))
}
