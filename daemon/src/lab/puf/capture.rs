//! `thermine puf report CAPTURE`: whether the shares of one capture tell chips or cores apart, and how large a
//! difference they would have told.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use thermine_drivers::substrate::Provenance;
use thermine_drivers::units::Model;
use thermine_reservoir::identity::fingerprint::{Correlation, Fingerprint, STANDS_OUT};

use super::Report;
use crate::lab::config::Config;
use crate::lab::experiment::counts;
use crate::lab::tpf::evidence::{self, Evidence};
use crate::render::folder;
use crate::render::stdout;
use crate::render::table::table;
use crate::store::Capture;

/// Level of the four tests together, of evenness and of halves, for chips and for cores (Bonferroni).
const LEVEL: f64 = 0.05;

#[derive(Debug, Serialize)]
struct Found {
    version: &'static str,
    capture: String,
    stream: String,
    provenance: Provenance,
    /// Whose nonces are taken apart so; a log of another program does not say, and an S9 is taken for it.
    model: Model,
    /// Whether the capture says so.
    model_said: bool,
    /// Shares, each once.
    shares: usize,
    /// Nonces of no known chip or core.
    strange: usize,
    chips: Option<Fingerprint>,
    cores: Option<Fingerprint>,
}

/// Runs the subcommand.
pub(super) fn run(args: &Report, file: &Path) -> Result<()> {
    if !file.exists() {
        bail!(
            "there is no file {}; without one, a fleet is simulated",
            file.display()
        );
    }
    let make = || folder::make(args.out.as_deref(), "puf-capture");
    let (capture, made) = evidence::capture_of(file, args.difficulty, make)?;
    let evidence = Evidence::load(&capture, args.stream.as_deref())?;
    let config = Capture::open(&capture)?.run()?.config;
    let said = toml::from_str::<Config>(&config).ok();
    let model = said.as_ref().map_or(Model::AntminerS9, |c| c.unit.model);
    let found = find(&evidence, model, said.is_some())?;
    let folder = made.map_or_else(make, Ok)?;
    folder::write_json(&folder, "report.json", &found)?;
    stdout::text(found.render())?;
    stdout::line(folder.display())?;
    Ok(())
}

fn find(evidence: &Evidence, model: Model, model_said: bool) -> Result<Found> {
    let (chips, cores) = counts::places(model);
    let layout = counts::layout(model).with_context(|| {
        format!("nobody has published how nonces of a {model} tell chips and cores")
    })?;
    let mut places = vec![None; 256];
    for index in 0..cores {
        places[usize::from(layout.core(index))] = Some(usize::from(index));
    }
    let (mut by_chip, mut by_core) = (Vec::new(), Vec::new());
    let (mut shares, mut strange) = (0, 0);
    for share in evidence.unique() {
        let origin = layout.decode(share.nonce);
        shares += 1;
        match places[usize::from(origin.core)].filter(|_| origin.chip < chips) {
            Some(core) => {
                by_chip.push(usize::from(origin.chip));
                by_core.push(core);
            }
            None => strange += 1,
        }
    }
    Ok(Found {
        version: env!("CARGO_PKG_VERSION"),
        capture: evidence.capture.display().to_string(),
        stream: evidence.stream.clone(),
        provenance: evidence.provenance.clone(),
        model,
        model_said,
        shares,
        strange,
        chips: Fingerprint::of(&by_chip, usize::from(chips)),
        cores: Fingerprint::of(&by_core, usize::from(cores)),
    })
}

fn correlation(of: Option<&Correlation>) -> String {
    of.map_or_else(
        || "none".into(),
        |c| {
            format!(
                "{:+.3} [{:+.3}, {:+.3}], p {:.2}",
                c.r.value, c.r.low, c.r.high, c.p
            )
        },
    )
}

impl Found {
    fn render(&self) -> String {
        let mut text = format!(
            "{}, stream `{}` ({}): {} shares, each once, {} of no known chip or core; nonces taken apart as those of a {}{}\n",
            self.capture,
            self.stream,
            self.provenance,
            self.shares,
            self.strange,
            self.model,
            if self.model_said {
                ""
            } else {
                ", which the capture does not say"
            }
        );
        let mut rows = table(
            &[
                "places",
                "n",
                "χ²/df",
                "p",
                "r of halves [95 %]",
                "r of alternate shares [95 %]",
                "smallest CV found",
                "smallest weakness of one",
                "shares for one 10 % weak",
            ],
            &[1, 2, 3, 4, 5, 6, 7, 8],
        );
        for (name, print) in [("chips", &self.chips), ("cores", &self.cores)] {
            let Some(print) = print else { continue };
            let even = &print.uniformity;
            rows.add_row([
                format!("{} {name}", even.places),
                even.n.to_string(),
                format!("{:.1}/{}", even.chi2, even.places - 1),
                format!("{:.2}", even.p),
                correlation(print.halves.as_ref()),
                correlation(print.alternate.as_ref()),
                print
                    .smallest_spread
                    .map_or_else(|| "none".into(), |cv| format!("{:.1} %", 100.0 * cv)),
                // More than all of it cannot be missing.
                if print.smallest_weakness < 1.0 {
                    format!("{:.0} %", 100.0 * print.smallest_weakness)
                } else {
                    "none".into()
                },
                format!("{:.0}", print.shares_for_a_tenth),
            ]);
        }
        let _ = writeln!(text, "{rows}");
        let _ = writeln!(
            text,
            "smallest CV: of the places' rates, found by χ² with 80 % at a level of 5 %; smallest weakness: of one \
             place, {STANDS_OUT} standard deviations out"
        );
        let _ = writeln!(text, "{}", self.verdict());
        text
    }

    fn verdict(&self) -> String {
        let prints = [("chips", &self.chips), ("cores", &self.cores)];
        let found: Vec<&str> = prints
            .iter()
            .filter(|(_, print)| print.as_ref().is_some_and(|p| p.found(LEVEL / 4.0)))
            .map(|(name, _)| *name)
            .collect();
        match found.as_slice() {
            [] => format!(
                "No fingerprint in {} shares: neither chips nor cores are told apart.",
                self.shares
            ),
            found => format!(
                "A fingerprint: {} are told apart, uneven beyond chance or lasting from one half to the other.",
                found.join(" and ")
            ),
        }
    }
}
