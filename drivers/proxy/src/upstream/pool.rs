//! A pool as configured, and the order in which pools are tried.

use std::time::Duration;

use super::endpoint::Endpoint;
use thermine_units::secret::Secret;

/// A pool as configured.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Address, and whether it speaks TLS.
    pub endpoint: Endpoint,
    /// Account that its shares count for.
    pub user: String,
    /// Its password; pools mostly ignore it.
    pub password: Secret,
    /// Hosts that its `client.reconnect` may lead to, beside its own; `*.example.com` takes any below.
    pub reconnect_hosts: Vec<String>,
    /// Time for connecting, and for each answer.
    pub timeout: Duration,
    /// Time without a line after which it counts as dead.
    pub silence: Duration,
}

impl Pool {
    /// Whether its `client.reconnect` may lead to `host`.
    pub(crate) fn may_move_to(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let allowed = |rule: &str| match rule.to_ascii_lowercase().strip_prefix("*.") {
            Some(domain) => host
                .strip_suffix(domain)
                .is_some_and(|below| below.len() > 1 && below.ends_with('.')),
            None => rule.eq_ignore_ascii_case(&host),
        };
        self.endpoint.host.eq_ignore_ascii_case(&host)
            || self.reconnect_hosts.iter().any(|rule| allowed(rule))
    }
}

/// How pools are gone through.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The pools, the wanted one first.
    pub pools: Vec<Pool>,
    /// Shortest and longest wait when none can be reached.
    pub backoff: (Duration, Duration),
    /// How often a better pool is tried while at another.
    pub return_after: Duration,
    /// How long a share is kept for a pool that is away.
    pub keep_for: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_leads_only_where_configuration_allows() {
        let pool = Pool {
            endpoint: "stratum+tcp://eu.pool.example:3333".parse().expect("sound"),
            user: "u".into(),
            password: Secret::new("hunter2"),
            reconnect_hosts: vec!["*.pool.example".into(), "10.0.0.7".into()],
            timeout: Duration::from_secs(1),
            silence: Duration::from_secs(1),
        };
        for host in ["eu.pool.example", "US.pool.example", "10.0.0.7"] {
            assert!(pool.may_move_to(host), "{host}");
        }
        for host in [
            "pool.example",
            "evilpool.example",
            ".pool.example",
            "10.0.0.70",
            "",
        ] {
            assert!(!pool.may_move_to(host), "{host}");
        }
        assert!(!format!("{pool:?}").contains("hunter2"));
    }
}
