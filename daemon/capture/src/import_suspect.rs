//! Why no share of an imported table meets its difficulty.

use thermine_units::pow::Difficulty;
use thermine_units::pow::work::swap_words;
use thermine_units::record::{JobRecord, ShareRecord};

/// Bits of the version that a unit may roll (BIP 320).
pub(super) const VERSION_MASK: u32 = 0x1fff_e000;

/// Most shares that are hashed again.
const MOST_HASHED: usize = 64;

/// Least difficulty of what is taken for work: a hash of a header that is read wrongly reaches it once in 65,536, and
/// nine of ten shares must.
const WORK: f64 = 1.0 / 65_536.0;

/// Most shares whose rolled version is searched for, at 65,536 hashes each.
const MOST_ROLLED: usize = 3;

/// A way to read a row otherwise.
type Otherwise = fn(&mut JobRecord, &mut ShareRecord);

/// Mistakes of writers of such files, and what undoes each.
const MISTAKES: [(&str, Otherwise); 8] = [
    (
        "prevhash is written in the byte order of block explorers: write it as in mining.notify (reverse all 32 bytes, then \
         the bytes of each word of 4)",
        |job, _| {
            job.work.prevhash = swap_words(job.work.prevhash);
            job.work.prevhash.reverse();
        },
    ),
    (
        "prevhash is written in the byte order of the header: write it as in mining.notify (reverse the bytes of each word \
         of 4)",
        |job, _| job.work.prevhash = swap_words(job.work.prevhash),
    ),
    ("the bytes of nonce are reversed", |_, share| {
        share.nonce = share.nonce.swap_bytes();
    }),
    ("the bytes of ntime are reversed", |job, _| {
        job.work.ntime = job.work.ntime.swap_bytes();
    }),
    ("the bytes of version are reversed", |job, _| {
        job.work.version = job.work.version.swap_bytes();
    }),
    ("the bytes of nbits are reversed", |job, _| {
        job.work.nbits = job.work.nbits.swap_bytes();
    }),
    ("extranonce1 and extranonce2 are exchanged", |job, share| {
        if let Some(proof) = &mut share.proof {
            std::mem::swap(&mut job.extranonce1, &mut proof.extranonce2);
        }
    }),
    (
        "the hashes of merkle_branch are in reversed byte order",
        |job, _| {
            job.work
                .merkle_branch
                .iter_mut()
                .for_each(|hash| hash.reverse())
        },
    ),
];

/// What is likely wrong with a file in which no share meets `difficulty`; `None` if one does.
pub(super) fn all_fail(
    records: &[&(JobRecord, ShareRecord)],
    difficulty: Difficulty,
    has_version_bits: bool,
) -> Option<String> {
    let best = records
        .iter()
        .filter_map(|(_, share)| share.difficulty)
        .fold(0.0, f64::max);
    if records.is_empty() || best >= difficulty.get() {
        return None;
    }
    let first = &records[..records.len().min(MOST_HASHED)];
    let n = records.len();
    let failed = format!(
        "None of the {n} shares meets difficulty {}",
        difficulty.get()
    );
    let shares = first.iter().filter_map(|(_, share)| share.difficulty);
    if is_work(shares) {
        return Some(format!(
            "{failed}, but all are work of less difficulty (the best is {best:.3}): import with --difficulty of what the \
             pool asked for."
        ));
    }
    let undone = MISTAKES.iter().find(|(_, otherwise)| {
        is_work(first.iter().filter_map(|(job, share)| {
            let (mut job, mut share) = (job.clone(), share.clone());
            otherwise(&mut job, &mut share);
            found(&job, &share)
        }))
    });
    let cause = match undone {
        Some((mistake, _)) => format!("{mistake}. With that undone the shares are work."),
        None if !has_version_bits && first.iter().take(MOST_ROLLED).any(|(job, share)| is_rolled(job, share, difficulty)) => "the \
             unit rolled the version, and the file has no column version_bits: add the bits that it submitted. With some of \
             the 65,536 possible ones the shares are valid."
            .into(),
        None if !has_version_bits => "a field of the header is not the one that was hashed (coinb1, coinb2 or extranonce1 of \
             another job or connection), or the unit works for a \
             chain with another hash (such as scrypt or LBRY, which needs the column claimtrie)."
            .into(),
        None => "a field of the header is not the one that was hashed (version_bits, or coinb1, coinb2 or extranonce1 of \
             another job or connection), or the unit works for a chain with another hash (such as scrypt or LBRY, which needs \
             the column claimtrie)."
            .into(),
    };
    Some(format!("{failed}. Likely: {cause}"))
}

/// Whether nearly all of these difficulties are those of work, and there are some.
fn is_work(difficulties: impl Iterator<Item = f64>) -> bool {
    let (mut all, mut work) = (0usize, 0usize);
    for difficulty in difficulties {
        all += 1;
        work += usize::from(difficulty >= WORK);
    }
    all > 0 && 10 * work >= 9 * all
}

/// Difficulty of a share that is read otherwise.
fn found(job: &JobRecord, share: &ShareRecord) -> Option<f64> {
    let proof = share.proof.as_ref()?;
    let work = &job.work;
    let root = work.merkle_root(&job.extranonce1, &proof.extranonce2);
    let mask = job.version_mask;
    let version = work.version & !mask | proof.version_bits.unwrap_or(0) & mask;
    let proof_of_work = work.proof_of_work();
    let hash = proof_of_work.hash(&work.header(version, &root, work.ntime, share.nonce));
    Some(proof_of_work.difficulty_of(&hash))
}

/// Whether some bits of the version make this share meet `difficulty`. By chance some do once in 10^7 at difficulty 256.
fn is_rolled(job: &JobRecord, share: &ShareRecord, difficulty: Difficulty) -> bool {
    let Some(proof) = &share.proof else {
        return false;
    };
    let work = &job.work;
    let root = work.merkle_root(&job.extranonce1, &proof.extranonce2);
    let proof_of_work = work.proof_of_work();
    (0..1u32 << 16).any(|bits| {
        let version = work.version & !VERSION_MASK | bits << 13;
        let hash = proof_of_work.hash(&work.header(version, &root, work.ntime, share.nonce));
        proof_of_work.difficulty_of(&hash) >= difficulty.get()
    })
}
