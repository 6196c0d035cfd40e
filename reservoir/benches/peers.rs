//! Our half of `bench/peers.py`: times fits and networks on the arrays that it leaves in a folder, and leaves what
//! the peers need to do the same. Without the folder it does nothing.
//!
//! Times are this thread's processor seconds, which a busy machine disturbs less than the wall's, beside the
//! wall's; the least of several runs.

#![expect(
    clippy::print_stdout,
    reason = "the results go to the program that runs this"
)]

mod support;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use nalgebra::DMatrix;
use rand::RngExt;
use thermine_reservoir::esn::{Esn, EsnConfig};
use thermine_reservoir::random;
use thermine_reservoir::readout::{RidgePath, Rls, fit};
use thermine_reservoir::state::{Feature, StateMatrix};

use support::{Outcome, read, time};

/// Penalty of single fits, per sample.
const LAMBDA: f64 = 1e-6;

fn main() -> Outcome<()> {
    let Some(folder) = std::env::var_os("THERMINE_PEERS").map(PathBuf::from) else {
        println!("run by bench/peers.py");
        return Ok(());
    };
    for (rows, columns) in [(10_000, 1_000), (100_000, 200)] {
        ridge(&folder, rows, columns)?;
    }
    network(&folder)?;
    online(&folder)?;
    growth()
}

fn ridge(folder: &Path, rows: usize, columns: usize) -> Outcome<()> {
    let x = DMatrix::from_vec(
        rows,
        columns,
        read(&folder.join(format!("x{columns}.f64")))?,
    );
    let y = DMatrix::from_vec(rows, 1, read(&folder.join(format!("y{columns}.f64")))?);
    let states = StateMatrix::from_matrix(names(columns), x)?;
    let readout = fit(&states, &y, 0..rows, LAMBDA)?;
    let weights: Vec<f64> = readout
        .weights
        .iter()
        .zip(&readout.standardiser.scales)
        .map(|(weight, scale)| weight * scale)
        .collect();
    write(&folder.join(format!("w{columns}.f64")), &weights)?;
    time(&format!("ridge {rows} {columns}"), || {
        black_box(fit(black_box(&states), &y, 0..rows, LAMBDA)).is_ok()
    });
    let lambdas: Vec<f64> = (0..30)
        .map(|i| 10f64.powf(-9.0 + 0.4 * f64::from(i)))
        .collect();
    time(&format!("path {rows} {columns}"), || {
        let path = RidgePath::new(black_box(&states), &y, 0..rows);
        path.is_ok_and(|path| path.at_all(&lambdas).is_ok() && path.generalised(&lambdas).is_ok())
    });
    Ok(())
}

fn network(folder: &Path) -> Outcome<()> {
    let esn = Esn::new(EsnConfig::narma(1_000, 1))?;
    let input = read(&folder.join("u.f64"))?;
    write(&folder.join("w.f64"), esn.recurrent_weights().as_slice())?;
    write(&folder.join("win.f64"), esn.input_weights())?;
    write(&folder.join("bias.f64"), esn.biases())?;
    let states = esn.run(&input)?;
    let last: Vec<f64> = states
        .values()
        .row(input.len() - 1)
        .iter()
        .copied()
        .collect();
    write(&folder.join("last.f64"), &last)?;
    time("esn 1000", || black_box(esn.run(black_box(&input))).is_ok());
    Ok(())
}

fn online(folder: &Path) -> Outcome<()> {
    let (rows, columns) = (2_000, 200);
    let x = read(&folder.join("rls.f64"))?;
    let y: Vec<f64> = x.chunks_exact(columns).map(|row| row[0]).collect();
    time("rls 2000 200", || {
        let Ok(mut rls) = Rls::new(columns, 1, 1.0, 1e-6) else {
            return false;
        };
        let mut steps = x.chunks_exact(columns).zip(&y).take(rows);
        steps.all(|(x, y)| rls.learn(x, &[*y]).is_ok())
    });
    Ok(())
}

/// How the costs grow, each size twice the one before.
fn growth() -> Outcome<()> {
    let case = |rows: usize, columns: usize| -> Outcome<(StateMatrix, DMatrix<f64>)> {
        let mut rng = random::stream(1, 8);
        let x = DMatrix::from_fn(rows, columns, |_, _| rng.random::<f64>());
        let y = DMatrix::from_fn(rows, 1, |t, _| x[(t, 0)]);
        Ok((StateMatrix::from_matrix(names(columns), x)?, y))
    };
    for rows in [5_000, 10_000, 20_000, 40_000] {
        let (x, y) = case(rows, 200)?;
        time(&format!("growth fit:T {rows}"), || {
            fit(&x, &y, 0..rows, LAMBDA).is_ok()
        });
        time(&format!("growth path:T {rows}"), || {
            RidgePath::new(&x, &y, 0..rows).is_ok()
        });
    }
    for columns in [100, 200, 400, 800] {
        let (x, y) = case(5_000, columns)?;
        time(&format!("growth fit:N {columns}"), || {
            fit(&x, &y, 0..5_000, LAMBDA).is_ok()
        });
        time(&format!("growth path:N {columns}"), || {
            RidgePath::new(&x, &y, 0..5_000).is_ok()
        });
        let esn = Esn::new(EsnConfig::narma(columns, 1))?;
        let input = vec![0.3; 2_000];
        time(&format!("growth esn:N {columns}"), || {
            esn.run(&input).is_ok()
        });
    }
    Ok(())
}

fn names(columns: usize) -> Vec<Feature> {
    (0..columns)
        .map(|i| Feature::new(format!("x{i}"), "1"))
        .collect()
}

/// Leaves numbers for a peer.
fn write(path: &Path, values: &[f64]) -> Outcome<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Ok(fs::write(path, bytes)?)
}
