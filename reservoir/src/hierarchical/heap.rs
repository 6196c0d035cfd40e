//! A mergeable heap: binomial trees (Vuillemin, Communications of the ACM 21(4), 1978), one for each bit of its size.

/// A tree of 2^k keys: the smallest at the root, below it trees of 2^0, 2^1, …, 2^(k−1) keys.
#[derive(Debug, Clone)]
struct Tree<K> {
    key: K,
    below: Vec<Tree<K>>,
}

/// A priority queue of keys, the smallest first, equal keys in any order. Melding two of them adds their trees as
/// binary numbers are added: two trees of 2^k keys carry into one of 2^(k+1).
///
/// Comparisons of keys: insert at most ⌊log₂ n⌋ + 1 and fewer than one on average; meld and extract-min at most
/// ⌊log₂ n⌋ + 1 and twice that.
#[derive(Debug, Clone)]
pub struct BinomialHeap<K> {
    /// The tree of 2^k keys at place k, if bit k of the size is set; the last entry is not empty.
    trees: Vec<Option<Tree<K>>>,
    len: usize,
    comparisons: u64,
}

impl<K> Default for BinomialHeap<K> {
    fn default() -> BinomialHeap<K> {
        BinomialHeap {
            trees: Vec::new(),
            len: 0,
            comparisons: 0,
        }
    }
}

impl<K: Ord> BinomialHeap<K> {
    pub(crate) fn new() -> BinomialHeap<K> {
        BinomialHeap::default()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of comparisons of keys so far, those of melded heaps included.
    pub fn comparisons(&self) -> u64 {
        self.comparisons
    }

    pub(crate) fn insert(&mut self, key: K) {
        self.len += 1;
        let tree = Tree {
            key,
            below: Vec::new(),
        };
        self.carry(0, tree);
    }

    /// Takes all keys of another.
    pub fn meld(&mut self, other: BinomialHeap<K>) {
        self.comparisons += other.comparisons;
        self.len += other.len;
        self.add(other.trees);
    }

    /// The smallest key, which stays in the heap.
    pub fn min(&self) -> Option<&K> {
        let roots = self.trees.iter().flatten();
        roots.map(|tree| &tree.key).min()
    }

    /// Removes and returns the smallest key.
    pub fn extract_min(&mut self) -> Option<K> {
        let mut least: Option<usize> = None;
        for (place, tree) in self.trees.iter().enumerate() {
            let Some(tree) = tree else { continue };
            let smaller = match least.and_then(|least| self.trees[least].as_ref()) {
                Some(least) => {
                    self.comparisons += 1;
                    tree.key < least.key
                }
                None => true,
            };
            if smaller {
                least = Some(place);
            }
        }
        let Tree { key, below } = self.trees[least?].take()?;
        self.len -= 1;
        while let Some(None) = self.trees.last() {
            self.trees.pop();
        }
        // The trees below the root form a heap of their own.
        self.add(below.into_iter().map(Some).collect());
        Some(key)
    }

    /// Adds trees as the bits of a binary number.
    fn add(&mut self, trees: Vec<Option<Tree<K>>>) {
        for (place, tree) in trees.into_iter().enumerate() {
            if let Some(tree) = tree {
                self.carry(place, tree);
            }
        }
    }

    /// Adds one tree of 2^place keys.
    fn carry(&mut self, mut place: usize, mut tree: Tree<K>) {
        while let Some(other) = self.trees.get_mut(place).and_then(Option::take) {
            tree = self.link(tree, other);
            place += 1;
        }
        if self.trees.len() <= place {
            self.trees.resize_with(place + 1, || None);
        }
        self.trees[place] = Some(tree);
    }

    /// Joins two trees of one size into one of twice the size.
    fn link(&mut self, a: Tree<K>, b: Tree<K>) -> Tree<K> {
        self.comparisons += 1;
        let (mut root, child) = if b.key < a.key { (b, a) } else { (a, b) };
        root.below.push(child);
        root
    }
}

impl<K: Ord> Extend<K> for BinomialHeap<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        keys.into_iter().for_each(|key| self.insert(key));
    }
}

impl<K: Ord> FromIterator<K> for BinomialHeap<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> BinomialHeap<K> {
        let mut heap = BinomialHeap::new();
        heap.extend(keys);
        heap
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// Keys of a tree of rank `rank`, none below its parent.
    fn keys<K: Ord + Copy>(tree: &Tree<K>, rank: usize) -> usize {
        assert_eq!(tree.below.len(), rank, "a tree's rank is that of its place");
        let below = tree.below.iter().enumerate().map(|(rank, child)| {
            assert!(child.key >= tree.key, "no key is below its parent");
            keys(child, rank)
        });
        let size = 1 + below.sum::<usize>();
        assert_eq!(size, 1 << rank);
        size
    }

    fn check<K: Ord + Copy>(heap: &BinomialHeap<K>) {
        let trees = heap.trees.iter().enumerate();
        let sizes = trees.map(|(rank, tree)| tree.as_ref().map_or(0, |tree| keys(tree, rank)));
        assert_eq!(sizes.sum::<usize>(), heap.len);
        assert!(!matches!(heap.trees.last(), Some(None)));
        for (place, tree) in heap.trees.iter().enumerate() {
            assert_eq!(
                tree.is_some(),
                heap.len >> place & 1 == 1,
                "one tree a bit of the size"
            );
        }
    }

    fn drained(mut heap: BinomialHeap<u16>) -> Vec<u16> {
        std::iter::from_fn(|| {
            let key = heap.extract_min();
            check(&heap);
            key
        })
        .collect()
    }

    #[test]
    fn size_after_one_extraction_from_100_is_99() {
        let mut heap: BinomialHeap<u32> = (0..100).rev().collect();
        assert_eq!(heap.extract_min(), Some(0));
        assert_eq!(heap.len(), 99);
        check(&heap);
        assert_eq!(heap.min(), Some(&1));
    }

    proptest! {
        #[test]
        fn keys_come_out_sorted_and_shapes_hold(keys in vec(any::<u16>(), 0..200)) {
            let mut heap = BinomialHeap::new();
            for key in &keys {
                heap.insert(*key);
                check(&heap);
            }
            prop_assert_eq!(heap.min(), keys.iter().min());
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            prop_assert_eq!(drained(heap), sorted);
        }

        #[test]
        fn a_meld_holds_the_keys_of_both(a in vec(any::<u16>(), 0..150), b in vec(any::<u16>(), 0..150)) {
            let mut heap: BinomialHeap<u16> = a.iter().copied().collect();
            heap.meld(b.iter().copied().collect());
            check(&heap);
            let mut sorted = [a, b].concat();
            sorted.sort_unstable();
            prop_assert_eq!(drained(heap), sorted);
        }

        #[test]
        fn comparisons_stay_below_their_bounds(n in 1usize..3_000, m in 1usize..3_000) {
            let log = |n: usize| u64::from(n.ilog2()) + 1;
            let mut heap: BinomialHeap<usize> = (0..n).map(|i| i * 7919 % n).collect();
            // n inserts link n − (bits of n) times.
            prop_assert_eq!(heap.comparisons(), n as u64 - u64::from(n.count_ones()));
            let other: BinomialHeap<usize> = (0..m).collect();
            let before = heap.comparisons() + other.comparisons();
            heap.meld(other);
            prop_assert!(heap.comparisons() - before <= log(n + m));
            let before = heap.comparisons();
            heap.extract_min();
            prop_assert!(heap.comparisons() - before <= 2 * log(n + m));
        }
    }
}
