//! The jobs that one unit was given, and what its shares are worth.
//!
//! As in [`stratum::verifier`](thermine_stratum::verifier) nothing that the unit says is believed; but the jobs
//! here are pieces of templates that ten thousand units share, and a share is hashed in the pool's terms: what
//! passes is what the pool will compute.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crate::template::{Template, parse_job_id};
use thermine_stratum::request::Submit;
use thermine_units::clock::Nanos;
use thermine_units::pow::work::submitted_version;
use thermine_units::pow::{Algorithm, Difficulty, Target};
use thermine_units::record::Verdict;

/// Jobs of a unit that are remembered. A late share comes within a second of the job that replaced its own.
const REMEMBERED_JOBS: usize = 24;

/// Shares on one previous block that are remembered, to know a second copy. Beyond that the jobs so far are
/// retired; at twenty shares a minute that is two days.
const REMEMBERED_SHARES: usize = 65_536;

/// Previous blocks whose shares are remembered: a pool may go back to the one before.
const REMEMBERED_BLOCKS: usize = 2;

/// How far block time may be rolled, in seconds: the two hours that the network tolerates.
const NTIME_ROLL: u32 = 7200;

/// The jobs of one unit.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    jobs: VecDeque<Issued>,
    /// By previous block, the beginnings of the accepted shares' hashes. A header is counted once, whichever
    /// job it was submitted for: pools announce one job twice.
    seen: VecDeque<([u8; 32], HashSet<[u8; 16]>)>,
    /// The newest difficulty's target: it takes a long division, and mostly stays.
    target: Option<(Difficulty, Algorithm, Target)>,
}

/// How a unit was sent a piece of a template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// The unit's prefix.
    pub(crate) prefix: u32,
    /// Number of the piece.
    pub(crate) piece: u64,
    /// Difficulty that the unit was told.
    pub(crate) difficulty: Difficulty,
    /// Version bits that the unit may roll.
    pub(crate) mask: u32,
    /// When it was sent.
    pub(crate) at: Nanos,
    /// Whether it retires all jobs before it.
    pub(crate) clean: bool,
}

#[derive(Debug)]
struct Issued {
    serial: u64,
    /// `None` once it is retired: a job may have a megabyte.
    template: Option<Arc<Template>>,
    sent: Sent,
    target: Target,
}

/// A share judged.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    /// What it is to the unit.
    pub(crate) verdict: Verdict,
    /// Difficulty of its job as the unit was told; `None` if there is no such job.
    pub(crate) difficulty: Option<Difficulty>,
    /// Piece that it answers: serial of the template, and piece of it.
    pub(crate) piece: Option<(u64, u64)>,
    /// When that job was sent.
    pub(crate) sent: Option<Nanos>,
    /// What the pool is to be told of it, if it is worth forwarding.
    pub(crate) forward: Option<Forward>,
}

/// A share in the pool's terms.
#[derive(Debug, Clone)]
pub(crate) struct Forward {
    pub(crate) template: Arc<Template>,
    /// The pool's extranonce2.
    pub(crate) extranonce2: Vec<u8>,
    /// Version of the header that was hashed.
    pub(crate) version: u32,
}

impl Ledger {
    /// Takes note of a job that was sent. A clean one retires all before it. A share must meet its difficulty
    /// times `scale`.
    pub(crate) fn issue(&mut self, template: Arc<Template>, sent: Sent, scale: f64) {
        if sent.clean {
            self.retire();
        }
        if self.jobs.len() == REMEMBERED_JOBS {
            self.jobs.pop_front();
        }
        let (difficulty, algorithm) = (sent.difficulty, template.work.algorithm());
        let target = match self.target {
            Some((of, by, target)) if of == difficulty && by == algorithm => target,
            _ if difficulty == template.difficulty => template.target,
            _ => algorithm.proof_of_work().target(difficulty.scaled(scale)),
        };
        self.target = Some((difficulty, algorithm, target));
        self.on_block(template.work.prevhash);
        self.jobs.push_back(Issued {
            serial: template.serial,
            template: Some(template),
            sent,
            target,
        });
    }

    /// No job so far can be answered any more.
    pub(crate) fn retire(&mut self) {
        for job in &mut self.jobs {
            job.template = None;
        }
    }

    /// Judges a share. The unit may roll the version bits in `mask`, and those that its job was sent with. Each
    /// header is accepted once.
    pub(crate) fn judge(&mut self, share: &Submit, mask: u32) -> Judged {
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
        let mut newest_first = self.jobs.iter().rev();
        let Some(job) = newest_first.find(|job| job.serial == serial && job.sent.piece == piece)
        else {
            return judged;
        };
        judged.difficulty = Some(job.sent.difficulty);
        judged.piece = Some((serial, piece));
        judged.sent = Some(job.sent.at);
        let Some(template) = job.template.clone() else {
            judged.verdict = Verdict::Stale;
            return judged;
        };
        let (space, work) = (&template.space, &template.work);
        let version = template.version(job.sent.mask);
        let mask = (job.sent.mask | mask) & space.version_mask();
        let rolled = submitted_version(version, mask, share.version_bits);
        let latest = work.ntime.saturating_add(NTIME_ROLL);
        judged.verdict = if share.extranonce2.len() != space.unit_extranonce2_len() {
            Verdict::WrongExtranonce2
        } else if !(work.ntime..=latest).contains(&share.ntime) {
            Verdict::TimeOutOfRange
        } else if let Some(rolled) = rolled {
            let extranonce2 =
                space.upstream_extranonce2(job.sent.prefix, &share.extranonce2, piece);
            let root = work.merkle_root(space.extranonce1(), &extranonce2);
            let hash = |version| {
                let header = work.header(version, &root, share.ntime, share.nonce);
                work.proof_of_work().hash(&header)
            };
            // A job sent before rolling was agreed upon may have bits within the mask. To BIP 310 they are
            // replaced; to ESP-Miner what is submitted is their difference.
            let differs = version ^ share.version_bits.unwrap_or(0) & mask;
            let versions = [Some(rolled), (differs != rolled).then_some(differs)];
            let found = versions
                .into_iter()
                .flatten()
                .map(|version| (version, hash(version)))
                .find(|(_, hash)| job.target.is_met_by(hash));
            match found {
                None => Verdict::LowDifficulty,
                Some((version, hash)) if self.remember(work.prevhash, &hash) => {
                    if template.target.is_met_by(&hash) {
                        judged.forward = Some(Forward {
                            template: template.clone(),
                            extranonce2,
                            version,
                        });
                    }
                    Verdict::Accepted
                }
                Some(_) => Verdict::Duplicate,
            }
        } else {
            Verdict::VersionOutsideMask
        };
        judged
    }

    /// Shares on `block` will be remembered; those of the oldest block may make room.
    fn on_block(&mut self, block: [u8; 32]) {
        let known = self.seen.iter().position(|(known, _)| *known == block);
        let of = match known.and_then(|known| self.seen.remove(known)) {
            Some(known) => known,
            None => (block, HashSet::new()),
        };
        if self.seen.len() == REMEMBERED_BLOCKS {
            self.seen.pop_front();
        }
        self.seen.push_back(of);
        let seen = &self.seen;
        for job in &mut self.jobs {
            // Its shares are no longer known.
            if let Some(template) = &job.template
                && !seen
                    .iter()
                    .any(|(block, _)| *block == template.work.prevhash)
            {
                job.template = None;
            }
        }
    }

    /// Whether a header on `block` with this hash is new; remembers it.
    fn remember(&mut self, block: [u8; 32], hash: &[u8; 32]) -> bool {
        // Its last bytes, which the target asks to be zero, tell less.
        let key = *hash.first_chunk().unwrap_or(&[0; 16]);
        let Some((_, seen)) = self.seen.iter_mut().find(|(known, _)| *known == block) else {
            return false;
        };
        let new = seen.insert(key);
        if seen.len() >= REMEMBERED_SHARES {
            seen.clear();
            self.retire();
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::template::job_id;
    use super::super::template::tests::{rolling, template};
    use super::*;
    use thermine_stratum::notice::Notice;
    use thermine_units::pow::work::BIP320_MASK;

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
        ledger.issue(Arc::new(template(1, pool, true)), sent(unit, 0), 1.0);
        ledger
    }

    fn sent(difficulty: Difficulty, mask: u32) -> Sent {
        Sent {
            prefix: 5,
            piece: 3,
            difficulty,
            mask,
            at: Nanos(1),
            clean: true,
        }
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
        let forward = judged.iter().find_map(|j| j.forward.clone());
        let forward = forward.expect("one of them");
        assert_eq!(forward.extranonce2, [0, 5, 0, 0, 0, 9, 0, 3]);
        assert_eq!(forward.template.job_id, "p1");
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

    #[test]
    fn one_header_counts_once_however_it_is_submitted() {
        let easy = Difficulty::new(1e-12).expect("sound");
        let version = 0x20a0_e000;
        let job = |serial, clean| {
            let mut job = rolling(1, 1e-12, clean, version, BIP320_MASK);
            job.serial = serial;
            Arc::new(job)
        };
        let mut ledger = Ledger::default();
        ledger.issue(job(1, true), sent(easy, 0), 1.0);
        let share = share(job_id(1, 3), 1);
        let first = ledger.judge(&share, 0);
        assert_eq!(first.verdict, Verdict::Accepted);
        assert_eq!(first.forward.expect("worth it").version, version);
        let verdict = |ledger: &mut Ledger, serial, version_bits, mask| {
            let copy = Submit {
                job_id: job_id(serial, 3),
                version_bits,
                ..share.clone()
            };
            ledger.judge(&copy, mask).verdict
        };
        // In other words, with rolling agreed upon meanwhile.
        for bits in [None, Some(version & BIP320_MASK), Some(version)] {
            assert_eq!(
                verdict(&mut ledger, 1, bits, BIP320_MASK),
                Verdict::Duplicate
            );
        }
        // The pool announces the job a second time, as one more job and as a clean one.
        for (serial, clean) in [(2, false), (3, true)] {
            let again = Sent {
                clean,
                ..sent(easy, 0)
            };
            ledger.issue(job(serial, clean), again, 1.0);
            assert_eq!(verdict(&mut ledger, serial, None, 0), Verdict::Duplicate);
        }
        // The pool goes to another block and back.
        ledger.issue(Arc::new(template(9, 1e-12, true)), sent(easy, 0), 1.0);
        ledger.issue(job(4, true), sent(easy, 0), 1.0);
        assert_eq!(verdict(&mut ledger, 4, None, 0), Verdict::Duplicate);
    }

    /// How firmware puts the bits that it rolls into a job's version, and what it submits of them.
    #[derive(Debug, Clone, Copy)]
    enum Style {
        /// BIP 310: replaced, and submitted as they stand in the header.
        Replace,
        /// ESP-Miner with chips that OR: submitted as the difference from the job's version.
        Or,
        /// The same with chips that XOR.
        Xor,
        /// Replaced, and the whole version is submitted.
        Whole,
        /// Nothing is rolled, and there is no sixth parameter.
        Five,
        /// Nothing is rolled, and the sixth parameter is zero.
        Zero,
    }

    proptest! {
        /// Whatever the pool's version and mask, the unit's mask and its style: the header that the pool builds by
        /// BIP 310 from what is forwarded is the one that the unit hashed.
        #[test]
        fn the_pool_rebuilds_the_header_that_the_unit_hashed(
            version: u32,
            pool_mask in prop_oneof![Just(0), Just(BIP320_MASK), any::<u32>().prop_map(|m| m & BIP320_MASK)],
            asked in proptest::option::of(prop_oneof![Just(u32::MAX), Just(0), any::<u32>()]),
            late: bool, // it asked after it had been given the job
            style in prop_oneof![
                Just(Style::Replace), Just(Style::Or), Just(Style::Xor), Just(Style::Whole), Just(Style::Five), Just(Style::Zero)
            ],
            roll: u32, nonce: u32,
        ) {
            let template = Arc::new(rolling(1, 1e-12, true, version, pool_mask));
            let mask = asked.unwrap_or(0) & pool_mask;
            let issued = if late { 0 } else { mask };
            // What the unit sees of the job.
            let line = template.notify(3, true, issued);
            let Ok(Notice::Notify(notify)) = Notice::parse(line.trim_end()) else { panic!("{line}") };
            let job = notify.work.version;
            let (hashed, bits) = match style {
                Style::Replace => (job & !mask | roll & mask, Some(roll & mask)),
                Style::Or => (job | roll & mask, Some((job | roll & mask) ^ job)),
                Style::Xor => (job ^ roll & mask, Some(roll & mask)),
                Style::Whole => (job & !mask | roll & mask, Some(job & !mask | roll & mask)),
                Style::Five => (job, None),
                Style::Zero => (job, Some(0)),
            };
            let root = notify.work.merkle_root(&template.space.unit_extranonce1(5), &[0, 0, 0, 9]);
            let proof = notify.work.proof_of_work();
            let difficulty_of = |version, nonce| {
                proof.difficulty_of(&proof.hash(&notify.work.header(version, &root, 7, nonce)))
            };
            let nonces = (0..64).map(|i| nonce.wrapping_add(i));
            let nonce = nonces.max_by(|a, b| difficulty_of(hashed, *a).total_cmp(&difficulty_of(hashed, *b)));
            let nonce = nonce.expect("one of them");
            let theirs = notify.work.header(hashed, &root, 7, nonce);
            // A job given before rolling was agreed upon can be read in two ways; the hash says which.
            let found = difficulty_of(hashed, nonce) * 0.999_999;
            let replaced = job & !mask | bits.unwrap_or(0) & mask;
            prop_assume!(replaced == hashed || difficulty_of(replaced, nonce) < found);
            let difficulty = Difficulty::new(found).expect("sound");
            let mut ledger = Ledger::default();
            ledger.issue(template.clone(), sent(difficulty, issued), 1.0);
            let mut share = share(job_id(1, 3), nonce);
            share.version_bits = bits;
            let judged = ledger.judge(&share, mask);
            prop_assert_eq!(judged.verdict, Verdict::Accepted);
            let forward = judged.forward.expect("any share is worth it");
            let sixth = (pool_mask != 0).then_some(forward.version & pool_mask);
            let rebuilt = match sixth {
                Some(bits) => version & !pool_mask | bits & pool_mask,
                None => version,
            };
            let root = template.work.merkle_root(template.space.extranonce1(), &forward.extranonce2);
            let pools = template.work.header(rebuilt, &root, 7, nonce);
            prop_assert_eq!(&pools[..], &theirs[..]);
        }
    }
}
