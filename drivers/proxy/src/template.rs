//! The pool's newest job, kept so that any unit can be given work of it at any time.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde_json::json;

use crate::space::Space;
use crate::subscription::Subscription;
use thermine_stratum::notice::Notify;
use thermine_units::pow::work::swap_words;
use thermine_units::pow::{Difficulty, Target, Work};

/// Longest job id of a pool. Common ones have up to 20 characters, and each share carries it.
pub(crate) const MOST_JOB_ID: usize = 128;

/// A job of the pool, and the subscription that it came with.
#[derive(Debug)]
pub struct Template {
    /// Number within this proxy's run.
    pub serial: u64,
    /// The subscription that its shares belong to.
    pub subscription: Arc<Subscription>,
    /// The extranonces in force.
    pub space: Arc<Space>,
    /// The pool's job id.
    pub(crate) job_id: String,
    /// Header and coinbase material, as the pool sent it.
    pub work: Work,
    /// Share difficulty that the pool wants of it.
    pub(crate) difficulty: Difficulty,
    /// What a hash must meet to be worth forwarding.
    pub(crate) target: Target,
    /// Whether all earlier ones are dead.
    pub(crate) clean: bool,
    /// The notify of piece 0, clean, as a line: ten thousand units get the same bytes.
    first: String,
    /// The same for units that may roll all that the pool allows.
    first_rolled: OnceLock<String>,
}

/// What a template is made of, beside the pool's own words.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// As [`Template::serial`].
    pub(crate) serial: u64,
    /// As [`Template::subscription`].
    pub(crate) subscription: Arc<Subscription>,
    /// As [`Template::space`].
    pub(crate) space: Arc<Space>,
    /// As [`Template::difficulty`].
    pub(crate) difficulty: Difficulty,
    /// Factor on the difficulty that a hash must really meet; 1 for hardware.
    pub(crate) scale: f64,
}

impl Template {
    /// The template of `notify`.
    pub(crate) fn new(notify: Notify, origin: Origin) -> Template {
        let pow = notify.work.proof_of_work();
        let mut template = Template {
            serial: origin.serial,
            subscription: origin.subscription,
            space: origin.space,
            job_id: notify.job_id,
            target: pow.target(origin.difficulty.scaled(origin.scale)),
            work: notify.work,
            difficulty: origin.difficulty,
            clean: notify.clean,
            first: String::new(),
            first_rolled: OnceLock::new(),
        };
        template.first = template.render(0, true, template.work.version);
        template
    }

    /// Version that a unit is given which may roll the bits in `mask`. These are cleared, so that units that
    /// replace, OR or XOR them hash the same header; the others are the pool's.
    pub(crate) fn version(&self, mask: u32) -> u32 {
        self.work.version & !mask
    }

    /// The line, newline included, that gives `piece` of it to a unit that may roll the bits in `mask`.
    pub(crate) fn notify(&self, piece: u64, clean: bool, mask: u32) -> Cow<'_, str> {
        let version = self.version(mask);
        if piece != 0 || !clean {
            return self.render(piece, clean, version).into();
        }
        if version == self.work.version {
            return self.first.as_str().into();
        }
        if version == self.version(self.space.version_mask()) {
            let first = self
                .first_rolled
                .get_or_init(|| self.render(0, true, version));
            return first.as_str().into();
        }
        self.render(0, true, version).into()
    }

    fn render(&self, piece: u64, clean: bool, version: u32) -> String {
        let work = &self.work;
        let mut coinb2 = hex::encode(self.space.piece_bytes(piece));
        coinb2.push_str(&hex::encode(&work.coinb2));
        let branch: Vec<String> = work.merkle_branch.iter().map(hex::encode).collect();
        let claim_trie = work
            .claim_trie
            .map(|root| format!("\"{}\",", hex::encode(swap_words(root))))
            .unwrap_or_default();
        format!(
            "{{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"{}\",\"{}\",{claim_trie}\"{}\",\"{coinb2}\",{},\
             \"{:08x}\",\"{:08x}\",\"{:08x}\",{clean}]}}\n",
            job_id(self.serial, piece),
            hex::encode(swap_words(work.prevhash)),
            hex::encode(&work.coinb1),
            json!(branch),
            version,
            work.nbits,
            work.ntime,
        )
    }

    /// Whether shares of `other` can still count when this is the newest: the same chain tip, the same
    /// extranonces, the same pool.
    pub(crate) fn continues(&self, other: &Template) -> bool {
        self.work.prevhash == other.work.prevhash
            && self.space == other.space
            && self.subscription.same_space(&other.subscription)
    }
}

/// Job id that a unit is given. The dash keeps it apart from those of the handshake, which are bare numbers.
pub(crate) fn job_id(serial: u64, piece: u64) -> String {
    format!("{serial:x}-{piece:x}")
}

/// Serial and piece of such a job id.
pub(crate) fn parse_job_id(text: &str) -> Option<(u64, u64)> {
    let (serial, piece) = text.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((number(serial)?, number(piece)?))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use thermine_stratum::factory::JobFactory;
    use thermine_stratum::notice::Notice;
    use thermine_units::seed;

    pub(crate) fn template(serial: u64, difficulty: f64, clean: bool) -> Template {
        rolling(serial, difficulty, clean, 0x2000_0000, 0x1fff_e000)
    }

    /// A template whose pool sent `version` and allows the bits in `mask` to be rolled.
    pub(crate) fn rolling(
        serial: u64,
        difficulty: f64,
        clean: bool,
        version: u32,
        mask: u32,
    ) -> Template {
        let space = Space::divide(vec![1, 2, 3, 4], 8, mask).expect("divided");
        let mut work = JobFactory::new(seed::stream(serial, "t"))
            .next(1, 7, 12)
            .work;
        work.version = version;
        let notify = Notify {
            job_id: format!("p{serial}"),
            work,
            clean,
        };
        let origin = Origin {
            serial,
            subscription: Arc::new(Subscription {
                number: 0,
                pool: "stratum+tcp://pool.example:1".into(),
                user: "u".into(),
                session: None,
                extranonce1: vec![1, 2, 3, 4],
                extranonce2_len: 8,
            }),
            space: Arc::new(space),
            difficulty: Difficulty::new(difficulty).expect("sound"),
            scale: 1.0,
        };
        Template::new(notify, origin)
    }

    #[test]
    fn a_unit_gets_the_job_with_its_piece_in_coinb2() {
        let template = rolling(0x1f, 1.0, true, 0x32ef_0000, 0x1fff_e000);
        for (piece, clean, mask, version) in [
            (0, true, 0, 0x32ef_0000),
            (0, false, 0, 0x32ef_0000),
            (0x102, false, 0x1fff_e000, 0x2000_0000),
            (0, true, 0x1fff_e000, 0x2000_0000),
            (0, true, 0x000f_0000, 0x32e0_0000),
        ] {
            let line = template.notify(piece, clean, mask);
            let Ok(Notice::Notify(notify)) = Notice::parse(line.trim_end()) else {
                panic!("{line}")
            };
            assert_eq!(parse_job_id(&notify.job_id), Some((0x1f, piece)));
            assert_eq!(notify.clean, clean);
            let mut work = template.work.clone();
            work.version = version;
            work.coinb2 = [template.space.piece_bytes(piece), work.coinb2].concat();
            assert_eq!(notify.work, work);
        }
    }

    #[test]
    fn ids_of_the_handshake_are_not_ours() {
        for text in ["1f", "", "-", "1f-", "-0", "x-1", "1-2-3"] {
            assert_eq!(parse_job_id(text), None, "{text}");
        }
    }
}
