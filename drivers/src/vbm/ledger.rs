//! The jobs that one unit was given, and what its shares are worth.
//!
//! As in [`stratum::verifier`](crate::stratum::verifier) nothing that the unit says is believed; but the jobs
//! here are pieces of templates that ten thousand units share, and a share is hashed in the pool's terms: what
//! passes is what the pool will compute.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::template::{Template, parse_job_id};
use crate::clock::Nanos;
use crate::pow::work::rolled_version;
use crate::pow::{Algorithm, Difficulty, Target};
use crate::record::Verdict;
use crate::stratum::request::Submit;

/// Jobs of a unit that are remembered. A late share comes within a second of the job that replaced its own.
const REMEMBERED_JOBS: usize = 24;

/// Shares of one job that are remembered, to know a second copy. Beyond that the job is retired; at twenty
/// shares a minute that is two days.
const REMEMBERED_SHARES: usize = 65_536;

/// How far block time may be rolled, in seconds: the two hours that the network tolerates.
const NTIME_ROLL: u32 = 7200;

/// The jobs of one unit.
#[derive(Debug, Default)]
pub struct Ledger {
    jobs: VecDeque<Issued>,
    /// The newest difficulty's target: it takes a long division, and mostly stays.
    target: Option<(Difficulty, Algorithm, Target)>,
}

#[derive(Debug)]
struct Issued {
    template: Arc<Template>,
    prefix: u32,
    piece: u64,
    difficulty: Difficulty,
    target: Target,
    sent: Nanos,
    retired: bool,
    seen: HashSet<[u32; 4]>,
}

/// A share judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What it is to the unit.
    pub verdict: Verdict,
    /// Difficulty of its job as the unit was told; `None` if there is no such job.
    pub difficulty: Option<Difficulty>,
    /// Piece that it answers: serial of the template, and piece of it.
    pub piece: Option<(u64, u64)>,
    /// When that job was sent.
    pub sent: Option<Nanos>,
    /// The template and the pool's extranonce2, if it is worth forwarding.
    pub forward: Option<(Arc<Template>, Vec<u8>)>,
}

impl Ledger {
    /// Takes note of a job that was sent. A clean one retires all before it.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a property of the one job"
    )]
    pub fn issue(
        &mut self,
        template: Arc<Template>,
        prefix: u32,
        piece: u64,
        difficulty: Difficulty,
        scale: f64,
        sent: Nanos,
        clean: bool,
    ) {
        if clean {
            self.retire();
        }
        if self.jobs.len() == REMEMBERED_JOBS {
            self.jobs.pop_front();
        }
        let algorithm = template.work.algorithm();
        let target = match self.target {
            Some((of, by, target)) if of == difficulty && by == algorithm => target,
            _ if difficulty == template.difficulty => template.target,
            _ => algorithm.proof_of_work().target(difficulty.scaled(scale)),
        };
        self.target = Some((difficulty, algorithm, target));
        self.jobs.push_back(Issued {
            template,
            prefix,
            piece,
            difficulty,
            target,
            sent,
            retired: false,
            seen: HashSet::new(),
        });
    }

    /// No job so far can be answered any more.
    pub fn retire(&mut self) {
        for job in &mut self.jobs {
            job.retired = true;
            job.seen = HashSet::new();
        }
    }

    /// Judges a share under the version mask that the unit was granted. Each accepted one is accepted once.
    pub fn judge(&mut self, share: &Submit, mask: u32) -> Judged {
        let mut judged = Judged {
            verdict: Verdict::UnknownJob,
            difficulty: None,
            piece: None,
            sent: None,
            forward: None,
        };
        let Some((serial, piece)) = parse_job_id(&share.job_id) else {
            return judged;
        };
        let mut newest_first = self.jobs.iter_mut().rev();
        let Some(job) =
            newest_first.find(|job| job.template.serial == serial && job.piece == piece)
        else {
            return judged;
        };
        judged.difficulty = Some(job.difficulty);
        judged.piece = Some((serial, piece));
        judged.sent = Some(job.sent);
        let (template, space) = (&job.template, &job.template.space);
        let work = &template.work;
        let bits = share.version_bits.unwrap_or(0);
        let latest = work.ntime.saturating_add(NTIME_ROLL);
        judged.verdict = if job.retired {
            Verdict::Stale
        } else if share.extranonce2.len() != space.unit_extranonce2_len() {
            Verdict::WrongExtranonce2
        } else if !(work.ntime..=latest).contains(&share.ntime) {
            Verdict::TimeOutOfRange
        } else if bits & !mask != 0 {
            Verdict::VersionOutsideMask
        } else {
            let upstream = space.upstream_extranonce2(job.prefix, &share.extranonce2, piece);
            let root = work.merkle_root(space.extranonce1(), &upstream);
            let version = rolled_version(work.version, mask, bits);
            let header = work.header(version, &root, share.ntime, share.nonce);
            let hash = work.proof_of_work().hash(&header);
            let own = share.extranonce2.iter();
            let own = own.fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            if !job.target.is_met_by(&hash) {
                Verdict::LowDifficulty
            } else if !job.seen.insert([own, share.ntime, share.nonce, bits]) {
                Verdict::Duplicate
            } else {
                if template.target.is_met_by(&hash) {
                    judged.forward = Some((template.clone(), upstream));
                }
                if job.seen.len() >= REMEMBERED_SHARES {
                    job.retired = true;
                    job.seen = HashSet::new();
                }
                Verdict::Accepted
            }
        };
        judged
    }
}

#[cfg(test)]
mod tests {
    use super::super::template::{job_id, tests::template};
    use super::*;

    fn share(job_id: String, nonce: u32) -> Submit {
        Submit {
            user: "u".into(),
            job_id,
            extranonce2: vec![0, 0, 0, 9],
            ntime: 7,
            nonce,
            version_bits: None,
        }
    }

    /// Everything meets difficulty 1e-12; one hash in about 16 meets 16 · 2^-32.
    fn ledger(pool: f64, unit: f64) -> Ledger {
        let mut ledger = Ledger::default();
        let unit = Difficulty::new(unit).expect("sound");
        let template = Arc::new(template(1, pool, true));
        ledger.issue(template, 5, 3, unit, 1.0, Nanos(1), true);
        ledger
    }

    #[test]
    fn a_share_is_accepted_once_and_forwarded_if_the_pool_would_take_it() {
        let mut ledger = ledger(16.0 / 4_294_967_296.0, 1e-12);
        let judged: Vec<Judged> = (0..400)
            .map(|nonce| ledger.judge(&share(job_id(1, 3), nonce), 0))
            .collect();
        assert!(judged.iter().all(|j| j.verdict == Verdict::Accepted));
        let forwarded = judged.iter().filter(|j| j.forward.is_some()).count();
        assert!((8..50).contains(&forwarded), "{forwarded} of 400");
        let (template, extranonce2) = judged
            .iter()
            .find_map(|j| j.forward.clone())
            .expect("one of them");
        assert_eq!(extranonce2, [0, 5, 0, 0, 0, 9, 0, 3]);
        assert_eq!(template.job_id, "p1");
        let again = ledger.judge(&share(job_id(1, 3), 7), 0);
        assert_eq!(again.verdict, Verdict::Duplicate);
        assert!(again.forward.is_none());
    }

    #[test]
    fn what_cannot_count_is_named() {
        let mut ledger = ledger(1e-12, 1e-12);
        let verdict = |ledger: &mut Ledger, change: &dyn Fn(&mut Submit)| {
            let mut share = share(job_id(1, 3), 1);
            change(&mut share);
            ledger.judge(&share, 0x2000).verdict
        };
        assert_eq!(
            verdict(&mut ledger, &|s| s.job_id = job_id(1, 4)),
            Verdict::UnknownJob
        );
        assert_eq!(
            verdict(&mut ledger, &|s| s.job_id = "1".into()),
            Verdict::UnknownJob
        );
        assert_eq!(
            verdict(&mut ledger, &|s| s.ntime = 6),
            Verdict::TimeOutOfRange
        );
        let bits = |bits| verdict(&mut ledger_of(), &|s| s.version_bits = Some(bits));
        assert_eq!(bits(0x4000), Verdict::VersionOutsideMask);
        assert_eq!(bits(0x2000), Verdict::Accepted);
        assert_eq!(
            verdict(&mut ledger, &|s| s.extranonce2 = vec![0; 3]),
            Verdict::WrongExtranonce2
        );
        ledger.retire();
        assert_eq!(verdict(&mut ledger, &|_| ()), Verdict::Stale);
        let mut hard = super::tests::ledger(1e9, 1e9);
        assert_eq!(verdict(&mut hard, &|_| ()), Verdict::LowDifficulty);
    }

    fn ledger_of() -> Ledger {
        ledger(1e-12, 1e-12)
    }
}
