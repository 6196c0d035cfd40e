//! Whether the shares of one capture tell chips or cores apart, and how large a difference they would have told.

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
use crate::tpf::evidence::Evidence;
use thermine_capture::answers::Answer;

/// Level of the two findings together, chips and cores (Bonferroni); each needs both unevenness and persistence.
const LEVEL: f64 = 0.05;

request! {
    /// A search for a fingerprint in a capture.
    pub struct FingerprintRequest {
        /// Stream of the capture; absent for the one with most shares.
        stream: Option<String> = None;
    }
}

/// How uniformly the shares of a capture are distributed over chips and cores.
#[derive(Debug, Serialize)]
pub struct FingerprintReport {
    version: &'static str,
    /// The file that was read.
    pub capture: String,
    /// Stream of the capture.
    pub stream: String,
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// Model by whose layout the nonces are read: an S9 if the capture does not say.
    pub model: Model,
    /// Whether the capture says so.
    pub model_said: bool,
    /// Shares, each once.
    pub shares: usize,
    /// Nonces of no known chip or core.
    pub strange: usize,
    /// Tests of the chips; absent without shares.
    pub chips: Option<Fingerprint>,
    /// Tests of the cores; absent without shares.
    pub cores: Option<Fingerprint>,
}

impl FingerprintReport {
    /// Names of the places that differ beyond chance, and in the same way in both halves of the capture.
    pub fn found(&self) -> Vec<&'static str> {
        let prints = [("chips", &self.chips), ("cores", &self.cores)];
        let is_found = |print: &Fingerprint| print.found(LEVEL / 2.0);
        prints
            .iter()
            .filter(|(_, print)| print.as_ref().is_some_and(is_found))
            .map(|(name, _)| *name)
            .collect()
    }
}

/// Tests the shares of the capture in the file `capture`.
///
/// # Errors
/// If the capture cannot be read, the layout of its nonces is not known, or the work was interrupted.
pub async fn run(
    request: FingerprintRequest,
    capture: PathBuf,
    progress: &Progress,
) -> Result<FingerprintReport> {
    let compute = move || find(&Evidence::load(&capture, request.stream.as_deref())?);
    computed(progress.context(), compute).await
}

fn find(evidence: &Evidence) -> Result<FingerprintReport> {
    let model = evidence.model.unwrap_or(Model::AntminerS9);
    let (chips, cores) = counts::places(model);
    let layout = counts::layout(model).with_context(|| {
        format!("cannot tell chips and cores of a {model} apart: the layout of its nonces is not published")
    })?;
    check_layout(evidence, model)?;
    let (mut by_chip, mut by_core) = (Vec::new(), Vec::new());
    let (mut shares, mut strange) = (0, 0);
    for share in evidence.unique() {
        let origin = layout.decode(share.nonce);
        shares += 1;
        match layout.core_index(origin.core) {
            Some(core) if origin.chip < chips => {
                by_chip.push(usize::from(origin.chip));
                by_core.push(usize::from(core));
            }
            _ => strange += 1,
        }
    }
    Ok(FingerprintReport {
        version: env!("CARGO_PKG_VERSION"),
        capture: evidence.capture.display().to_string(),
        stream: evidence.stream.clone(),
        provenance: evidence.provenance.clone(),
        model,
        model_said: evidence.model.is_some(),
        shares,
        strange,
        chips: Fingerprint::of(&by_chip, usize::from(chips)),
        cores: Fingerprint::of(&by_core, usize::from(cores)),
    })
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
