//! `thermine tpf twin`: filters on what could be observed of real SHA-256d rounds.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::builder::RangedU64ValueParser;
use serde::Serialize;
use thermine_reservoir::tpf::account::{Account, Bill, UnitOfAccount};
use thermine_reservoir::tpf::activity::Activity;
use thermine_reservoir::tpf::filter::{Cut, Filter, Kind};
use thermine_reservoir::tpf::published::{self, EmptyWindows};
use thermine_reservoir::tpf::twin::{Observable, Observer, Samples, round_twin, succeeds};
use thermine_reservoir::tpf::windows::{self, Judged, Windows};
use thermine_sha256::{EarlyExit, LANES, ROUNDS_OF_EARLY_EXIT, ROUNDS_OF_HEADER, Words};

use super::header::{self, Header};
use super::{twin_report, twin_verdict};
use crate::causes::chain;
use crate::render::folder;
use crate::render::stdout;

/// Zero bits of the success by which the early exit is checked: rare enough that little is hashed twice.
const EXIT_BITS: u32 = 10;

/// Nonces between two looks at the watch.
const TIMED: u32 = 1 << 15;

/// Windows of one second, and seconds of two-second windows, that the paper's other figures are recomputed on.
const EMPTY_WINDOWS: usize = 20_000;
const WINDOW_SECONDS: f64 = 6_000.0;

/// Events per second of the two-second windows: half of them are then empty.
const WINDOW_RATE: f64 = 0.35;

/// `thermine tpf twin`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The 80-byte block header in hexadecimal; its nonce is of no account [default: Bitcoin's block 125,552].
    #[arg(long, value_name = "HEX", default_value = header::DEFAULT, hide_default_value = true)]
    pub header: Header,
    /// Strength λ of what is observed, in standard deviations of the noise. The physical null has 0 whatever
    /// stands here.
    #[arg(long, default_value_t = 1.0, value_parser = crate::cli::positive)]
    pub lambda: f64,
    /// Zero bits that a success begins with: one hash in 2^bits.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=32))]
    pub bits: u32,
    /// Round of the header's compression after which the filter decides.
    #[arg(long, default_value_t = published::ROUND, value_parser = clap::value_parser!(u32).range(3..=64))]
    pub round: u32,
    /// What a decision costs, in rounds.
    #[arg(long, default_value_t = 0.0)]
    pub price: f64,
    /// Nonces to train on.
    #[arg(long, default_value_t = published::NONCES.0, value_parser = nonces(100, 1 << 22))]
    pub train: usize,
    /// Nonces to test on.
    #[arg(long, default_value_t = published::NONCES.1, value_parser = nonces(100, 1 << 22))]
    pub test: usize,
    /// Nonces on which the early exit is compared with all rounds.
    #[arg(long, default_value_t = 1 << 22, value_parser = nonces(1 << 16, 1 << 31))]
    pub exit_nonces: usize,
    /// Show how 100 % comes about: the same network on the same windows, with and without the label among its
    /// features.
    #[arg(long)]
    pub demonstrate_leak: bool,
    /// Seed of nonces, noise and networks.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Numbers of nonces: bounded, so that memory and time are.
pub(super) fn nonces(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

/// Everything that the run has computed.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) version: &'static str,
    pub(super) provenance: &'static str,
    pub(super) header: String,
    pub(super) seed: u64,
    pub(super) lambda: f64,
    pub(super) bits: u32,
    pub(super) round: u32,
    pub(super) price: f64,
    pub(super) train: usize,
    pub(super) test: usize,
    pub(super) legacy: Published,
    pub(super) published_where_successes_exist: Published,
    pub(super) empty_windows: EmptyWindows,
    pub(super) same_window: Judged,
    pub(super) next_window: Judged,
    pub(super) rows: Vec<Row>,
    pub(super) early_exit: Exit,
    pub(super) activity: Activity,
    pub(super) verdict: String,
}

/// The published filter at one difficulty.
#[derive(Debug, Serialize)]
pub(super) struct Published {
    pub(super) bits: u32,
    pub(super) account: Account,
    pub(super) bill: Bill,
}

/// One filter on one observable.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) observable: Observable,
    pub(super) filter: Kind,
    pub(super) cut: Cut,
    /// In the order of [`UnitOfAccount::ALL`]; the cut is chosen anew in each.
    pub(super) accounts: Vec<(Account, Bill)>,
    /// Why it could not be fitted.
    pub(super) failed: Option<String>,
}

/// The early exit beside all rounds.
#[derive(Debug, Serialize)]
pub(super) struct Exit {
    pub(super) nonces: u64,
    pub(super) account: Account,
    pub(super) rounds: usize,
    pub(super) of: usize,
    /// Median over blocks of nonces of the time of all rounds over that of the early exit; wall time.
    pub(super) speed_up: f64,
    /// Headers hashed per second by all rounds with every state kept, in the median block; wall time, one core.
    pub(super) headers_per_second: f64,
}

/// Runs the subcommand.
pub(super) fn run(args: &Args) -> Result<()> {
    if !(args.price.is_finite() && args.price >= 0.0) {
        bail!(
            "--price {} is no number of rounds: give 0 or more",
            args.price
        );
    }
    let folder = folder::make(args.out.as_deref(), &format!("tpf-twin-seed{}", args.seed))?;
    let report = compute(args)?;
    twin_report::write(&folder, &report)?;
    stdout::text(twin_report::render(&report, args.demonstrate_leak))?;
    stdout::line(folder.display())?;
    Ok(())
}

fn compute(args: &Args) -> Result<Report> {
    let header = &args.header.0;
    let published = |bits| -> Result<Published> {
        let (account, bill) = published::abort(header, bits, (args.train, args.test), args.seed)?;
        let bill = bill.context("a filter without candidates")?;
        Ok(Published {
            bits,
            account,
            bill,
        })
    };
    let windows = Windows::of(
        &windows::poisson(WINDOW_RATE, WINDOW_SECONDS, args.seed),
        windows::LENGTH,
        WINDOW_SECONDS,
    )?;
    let judged = |label| {
        let judged = windows.judge(label, args.seed);
        judged.context("windows that are all of one kind")
    };
    let mut rows = Vec::new();
    for observable in Observable::ALL {
        rows.extend(filters(args, observable)?);
    }
    let early_exit = early_exit(args);
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        provenance: "computed: SHA-256d for real, observations simulated",
        header: args.header.to_string(),
        seed: args.seed,
        lambda: args.lambda,
        bits: args.bits,
        round: args.round,
        price: args.price,
        train: args.train,
        test: args.test,
        legacy: published(published::LEGACY_BITS)?,
        published_where_successes_exist: published(args.bits)?,
        empty_windows: published::empty_windows(EMPTY_WINDOWS, args.seed)?
            .context("no window to count")?,
        same_window: judged(windows.same_window())?,
        next_window: judged(windows.next_window())?,
        verdict: twin_verdict::verdict(&rows, &early_exit),
        rows,
        early_exit,
        activity: Activity::of(header, args.test, args.bits, args.round as usize, args.seed),
    })
}

/// All filters on one observable: the published one at its own cut, and each at the cheapest.
fn filters(args: &Args, observable: Observable) -> Result<Vec<Row>> {
    let observer = Observer {
        observable,
        strength: args.lambda,
        round: args.round as usize,
        bits: args.bits,
    };
    let samples = observer.observe(&args.header.0, args.train + args.test, args.seed)?;
    let published = std::iter::once((Kind::Ridge, Cut::Half));
    let kinds = published.chain(Kind::ALL.map(|kind| (kind, Cut::Cheapest)));
    Ok(kinds
        .map(|(filter, cut)| {
            let accounts = accounts(args, &samples, filter, cut);
            let failed = accounts.as_ref().err().map(chain);
            Row {
                observable,
                filter,
                cut,
                accounts: accounts.unwrap_or_default(),
                failed,
            }
        })
        .collect())
}

fn accounts(args: &Args, samples: &Samples, kind: Kind, cut: Cut) -> Result<Vec<(Account, Bill)>> {
    let (train, test) = (0..args.train, args.train..args.train + args.test);
    let data = (&samples.readings, samples.success.as_slice());
    let filter = Filter::fit(kind, data.0, data.1, train.clone(), args.seed)?;
    let units = UnitOfAccount::ALL.into_iter().map(|unit| {
        let cost = unit.cost(args.round, args.price);
        let account = filter.account(data, (train.clone(), test.clone()), cut, cost)?;
        let bill = account.bill(cost).context("a filter without candidates")?;
        Ok((account, bill))
    });
    units.collect()
}

/// Goes through nonces twice, by 122 rounds and by all, and compares verdicts and times.
fn early_exit(args: &Args) -> Exit {
    let mut full = round_twin(&args.header.0);
    let mut exit = EarlyExit::new(full.clone(), u32::MAX >> EXIT_BITS);
    let mut account = Account::default();
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    let blocks = args.exit_nonces.div_ceil(TIMED as usize) as u32;
    for block in 0..blocks {
        let lanes = |i: u32| -> Words {
            let first = (block * TIMED).wrapping_add(i * LANES as u32);
            std::array::from_fn(|lane| first.wrapping_add(lane as u32))
        };
        let batches = TIMED / LANES as u32;
        let begun = Instant::now();
        let kept: Vec<[bool; LANES]> = (0..batches).map(|i| exit.candidates(&lanes(i))).collect();
        let early = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let succeeded: Vec<[bool; LANES]> = (0..batches)
            .map(|i| {
                full.hash(&lanes(i));
                std::array::from_fn(|lane| succeeds(&full, lane, EXIT_BITS))
            })
            .collect();
        let all = begun.elapsed().as_secs_f64();
        ratios.push(all / early);
        rates.push(f64::from(TIMED) / all);
        let kept = kept.as_flattened().iter().copied();
        let counted = Account::of(kept.zip(succeeded.as_flattened().iter().copied()));
        account.candidates += counted.candidates;
        account.kept += counted.kept;
        account.successes += counted.successes;
        account.found += counted.found;
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Exit {
        nonces: account.candidates,
        account,
        rounds: ROUNDS_OF_EARLY_EXIT,
        of: ROUNDS_OF_HEADER,
        speed_up: median(ratios),
        headers_per_second: median(rates),
    }
}
