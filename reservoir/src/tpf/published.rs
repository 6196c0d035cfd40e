//! The published figures (arXiv 2601.12032), each recomputed by its own procedure.
//!
//! | figure | procedure | what it leaves out |
//! | --- | --- | --- |
//! | 92.19 %, 12.8× | ridge on the label, cut at 1/2, success 2⁻²⁰: everything is aborted | that nothing is found |
//! | 88.50 % | share of empty one-second windows times 59/64 | that the share, 0.96, is put in and not found; that a window is not a hash, and is known when it is over |
//! | 100 % | label and feature from the same window | that the label is a feature |

use serde::{Deserialize, Serialize};

use super::account::{Account, Bill, UnitOfAccount};
use super::filter::{Cut, Kind, trial};
use super::twin::{Observable, Observer};
use super::windows::{Windows, poisson};
use crate::readout::ReadoutError;
use crate::state::StateError;

/// Rounds before the published decision, k.
pub const ROUND: u32 = 5;

/// Zero bits of the published success, 2⁻²⁰: the legacy preset.
pub const LEGACY_BITS: u32 = 20;

/// Nonces trained and tested on.
pub const NONCES: (usize, usize) = (5_000, 20_000);

/// Share of one-second windows that are empty in the paper's stream. An input of the procedure, not a result: the stream is
/// drawn at the rate that leaves this share empty, and 88.5 % is this number times 59/64.
pub const EMPTY: f64 = 0.96;

/// The printed figures: raw saving, multiplier, saving by empty windows, accuracy.
pub const FIGURES: [f64; 4] = [0.9219, 12.8, 0.885, 1.0];

/// Why a procedure fails.
#[derive(Debug, thiserror::Error)]
pub enum ProcedureError {
    /// The observations are not finite.
    #[error(transparent)]
    State(#[from] StateError),
    /// The filter cannot be fitted.
    #[error(transparent)]
    Readout(#[from] ReadoutError),
}

/// The published filter on the published oracle: ridge on the label, cut at 1/2, k = 5 of 64.
///
/// # Errors
/// If the observations or the fit fail.
pub fn abort(
    header: &[u8; 80],
    bits: u32,
    (train, test): (usize, usize),
    seed: u64,
) -> Result<(Account, Option<Bill>), ProcedureError> {
    let observer = Observer {
        observable: Observable::FinalHash,
        strength: 1.0,
        round: ROUND as usize,
        bits,
    };
    let samples = observer.observe(header, train + test, seed)?;
    let cost = UnitOfAccount::Single.cost(ROUND, 0.0);
    let data = (&samples.readings, samples.success.as_slice());
    let account = trial(
        Kind::Ridge,
        Cut::Half,
        data,
        (0..train, train..train + test),
        cost,
        seed,
    )?;
    Ok((account, account.bill(cost)))
}

/// The figure by empty windows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EmptyWindows {
    /// Number of windows of one second.
    pub n: usize,
    /// Share that is empty: [`EMPTY`] again, but for chance.
    pub empty: f64,
    /// Saving that the paper's figure claims: the empty share times 59/64. So it follows from what was put in.
    pub saving: f64,
    /// The rule that the figure suggests, applied to the next window: keep it if this window holds a share.
    pub next: Account,
}

/// Counts the empty ones of `n` windows of one second of a Poisson stream that leaves [`EMPTY`] of them empty;
/// `None` without windows.
///
/// # Errors
/// If the windows cannot be made.
pub fn empty_windows(n: usize, seed: u64) -> Result<Option<EmptyWindows>, ProcedureError> {
    let windows = Windows::of(&poisson(-EMPTY.ln(), n as f64, seed), 1.0, n as f64)?;
    let pairs = windows.events.windows(2).map(|pair| (pair[0], pair[1]));
    let next = Account::of(pairs);
    Ok(windows.empty_share().map(|empty| EmptyWindows {
        n: windows.count(),
        empty,
        saving: empty * UnitOfAccount::Single.cost(ROUND, 0.0).raw_saving(0.0),
        next,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_legacy_preset_prints_its_92_percent_and_can_say_nothing_of_recall() {
        let (account, bill) = abort(&[1; 80], LEGACY_BITS, NONCES, 42).expect("fits");
        let bill = bill.expect("candidates");
        assert!((bill.raw_saving - FIGURES[0]).abs() < 5e-5, "{bill:?}");
        assert!((1.0 / (1.0 - bill.raw_saving) - FIGURES[1]).abs() < 1e-12);
        // 0.02 successes are expected among 20,000.
        assert_eq!((account.successes, bill.per_share), (0, None));
    }

    #[test]
    fn where_there_are_successes_it_aborts_every_one() {
        let (account, bill) = abort(&[1; 80], 8, NONCES, 42).expect("fits");
        // 78 expected, standard deviation 9.
        assert!((42..=114).contains(&account.successes), "{account:?}");
        assert_eq!((account.kept, account.found), (0, 0));
        let rho = bill.and_then(|bill| bill.per_share).expect("successes");
        assert_eq!(rho.value, None);
    }

    #[test]
    fn empty_windows_make_the_88_percent() {
        let figure = empty_windows(50_000, 1).expect("windows").expect("shares");
        // Standard error of the empty share 0.0009.
        assert!((figure.saving - FIGURES[2]).abs() < 0.004, "{figure:?}");
        let (keep, recall) = (figure.next.keep(), figure.next.recall());
        let (keep, recall) = (keep.expect("windows"), recall.expect("shares"));
        // The stream has no memory: of 2,000 windows with a share the rule keeps as many as of all.
        assert!(
            recall.low <= keep.value && keep.value <= recall.high,
            "{figure:?}"
        );
    }
}
