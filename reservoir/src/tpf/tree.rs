//! A decision tree on bits: each node splits on the bit that leaves the least impurity (Gini; Breiman et al., 1984).

/// The eight words of a state; the tree splits on single bits of them.
pub(super) type Bits = [u32; 8];

/// Fewest rows of a node that is split: a rate from fewer rows says little.
const LEAST: usize = 50;

#[derive(Debug, Clone)]
pub(super) enum Tree {
    /// Rate of success, smoothed by one row of either kind.
    Leaf(f64),
    /// The bit, and the trees for its values 0 and 1.
    Split(usize, Box<[Tree; 2]>),
}

impl Tree {
    /// Fits a tree of `depth` levels to the labels of `rows`.
    pub(super) fn fit(bits: &[Bits], labels: &[bool], rows: &[usize], depth: usize) -> Tree {
        let successes = rows.iter().filter(|row| labels[**row]).count();
        let leaf = Tree::Leaf((successes as f64 + 1.0) / (rows.len() as f64 + 2.0));
        if depth == 0 || rows.len() < LEAST || successes == 0 {
            return leaf;
        }
        let mut ones = [0usize; 256];
        let mut hits = [0usize; 256];
        for &row in rows {
            for (word, value) in bits[row].iter().enumerate() {
                for bit in 0..32 {
                    let set = (value >> bit & 1) as usize;
                    ones[32 * word + bit] += set;
                    hits[32 * word + bit] += set & usize::from(labels[row]);
                }
            }
        }
        // Twice n p (1 − p) of both sides.
        let impurity = |n: usize, hits: usize| match n {
            0 => 0.0,
            _ => hits as f64 * (n - hits) as f64 / n as f64,
        };
        let best = (0..256)
            .filter(|i| ones[*i] > 0 && ones[*i] < rows.len())
            .map(|i| {
                let left = impurity(rows.len() - ones[i], successes - hits[i]);
                (i, left + impurity(ones[i], hits[i]))
            })
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let Some((bit, _)) = best else {
            return leaf;
        };
        let (set, unset): (Vec<usize>, Vec<usize>) =
            rows.iter().partition(|row| is_set(&bits[**row], bit));
        let branches = [&unset, &set].map(|rows| Tree::fit(bits, labels, rows, depth - 1));
        Tree::Split(bit, Box::new(branches))
    }

    /// Rate of success of the leaf that `bits` falls into.
    pub(super) fn score(&self, bits: &Bits) -> f64 {
        match self {
            Tree::Leaf(rate) => *rate,
            Tree::Split(bit, branches) => branches[usize::from(is_set(bits, *bit))].score(bits),
        }
    }
}

fn is_set(bits: &Bits, bit: usize) -> bool {
    bits[bit / 32] >> (bit % 32) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn it_finds_the_two_bits_that_make_success() {
        let mut rng = crate::random::stream(1, 3);
        let bits: Vec<Bits> = (0..4_000).map(|_| rng.random()).collect();
        let labels: Vec<bool> = bits
            .iter()
            .map(|b| is_set(b, 7) && !is_set(b, 200))
            .collect();
        let rows: Vec<usize> = (0..2_000).collect();
        let tree = Tree::fit(&bits, &labels, &rows, 2);
        for (bits, label) in bits.iter().zip(&labels).skip(2_000) {
            assert_eq!(tree.score(bits) > 0.5, *label);
        }
    }
}
