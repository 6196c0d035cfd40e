//! `thermine discover`: which mining units are on a network.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use thermine_drivers::discover::{Found, Prober, Settings, resolve, scan};

use crate::cli;
use crate::lab::observer::Bar;
use crate::lab::session::Context;
use crate::render::stdout;
use crate::render::table::table;
use crate::runtime;

/// What a search brought.
#[derive(Debug, Serialize)]
struct Outcome {
    /// Addresses that were asked.
    asked: usize,
    /// Those at which something took a connection.
    answered: usize,
    /// Those for which there was no time.
    not_asked: usize,
    /// Wall time.
    seconds: f64,
    /// What answers, in the order in which it was found.
    found: Vec<Found>,
}

/// Runs the subcommand.
pub(crate) fn run(args: cli::Discover, context: &Context) -> Result<()> {
    let settings = settings(&args)?;
    let outcome = runtime::run(context, search(&args.targets, settings, context))??;
    if args.json {
        stdout::line(serde_json::to_string_pretty(&outcome)?)?;
    } else {
        stdout::text(outcome.render())?;
    }
    if outcome.units() == 0 {
        bail!(
            "no mining unit among {}: each was asked for its cgminer API on port {} and its web page on port {}, \
             for {} s in all, unless it was named with a port; check that the units are powered and on this \
             network, or allow more time with --timeout",
            addresses(outcome.asked),
            settings.cgminer_port,
            settings.http_port,
            args.timeout,
        );
    }
    Ok(())
}

fn settings(args: &cli::Discover) -> Result<Settings> {
    let timeout = Duration::try_from_secs_f64(args.timeout)
        .ok()
        .filter(|timeout| (0.05..=60.0).contains(&timeout.as_secs_f64()))
        .with_context(|| format!("--timeout {}: give 0.05 to 60 seconds", args.timeout))?;
    Ok(Settings {
        cgminer_port: args.cgminer_port,
        http_port: args.http_port,
        timeout,
        parallel: usize::from(args.parallel),
        ..Settings::default()
    })
}

async fn search(arguments: &[String], settings: Settings, context: &Context) -> Result<Outcome> {
    let targets = resolve(arguments).await?;
    let all = targets.len();
    let prober = Prober::new(settings).context("no HTTP client")?;
    let begun = Instant::now();
    let bar = bar(all);
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
    // What was found until then is shown.
    tokio::select! {
        () = search => {}
        () = context.stopped() => {}
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

/// On a terminal, if there is anything to wait for.
fn bar(length: usize) -> Option<Bar> {
    (length > 1 && std::io::stderr().is_terminal())
        .then(|| crate::render::progress::shown(&Context::new("thermine")).bar("searching", length))
}

impl Outcome {
    /// How many of what answers are mining units.
    fn units(&self) -> usize {
        self.found.iter().filter(|found| found.is_miner()).count()
    }

    fn render(&self) -> String {
        let mut text = String::new();
        if !self.found.is_empty() {
            text = format!("{}\n", self.table());
        }
        text.push_str(&format!(
            "asked {}, {} answered, {} of them mining units, in {:.1} s\n",
            addresses(self.asked),
            self.answered,
            self.units(),
            self.seconds
        ));
        if self.not_asked > 0 {
            text.push_str(&format!(
                "{} not asked: the search was broken off\n",
                addresses(self.not_asked)
            ));
        }
        text
    }

    fn table(&self) -> String {
        let headings = ["address", "model", "firmware", "serial", "wires", "remark"];
        let mut rows = table(&headings, &[]);
        // By address, so that two searches can be compared.
        let mut found: Vec<&Found> = self.found.iter().collect();
        found.sort_by_key(|found| (found.address.ip, found.address.port));
        for found in found {
            let said = |text: &Option<String>| text.clone().unwrap_or_default();
            let identity = &found.identity;
            let model = match (found.model, &identity.model) {
                (Some(model), _) => model.to_string(),
                (None, Some(name)) => format!("{name} (no known model)"),
                (None, None) if found.is_miner() => "miner of no known model".to_owned(),
                (None, None) => "no miner".to_owned(),
            };
            let wires: Vec<String> = found
                .wires
                .iter()
                .map(|(wire, addr)| format!("{wire}:{}", addr.port()))
                .collect();
            rows.add_row([
                found.address.to_string(),
                model,
                said(&identity.firmware),
                said(&identity.serial),
                wires.join(" "),
                said(&found.remark),
            ]);
        }
        rows.to_string()
    }
}

fn addresses(count: usize) -> String {
    match count {
        1 => "1 address".to_owned(),
        count => format!("{count} addresses"),
    }
}
