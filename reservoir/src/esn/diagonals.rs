//! The matrix of the network, W, and its product with the state.

use nalgebra::DMatrix;
use pulp::Arch;

use super::row::{LANES, Row};
use super::vectors::vectorised;

/// Vectors that are summed side by side, and nodes of these.
const TILE: usize = 8;
const TILE_NODES: usize = TILE * LANES;

/// Offsets that are summed in one pass over the nodes: what a pass reads of the state stays in the first-level cache.
const PASS: usize = 16;

/// A square matrix of `offsets.len()` full cyclic diagonals.
///
/// Nodes lie in as many strands as a vector has lanes: lane l of vector v is node l·`strand` + v. The sources of a
/// vector of nodes at one offset are then a vector too, so that no load crosses a cache line: see
/// [`Diagonals::listen`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Diagonals {
    nodes: usize,
    strand: usize,
    offsets: Vec<usize>,
    /// Place of the node that enters the last lane, for each vector of sources beyond the first strand.
    entering: Vec<usize>,
    /// By pass, then by tile of nodes, then by offset; zero where there is no node. Single precision keeps the
    /// weights of a thousand nodes in the second-level cache; they are random anyway. All arithmetic is in double
    /// precision.
    weights: Vec<Weights>,
}

/// Weights of a tile of nodes for one offset.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
struct Weights([[f32; LANES]; TILE]);

impl Diagonals {
    /// `weights` by offset, then by node.
    pub(super) fn new(nodes: usize, offsets: &[usize], weights: &[f64]) -> Diagonals {
        let mut diagonals = Diagonals {
            nodes,
            strand: nodes.div_ceil(LANES),
            offsets: offsets.to_vec(),
            entering: Vec::new(),
            weights: Vec::new(),
        };
        let entering = LANES * diagonals.strand..;
        diagonals.entering = entering
            .take(nodes + diagonals.tiles() * TILE - diagonals.strand)
            .map(|node| diagonals.place(node % nodes))
            .collect();
        let rows: Vec<Row> = weights
            .chunks_exact(nodes)
            .map(|row| diagonals.row(row))
            .collect();
        for pass in rows.chunks(PASS) {
            for tile in 0..diagonals.tiles() {
                for row in pass {
                    diagonals.weights.push(Weights(std::array::from_fn(|i| {
                        let start = (tile * TILE + i) * LANES;
                        std::array::from_fn(|lane| row[start + lane] as f32)
                    })));
                }
            }
        }
        diagonals
    }

    pub(super) fn nodes(&self) -> usize {
        self.nodes
    }

    pub(super) fn scale(&mut self, by: f64) {
        for weight in self
            .weights
            .iter_mut()
            .flat_map(|tile| tile.0.as_flattened_mut())
        {
            *weight = (f64::from(*weight) * by) as f32;
        }
    }

    pub(super) fn to_dense(&self) -> DMatrix<f64> {
        let mut dense = DMatrix::zeros(self.nodes, self.nodes);
        let mut weights = self.weights.iter();
        for pass in self.offsets.chunks(PASS) {
            for tile in 0..self.tiles() {
                for (offset, weights) in pass.iter().zip(&mut weights) {
                    for (place, weight) in weights.0.as_flattened().iter().enumerate() {
                        if let Some(node) = self.node(tile * TILE_NODES + place) {
                            dense[(node, (node + offset) % self.nodes)] = f64::from(*weight);
                        }
                    }
                }
            }
        }
        dense
    }

    /// W x, summed in the order of the offsets.
    pub(super) fn product(&self, x: &[f64]) -> Vec<f64> {
        let x = self.row(x);
        let mut sources = self.sources();
        let mut sums = self.row(&[]);
        vectorised(
            Arch::new(),
            #[inline(always)]
            || {
                self.listen(&x, &mut sources);
                self.multiply(&sources, &mut sums);
            },
        );
        (0..self.nodes).map(|node| sums[self.place(node)]).collect()
    }

    fn tiles(&self) -> usize {
        self.strand.div_ceil(TILE)
    }

    /// Place of a node in a row.
    fn place(&self, node: usize) -> usize {
        node % self.strand * LANES + node / self.strand
    }

    /// The node at a place of a row, if there is one.
    pub(super) fn node(&self, place: usize) -> Option<usize> {
        let (vector, lane) = (place / LANES, place % LANES);
        let node = lane * self.strand + vector;
        (vector < self.strand && node < self.nodes).then_some(node)
    }

    /// `values` of the first nodes in whole tiles; zero where there is none.
    pub(super) fn row(&self, values: &[f64]) -> Row {
        let mut row = Row::zeros(self.tiles() * TILE_NODES);
        for (node, value) in values.iter().enumerate() {
            row[self.place(node)] = *value;
        }
        row
    }

    /// Space for the sources of all nodes.
    pub(super) fn sources(&self) -> Row {
        Row::zeros((self.strand + self.entering.len()) * LANES)
    }

    /// Lays out the state `x` cyclically: lane l of vector w is node l·`strand` + w. The sources of a vector of nodes
    /// at an offset are then the vector that many places further.
    #[inline(always)]
    pub(super) fn listen(&self, x: &[f64], sources: &mut [f64]) {
        let strand = self.strand;
        sources[..strand * LANES].copy_from_slice(&x[..strand * LANES]);
        for beyond in self.nodes..LANES * strand {
            sources[self.place(beyond)] = x[self.place(beyond % self.nodes)];
        }
        let (vectors, _) = sources.as_chunks_mut::<LANES>();
        for (turn, entering) in self.entering.chunks(strand).enumerate() {
            let (done, next) = vectors[turn * strand..].split_at_mut(strand);
            for ((next, vector), place) in next.iter_mut().zip(done).zip(entering) {
                *next = std::array::from_fn(|lane| vector[(lane + 1) % LANES]);
                next[LANES - 1] = x[*place];
            }
        }
    }

    /// W x for the x in `sources`, added to `sums`.
    #[inline(always)]
    pub(super) fn multiply(&self, sources: &[f64], sums: &mut [f64]) {
        let (sources, _) = sources.as_chunks::<LANES>();
        let (sums, _) = sums.as_chunks_mut::<LANES>();
        let (tiles, _) = sums.as_chunks_mut::<TILE>();
        let mut weights = self.weights.as_slice();
        for offsets in self.offsets.chunks(PASS) {
            for (tile, sum) in tiles.iter_mut().enumerate() {
                let (these, others) = weights.split_at(offsets.len());
                weights = others;
                let mut total = *sum;
                for (weights, offset) in these.iter().zip(offsets) {
                    let start = tile * TILE + offset;
                    let Some(heard) = sources[start..].first_chunk::<TILE>() else {
                        continue;
                    };
                    for i in 0..TILE {
                        total[i] = std::array::from_fn(|lane| {
                            f64::from(weights.0[i][lane]).mul_add(heard[i][lane], total[i][lane])
                        });
                    }
                }
                *sum = total;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_product_is_that_of_the_dense_matrix(nodes in 1usize..100, seed: u64) {
            use rand::RngExt;
            let mut rng = crate::random::stream(seed, 6);
            let degree = rng.random_range(1..=nodes);
            let offsets = rand::seq::index::sample(&mut rng, nodes, degree).into_vec();
            let weights: Vec<f64> = (0..nodes * degree).map(|_| rng.random()).collect();
            let x: Vec<f64> = (0..nodes).map(|_| rng.random()).collect();
            let w = Diagonals::new(nodes, &offsets, &weights);
            let dense = w.to_dense() * nalgebra::DVector::from_column_slice(&x);
            for (a, b) in w.product(&x).iter().zip(dense.iter()) {
                prop_assert!((a - b).abs() < 1e-12 * nodes as f64);
            }
        }
    }
}
