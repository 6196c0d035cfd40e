//! The shares of one stream of a capture: verified, in order, and with the times at which jobs were sent.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use thermine_reservoir::switching::SharePoint;
use thermine_units::clock::Nanos;
use thermine_units::model::Model;
use thermine_units::pow::{Algorithm, Difficulty};
use thermine_units::provenance::Provenance;
use thermine_units::record::Verdict;

use crate::config::Config;
use crate::recording::CAPTURE;
use thermine_capture::reader::{Run, Stream};
use thermine_capture::{Capture, import, verify};

/// Most shares of a stream: all are held at once.
const MOST_SHARES: u64 = 1 << 20;

/// Share difficulty of a CSV file, unless the user says another: that of the published log of a real S9.
pub const DIFFICULTY_OF_CSV: f64 = 256.0;

/// A share of the stream.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    /// When it arrived, in seconds of the capture's clock.
    pub(crate) arrived: f64,
    /// From the sending of its job, in seconds, as recorded.
    pub(crate) waited: f64,
    /// When its job was sent, in seconds.
    pub(crate) job_sent: f64,
    /// The nonce, as the unit sent it.
    pub nonce: u32,
    /// Extranonce2 as a number, least byte first, as miners count it up; `None` if not recorded.
    pub(crate) extranonce2: Option<u64>,
    /// Version bits that the unit rolled; `None` if it rolled none.
    pub(crate) version_bits: Option<u32>,
    /// Difficulty asked for; `None` if its job is not in the capture.
    pub(crate) asked: Option<f64>,
    /// Difficulty found; `None` if its job is not known.
    pub(crate) found: Option<f64>,
    /// Whether it is work: accepted or stale, and not a duplicate.
    pub(crate) work: bool,
}

/// A stream of a capture.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// The file that was read.
    pub(crate) capture: PathBuf,
    /// Where its numbers come from.
    pub(crate) provenance: Provenance,
    /// The unit's model, by the run's configuration; a log of another program names none.
    pub(crate) model: Option<Model>,
    /// Name of the stream.
    pub(crate) stream: String,
    /// When its jobs were sent, in seconds.
    pub(crate) sent: Vec<f64>,
    /// Its shares, in order of arrival.
    pub(crate) shares: Vec<Share>,
    /// Every share of the capture, hashed again.
    pub(crate) verified: verify::VerifyReport,
}

/// The capture to read: `file` itself or, if that is a CSV file of shares, a capture that is imported from it into the folder
/// that `make` makes, for shares of `difficulty`. With that folder, if it was made.
///
/// # Errors
/// If there is no such file, or it cannot be imported.
pub async fn imported(
    file: &Path,
    difficulty: f64,
    make: impl FnOnce() -> Result<PathBuf>,
) -> Result<(PathBuf, Option<PathBuf>)> {
    if !file.exists() {
        bail!("there is no file {}", file.display());
    }
    if !file
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("csv"))
    {
        return Ok((file.to_path_buf(), None));
    }
    let difficulty = Difficulty::new(difficulty).context("--difficulty")?;
    let folder = make()?;
    let made = import::import(file, &folder.join(CAPTURE), difficulty).await?;
    if let Some(why) = made.all_fail {
        bail!("{}: {why}", file.display());
    }
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
        let (sent, shares) = read(&capture, &stream, &run)?;
        let model = toml::from_str::<Config>(&run.config).map(|config| config.unit.model);
        Ok(Evidence {
            capture: path.to_path_buf(),
            provenance: Provenance::Replayed(Box::new(run.provenance)),
            model: model.ok(),
            stream: stream.name,
            sent,
            shares,
            verified,
        })
    }

    /// What the unit hashes by; Bitcoin's algorithm for a log of another program.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.model.map_or_else(Algorithm::default, Model::algorithm)
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

/// When the jobs of `stream` were sent, and its shares in order of arrival, without the steps in which the unit was away.
fn read(capture: &Capture, stream: &Stream, run: &Run) -> Result<(Vec<f64>, Vec<Share>)> {
    // A log of another program knows jobs only from their shares, and counts time from the last job that was sent,
    // whichever job the share is for: that is when a job was sent, even if no share followed.
    let is_foreign = run.task.get("imported").is_some();
    let mut shares = Vec::new();
    let mut seen = HashSet::new();
    let mut sent: Vec<f64> = capture.sendings(stream)?.into_iter().map(seconds).collect();
    capture.for_each_share(|stored| {
        if stored.stream != stream.id {
            return;
        }
        let share = stored.share;
        let Some(since) = share.since_job else { return };
        let began = seconds(share.arrived - since);
        if is_foreign {
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
            job_sent: stored.job.as_ref().map_or(began, |job| seconds(job.sent)),
            nonce: share.nonce,
            extranonce2: proof.map(|proof| little_endian(&proof.extranonce2)),
            version_bits: proof.and_then(|proof| proof.version_bits),
            asked: stored.job.map(|job| job.difficulty),
            found: share.difficulty,
            work,
        });
    })?;
    sent.sort_by(f64::total_cmp);
    let gaps = capture.interruptions(stream)?;
    let gaps: Vec<(f64, f64)> = gaps
        .into_iter()
        .map(|(from, to)| (seconds(from), seconds(to)))
        .collect();
    close_gaps(&gaps, &mut sent, &mut shares);
    Ok((sent, shares))
}

/// Cuts out the steps in which the unit's connection broke: it had no work then, so that it found nothing says nothing about
/// how it hashes. Later times move forward by the length of the gap.
fn close_gaps(gaps: &[(f64, f64)], sent: &mut Vec<f64>, shares: &mut Vec<Share>) {
    if gaps.is_empty() {
        return;
    }
    let is_cut = |at: f64| gaps.iter().any(|(from, to)| (*from..*to).contains(&at));
    let moved = |at: f64| {
        let before = gaps.iter().filter(|(_, to)| *to <= at);
        at - before.map(|(from, to)| to - from).sum::<f64>()
    };
    sent.retain(|at| !is_cut(*at));
    sent.iter_mut().for_each(|at| *at = moved(*at));
    shares.retain(|share| !is_cut(share.arrived) && !is_cut(share.job_sent));
    for share in shares {
        share.arrived = moved(share.arrived);
        share.job_sent = moved(share.job_sent);
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
    fn a_step_that_lost_its_unit_is_cut_out_of_time() {
        let share = |job_sent: f64, arrived: f64| Share {
            arrived,
            waited: arrived - job_sent,
            job_sent,
            nonce: 0,
            extranonce2: None,
            version_bits: None,
            asked: None,
            found: None,
            work: true,
        };
        let mut sent = vec![0.0, 1.0, 2.0, 12.0, 13.0];
        let mut shares = vec![share(0.0, 1.0), share(2.0, 2.5), share(12.0, 13.0)];
        close_gaps(&[(2.0, 12.0)], &mut sent, &mut shares);
        assert_eq!(sent, [0.0, 1.0, 2.0, 3.0]);
        let kept: Vec<(f64, f64)> = shares.iter().map(|s| (s.job_sent, s.arrived)).collect();
        assert_eq!(kept, [(0.0, 1.0), (2.0, 3.0)]);
    }

    #[test]
    fn counters_count_up_from_their_least_byte() {
        assert_eq!(little_endian(&[0x20, 0x01, 0, 0]), 0x120);
        assert_eq!(little_endian(&[]), 0);
        assert_eq!(little_endian(&[1; 20]), 0x0101_0101_0101_0101);
    }
}
