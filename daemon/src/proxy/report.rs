//! The table that a running proxy prints.

use thermine_proxy::Hub;
use thermine_proxy::account::Account;
use thermine_proxy::hub::Seen;
use thermine_units::record::Verdict;

use crate::render::table::{fixed, table};
use thermine_lab::config::proxy::Config;

/// Units in the table at most; the rest is in the sum.
const ROWS: usize = 40;

/// The units, the sum, and one line on what the numbers are.
pub(super) fn render(hub: &Hub, config: &Config) -> String {
    let headings = [
        "unit",
        "η",
        "idle network",
        "idle proxy",
        "held",
        "effective",
        "while hashing",
        "accepted",
        "stale",
        "other invalid",
        "kept back",
        "pool accepted",
        "pool stale",
        "pool refused",
        "written off",
        "pool's answer, mean / longest",
    ];
    let numeric: Vec<usize> = (1..headings.len()).collect();
    let mut rows = table(&headings, &numeric);
    let seen = hub.seen();
    for Seen {
        worker, account, ..
    } in seen.iter().take(ROWS)
    {
        rows.add_row(row(worker, account));
    }
    let total = hub.total();
    let mut sum = row(&format!("all, {} connected", seen.len()), &total);
    // A rack's hash rate is the sum of its units', not their mean over time.
    let rack = |of: fn(&Account) -> Option<f64>| {
        let rates = seen.iter().filter_map(|seen| of(&seen.account));
        hashes(rates.sum())
    };
    sum[5] = rack(Account::effective_rate);
    sum[6] = rack(Account::nominal_rate);
    rows.add_row(sum);
    let more = match seen.len().saturating_sub(ROWS) {
        0 => String::new(),
        more => format!("{more} more units are in the sum only. "),
    };
    let provenance = match config.simulated_pool {
        Some(_) => "Simulated pool",
        None => "Measured on this proxy's own clock",
    };
    let shares = total.count(Verdict::Accepted);
    let (accepted, settled) = hub.restored();
    let restored = match settled {
        0 => String::new(),
        settled => {
            format!(" Of {settled} shares from before a restart the pool has accepted {accepted}.")
        }
    };
    format!(
        "{rows}\n{more}{provenance}; hash rates from accepted shares, n = {shares}, off by ±{:.1} % (one standard \
         deviation of a Poisson count).{restored}",
        100.0 / (shares.max(1) as f64).sqrt()
    )
}

fn row(name: &str, account: &Account) -> Vec<String> {
    let rate = |rate: Option<f64>| rate.map_or("-".to_owned(), hashes);
    let invalid: u64 = account.judged.iter().sum::<u64>()
        - account.count(Verdict::Accepted)
        - account.count(Verdict::Stale);
    let (sum, longest, count) = account.answer;
    let answer = match count {
        0 => "-".to_owned(),
        count => format!(
            "{:.1} / {:.1} ms",
            sum.as_secs_f64() * 1e3 / count as f64,
            longest.as_secs_f64() * 1e3
        ),
    };
    vec![
        name.to_owned(),
        account
            .efficiency()
            .map_or("-".to_owned(), |eta| format!("{eta:.4}")),
        format!("{:.1} s", account.network.as_secs_f64()),
        format!("{:.3} s", account.stratum.as_secs_f64()),
        format!("{:.1} s", account.held.as_secs_f64()),
        rate(account.effective_rate()),
        rate(account.nominal_rate()),
        account.count(Verdict::Accepted).to_string(),
        account.count(Verdict::Stale).to_string(),
        invalid.to_string(),
        account.filtered.to_string(),
        account.pool_accepted.to_string(),
        account.refused_stale().to_string(),
        (account.refused() - account.refused_stale()).to_string(),
        account.expired.to_string(),
        answer,
    ]
}

/// A hash rate in a unit that fits it.
pub(crate) fn hashes(rate: f64) -> String {
    let units = [(1e12, "TH/s"), (1e9, "GH/s"), (1e6, "MH/s"), (1e3, "kH/s")];
    let fit = units.iter().find(|(unit, _)| rate >= *unit);
    let (unit, name) = fit.unwrap_or(&(1.0, "H/s"));
    format!("{} {name}", fixed(rate / unit, 2))
}
