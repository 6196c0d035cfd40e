//! Products and factorisations of dense matrices: nalgebra's matrices, faer's kernels, one thread.
//!
//! faer is here because it is faster where the time goes: see `benches/algebra.rs`, which measures both. Every matrix
//! in a public signature is nalgebra's.

use std::ops::Range;

use faer::linalg::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::solvers::Solve;
use faer::{Accum, MatMut, MatRef, Par, Side};
use nalgebra::DMatrix;

pub(crate) fn view(matrix: &DMatrix<f64>) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(matrix.as_slice(), matrix.nrows(), matrix.ncols())
}

pub(crate) fn view_mut(matrix: &mut DMatrix<f64>) -> MatMut<'_, f64> {
    let (rows, columns) = matrix.shape();
    MatMut::from_column_major_slice_mut(matrix.as_mut_slice(), rows, columns)
}

fn own(matrix: MatRef<'_, f64>) -> DMatrix<f64> {
    DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)])
}

/// Adds Aᵀ A of the given rows of A to the lower triangle of `gram`.
pub(crate) fn add_gram(gram: &mut DMatrix<f64>, a: &DMatrix<f64>, rows: Range<usize>) {
    let a = view(a).subrows(rows.start, rows.len());
    triangular::matmul(
        view_mut(gram),
        BlockStructure::TriangularLower,
        Accum::Add,
        a.transpose(),
        BlockStructure::Rectangular,
        a,
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
}

/// A Aᵀ, lower triangle.
pub(crate) fn outer(a: &DMatrix<f64>) -> DMatrix<f64> {
    let mut result = DMatrix::zeros(a.nrows(), a.nrows());
    triangular::matmul(
        view_mut(&mut result),
        BlockStructure::TriangularLower,
        Accum::Replace,
        view(a),
        BlockStructure::Rectangular,
        view(a).transpose(),
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
    result
}

/// Adds Aᵀ B of the given rows of both to `result`.
pub(crate) fn add_cross(
    result: &mut DMatrix<f64>,
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    rows: Range<usize>,
) {
    matmul::matmul(
        view_mut(result),
        Accum::Add,
        view(a).subrows(rows.start, rows.len()).transpose(),
        view(b).subrows(rows.start, rows.len()),
        1.0,
        Par::Seq,
    );
}

pub(crate) fn transposed_product(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    let mut result = DMatrix::zeros(a.ncols(), b.ncols());
    add_cross(&mut result, a, b, 0..a.nrows());
    result
}

pub(crate) fn product(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    let mut result = DMatrix::zeros(a.nrows(), b.ncols());
    matmul::matmul(
        view_mut(&mut result),
        Accum::Replace,
        view(a),
        view(b),
        1.0,
        Par::Seq,
    );
    result
}

/// Solves S X = B for a positive definite S, of which the lower triangle is read; `None` if it is not
/// positive definite.
pub(crate) fn solve_positive(s: &DMatrix<f64>, b: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let mut x = b.clone();
    if s.nrows() > 0 {
        view(s)
            .llt(Side::Lower)
            .ok()?
            .solve_in_place(view_mut(&mut x));
    }
    x.iter().all(|value| value.is_finite()).then_some(x)
}

/// Eigenvalues, in rising order, and eigenvectors, as columns, of a symmetric S, of which the lower
/// triangle is read; `None` if the iteration does not converge.
pub(crate) fn eigen(s: &DMatrix<f64>) -> Option<(Vec<f64>, DMatrix<f64>)> {
    if s.nrows() == 0 {
        return Some((Vec::new(), DMatrix::zeros(0, 0)));
    }
    let eigen = view(s).self_adjoint_eigen(Side::Lower).ok()?;
    let values = eigen.S().column_vector().iter().copied().collect();
    Some((values, own(eigen.U())))
}

/// Singular values of A, in no particular order; empty if the iteration does not converge.
pub(crate) fn singular_values(a: &DMatrix<f64>) -> Vec<f64> {
    view(a).singular_values().unwrap_or_default()
}
