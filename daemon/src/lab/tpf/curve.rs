//! `thermine tpf curve`: from which round on success can be told from the state.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};
use serde::Serialize;
use thermine_reservoir::tpf::curve::{Point, Setup, point};
use thermine_sha256::{Compression, EXIT_ROUND, ROUNDS};

use super::header::{self, Header};
use super::twin::nonces;
use crate::render::folder;
use crate::render::stdout;
use crate::render::svg::Plot;
use crate::render::table::{interval, table};

/// Passes of the network over its nonces.
const EPOCHS: usize = 2;

/// `thermine tpf curve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The 80-byte block header in hexadecimal; its nonce is of no account [default: Bitcoin's block 125,552].
    #[arg(long, value_name = "HEX", default_value = header::DEFAULT, hide_default_value = true)]
    pub header: Header,
    /// Nonces: half of them to fit, a fifth to choose among models, the rest to judge.
    #[arg(long, default_value_t = 20_000, value_parser = nonces(500, 1 << 18))]
    pub nonces: usize,
    /// Zero bits that a success begins with: one hash in 2^bits.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=32))]
    pub bits: u32,
    /// Every so manieth round; those from 56 of the second compression on are always there.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub every: u16,
    /// Seed of nonces and networks.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// The curve.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    provenance: &'static str,
    header: String,
    setup: Setup,
    points: Vec<Point>,
    verdict: String,
}

/// Round of the whole header, 1 to 128.
fn place(point: &Point) -> usize {
    (usize::from(point.compression) - 1) * ROUNDS + point.round
}

/// Runs the subcommand.
pub(super) fn run(args: &Args) -> Result<()> {
    let folder = folder::make(args.out.as_deref(), &format!("tpf-curve-seed{}", args.seed))?;
    let setup = Setup {
        nonces: args.nonces,
        bits: args.bits,
        epochs: EPOCHS,
        seed: args.seed,
    };
    let rounds = [(1, Compression::First), (2, Compression::Second)]
        .into_iter()
        .flat_map(|(number, compression)| (1..=ROUNDS).map(move |r| (number, compression, r)))
        .filter(|(number, _, round)| {
            (round - 1) % usize::from(args.every) == 0 || *number == 2 && *round >= 56
        })
        .map(|(_, compression, round)| (compression, round));
    let points = points(&args.header, &setup, rounds.collect());
    if points.iter().all(|point| point.auc.is_none()) {
        bail!(
            "{} nonces hold too few successes of 2^-{}: give more --nonces or fewer --bits",
            args.nonces,
            args.bits
        );
    }
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        provenance: "computed: SHA-256d for real",
        header: args.header.to_string(),
        verdict: verdict(&points),
        setup,
        points,
    };
    folder::write_json(&folder, "report.json", &report)?;
    folder::write_plot(&folder, "curve.svg", &plot(&report))?;
    stdout::line(render(&report))?;
    stdout::line(folder.display())?;
    Ok(())
}

/// All points, on as many threads as there are cores.
fn points(header: &Header, setup: &Setup, rounds: Vec<(Compression, usize)>) -> Vec<Point> {
    let bar = crate::render::progress::shown(&crate::lab::session::Context::new("thermine"))
        .bar("curve", rounds.len());
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(rounds.len()) {
            scope.spawn(|| {
                while let Some((compression, round)) =
                    rounds.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let point = point(&header.0, setup, *compression, *round);
                    bar.step();
                    if let Ok(mut done) = done.lock() {
                        done.push(point);
                    }
                }
            });
        }
    });
    let mut points = done.into_inner().unwrap_or_default();
    points.sort_by_key(place);
    points
}

/// Ends of the band that chance keeps to over all points at once, 95 %.
fn band(report: &Report) -> (f64, f64) {
    let comparable = report.points.iter().filter(|point| !point.constant);
    let count = comparable.clone().count();
    let widest = comparable
        .filter_map(|point| point.auc)
        .max_by(|a, b| a.null_sd.total_cmp(&b.null_sd));
    widest.map_or((0.5, 0.5), |auc| auc.null_band(count))
}

fn plot(report: &Report) -> Plot {
    let title = format!(
        "Success 2^-{} from the state after a round: best of four models, {} nonces, seed {} (computed)",
        report.setup.bits, report.setup.nonces, report.setup.seed
    );
    let end = (2 * ROUNDS) as f64;
    let mut plot = Plot::new(
        &title,
        "round of both compressions",
        "AUC",
        (1.0, end),
        (0.4, 1.02),
    );
    let areas = report
        .points
        .iter()
        .filter_map(|p| Some((place(p) as f64, p.auc?.value)));
    plot.line("AUC, unseen nonces", areas);
    let (low, high) = band(report);
    plot.line("chance, 95 % over all points", [(1.0, low), (end, low)]);
    plot.line("", [(1.0, high), (end, high)]);
    plot
}

fn render(report: &Report) -> String {
    let mut table = table(
        &[
            "compression",
            "round",
            "best model",
            "AUC",
            "chance, one point",
        ],
        &[0, 1],
    );
    for point in &report.points {
        let (auc, chance) = match point.auc {
            None => ("too few successes".to_string(), String::new()),
            Some(auc) => {
                let (low, high) = auc.null_band(1);
                (
                    interval(auc.value, (auc.low, auc.high)),
                    format!("{low:.3} to {high:.3}"),
                )
            }
        };
        table.add_row([
            point.compression.to_string(),
            point.round.to_string(),
            if point.constant {
                "none: no nonce in it"
            } else {
                point.model.name()
            }
            .to_string(),
            auc,
            chance,
        ]);
    }
    let (low, high) = band(report);
    format!(
        "{}; header {}…, seed {}, success 2^-{}, {} nonces: half to fit, a fifth to choose, the rest to judge.\n\
         Chance keeps all points at once within {low:.3} to {high:.3} (95 %, Šidák).\n\n{table}\n\n{}",
        report.provenance,
        &report.header[..16],
        report.setup.seed,
        report.setup.bits,
        report.setup.nonces,
        report.verdict,
    )
}

/// One sentence.
fn verdict(points: &[Point]) -> String {
    let exit = ROUNDS + EXIT_ROUND;
    let judged = || {
        points
            .iter()
            .filter_map(|point| Some((place(point), point.auc?)))
    };
    let before: Vec<_> = judged()
        .filter(|(place, auc)| *place < exit && auc.null_sd > 0.0)
        .collect();
    let outside = before.iter().filter(|(_, auc)| {
        let (low, high) = auc.null_band(before.len());
        !(low..=high).contains(&auc.value)
    });
    let after: Vec<_> = judged().filter(|(place, _)| *place >= exit).collect();
    let exact = after.iter().filter(|(_, auc)| auc.value == 1.0).count();
    match outside.count() {
        0 => format!(
            "Nothing tells success before round 61 of the second compression ({} rounds within chance); from there on it \
             is told exactly in {exact} of {} rounds.",
            before.len(),
            after.len()
        ),
        count => format!(
            "{count} of {} rounds before round 61 of the second compression are outside the band of chance: repeat with \
             another seed before believing it; from there on success is told exactly in {exact} of {} rounds.",
            before.len(),
            after.len()
        ),
    }
}
