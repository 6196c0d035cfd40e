//! What a submitted share is worth: a pure decision over the jobs of one connection.
//!
//! The header is rebuilt from the job and hashed; nothing that the unit says of its share is believed.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::request::Submit;
use thermine_units::clock::Nanos;
use thermine_units::pow::work::submitted_version;
use thermine_units::pow::{Difficulty, Target, Work};
use thermine_units::record::{JobRecord, Proof, ShareRecord, Verdict};

/// Jobs kept after they were replaced, so that a late share is told stale and can still be hashed.
/// A unit's late shares come within a second; 64 jobs are more than that at any pace it can follow.
const REMEMBERED_JOBS: usize = 64;

/// How far a unit may roll a job's block time forward, in seconds: the two hours that the network
/// itself tolerates.
const NTIME_ROLL: u32 = 7200;

/// Judges the shares of one connection.
#[derive(Debug, Clone)]
pub struct Verifier {
    extranonce1: Vec<u8>,
    extranonce2_len: usize,
    version_mask: u32,
    scale: f64,
    jobs: VecDeque<Issued>,
}

#[derive(Debug, Clone)]
struct Issued {
    serial: u64,
    work: Work,
    target: Target,
    sent: Nanos,
    retired: bool,
    /// Extranonce2, block time, nonce and version of each accepted share: what its header differs by.
    seen: HashSet<(Vec<u8>, u32, u32, u32)>,
}

/// A share judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What became of it.
    pub verdict: Verdict,
    /// Serial of the job that it answers; `None` if that is not known.
    pub job: Option<u64>,
    /// When that job was sent.
    pub sent: Option<Nanos>,
    /// Difficulty that its hash meets, divided by the scale.
    pub difficulty: Option<f64>,
}

impl Judgement {
    /// Time from the sending of the job to `arrived`.
    pub(crate) fn since_job(&self, arrived: Nanos) -> Option<Duration> {
        self.sent.map(|sent| arrived.since(sent))
    }

    /// The record of `share`, which was judged so and arrived at `arrived`.
    pub fn record(&self, ticket: u64, share: Submit, arrived: Nanos) -> ShareRecord {
        ShareRecord {
            ticket,
            job_id: share.job_id,
            arrived,
            since_job: self.since_job(arrived),
            nonce: share.nonce,
            proof: Some(Proof {
                extranonce2: share.extranonce2,
                ntime: share.ntime,
                version_bits: share.version_bits,
            }),
            verdict: self.verdict,
            difficulty: self.difficulty,
        }
    }
}

impl Verifier {
    /// A verifier for a connection with this extranonce1 and length of extranonce2. A share must meet its
    /// job's difficulty times `scale` (1 for hardware).
    pub fn new(extranonce1: Vec<u8>, extranonce2_len: usize, scale: f64) -> Verifier {
        Verifier {
            extranonce1,
            extranonce2_len,
            version_mask: 0,
            scale,
            jobs: VecDeque::with_capacity(REMEMBERED_JOBS),
        }
    }

    /// Version bits that the unit may roll from now on.
    pub fn set_version_mask(&mut self, mask: u32) {
        self.version_mask = mask;
    }

    /// The mask in force; 0 if the unit did not ask to roll.
    pub fn version_mask(&self) -> u32 {
        self.version_mask
    }

    /// Extranonce1 of the connection.
    pub fn extranonce1(&self) -> &[u8] {
        &self.extranonce1
    }

    /// Length of extranonce2 in bytes.
    pub(crate) fn extranonce2_len(&self) -> usize {
        self.extranonce2_len
    }

    /// Takes note of a job sent at `sent`. A clean job retires all earlier ones.
    pub fn issue(
        &mut self,
        serial: u64,
        work: Work,
        difficulty: Difficulty,
        sent: Nanos,
        clean: bool,
    ) {
        if clean {
            for job in &mut self.jobs {
                job.retired = true;
                // No share of a retired job is accepted again, so none need be remembered.
                job.seen = HashSet::new();
            }
        }
        if self.jobs.len() == REMEMBERED_JOBS {
            self.jobs.pop_front();
        }
        self.jobs.push_back(Issued {
            serial,
            target: work.proof_of_work().target(difficulty.scaled(self.scale)),
            work,
            sent,
            retired: false,
            seen: HashSet::new(),
        });
    }

    /// The record of a job, of no step, whose shares are judged by what is in force now.
    pub fn job_record(
        &self,
        job_id: String,
        work: Work,
        difficulty: Difficulty,
        sent: Nanos,
        clean: bool,
    ) -> JobRecord {
        JobRecord {
            job_id,
            sent,
            step: None,
            difficulty: difficulty.get(),
            difficulty_scale: self.scale,
            work,
            version_mask: self.version_mask,
            extranonce1: self.extranonce1.clone(),
            clean,
        }
    }

    /// Judges a share. Each accepted share is accepted once.
    pub fn judge(&mut self, share: &Submit) -> Judgement {
        let serial = job_serial(&share.job_id);
        // Nearly always the newest job is meant.
        let Some(job) = serial.and_then(|serial| {
            self.jobs
                .iter_mut()
                .rev()
                .find(|issued| issued.serial == serial)
        }) else {
            return Judgement {
                verdict: Verdict::UnknownJob,
                job: None,
                sent: None,
                difficulty: None,
            };
        };
        let mut judgement = Judgement {
            verdict: Verdict::Accepted,
            job: Some(job.serial),
            sent: Some(job.sent),
            difficulty: None,
        };
        if share.extranonce2.len() != self.extranonce2_len {
            judgement.verdict = Verdict::WrongExtranonce2;
            return judgement;
        }
        let work = &job.work;
        let rolled = submitted_version(work.version, self.version_mask, share.version_bits);
        let version = rolled.unwrap_or(work.version);
        let root = work.merkle_root(&self.extranonce1, &share.extranonce2);
        let proof_of_work = work.proof_of_work();
        let hash = proof_of_work.hash(&work.header(version, &root, share.ntime, share.nonce));
        judgement.difficulty = Some(proof_of_work.difficulty_of(&hash) / self.scale);

        let latest = work.ntime.saturating_add(NTIME_ROLL);
        judgement.verdict = if job.retired {
            Verdict::Stale
        } else if !(work.ntime..=latest).contains(&share.ntime) {
            Verdict::TimeOutOfRange
        } else if rolled.is_none() {
            Verdict::VersionOutsideMask
        } else if !job.target.is_met_by(&hash) {
            Verdict::LowDifficulty
        } else if !job
            .seen
            .insert((share.extranonce2.clone(), share.ntime, share.nonce, version))
        {
            Verdict::Duplicate
        } else {
            Verdict::Accepted
        };
        judgement
    }
}

/// Job id on the wire of a serial number.
pub fn job_id(serial: u64) -> String {
    format!("{serial:x}")
}

/// Serial number of a job id, if it can be one of ours.
fn job_serial(job_id: &str) -> Option<u64> {
    u64::from_str_radix(job_id, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thermine_units::pow::rosetta::{bytes, s9_shares};
    use thermine_units::pow::work::BIP320_MASK;

    fn difficulty(value: f64) -> Difficulty {
        Difficulty::new(value).expect("positive")
    }

    /// A verifier that has sent the job of the first share of the real S9 capture, and that share.
    fn real(at: f64) -> (Verifier, Submit) {
        let (work, extranonce2, nonce, _) = s9_shares().remove(0);
        let mut verifier = Verifier::new(bytes("0000ffff"), 4, 1.0);
        let share = Submit {
            user: "w".into(),
            job_id: job_id(1),
            extranonce2: bytes(extranonce2),
            ntime: work.ntime,
            nonce,
            version_bits: None,
        };
        verifier.issue(1, work, difficulty(at), Nanos(100), true);
        (verifier, share)
    }

    #[test]
    fn a_real_share_is_accepted_once_at_its_difficulty() {
        let (mut verifier, share) = real(256.0);
        let judged = verifier.judge(&share);
        assert_eq!(judged.verdict, Verdict::Accepted);
        assert!((judged.difficulty.expect("known") - 287.127).abs() < 1e-3);
        assert_eq!(
            judged.since_job(Nanos(350)),
            Some(Duration::from_nanos(250))
        );
        assert_eq!(verifier.judge(&share).verdict, Verdict::Duplicate);
        // The same header, said in other words.
        for version_bits in [Some(0), Some(0x2000_0000)] {
            let copy = Submit {
                version_bits,
                ..share.clone()
            };
            assert_eq!(verifier.judge(&copy).verdict, Verdict::Duplicate);
        }
        assert_eq!(real(288.0).0.judge(&share).verdict, Verdict::LowDifficulty);
    }

    #[test]
    fn each_way_to_be_wrong_has_its_verdict() {
        let (verifier, share) = real(256.0);
        let verdict = |change: &dyn Fn(&mut Submit)| {
            let mut changed = share.clone();
            change(&mut changed);
            verifier.clone().judge(&changed).verdict
        };
        assert_eq!(verdict(&|s| s.job_id = "2".into()), Verdict::UnknownJob);
        assert_eq!(verdict(&|s| s.job_id = "zz".into()), Verdict::UnknownJob);
        assert_eq!(verdict(&|s| s.nonce ^= 1), Verdict::LowDifficulty);
        assert_eq!(
            verdict(&|s| s.extranonce2.push(0)),
            Verdict::WrongExtranonce2
        );
        assert_eq!(verdict(&|s| s.ntime -= 1), Verdict::TimeOutOfRange);
        assert_eq!(verdict(&|s| s.ntime += 7201), Verdict::TimeOutOfRange);
        assert_eq!(verdict(&|s| s.ntime += 7200), Verdict::LowDifficulty);
        assert_eq!(
            verdict(&|s| s.version_bits = Some(0x2000)),
            Verdict::VersionOutsideMask
        );
        let mut rolling = verifier.clone();
        rolling.set_version_mask(BIP320_MASK);
        let mut rolled = share.clone();
        rolled.version_bits = Some(0x2000);
        assert_eq!(rolling.judge(&rolled).verdict, Verdict::LowDifficulty);
    }

    #[test]
    fn a_clean_job_makes_earlier_shares_stale_and_an_unclean_one_does_not() {
        let (mut verifier, share) = real(256.0);
        let (other, ..) = s9_shares().remove(1);
        verifier.issue(2, other.clone(), difficulty(256.0), Nanos(200), false);
        assert_eq!(verifier.clone().judge(&share).verdict, Verdict::Accepted);
        verifier.issue(3, other, difficulty(256.0), Nanos(300), true);
        let late = verifier.judge(&share);
        assert_eq!(late.verdict, Verdict::Stale);
        assert!(
            late.difficulty.is_some(),
            "a stale share is hashed all the same"
        );
    }

    #[test]
    fn a_job_keeps_the_difficulty_that_it_was_sent_with() {
        let (mut verifier, share) = real(256.0);
        let (other, ..) = s9_shares().remove(1);
        verifier.issue(2, other, difficulty(1e6), Nanos(200), false);
        assert_eq!(verifier.judge(&share).verdict, Verdict::Accepted);
    }

    #[test]
    fn memory_is_bounded_and_the_forgotten_are_unknown() {
        let (mut verifier, share) = real(256.0);
        let (other, ..) = s9_shares().remove(1);
        for serial in 2..2 + REMEMBERED_JOBS as u64 {
            verifier.issue(serial, other.clone(), difficulty(1.0), Nanos(0), false);
        }
        assert_eq!(verifier.jobs.len(), REMEMBERED_JOBS);
        assert_eq!(verifier.judge(&share).verdict, Verdict::UnknownJob);
    }
}
