//! Configuration of the proxy: a TOML file, see `configs/proxy.toml`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use thermine_proxy::Settings;
use thermine_proxy::ban::Rules;
use thermine_proxy::hub::UnitSettings;
use thermine_proxy::upstream::endpoint::{Certificate, Endpoint, Trust};
use thermine_proxy::upstream::{self, Policy};
use thermine_proxy::vardiff::Goal;
use thermine_stratum::arrivals::MOST_UNAUTHORISED;
use thermine_units::pow::Difficulty;
use thermine_units::secret::Secret;

use super::ConfigError;
use super::check::Problem;
use super::error::read;
use super::key;
use super::overrides::Overrides;
use crate::descriptors;
use thermine_capture::error_chain::chain;

/// The proxy, its pools and its units.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The proxy itself.
    pub proxy: Proxy,
    /// Pools, in the order of preference.
    pub(crate) pool: Vec<Pool>,
    /// Set if the program plays the first pool itself.
    pub simulated_pool: Option<SimulatedPool>,
    pub(crate) units: Units,
}

/// The proxy itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Address that units connect to.
    pub listen: SocketAddr,
    /// File of the share journal.
    pub journal: PathBuf,
    /// Time between two reports, in seconds.
    #[serde(default = "Proxy::report")]
    pub report_seconds: f64,
    /// Factor on the difficulty that a hash must really meet; 1 for hardware.
    #[serde(default = "one")]
    pub difficulty_scale: f64,
    /// How often a better pool is tried while at another, in seconds.
    #[serde(default = "Proxy::back")]
    pub(crate) return_seconds: f64,
    /// How long a share is kept for a pool that is away, in seconds.
    #[serde(default = "Proxy::keep")]
    pub(crate) keep_seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pool {
    /// `stratum+tcp://HOST:PORT`, or `stratum+ssl://HOST:PORT`.
    pub(crate) url: String,
    pub(crate) user: String,
    /// Environment variable that holds its password; `x` is sent without one.
    pub(crate) password_env: Option<String>,
    /// Hosts that its `client.reconnect` may lead to, beside its own.
    #[serde(default)]
    pub(crate) reconnect_hosts: Vec<String>,
    /// PEM file with a certificate to be trusted beside those that browsers trust.
    pub(crate) ca_file: Option<PathBuf>,
    /// Time for connecting and for each answer, in seconds.
    #[serde(default = "Pool::timeout")]
    pub(crate) timeout_seconds: f64,
    /// Time without a line after which it counts as dead, in seconds.
    #[serde(default = "Pool::silence")]
    pub(crate) silence_seconds: f64,
}

/// A pool that the program plays itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulatedPool {
    /// Share difficulty.
    pub difficulty: Difficulty,
    /// Time between blocks, in seconds.
    pub block_seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Units {
    /// Wanted mean time between a unit's shares, in seconds.
    #[serde(default = "Units::share")]
    pub(crate) share_seconds: f64,
    /// Difficulty of a unit that has just come.
    pub(crate) difficulty_first: Difficulty,
    /// Easiest difficulty.
    #[serde(default = "Units::least")]
    pub(crate) difficulty_least: Difficulty,
    /// Hardest difficulty; the pool's own is never exceeded either.
    #[serde(default = "Units::hardest")]
    pub(crate) difficulty_most: Difficulty,
    /// Units connected at most.
    #[serde(default = "Units::connections", alias = "most")]
    pub(crate) max_connections: usize,
    /// Connections that have not authorised yet, at most.
    #[serde(default = "Units::max_unauthorised")]
    pub(crate) max_unauthorised: usize,
    /// Invalid shares within a minute for which a unit is banned.
    #[serde(default = "Units::ban")]
    pub(crate) ban_invalid: u32,
    /// How long it is then kept out, in seconds.
    #[serde(default = "Units::ban_length")]
    pub(crate) ban_seconds: f64,
    /// Time without a line after which a unit is given up, in seconds.
    #[serde(default = "Units::idle")]
    pub(crate) idle_seconds: f64,
    /// How long the queue of a unit that runs dry lasts at least, in seconds.
    #[serde(default = "Units::lead")]
    pub(crate) lead_seconds: f64,
    /// Units that run dry.
    #[serde(default)]
    pub(crate) ranged: Vec<Ranged>,
}

/// Units that go through one range of nonces a job.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ranged {
    /// Worker name; a `*` at its end stands for any end.
    pub(crate) worker: String,
    /// Hashes of a job.
    pub(crate) range: f64,
    /// Hashes per second, to begin with.
    pub(crate) hash_rate: f64,
}

fn one() -> f64 {
    1.0
}

impl Proxy {
    fn report() -> f64 {
        60.0
    }
    fn back() -> f64 {
        60.0
    }
    fn keep() -> f64 {
        600.0
    }
}

impl Pool {
    fn timeout() -> f64 {
        15.0
    }
    /// Pools send a job every 30 s or so; five minutes of silence are a fault.
    fn silence() -> f64 {
        300.0
    }
}

impl Units {
    fn share() -> f64 {
        3.0
    }
    fn least() -> Difficulty {
        Difficulty::ONE
    }
    fn hardest() -> Difficulty {
        Difficulty::ONE.scaled(1e12)
    }
    fn connections() -> usize {
        10_000
    }
    fn max_unauthorised() -> usize {
        MOST_UNAUTHORISED
    }
    fn ban() -> u32 {
        Rules::default().invalid
    }
    fn ban_length() -> f64 {
        Rules::default().length.as_secs_f64()
    }
    fn idle() -> f64 {
        600.0
    }
    fn lead() -> f64 {
        0.1
    }
}

impl Units {
    /// Everything that the types do not rule out.
    fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        for (key, most) in [
            ("units.max_connections", self.max_connections),
            ("units.max_unauthorised", self.max_unauthorised),
        ] {
            if !(1..=65_536).contains(&most) {
                let what = format!("{key} = {most} must be between 1 and 65536");
                found.push(Problem::new(key, what));
            }
        }
        if self.ban_invalid == 0 {
            let what = "units.ban_invalid must be above 0";
            found.push(Problem::new("units.ban_invalid", what));
        }
        if self.difficulty_least.get() > self.difficulty_most.get() {
            let what = "units.difficulty_least is above units.difficulty_most";
            found.push(Problem::new("units.difficulty_least", what));
        }
        for ranged in &self.ranged {
            let sound = |number: f64| number.is_finite() && number >= 1.0;
            if !(sound(ranged.range) && sound(ranged.hash_rate)) {
                let what = format!(
                    "units.ranged of worker {}: range and hash_rate must be at least 1",
                    ranged.worker
                );
                found.push(Problem::new("units.ranged", what));
            }
        }
        found
    }
}

impl Config {
    /// Reads `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is not a configuration or holds a value out of range.
    pub fn load(path: &Path) -> Result<Config> {
        Config::load_with(path, &Overrides::none())
    }

    /// Reads `path`, with what the environment overrides of it.
    ///
    /// # Errors
    /// As [`load`](Config::load).
    pub fn load_with(path: &Path, overrides: &Overrides) -> Result<Config> {
        Config::parse(path, &read(path)?, overrides)
    }

    fn parse(path: &Path, text: &str, overrides: &Overrides) -> Result<Config> {
        let config: Config = overrides.parse(key::File::Proxy, path, text)?;
        key::File::Proxy.say_newer(path, text);
        Problem::none_of(config.problems()).map_err(|what| ConfigError::Wires {
            path: path.to_path_buf(),
            what,
        })?;
        Ok(config)
    }

    /// Everything that the types do not rule out.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if self.pool.is_empty() {
            let what = "there is no [[pool]]: name at least one";
            found.push(Problem::new("pool", what));
        }
        let urls = self.pool.iter().map(|pool| pool.url.parse::<Endpoint>());
        found.extend(
            urls.filter_map(Result::err)
                .map(|error| Problem::new("pool", error.to_string())),
        );
        found.extend(self.spans().filter_map(|(key, seconds)| {
            let what = format!("{key} = {seconds} must be above 0 and at most 86400");
            (!(seconds > 0.0 && seconds <= 86_400.0)).then(|| Problem::new(key, what))
        }));
        let scale = self.proxy.difficulty_scale;
        if !(scale > 0.0 && scale <= 1.0) {
            let what = format!("proxy.difficulty_scale = {scale} must be above 0 and at most 1");
            found.push(Problem::new("proxy.difficulty_scale", what));
        }
        found.extend(self.units.problems());
        if let Some(first) = self.pool.first().filter(|_| self.simulated_pool.is_some())
            && let Err(error) = self.simulated_address()
        {
            let (url, why) = (&first.url, chain(&error));
            let what = format!("the simulated pool cannot be at {url}: {why}");
            found.push(Problem::new("simulated_pool", what));
        }
        found
    }

    /// Every span of time with its key, in seconds.
    fn spans(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let (proxy, units) = (&self.proxy, &self.units);
        let spans = [
            ("proxy.report_seconds", proxy.report_seconds),
            ("proxy.return_seconds", proxy.return_seconds),
            ("proxy.keep_seconds", proxy.keep_seconds),
            ("units.share_seconds", units.share_seconds),
            ("units.ban_seconds", units.ban_seconds),
            ("units.idle_seconds", units.idle_seconds),
            ("units.lead_seconds", units.lead_seconds),
        ];
        let pools = self.pool.iter().flat_map(|pool| {
            [
                ("pool.timeout_seconds", pool.timeout_seconds),
                ("pool.silence_seconds", pool.silence_seconds),
            ]
        });
        let simulated = self.simulated_pool.iter();
        let blocks = simulated.map(|pool| ("simulated_pool.block_seconds", pool.block_seconds));
        spans.into_iter().chain(pools).chain(blocks)
    }

    /// Where the pool is that the program plays itself: on loopback, without TLS.
    ///
    /// # Errors
    /// If the first pool's address is another.
    pub fn simulated_address(&self) -> Result<SocketAddr> {
        let first = self.pool.first().context("there is no [[pool]]")?;
        let endpoint: Endpoint = first.url.parse()?;
        let address: SocketAddr = format!("{}:{}", endpoint.host, endpoint.port)
            .parse()
            .context("write 127.0.0.1 and a port")?;
        ensure!(
            address.ip().is_loopback() && !endpoint.tls,
            "it is served on loopback and without TLS: write stratum+tcp://127.0.0.1:PORT, or take \
             [simulated_pool] out"
        );
        Ok(address)
    }

    /// As the drivers want it. Passwords come from the environment.
    ///
    /// # Errors
    /// If a password or a certificate is named that is not there.
    pub fn settings(&self) -> Result<Settings> {
        let span = Duration::from_secs_f64;
        let mut pools = Vec::new();
        let mut certificates = Vec::new();
        for pool in &self.pool {
            let password = match &pool.password_env {
                None => "x".to_owned(),
                Some(name) => std::env::var(name).ok().with_context(|| {
                    format!(
                        "the password of {} is to be in the environment variable {name}, which is not \
                         set: export it and start again",
                        pool.url
                    )
                })?,
            };
            if let Some(file) = &pool.ca_file {
                let pem = std::fs::read(file)
                    .with_context(|| format!("cannot read pool.ca_file {}", file.display()))?;
                let found = Certificate::from_pem(&pem)
                    .with_context(|| format!("{} holds no PEM certificate", file.display()))?;
                certificates.extend(found);
            }
            pools.push(upstream::Pool {
                endpoint: pool.url.parse()?,
                user: pool.user.clone(),
                password: Secret::new(password),
                reconnect_hosts: pool.reconnect_hosts.clone(),
                timeout: span(pool.timeout_seconds),
                silence: span(pool.silence_seconds),
            });
        }
        let (proxy, units) = (&self.proxy, &self.units);
        let ranged = units.ranged.iter();
        Ok(Settings {
            policy: Policy {
                pools,
                backoff: (Duration::from_secs(1), Duration::from_secs(60)),
                return_after: span(proxy.return_seconds),
                keep_for: span(proxy.keep_seconds),
            },
            units: UnitSettings {
                difficulty_scale: proxy.difficulty_scale,
                vardiff: Goal {
                    interval: span(units.share_seconds),
                    least: units.difficulty_least,
                    most: units.difficulty_most,
                    first: units.difficulty_first,
                },
                ban: Rules {
                    invalid: units.ban_invalid,
                    length: span(units.ban_seconds),
                    ..Rules::default()
                },
                ranged: ranged
                    .map(|ranged| (ranged.worker.clone(), ranged.range, ranged.hash_rate))
                    .collect(),
                lead: span(units.lead_seconds),
                most: descriptors::at_most(units.max_connections, 2, "units.max_connections"),
                max_unauthorised: descriptors::at_most(
                    units.max_unauthorised,
                    8,
                    "units.max_unauthorised",
                ),
                handshake_timeout: Duration::from_secs(15),
                idle_timeout: span(units.idle_seconds),
            },
            trust: Trust::new(certificates).context("pool.ca_file")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../../configs/proxy.toml");

    #[test]
    fn the_example_is_sound_and_stays_on_loopback() {
        let config =
            Config::parse(Path::new("proxy.toml"), EXAMPLE, &Overrides::none()).expect("sound");
        assert!(config.proxy.listen.ip().is_loopback());
        assert!(config.simulated_address().is_ok());
        assert!(config.settings().is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |from: &str, to: &str| {
            let text = EXAMPLE.replace(from, to);
            assert_ne!(text, EXAMPLE, "{from}");
            let error = Config::parse(Path::new("proxy.toml"), &text, &Overrides::none());
            format!("{:#}", error.expect_err("refused"))
        };
        assert!(error("report_seconds = 30", "report_secs = 30").contains("report_secs"));
        assert!(error("stratum+tcp://", "http://").contains("stratum+tcp://HOST:PORT"));
        assert!(
            error("stratum+tcp://127.0.0.1", "stratum+tcp://pool.example").contains("simulated")
        );
        assert!(
            error("share_seconds = 3.0", "share_seconds = 0").contains("units.share_seconds = 0")
        );
        assert!(
            error("max_connections = 10000", "max_connections = 0")
                .contains("units.max_connections")
        );
        assert!(error("difficulty_first = 256", "difficulty_first = -1").contains("-1"));
    }

    #[test]
    fn a_password_is_taken_from_the_environment_and_never_shown() {
        let text = EXAMPLE.replace(
            "# password_env = \"POOL_PASSWORD\"",
            "password_env = \"THERMINE_TEST_NO_SUCH_VARIABLE\"",
        );
        let config =
            Config::parse(Path::new("proxy.toml"), &text, &Overrides::none()).expect("sound");
        let error = format!("{:#}", config.settings().expect_err("not set"));
        assert!(error.contains("THERMINE_TEST_NO_SUCH_VARIABLE"), "{error}");
    }
}
