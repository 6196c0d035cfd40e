//! The shares of one stream of a capture, as the laboratory wants them: verified, in order, with when jobs were sent.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use thermine_drivers::clock::Nanos;
use thermine_drivers::pow::{Algorithm, Difficulty};
use thermine_drivers::record::Verdict;
use thermine_drivers::substrate::Provenance;
use thermine_reservoir::switching::SharePoint;

use crate::config::Config;
use crate::store::{Capture, import, verify};

/// Most shares that are held.
const MOST_SHARES: u64 = 1 << 20;

/// Name of the capture that is made of a CSV file, in the report folder.
const CAPTURE: &str = "capture.sqlite";

/// A share of the stream.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    /// When it came, in seconds of the capture's clock.
    pub arrived: f64,
    /// From the sending of its job, in seconds, as recorded.
    pub waited: f64,
    /// When its job was sent, in seconds.
    pub job_sent: f64,
    /// Nonce.
    pub nonce: u32,
    /// Extranonce2 as a number, least byte first, as miners count it up; `None` if not recorded.
    pub extranonce2: Option<u64>,
    /// Version bits that the unit rolled; `None` if it rolled none.
    pub version_bits: Option<u32>,
    /// Difficulty asked for; `None` if its job is not in the capture.
    pub asked: Option<f64>,
    /// Difficulty found; `None` if its job is not known.
    pub found: Option<f64>,
    /// Whether it is work: accepted, or too late for its job, and not sent before.
    pub work: bool,
}

/// What there is to judge by.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// The capture.
    pub capture: PathBuf,
    /// Where its numbers come from.
    pub provenance: Provenance,
    /// What the unit hashes by, by the run's configuration; Bitcoin's for a log of another program.
    pub algorithm: Algorithm,
    /// The stream.
    pub stream: String,
    /// When its jobs were sent, in seconds.
    pub sent: Vec<f64>,
    /// Its shares, in order of arrival.
    pub shares: Vec<Share>,
    /// Every share of the capture, hashed again.
    pub verified: verify::VerifyReport,
}

/// `file` if it is a capture; if it is a CSV file of shares, one that is made of it, as asked for at `difficulty`, in
/// the folder that `make` makes. That folder, if it was made.
pub(crate) fn capture_of(
    file: &Path,
    difficulty: f64,
    make: impl FnOnce() -> Result<PathBuf>,
) -> Result<(PathBuf, Option<PathBuf>)> {
    if !file
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("csv"))
    {
        return Ok((file.to_path_buf(), None));
    }
    let difficulty = Difficulty::new(difficulty).context("--difficulty")?;
    let folder = make()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let made = runtime.block_on(import::import(file, &folder.join(CAPTURE), difficulty))?;
    Ok((made.capture, Some(folder)))
}

impl Evidence {
    /// Reads `path`: the stream of that name, or the one with most shares.
    pub(crate) fn load(path: &Path, stream: Option<&str>) -> Result<Evidence> {
        let verified = verify::verify(path)?;
        let capture = Capture::open(path)?;
        let run = capture.run()?;
        let stream = match stream {
            Some(name) => capture.stream(name)?,
            None => {
                let streams = capture.streams()?.into_iter();
                streams
                    .max_by_key(|stream| stream.shares)
                    .with_context(|| format!("{} holds no stream", path.display()))?
            }
        };
        if stream.shares > MOST_SHARES {
            bail!(
                "stream `{}` of {} holds {} shares, more than the {MOST_SHARES} that fit: \
                 name another with --stream, or record for a shorter time",
                stream.name,
                path.display(),
                stream.shares
            );
        }
        // A file of another program knows jobs only from their shares, and counts time from the last job that was
        // sent, whichever job the share answers: that is when a job was sent, even if nothing answered it.
        let foreign = run.task.get("imported").is_some();
        let mut shares = Vec::new();
        let mut seen = HashSet::new();
        let mut sent: Vec<f64> = capture
            .sendings(&stream)?
            .into_iter()
            .map(seconds)
            .collect();
        capture.for_each_share(|stored| {
            if stored.stream != stream.id {
                return;
            }
            let share = stored.share;
            let Some(since) = share.since_job else { return };
            let began = seconds(share.arrived - since);
            let job_sent = match &stored.job {
                Some(job) => seconds(job.sent),
                None => began,
            };
            if foreign {
                sent.push(began);
            }
            let proof = share.proof.as_ref();
            // A server may judge a repeated share as stale before it looks whether it is repeated.
            let timely = matches!(share.verdict, Verdict::Accepted | Verdict::Stale);
            let header = proof.map(|p| (p.extranonce2.clone(), p.ntime, p.version_bits));
            let work = timely && seen.insert((share.job_id.clone(), share.nonce, header));
            shares.push(Share {
                arrived: seconds(share.arrived),
                waited: since.as_secs_f64(),
                job_sent,
                nonce: share.nonce,
                extranonce2: proof.map(|proof| little_endian(&proof.extranonce2)),
                version_bits: proof.and_then(|proof| proof.version_bits),
                asked: stored.job.map(|job| job.difficulty),
                found: share.difficulty,
                work,
            });
        })?;
        sent.sort_by(f64::total_cmp);
        Ok(Evidence {
            capture: path.to_path_buf(),
            provenance: Provenance::Replayed(Box::new(run.provenance)),
            algorithm: toml::from_str::<Config>(&run.config).map_or_else(
                |_| Algorithm::default(),
                |config| config.unit.model.algorithm(),
            ),
            stream: stream.name,
            sent,
            shares,
            verified,
        })
    }

    /// The shares that are work, each once.
    pub(crate) fn unique(&self) -> impl Iterator<Item = &Share> {
        self.shares.iter().filter(|share| share.work)
    }

    /// The same, as points on the line of time.
    pub(crate) fn points(&self) -> Vec<SharePoint> {
        let point = |share: &Share| SharePoint {
            arrived: share.arrived,
            job_sent: share.job_sent,
        };
        self.unique().map(point).collect()
    }
}

fn seconds(time: Nanos) -> f64 {
    time.0 as f64 * 1e-9
}

/// The first eight bytes or fewer as a number, least byte first.
fn little_endian(bytes: &[u8]) -> u64 {
    let kept = bytes.iter().take(8).rev();
    kept.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_count_up_from_their_least_byte() {
        assert_eq!(little_endian(&[0x20, 0x01, 0, 0]), 0x120);
        assert_eq!(little_endian(&[]), 0);
        assert_eq!(little_endian(&[1; 20]), 0x0101_0101_0101_0101);
    }
}
