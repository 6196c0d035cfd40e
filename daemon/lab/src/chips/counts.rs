//! Shares counted by chip and core, one after the other.

use std::collections::VecDeque;

use thermine_units::clock::Nanos;
use thermine_units::record::Verdict;

use super::layout::Layout;
use thermine_capture::answers::Answer;

/// Shares over which a repeated nonce is recognised. A copy follows its share within tens of milliseconds; that two shares
/// among so many have one nonce by chance happens once in 60 million.
const REMEMBERED: usize = 64;

/// Counters that are kept for a test.
const MOST_COUNTERS: usize = 100_000;

/// The counts of one stream.
#[derive(Debug, Clone)]
pub struct Tally {
    layout: Layout,
    /// Shares by chip and core, core by core within chip by chip.
    cells: Vec<u64>,
    /// Valid shares, each counted once.
    pub(super) n: u64,
    /// Valid shares with the code of no chip or of no core.
    pub(super) strange: u64,
    /// Shares by verdict, in the order of [`Verdict::ALL`].
    verdicts: [u64; Verdict::ALL.len()],
    /// Shares seen before that the server did not call duplicates, as it had called them stale.
    pub(super) repeated: u64,
    /// Largest counter of the shares whose chip and core are known.
    pub(super) largest: u32,
    /// Counters of the first shares.
    pub(super) counters: Vec<u32>,
    /// Time at which the job of the first share was sent, and time of the last share.
    span: Option<(Nanos, Nanos)>,
    /// Smallest and largest nonce.
    nonces: (u32, u32),
    recent: VecDeque<u32>,
}

impl Tally {
    /// No shares yet of a unit of `layout`.
    pub fn new(layout: Layout) -> Tally {
        Tally {
            cells: vec![0; layout.chips.max(1) * layout.cores.max(1)],
            n: 0,
            strange: 0,
            verdicts: [0; Verdict::ALL.len()],
            repeated: 0,
            largest: 0,
            counters: Vec::new(),
            span: None,
            nonces: (u32::MAX, 0),
            recent: VecDeque::with_capacity(REMEMBERED),
            layout,
        }
    }

    /// Counts a share.
    pub fn add(&mut self, answer: &Answer) {
        let verdict = Verdict::ALL.iter().position(|v| *v == answer.verdict);
        if let Some(count) = verdict.and_then(|v| self.verdicts.get_mut(v)) {
            *count += 1;
        }
        let began = answer.arrived - answer.since_job.unwrap_or_default();
        self.span = Some(match self.span {
            None => (began, answer.arrived),
            Some((first, last)) => (first.min(began), last.max(answer.arrived)),
        });
        if !matches!(answer.verdict, Verdict::Accepted | Verdict::Stale) {
            return;
        }
        if self.recent.contains(&answer.nonce) {
            self.repeated += 1;
            return;
        }
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(answer.nonce);
        self.n += 1;
        self.nonces.0 = self.nonces.0.min(answer.nonce);
        self.nonces.1 = self.nonces.1.max(answer.nonce);
        let origin = self.layout.decode(answer.nonce);
        let (Some(chip), Some(core)) = (origin.chip, origin.core) else {
            self.strange += 1;
            return;
        };
        let cores = self.layout.cores.max(1);
        if let Some(cell) = self
            .cells
            .get_mut(usize::from(chip) * cores + usize::from(core))
        {
            *cell += 1;
        }
        self.largest = self.largest.max(origin.counter);
        if self.counters.len() < MOST_COUNTERS {
            self.counters.push(origin.counter);
        }
    }

    /// Layout of the nonces.
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Shares of all verdicts.
    pub(super) fn answers(&self) -> u64 {
        self.verdicts.iter().sum()
    }

    /// Shares of one verdict.
    pub(super) fn of(&self, verdict: Verdict) -> u64 {
        let place = Verdict::ALL.iter().position(|v| *v == verdict);
        place.map_or(0, |place| self.verdicts[place])
    }

    /// Shares of each chip; none if chips are not told apart.
    pub(super) fn chips(&self) -> Vec<u64> {
        let cores = self.layout.cores.max(1);
        let rows = self.cells.chunks_exact(cores).map(|row| row.iter().sum());
        rows.take(self.layout.chips).collect()
    }

    /// Shares of each core, all chips together; none if cores are not told apart.
    pub(super) fn cores(&self) -> Vec<u64> {
        let cores = self.layout.cores;
        (0..cores)
            .map(|core| self.cells.iter().skip(core).step_by(cores.max(1)).sum())
            .collect()
    }

    /// Shares of each core of each chip, chip by chip; none if either is not told apart.
    pub(super) fn cells(&self) -> &[u64] {
        if self.layout.chips < 2 || self.layout.cores < 2 {
            return &[];
        }
        &self.cells
    }

    /// Seconds from the sending of the first answered job to the last answer.
    pub(super) fn seconds(&self) -> f64 {
        self.span
            .map_or(0.0, |(first, last)| last.since(first).as_secs_f64())
    }

    /// Whether all nonces are one number, as where a program has written none.
    pub(super) fn has_no_nonces(&self) -> bool {
        self.n > 1 && self.nonces.0 == self.nonces.1 || self.n <= 1 && self.repeated > 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::Table;
    use super::*;
    use std::time::Duration;
    use thermine_units::model::Model;

    fn answer(nonce: u32, at: u64, verdict: Verdict) -> Answer {
        Answer {
            nonce,
            arrived: Nanos(at),
            since_job: Some(Duration::from_nanos(5)),
            verdict,
        }
    }

    #[test]
    fn each_share_counts_once_and_where_it_belongs() {
        let table = Table::load(None).expect("the table");
        let layout = table.layout(Model::AntminerS9, None, None).expect("s9");
        let mut tally = Tally::new(layout);
        // Chip 42, core 11, a share of a real S9; then the same once more, stale; then code 63, which no chip has.
        tally.add(&answer(0x8b77_46ab, 10, Verdict::Accepted));
        tally.add(&answer(0x8b77_46ab, 30, Verdict::Stale));
        tally.add(&answer(0x8b77_46ab, 31, Verdict::Duplicate));
        tally.add(&answer(63 << 2, 40, Verdict::Accepted));
        tally.add(&answer(1 << 2, 50, Verdict::LowDifficulty));
        assert_eq!((tally.n, tally.strange, tally.repeated), (2, 1, 1));
        assert_eq!((tally.answers(), tally.of(Verdict::Duplicate)), (5, 1));
        assert_eq!(tally.chips()[42], 1);
        assert_eq!(tally.cores()[11], 1);
        assert_eq!(tally.cells()[42 * 114 + 11], 1);
        assert_eq!(tally.chips().iter().sum::<u64>(), 1);
        assert_eq!(tally.counters, [0x6_8cef]);
        assert!((tally.seconds() - 45e-9).abs() < 1e-15);
        assert!(!tally.has_no_nonces());
    }

    #[test]
    fn nonces_that_are_all_one_number_are_none() {
        let table = Table::load(None).expect("the table");
        let layout = table.layout(Model::AntminerS9, None, None).expect("s9");
        let mut tally = Tally::new(layout);
        for at in 0..10 {
            tally.add(&answer(0, at * 10 + 10, Verdict::Accepted));
        }
        assert!(tally.has_no_nonces());
    }
}
