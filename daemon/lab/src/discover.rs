//! A search for mining units on a network, which sets nothing and logs in nowhere.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use thermine_drivers::discover::scan::MOST_PARALLEL;
use thermine_drivers::discover::{Found, Prober, Settings, resolve, scan};

use super::observer::Progress;
use super::request::findings::{Findings, Wrong};

/// Where to search, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscoverRequest {
    /// Addresses, networks or host names; no other address is contacted.
    pub targets: Vec<String>,
    /// Port of the cgminer API.
    pub cgminer_port: u16,
    /// Port of the web page.
    pub http_port: u16,
    /// Time for each address, s.
    pub timeout: f64,
    /// Addresses that are contacted at once.
    pub parallel: u16,
}

impl Default for DiscoverRequest {
    fn default() -> DiscoverRequest {
        DiscoverRequest {
            targets: Vec::new(),
            cgminer_port: 4028,
            http_port: 80,
            timeout: 3.0,
            parallel: 64,
        }
    }
}

impl DiscoverRequest {
    /// Looks for everything that is wrong with a request.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut found = Findings::default();
        if self.targets.is_empty() {
            found.add("targets must name an address");
        }
        found.within("cgminer_port", self.cgminer_port, 1, u16::MAX);
        found.within("http_port", self.http_port, 1, u16::MAX);
        found.within("timeout", self.timeout, 0.05, 60.0);
        found.within("parallel", usize::from(self.parallel), 1, MOST_PARALLEL);
        found.all()
    }
}

/// What a search has found.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Addresses that were contacted.
    pub asked: usize,
    /// Addresses that took a connection.
    pub answered: usize,
    /// Addresses for which there was no time.
    pub not_asked: usize,
    /// Wall time of the search, s.
    pub seconds: f64,
    /// Devices in the order in which they were found.
    pub found: Vec<Found>,
}

impl Outcome {
    /// Mining units among the devices.
    pub fn units(&self) -> usize {
        self.found.iter().filter(|found| found.is_miner()).count()
    }
}

/// Searches as `request` asks for. An interrupted search ends with what was found until then.
///
/// # Errors
/// If a target is no address, network or known name.
pub async fn run(request: &DiscoverRequest, progress: &Progress) -> Result<Outcome> {
    let settings = Settings {
        cgminer_port: request.cgminer_port,
        http_port: request.http_port,
        timeout: Duration::try_from_secs_f64(request.timeout)?,
        parallel: usize::from(request.parallel),
        ..Settings::default()
    };
    let targets = resolve(&request.targets).await?;
    let all = targets.len();
    let prober = Prober::new(settings).context("no HTTP client")?;
    let begun = Instant::now();
    let bar = (all > 1).then(|| progress.bar("searching", all));
    let mut scan = scan(prober, targets);
    let mut found = Vec::new();
    let search = async {
        while let Some(probed) = scan.next().await {
            found.extend(probed.found);
            if let Some(bar) = &bar {
                bar.step();
            }
        }
    };
    tokio::select! {
        () = search => {}
        () = progress.context().stopped() => {}
    }
    let not_asked = scan.left();
    Ok(Outcome {
        asked: all - not_asked,
        answered: found.len(),
        not_asked,
        seconds: begun.elapsed().as_secs_f64(),
        found,
    })
}
