//! The computation.

use std::time::Instant;

use anyhow::{Context as _, Result};
use thermine_reservoir::tpf::account::{Account, Bill, UnitOfAccount};
use thermine_reservoir::tpf::activity::Activity;
use thermine_reservoir::tpf::filter::{Cut, Filter, Kind};
use thermine_reservoir::tpf::published;
use thermine_reservoir::tpf::twin::{Observable, Observer, Samples, round_twin, succeeds};
use thermine_reservoir::tpf::windows::{self, Windows};
use thermine_sha256::{EarlyExit, LANES, ROUNDS_OF_EARLY_EXIT, ROUNDS_OF_HEADER, Words};

use super::report::{EarlyExitReport, FilterRow, Published, TwinReport};
use super::request::TwinRequest;
use super::verdict::verdict;
use crate::observer::Progress;
use crate::threads::computed;
use thermine_capture::error_chain::chain;

/// Zero bits of the success by which the early exit is checked: rare enough that little is hashed twice.
const EXIT_BITS: u32 = 10;

/// Nonces between two readings of the clock.
const TIMED: u32 = 1 << 15;

/// Windows of one second, and seconds of two-second windows, that the paper's other figures are recomputed on.
const EMPTY_WINDOWS: usize = 20_000;
const WINDOW_SECONDS: f64 = 6_000.0;

/// Events per second of the two-second windows: half of them are then empty.
const WINDOW_RATE: f64 = 0.35;

/// Computes what `request` asks for.
///
/// # Errors
/// If the request is wrong, or the work was interrupted.
pub async fn run(request: TwinRequest, progress: &Progress) -> Result<TwinReport> {
    request.check()?;
    computed(progress.context(), move || compute(request)).await
}

fn compute(request: TwinRequest) -> Result<TwinReport> {
    let header = &request.header.0;
    let published = |bits| -> Result<Published> {
        let (account, bill) =
            published::abort(header, bits, (request.train, request.test), request.seed)?;
        let bill = bill.context("a filter without candidates")?;
        Ok(Published {
            bits,
            account,
            bill,
        })
    };
    let windows = Windows::of(
        &windows::poisson(WINDOW_RATE, WINDOW_SECONDS, request.seed),
        windows::LENGTH,
        WINDOW_SECONDS,
    )?;
    let judged = |label| {
        let judged = windows.judge(label, request.seed);
        judged.context("windows that are all of one kind")
    };
    let mut rows = Vec::new();
    for observable in Observable::ALL {
        rows.extend(filters(&request, observable)?);
    }
    let early_exit = early_exit(&request);
    Ok(TwinReport {
        version: env!("CARGO_PKG_VERSION"),
        provenance: "computed: SHA-256d for real, observations simulated",
        legacy: published(published::LEGACY_BITS)?,
        published_where_successes_exist: published(request.bits)?,
        empty_windows: published::empty_windows(EMPTY_WINDOWS, request.seed)?
            .context("no window to count")?,
        same_window: judged(windows.same_window())?,
        next_window: judged(windows.next_window())?,
        verdict: verdict(&rows, &early_exit),
        rows,
        early_exit,
        activity: Activity::of(
            header,
            request.test,
            request.bits,
            request.round as usize,
            request.seed,
        ),
        request,
    })
}

/// All filters on one observable: the published one at its own cut, and each at the cheapest.
fn filters(request: &TwinRequest, observable: Observable) -> Result<Vec<FilterRow>> {
    let observer = Observer {
        observable,
        strength: request.lambda,
        round: request.round as usize,
        bits: request.bits,
    };
    let samples = observer.observe(
        &request.header.0,
        request.train + request.test,
        request.seed,
    )?;
    let published = std::iter::once((Kind::Ridge, Cut::Half));
    let kinds = published.chain(Kind::ALL.map(|kind| (kind, Cut::Cheapest)));
    Ok(kinds
        .map(|(filter, cut)| {
            let accounts = accounts(request, &samples, filter, cut);
            let failed = accounts.as_ref().err().map(chain);
            FilterRow {
                observable,
                filter,
                cut,
                accounts: accounts.unwrap_or_default(),
                failed,
            }
        })
        .collect())
}

fn accounts(
    request: &TwinRequest,
    samples: &Samples,
    kind: Kind,
    cut: Cut,
) -> Result<Vec<(Account, Bill)>> {
    let (train, test) = (
        0..request.train,
        request.train..request.train + request.test,
    );
    let data = (&samples.readings, samples.success.as_slice());
    let filter = Filter::fit(kind, data.0, data.1, train.clone(), request.seed)?;
    let units = UnitOfAccount::ALL.into_iter().map(|unit| {
        let cost = unit.cost(request.round, request.price);
        let account = filter.account(data, (train.clone(), test.clone()), cut, cost)?;
        let bill = account.bill(cost).context("a filter without candidates")?;
        Ok((account, bill))
    });
    units.collect()
}

/// Goes through nonces twice, by 122 rounds and by all, and compares verdicts and times.
fn early_exit(request: &TwinRequest) -> EarlyExitReport {
    let mut full = round_twin(&request.header.0);
    let mut exit = EarlyExit::new(full.clone(), u32::MAX >> EXIT_BITS);
    let mut account = Account::default();
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    let blocks = request.exit_nonces.div_ceil(TIMED as usize) as u32;
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
    EarlyExitReport {
        nonces: account.candidates,
        account,
        rounds: ROUNDS_OF_EARLY_EXIT,
        of: ROUNDS_OF_HEADER,
        speed_up: median(ratios),
        headers_per_second: median(rates),
    }
}
