//! A symmetric matrix as Q T Qᵀ with T tridiagonal: at a third of the cost of eigenvectors, enough to solve with
//! any shift of the diagonal (Eldén, BIT 17(2), 1977).

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::evd::tridiag::{tridiag_in_place, tridiag_in_place_scratch};
use faer::linalg::householder;
use faer::{Conj, Mat, Par};
use nalgebra::DMatrix;

use crate::dense;

/// Reflections that are applied together.
const BLOCK: usize = 32;

/// Q and T of a positive semidefinite matrix.
#[derive(Debug, Clone)]
pub(crate) struct Tridiagonal {
    diagonal: Vec<f64>,
    below: Vec<f64>,
    /// Rounding error of the smallest eigenvalues; every shift is raised by it.
    floor: f64,
    /// Householder vectors below the subdiagonal.
    vectors: Mat<f64>,
    /// Their block factors.
    factors: Mat<f64>,
}

impl Tridiagonal {
    /// Decomposes S, reading its lower triangle.
    pub(crate) fn of(s: &DMatrix<f64>) -> Tridiagonal {
        let n = s.nrows();
        let mut vectors = dense::view(s).to_owned();
        let mut factors = Mat::zeros(BLOCK, n.saturating_sub(1));
        let request = tridiag_in_place_scratch::<f64>(n, Par::Seq, Default::default());
        let mut memory = MemBuffer::new(request);
        tridiag_in_place(
            vectors.as_mut(),
            factors.as_mut(),
            Par::Seq,
            MemStack::new(&mut memory),
            Default::default(),
        );
        let diagonal: Vec<f64> = (0..n).map(|i| vectors[(i, i)]).collect();
        let below: Vec<f64> = (1..n).map(|i| vectors[(i, i - 1)]).collect();
        let at = |i: usize| below.get(i).copied().unwrap_or(0.0).abs();
        let norm = (0..n)
            .map(|i| diagonal[i].abs() + at(i) + if i > 0 { at(i - 1) } else { 0.0 })
            .fold(0.0, f64::max);
        Tridiagonal {
            floor: 8.0 * f64::EPSILON * norm,
            diagonal,
            below,
            vectors,
            factors,
        }
    }

    /// Multiplies by the orthogonal factor: Q B.
    pub(crate) fn multiply_q(&self, b: &DMatrix<f64>) -> DMatrix<f64> {
        self.rotated(b, |basis, factors, part, stack| {
            householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
                basis,
                factors,
                Conj::No,
                part,
                Par::Seq,
                stack,
            );
        })
    }

    /// Multiplies by its transpose: Qᵀ B.
    pub(crate) fn multiply_qt(&self, b: &DMatrix<f64>) -> DMatrix<f64> {
        self.rotated(b, |basis, factors, part, stack| {
            householder::apply_block_householder_sequence_transpose_on_the_left_in_place_with_conj(
                basis,
                factors,
                Conj::No,
                part,
                Par::Seq,
                stack,
            );
        })
    }

    fn rotated(
        &self,
        b: &DMatrix<f64>,
        apply: impl FnOnce(
            faer::MatRef<'_, f64>,
            faer::MatRef<'_, f64>,
            faer::MatMut<'_, f64>,
            &mut MemStack,
        ),
    ) -> DMatrix<f64> {
        let n = self.diagonal.len();
        let mut result = b.clone();
        if n > 1 && b.ncols() > 0 {
            let request: StackReq =
                householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>(
                    n - 1,
                    BLOCK,
                    b.ncols(),
                );
            let mut memory = MemBuffer::new(request);
            // No reflection changes the first coordinate.
            apply(
                self.vectors.as_ref().submatrix(1, 0, n - 1, n - 1),
                self.factors.as_ref(),
                dense::view_mut(&mut result).subrows_mut(1, n - 1),
                MemStack::new(&mut memory),
            );
        }
        result
    }

    /// The shift that is used instead of `shift`.
    pub(crate) fn effective(&self, shift: f64) -> f64 {
        shift + self.floor
    }

    /// (T + shift)⁻¹ B, by L D Lᵀ; shift positive.
    pub(crate) fn solve(&self, shift: f64, b: &DMatrix<f64>) -> DMatrix<f64> {
        let pivots = self.pivots(self.effective(shift));
        let mut x = b.clone();
        for mut column in x.column_iter_mut() {
            let column = column.as_mut_slice();
            for i in 1..column.len() {
                column[i] -= self.below[i - 1] / pivots[i - 1] * column[i - 1];
            }
            for (value, pivot) in column.iter_mut().zip(&pivots) {
                *value /= pivot;
            }
            for i in (1..column.len()).rev() {
                column[i - 1] -= self.below[i - 1] / pivots[i - 1] * column[i];
            }
        }
        x
    }

    /// Trace of (T + shift)⁻¹. Each diagonal element of the inverse is 1/(p + q − a) for the pivots p from above,
    /// q from below, and the element a itself. The shift is taken as it is: see [`Tridiagonal::effective`].
    pub(crate) fn inverse_trace(&self, shift: f64) -> f64 {
        let from_above = self.pivots(shift);
        let mut trace = 0.0;
        let mut from_below = 0.0;
        for i in (0..self.diagonal.len()).rev() {
            let own = self.diagonal[i] + shift;
            from_below = match self.below.get(i) {
                Some(below) => own - below * below / from_below,
                None => own,
            };
            trace += 1.0 / (from_above[i] + from_below - own).max(shift);
        }
        trace
    }

    /// Multiplies by the tridiagonal factor: T B.
    pub(crate) fn product(&self, b: &DMatrix<f64>) -> DMatrix<f64> {
        DMatrix::from_fn(b.nrows(), b.ncols(), |i, j| {
            let mut sum = self.diagonal[i] * b[(i, j)];
            if i > 0 {
                sum += self.below[i - 1] * b[(i - 1, j)];
            }
            if i + 1 < b.nrows() {
                sum += self.below[i] * b[(i + 1, j)];
            }
            sum
        })
    }

    /// D of T + shift = L D Lᵀ. No pivot of a positive semidefinite T is below the shift.
    fn pivots(&self, shift: f64) -> Vec<f64> {
        let mut pivots: Vec<f64> = Vec::with_capacity(self.diagonal.len());
        for (i, own) in self.diagonal.iter().enumerate() {
            let pivot = match pivots.last() {
                Some(last) => own + shift - self.below[i - 1].powi(2) / last,
                None => own + shift,
            };
            pivots.push(pivot.max(shift));
        }
        pivots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use nalgebra::Cholesky;
    use proptest::prelude::*;
    use rand::RngExt;

    fn positive(n: usize, rank: usize, seed: u64) -> DMatrix<f64> {
        let mut rng = random::stream(seed, 6);
        let a = DMatrix::from_fn(rank, n, |_, _| rng.random::<f64>() - 0.5);
        a.tr_mul(&a)
    }

    proptest! {
        #[test]
        fn it_solves_with_any_shift(n in 1usize..80, rank in 1usize..80, seed: u64, exponent in -3i32..2) {
            let s = positive(n, rank, seed);
            let shift = 10f64.powi(exponent);
            let b = positive(n, 3, seed ^ 1).columns(0, n.min(2)).into_owned();
            let t = Tridiagonal::of(&s);
            let x = t.multiply_q(&t.solve(shift, &t.multiply_qt(&b)));
            let shifted = &s + DMatrix::from_diagonal_element(n, n, shift);
            let exact = Cholesky::new(shifted.clone()).expect("positive");
            prop_assert!((&x - exact.solve(&b)).norm() < 1e-10 * exact.solve(&b).norm().max(1.0));
            prop_assert!((t.inverse_trace(t.effective(shift)) / exact.inverse().trace() - 1.0).abs() < 1e-9);
            prop_assert!((t.multiply_q(&t.product(&t.multiply_qt(&b))) - &s * &b).norm() < 1e-10 * (1.0 + s.norm()));
        }
    }

    #[test]
    fn of_nothing_and_of_a_number() {
        let none = Tridiagonal::of(&DMatrix::zeros(0, 0));
        assert_eq!(none.inverse_trace(1.0), 0.0);
        let one = Tridiagonal::of(&DMatrix::from_element(1, 1, 3.0));
        assert!((one.inverse_trace(1.0) - 0.25).abs() < 1e-12);
    }
}
