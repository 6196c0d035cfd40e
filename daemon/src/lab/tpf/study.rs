//! `thermine tpf study`: whether anything that can be seen of a share tells its difficulty.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args as Arguments;
use serde::Serialize;
use thermine_reservoir::information::leakage::LeakageBounds;
use thermine_reservoir::information::permutation::PERMUTATIONS;
use thermine_reservoir::information::power::Design;
use thermine_units::pow::Difficulty;
use thermine_units::provenance::Provenance;

use super::calibrate;
use super::evidence::{self, Evidence};
use super::family::{Columns, Dropped, Row};
use crate::render::folder;
use crate::render::stdout;
use crate::render::svg::Plot;
use crate::render::table::table;
use crate::store::verify::VerifyReport;

/// Fewest shares of known difficulty that a study is made of: eight classes a side, five a cell.
const FEWEST_SHARES: usize = 320;

/// Parts of the slowest shares that a filter might drop.
const DROPPED: [f64; 4] = [0.1, 0.2, 0.5, 0.9];

/// Bars of the plot of the difficulty law.
const BARS: usize = 20;

/// Nonce bits that are shown one by one; all are in the report's JSON.
const SHOWN_BITS: usize = 2;

/// Level of the verdict.
const ALPHA: f64 = 0.05;

/// `thermine tpf study`.
#[derive(Debug, Arguments)]
pub struct Args {
    /// The capture, or a CSV file of shares.
    #[arg(
        value_name = "CAPTURE",
        required_unless_present = "calibrate",
        conflicts_with = "calibrate"
    )]
    pub capture: Option<PathBuf>,
    /// Stream of the capture [default: the one with most shares].
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Share difficulty that was asked for, which a CSV file does not say.
    #[arg(long, default_value_t = 256.0)]
    pub difficulty: f64,
    /// Put difficulty beside this alone, as named in the table of an earlier study of another capture: one test
    /// that was chosen beforehand needs no correction for the others.
    #[arg(long, value_name = "NAME", conflicts_with = "calibrate")]
    pub only: Option<String>,
    /// Permutations a test.
    #[arg(long, default_value_t = PERMUTATIONS, value_name = "N", value_parser = permutations)]
    pub permutations: usize,
    /// Seed of the permutations.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Judge the tests instead of a capture: how often they reject simulated captures in which there is nothing,
    /// and how often they detect what there is.
    #[arg(long)]
    pub calibrate: bool,
    /// Simulated captures of each coupling, with `--calibrate`.
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub captures: u32,
    /// Shares of each simulated capture, with `--calibrate`.
    #[arg(long, default_value_t = 1_500, value_name = "N", value_parser = clap::value_parser!(u32).range(320..=100_000))]
    pub shares: u32,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

fn permutations(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 99..=1_000_000) => Ok(n),
        _ => Err("must be a number from 99 to 1000000".into()),
    }
}

/// What a study found.
#[derive(Debug, Serialize)]
struct Study {
    version: &'static str,
    capture: String,
    provenance: Provenance,
    stream: String,
    seed: u64,
    permutations: usize,
    verified: VerifyReport,
    /// Shares of known difficulty, each once.
    shares: usize,
    /// Those that answer a job which a later one had replaced.
    old: usize,
    /// Hashes that a share stands for on average, at the difficulty asked.
    hashes_per_share: Option<f64>,
    tests: Vec<Row>,
    dropped: Vec<Dropped>,
    verdict: String,
}

/// Runs the subcommand.
pub(super) fn run(args: Args) -> Result<()> {
    let Some(file) = &args.capture else {
        return calibrate::run(&args);
    };
    if !file.exists() {
        bail!("there is no file {}", file.display());
    }
    let make = || folder::make(args.out.as_deref(), "tpf-study");
    let (capture, made) = evidence::capture_of(file, args.difficulty, make)?;
    let evidence = Evidence::load(&capture, args.stream.as_deref())?;
    let (study, columns) = study(evidence, &args)?;
    // Only now, so that what cannot be studied leaves no empty folder.
    let folder = made.map_or_else(make, Ok)?;
    folder::write(
        &folder,
        "report.json",
        serde_json::to_string_pretty(&study)?,
    )?;
    plot_law(&folder, &study, &columns)?;
    plot_tests(&folder, &study)?;
    stdout::text(study.render())?;
    stdout::line(folder.display())?;
    Ok(())
}

fn study(evidence: Evidence, args: &Args) -> Result<(Study, Columns)> {
    let columns = Columns::of(evidence.unique());
    if columns.len() < FEWEST_SHARES {
        bail!(
            "stream `{}` of {} holds {} shares whose difficulty and job are known, and a study needs {FEWEST_SHARES}: \
             record for longer, or on the wire if this is a twin's, whose shares are not hashed",
            evidence.stream,
            evidence.capture.display(),
            columns.len()
        );
    }
    let tests = columns.tests(args.permutations, args.seed, args.only.as_deref())?;
    let asked = match evidence.verified.asked.as_slice() {
        [(asked, _)] => Some(*asked),
        _ => None,
    };
    let verdict = verdict(&evidence.verified, &tests);
    let replaced = |at: f64, job: f64| {
        let sent = &evidence.sent[..evidence.sent.partition_point(|time| *time < at)];
        sent.last().is_some_and(|last| job < last - 1e-6)
    };
    let study = Study {
        version: env!("CARGO_PKG_VERSION"),
        capture: evidence.capture.display().to_string(),
        old: evidence
            .unique()
            .filter(|s| replaced(s.arrived, s.job_sent))
            .count(),
        shares: columns.len(),
        provenance: evidence.provenance,
        stream: evidence.stream,
        seed: args.seed,
        permutations: args.permutations,
        hashes_per_share: asked.map(|d| d * Difficulty::ONE.hashes(evidence.algorithm)),
        verified: evidence.verified,
        dropped: columns.dropping(&DROPPED),
        tests,
        verdict,
    };
    Ok((study, columns))
}

fn verdict(verified: &VerifyReport, tests: &[Row]) -> String {
    if verified.contradictions > 0 {
        return format!(
            "The capture is damaged: {} shares contradict their record, and nothing follows from it.",
            verified.contradictions
        );
    }
    let found: Vec<&Row> = tests.iter().filter(|row| row.adjusted <= ALPHA).collect();
    let reach = tests
        .iter()
        .filter(|row| matches!(row.design, Some(Design::Table { .. })))
        .filter_map(|row| row.detectable)
        .map(|(_, strict)| strict)
        .fold(0.0, f64::max);
    match found.as_slice() {
        [] if tests.len() == 1 => format!(
            "The one test that was put, of {}, does not reject at 5 %.",
            tests[0].beside
        ),
        [one] if tests.len() == 1 => format!(
            "The one test that was put, of {}, rejects at 5 % (p {:.4}): a result only if it was chosen before this \
             capture was seen.",
            one.beside, one.p
        ),
        [] => format!(
            "None of {} tests rejects at 5 % after Holm's correction: there is no sign that anything seen of a share tells \
             its difficulty, and {reach:.4} bit in classes would have been detected with a power of 80 %.",
            tests.len()
        ),
        some => {
            let names: Vec<&str> = some.iter().map(|row| row.beside.as_str()).collect();
            format!(
                "{} of {} tests reject at 5 % after Holm's correction ({}): a candidate to be tested alone (--only) on a \
                 further capture, before it is a result.",
                some.len(),
                tests.len(),
                names.join("; ")
            )
        }
    }
}

impl Study {
    fn render(&self) -> String {
        let mut text = self.verified.render();
        let _ = writeln!(
            text,
            "\nstream `{}`, {}: {} shares studied, {} of them of a job that had been replaced",
            self.stream, self.provenance, self.shares, self.old
        );
        if let Some(hashes) = self.hashes_per_share {
            let _ = writeln!(
                text,
                "a share stands for {hashes:.2e} hashes on average: its time is theirs, not that of the one that was found"
            );
        }
        let mut rows = table(
            &[
                "difficulty beside",
                "test",
                "n",
                "statistic",
                "bit above null",
                "p",
                "Holm",
                "detectable, 5 %",
                "… Holm",
                "remarks",
            ],
            &[2, 4, 5, 6, 7, 8],
        );
        let mut bits: Vec<&Row> = self.tests.iter().filter(|row| is_nonce_bit(row)).collect();
        bits.sort_by(|a, b| a.p.total_cmp(&b.p));
        let shown = |row: &&Row| !is_nonce_bit(row);
        for row in self
            .tests
            .iter()
            .filter(shown)
            .chain(bits.iter().copied().take(SHOWN_BITS))
        {
            let unit = row.design.map_or("", |design| design.unit());
            let reach =
                |value: Option<f64>| value.map_or_else(|| "–".into(), |v| format!("{v:.4} {unit}"));
            rows.add_row([
                row.beside.clone(),
                row.kind.to_string(),
                row.n.to_string(),
                row.statistic.clone(),
                row.bits
                    .map_or_else(|| "–".into(), |bits| format!("{bits:+.4}")),
                format!("{:.4}", row.p),
                format!("{:.3}", row.adjusted),
                reach(row.detectable.map(|d| d.0)),
                reach(row.detectable.map(|d| d.1)),
                row.cautions.join("; "),
            ]);
        }
        let _ = writeln!(text, "{rows}");
        if let (Some(next), Some(last)) = (bits.get(SHOWN_BITS), bits.last()) {
            let _ = writeln!(
                text,
                "the {} other nonce bits: p {:.4} to {:.4}",
                bits.len() - SHOWN_BITS,
                next.p,
                last.p
            );
        }
        let _ = writeln!(
            text,
            "{} tests, {} permutations each, seed {}; detectable with a power of 80 %",
            self.tests.len(),
            self.permutations,
            self.seed
        );
        if let Some(line) = exact_leakage(&self.tests) {
            let _ = writeln!(text, "{line}");
        }
        if !self.dropped.is_empty() {
            text.push_str("\na filter that drops the slowest shares drops of those with U < ¼:\n");
            let mut rows = table(&["dropped", "lost [95 %]"], &[0, 1]);
            for d in &self.dropped {
                let percent = |part: f64| format!("{:.1} %", 100.0 * part);
                rows.add_row([
                    percent(d.dropped),
                    format!(
                        "{} [{}, {}]",
                        percent(d.lost),
                        percent(d.interval.0),
                        percent(d.interval.1)
                    ),
                ]);
            }
            let _ = writeln!(text, "{rows}");
        }
        let _ = writeln!(text, "\n{}", self.verdict);
        text
    }
}

/// What exact arithmetic says of the tables of classes: the largest Λ, and how far any printed G is from it.
fn exact_leakage(tests: &[Row]) -> Option<String> {
    let measured = tests.iter().filter_map(|row| {
        let measurement = row.measurement.as_ref()?;
        Some((row, measurement.test.g / 2.0, measurement.leakage?))
    });
    let measured: Vec<(&Row, f64, LeakageBounds)> = measured.collect();
    let (row, _, most) = measured.iter().max_by(|a, b| a.2.low.total_cmp(&b.2.low))?;
    let outside = measured
        .iter()
        .map(|(_, log, exact)| (exact.low - log).max(log - exact.high).max(0.0))
        .fold(0.0, f64::max);
    Some(format!(
        "log Λ = G/2 in exact arithmetic, {} tables: the largest is that of {}, in [{:.12}, {:.12}] (a fraction of {} by \
         {} bits); no printed G is more than {:.0e} outside its own",
        measured.len(),
        row.beside,
        most.low,
        most.high,
        most.numerator_bits,
        most.denominator_bits,
        2.0 * outside
    ))
}

fn is_nonce_bit(row: &Row) -> bool {
    row.beside.starts_with("nonce bit")
}

/// The density of U, 1 for honest shares.
fn plot_law(folder: &Path, study: &Study, columns: &Columns) -> Result<()> {
    let mut counts = [0u64; BARS];
    for u in &columns.uniform {
        counts[((u * BARS as f64) as usize).min(BARS - 1)] += 1;
    }
    let density = |count: u64| count as f64 * BARS as f64 / columns.len() as f64;
    let most = counts.iter().map(|n| density(*n)).fold(1.0, f64::max);
    let mut plot = Plot::new(
        &format!(
            "difficulty law, {} shares ({})",
            study.shares, study.provenance
        ),
        "U = difficulty asked/found",
        "density",
        (0.0, 1.0),
        (0.0, 1.1 * most),
    );
    let width = 1.0 / BARS as f64;
    let bars = counts.iter().enumerate();
    plot.bars(
        "shares",
        width,
        bars.map(|(i, n)| (i as f64 * width, density(*n))),
    );
    plot.line("uniform", [(0.0, 1.0), (1.0, 1.0)]);
    folder::write(folder, "law.svg", plot.render())
}

/// All p-values in order, beside what independent tests of nothing give on average.
fn plot_tests(folder: &Path, study: &Study) -> Result<()> {
    let mut p: Vec<f64> = study.tests.iter().map(|row| row.p).collect();
    p.sort_by(f64::total_cmp);
    let tests = p.len() as f64;
    let logs = |value: f64| -value.max(1e-12).log10();
    let expected = |rank: usize| logs((rank as f64 + 1.0) / (tests + 1.0));
    let most = logs(p[0]).max(expected(0)).max(logs(ALPHA / tests)) * 1.05;
    let mut plot = Plot::new(
        &format!("{} tests of independence ({})", p.len(), study.provenance),
        "−log₁₀ p, expected where there is nothing",
        "−log₁₀ p, found",
        (0.0, expected(0) * 1.05),
        (0.0, most),
    );
    let found = p.iter().enumerate();
    plot.line("tests", found.map(|(rank, p)| (expected(rank), logs(*p))));
    plot.line("nothing", [(0.0, 0.0), (expected(0), expected(0))]);
    let strict = logs(ALPHA / tests);
    plot.line(
        "Holm's first step",
        [(0.0, strict), (expected(0) * 1.05, strict)],
    );
    folder::write(folder, "tests.svg", plot.render())
}
