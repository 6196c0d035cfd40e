//! Whether the shares of separate captures of a unit tell its chips or cores apart, in the same way in each, and how large
//! a difference they would have told.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use thermine_reservoir::identity::fingerprint::Fingerprint;
use thermine_units::clock::Nanos;
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;
use thermine_units::record::Verdict;

use crate::chips::counts::Tally;
use crate::chips::fit::Fit;
use crate::chips::table::Table;
use crate::experiment::counts;
use crate::observer::Progress;
use crate::request::declare::request;
use crate::threads::computed;
use crate::tpf::evidence::{Evidence, Share};
use thermine_capture::answers::Answer;

/// Level of the two findings together, chips and cores (Bonferroni); each needs both unevenness and persistence.
const LEVEL: f64 = 0.05;

request! {
    /// A search for a fingerprint in captures.
    pub struct FingerprintRequest {
        /// Stream of each capture; absent for the one with most shares.
        stream: Option<String> = None;
        /// Seed of the permutations.
        seed: u64 = 1;
    }
}

/// Most captures: their pairs are listed.
const MOST_CAPTURES: usize = 20;

/// How uniformly the shares of captures are distributed over chips and cores, and whether in the same way in each.
#[derive(Debug, Serialize)]
pub struct FingerprintReport {
    version: &'static str,
    /// The captures, in the order in which they were named.
    pub captures: Vec<Source>,
    /// Model by whose layout the nonces are read: an S9 if no capture names one.
    pub model: Model,
    /// Whether a capture names it.
    pub model_said: bool,
    /// Shares of all captures, each once.
    pub shares: usize,
    /// Nonces of no known chip or core.
    pub strange: usize,
    /// Tests of the chips; absent without shares.
    pub chips: Option<Fingerprint>,
    /// Tests of the cores; absent without shares.
    pub cores: Option<Fingerprint>,
}

/// One of the captures.
#[derive(Debug, Serialize)]
pub struct Source {
    /// The file that was read.
    pub capture: String,
    /// Stream of the capture.
    pub stream: String,
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// Shares, each once.
    pub shares: usize,
}

impl FingerprintReport {
    /// Names of the places that differ beyond chance, and in the same way in separate captures.
    pub fn found(&self) -> Vec<&'static str> {
        self.places(Fingerprint::found)
    }

    /// Names of the places that differ beyond chance, and in the same way in both halves of the only capture.
    pub fn suspected(&self) -> Vec<&'static str> {
        self.places(Fingerprint::suspected)
    }

    fn places(&self, is: impl Fn(&Fingerprint, f64) -> bool) -> Vec<&'static str> {
        let prints = [("chips", &self.chips), ("cores", &self.cores)];
        prints
            .iter()
            .filter(|(_, print)| print.as_ref().is_some_and(|print| is(print, LEVEL / 2.0)))
            .map(|(name, _)| *name)
            .collect()
    }
}

/// Tests the shares of the captures in `files`, of one unit.
///
/// # Errors
/// If a capture cannot be read, the layout of its nonces is not known, the captures cannot be of one unit or share
/// shares, or the work was interrupted.
pub async fn run(
    request: FingerprintRequest,
    files: Vec<PathBuf>,
    progress: &Progress,
) -> Result<FingerprintReport> {
    let compute = move || {
        if files.len() > MOST_CAPTURES {
            bail!(
                "cannot compare {} captures: at most {MOST_CAPTURES}",
                files.len()
            );
        }
        let stream = request.stream.as_deref();
        let captures = files.iter().map(|file| Evidence::load(file, stream));
        find(&captures.collect::<Result<Vec<_>>>()?, request.seed)
    };
    computed(progress.context(), compute).await
}

fn find(captures: &[Evidence], seed: u64) -> Result<FingerprintReport> {
    let named = check_one_unit(captures)?;
    check_separate(captures)?;
    let model = named.unwrap_or(Model::AntminerS9);
    let (chips, cores) = counts::places(model);
    let layout = counts::layout(model).with_context(|| {
        format!("cannot tell chips and cores of a {model} apart: the layout of its nonces is not published")
    })?;
    let (mut by_chip, mut by_core, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    let (mut shares, mut strange) = (0, 0);
    for evidence in captures {
        check_layout(evidence, model)?;
        let (mut chip_of, mut core_of) = (Vec::new(), Vec::new());
        for share in evidence.unique() {
            let origin = layout.decode(share.nonce);
            match layout.core_index(origin.core) {
                Some(core) if origin.chip < chips => {
                    chip_of.push(usize::from(origin.chip));
                    core_of.push(usize::from(core));
                }
                _ => strange += 1,
            }
        }
        let of_capture = evidence.unique().count();
        shares += of_capture;
        by_chip.push(chip_of);
        by_core.push(core_of);
        sources.push(Source {
            capture: evidence.capture.display().to_string(),
            stream: evidence.stream.clone(),
            provenance: evidence.provenance.clone(),
            shares: of_capture,
        });
    }
    Ok(FingerprintReport {
        version: env!("CARGO_PKG_VERSION"),
        captures: sources,
        model,
        model_said: named.is_some(),
        shares,
        strange,
        chips: Fingerprint::of(&by_chip, usize::from(chips), seed),
        cores: Fingerprint::of(&by_core, usize::from(cores), seed),
    })
}

/// Checks that the captures can be of one unit, and returns the model that they name.
///
/// # Errors
/// If they name two models, or one is simulated and another is not.
fn check_one_unit(captures: &[Evidence]) -> Result<Option<Model>> {
    let mut named: Option<(&Evidence, Model)> = None;
    for evidence in captures {
        match (named, evidence.model) {
            (Some((first, model)), Some(other)) if model != other => bail!(
                "cannot compare {} with {}: the first is of a {model}, the second of a {other}; \
                 name captures of one unit",
                first.capture.display(),
                evidence.capture.display()
            ),
            (None, Some(model)) => named = Some((evidence, model)),
            _ => {}
        }
    }
    let is_simulated = |evidence: &&Evidence| is_simulated(&evidence.provenance);
    let simulated = captures.iter().find(is_simulated);
    let other = captures.iter().find(|evidence| !is_simulated(evidence));
    if let (Some(simulated), Some(other)) = (simulated, other) {
        bail!(
            "cannot compare {} with {}: the first is of a simulated unit, the second is not; name captures of one unit",
            simulated.capture.display(),
            other.capture.display()
        );
    }
    Ok(named.map(|(_, model)| model))
}

fn is_simulated(provenance: &Provenance) -> bool {
    match provenance {
        Provenance::Simulated => true,
        Provenance::Replayed(of) => is_simulated(of),
        Provenance::Device | Provenance::UnverifiedDevice => false,
    }
}

/// Checks that no two captures hold the same shares, which persist between them whatever the unit is.
///
/// # Errors
/// If two do.
fn check_separate(captures: &[Evidence]) -> Result<()> {
    // The difficulty found is that of the whole header, so it tells apart shares of equal nonces.
    let keys = |evidence: &Evidence| -> HashSet<(u32, Option<u64>)> {
        let key = |share: &Share| (share.nonce, share.found.map(f64::to_bits));
        evidence.unique().map(key).collect()
    };
    let mut seen: Vec<(&Evidence, HashSet<_>)> = Vec::new();
    for evidence in captures {
        let these = keys(evidence);
        for (earlier, those) in &seen {
            let both = these.intersection(those).count();
            if both > 0 {
                bail!(
                    "cannot compare {} with {}: {both} shares are in both, so these are not separate captures; \
                     name each capture once",
                    earlier.capture.display(),
                    evidence.capture.display()
                );
            }
        }
        seen.push((evidence, these));
    }
    Ok(())
}

/// Checks that the layout of `model` can be that of the nonces.
///
/// # Errors
/// If the nonces contradict it.
fn check_layout(evidence: &Evidence, model: Model) -> Result<()> {
    let layout = Table::load(None)?.layout(model, None, None)?;
    let mut tally = Tally::new(layout);
    for share in evidence.unique() {
        tally.add(&Answer {
            nonce: share.nonce,
            arrived: Nanos::from_seconds(share.arrived),
            since_job: None,
            verdict: Verdict::Accepted,
        });
    }
    if let Some(fit) = Fit::of(&tally).filter(|fit| !fit.fits()) {
        bail!(
            "cannot look for a fingerprint: the layout of a {model} does not fit these nonces: {}; see `thermine chips`",
            fit.against.join("; ")
        );
    }
    Ok(())
}
