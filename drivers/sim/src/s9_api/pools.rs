//! The reply to `pools`.

use super::state::{ApiState, PoolState, ratio};
use crate::cgminer_api::frame::{end, section, success};
use crate::cgminer_api::item::{Form, Item};

/// The reply to `pools`.
pub fn pools(state: &ApiState, form: Form) -> String {
    end(pools_body(state, form), form)
}

pub(super) fn pools_body(state: &ApiState, form: Form) -> String {
    let head = success(state, form, 7, &format!("{} Pool(s)", state.pools.len()));
    let items: Vec<String> = state
        .pools
        .iter()
        .enumerate()
        .map(|(index, pool)| pool_item(state, form, index, pool))
        .collect();
    let between = if form == Form::Json { "," } else { "" };
    section(head, form, "POOLS", &items.join(between))
}

fn pool_item(state: &ApiState, form: Form, index: usize, pool: &PoolState) -> String {
    let used = !pool.url.is_empty();
    let active = used && pool.alive && pool.active;
    let total = pool.total_difficulty();
    Item::new(form)
        .raw("POOL", index)
        .text("URL", &pool.url)
        .text("Status", if used && pool.alive { "Alive" } else { "Dead" })
        .raw("Priority", index)
        .raw("Quota", 1)
        .text("Long Poll", "N")
        .raw("Getworks", pool.getworks)
        .raw("Accepted", pool.accepted)
        .raw("Rejected", pool.rejected)
        .raw("Discarded", pool.discarded)
        .raw("Stale", pool.stale)
        .raw("Get Failures", pool.get_failures)
        .raw("Remote Failures", pool.remote_failures)
        .text("User", &pool.user)
        .text("Last Share Time", &share_age(state, pool))
        .text("Diff", &pool.difficulty.map(short).unwrap_or_default())
        .raw("Diff1 Shares", 0)
        .text("Proxy Type", "")
        .text("Proxy", "")
        .difficulty("Difficulty Accepted", pool.difficulty_accepted)
        .difficulty("Difficulty Rejected", pool.difficulty_rejected)
        .difficulty("Difficulty Stale", pool.difficulty_stale)
        .difficulty("Last Share Difficulty", pool.last_share_difficulty)
        .raw("Has Stratum", used)
        .raw("Stratum Active", active)
        .text("Stratum URL", if active { host(&pool.url) } else { "" })
        .raw("Has GBT", false)
        .raw("Best Share", pool.best_share)
        .percent("Pool Rejected%", ratio(pool.difficulty_rejected, total))
        .percent("Pool Stale%", ratio(pool.difficulty_stale, total))
        .close()
}

/// `0:00:05`, or `0` before the first share.
fn share_age(state: &ApiState, pool: &PoolState) -> String {
    let Some(last) = pool.last_share else {
        return "0".to_owned();
    };
    let age = state.unix.saturating_sub(last);
    format!("{}:{:02}:{:02}", age / 3600, age % 3600 / 60, age % 60)
}

/// A difficulty in three digits: `512`, `8.19K`, `32.8K`, `131K`.
fn short(difficulty: f64) -> String {
    let mut scaled = difficulty;
    let mut suffix = "";
    for next in ["K", "M", "G", "T", "P", "E"] {
        if scaled < 1000.0 {
            break;
        }
        scaled /= 1000.0;
        suffix = next;
    }
    if suffix.is_empty() {
        return format!("{:.0}", difficulty.trunc());
    }
    let digits = match scaled {
        _ if scaled >= 100.0 => format!("{scaled:.0}"),
        _ if scaled >= 10.0 => format!("{scaled:.1}"),
        _ => format!("{scaled:.2}"),
    };
    let digits = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        &digits
    };
    format!("{digits}{suffix}")
}

/// The host of `stratum+tcp://host:port`.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.rsplit_once(':').map_or(rest, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difficulties_have_three_digits() {
        for (difficulty, text) in [
            (1.0, "1"),
            (512.0, "512"),
            (1000.0, "1K"),
            (8192.0, "8.19K"),
            (32768.0, "32.8K"),
            (131_072.0, "131K"),
            (1_048_576.0, "1.05M"),
        ] {
            assert_eq!(short(difficulty), text);
        }
    }

    #[test]
    fn the_host_is_what_stands_between_scheme_and_port() {
        assert_eq!(host("stratum+tcp://pool.example:3333"), "pool.example");
        assert_eq!(host("pool.example"), "pool.example");
    }
}
