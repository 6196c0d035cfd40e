//! The result in one sentence.

use thermine_reservoir::tpf::account::PerShare;
use thermine_reservoir::tpf::twin::Observable;

use super::report::{EarlyExitReport, FilterRow};

/// One sentence. Intervals are corrected for the number of filters, so that all hold at once.
pub(super) fn verdict(rows: &[FilterRow], exit: &EarlyExitReport) -> String {
    let honest: Vec<&FilterRow> = rows
        .iter()
        .filter(|row| row.observable != Observable::FinalHash)
        .collect();
    let alpha = 0.05 / honest.len().max(1) as f64;
    // At n = 128, the real unit of account.
    let corrected = |row: &FilterRow| -> Option<PerShare> {
        let (account, bill) = row.accounts.get(1)?;
        account.per_share(bill.cost, alpha)
    };
    let paying = honest.iter().filter(|row| {
        let rho = corrected(row).and_then(|rho| rho.high);
        rho.is_some_and(|high| high < 1.0)
    });
    let exact = format!(
        "the exact early exit saves {} and loses {} of {} successes",
        percent(1.0 - exit.rounds as f64 / exit.of as f64),
        exit.account.successes - exit.account.found,
        exit.account.successes
    );
    let least = honest
        .iter()
        .filter_map(|row| Some((corrected(row)?, row)))
        .filter_map(|(rho, row)| Some((rho.value?, rho, row)))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    match (paying.count(), least) {
        (0, Some((_, least, row))) => format!(
            "No filter without the final-hash oracle is shown to make a share cheaper: the least ρ at n = 128 is {} \
             ({}, {}; 95 % over {} filters at once), and 92.19 % is what aborting everything saves; {exact}.",
            rho(Some(&least)),
            row.filter.name(),
            row.observable.name(),
            honest.len()
        ),
        (0, None) => format!(
            "No filter without the final-hash oracle has found a share, and 92.19 % is what aborting everything saves; \
             {exact}."
        ),
        (count, _) => format!(
            "{count} of {} filters without the final-hash oracle have an interval of ρ below 1 (95 % over all at once): \
             repeat with another seed before believing it; {exact}.",
            honest.len()
        ),
    }
}

/// A part in per cent, with two digits.
pub fn percent(value: f64) -> String {
    format!("{:.2} %", 100.0 * value)
}

/// ρ with its interval, or why there is none.
pub fn rho(per_share: Option<&PerShare>) -> String {
    match per_share {
        None => "no success in test: not printed".to_string(),
        Some(PerShare {
            value: None, low, ..
        }) => format!("nothing found: above {low:.2}"),
        Some(PerShare {
            value: Some(value),
            low,
            high,
        }) => match high {
            Some(high) => format!("{value:.3} [{low:.3}, {high:.3}]"),
            None => format!("{value:.3} [{low:.3}, no bound]"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thermine_reservoir::tpf::account::{Account, UnitOfAccount};
    use thermine_reservoir::tpf::filter::{Cut, Kind};

    fn row(observable: Observable, kept: u64, found: u64) -> FilterRow {
        let account = Account {
            candidates: 20_000,
            kept,
            successes: 80,
            found,
        };
        let bill = |unit: UnitOfAccount| {
            let bill = account.bill(unit.cost(5, 0.0)).expect("candidates");
            (account, bill)
        };
        FilterRow {
            observable,
            filter: Kind::Logistic,
            cut: Cut::Cheapest,
            accounts: UnitOfAccount::ALL.map(bill).to_vec(),
            failed: None,
        }
    }

    fn exit() -> EarlyExitReport {
        let account = Account {
            candidates: 1_000,
            kept: 9,
            successes: 9,
            found: 9,
        };
        EarlyExitReport {
            nonces: 1_000,
            account,
            rounds: 122,
            of: 128,
            speed_up: 1.05,
            headers_per_second: 1e7,
        }
    }

    #[test]
    fn without_a_success_rho_is_not_printed() {
        assert_eq!(rho(None), "no success in test: not printed");
    }

    #[test]
    fn the_oracle_counts_for_nothing_and_a_lucky_filter_for_little() {
        let rows = [
            row(Observable::FinalHash, 100, 79),
            row(Observable::Nothing, 10_000, 41),
            row(Observable::Nothing, 0, 0),
        ];
        let said = verdict(&rows, &exit());
        assert!(said.starts_with("No filter without"), "{said}");
        assert!(
            said.contains("over 2 filters") && said.contains("loses 0 of 9"),
            "{said}"
        );
        let none = verdict(&rows[2..], &exit());
        assert!(none.contains("has found a share"), "{none}");
        let said = verdict(&[row(Observable::HammingWeight, 100, 79)], &exit());
        assert!(said.starts_with("1 of 1 filters"), "{said}");
    }
}
