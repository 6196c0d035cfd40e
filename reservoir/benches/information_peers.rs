//! Our half of `bench/information.py`: times the information laboratory on the arrays that it leaves in a folder,
//! and leaves what it found. Without the folder it does nothing.

#![expect(
    clippy::print_stdout,
    reason = "the results go to the program that runs this"
)]

mod support;

use std::hint::black_box;
use std::path::PathBuf;

use serde_json::json;
use thermine_reservoir::information::discrimination::{Auc, Tvla};
use thermine_reservoir::information::ksg::ksg;
use thermine_reservoir::information::mutual::MutualInformation;
use thermine_reservoir::information::permutation::{PERMUTATIONS, exchangeable};
use thermine_reservoir::information::power::{self, Demand};
use thermine_reservoir::information::table::{CountTable, quantile_labels};
use thermine_reservoir::random;

use support::{Outcome, read, time};

/// Classes of a table.
const CLASSES: usize = 8;

fn main() -> Outcome<()> {
    let Some(folder) = std::env::var_os("THERMINE_PEERS").map(PathBuf::from) else {
        println!("run by bench/information.py");
        return Ok(());
    };
    let x = read(&folder.join("ksg_x.f64"))?;
    let y = read(&folder.join("ksg_y.f64"))?;
    let mut rng = random::stream(1, 5);
    time("ksg", || {
        black_box(ksg(black_box(&x), &y, 3, &mut rng)).is_ok_and(|found| found.bits.is_finite())
    });
    let a = read(&folder.join("table_x.f64"))?;
    let b = read(&folder.join("table_y.f64"))?;
    let none = || "an array is not finite";
    let rows = quantile_labels(&a, CLASSES).ok_or_else(none)?;
    let columns = quantile_labels(&b, CLASSES).ok_or_else(none)?;
    let table = CountTable::of_labels(&rows, &columns, CLASSES, CLASSES)?;
    time("permutations", || {
        exchangeable(black_box(&table), PERMUTATIONS, &mut rng).is_some()
    });
    let test = exchangeable(&table, PERMUTATIONS, &mut rng).ok_or_else(none)?;
    let mi = MutualInformation::of(&table).ok_or_else(none)?;
    let high: Vec<bool> = a.iter().map(|a| *a > 0.7).collect();
    let group = |wanted: bool| -> Vec<f64> {
        let both = b.iter().zip(&high);
        both.filter(|(_, high)| **high == wanted)
            .map(|(b, _)| *b)
            .collect()
    };
    let auc = Auc::of(&b, &high).ok_or_else(none)?;
    time("auc", || Auc::of(black_box(&b), &high).is_some());
    let welch = Tvla::of(&group(true), &group(false)).ok_or_else(none)?;
    let found = json!({
        "ksg_bits": ksg(&x, &y, 3, &mut rng)?.bits,
        "counts": table.counts(),
        "g": test.g,
        "chi_squared": test.chi_squared,
        "p_limit": test.p_limit,
        "p_permutation": test.null.p_g,
        "plug_in_bits": mi.plug_in,
        "auc": auc.value,
        "auc_p": auc.p,
        "auc_standard_error": auc.standard_error,
        "t": welch.t,
        "t_p": welch.p,
        "smallest_bits": power::smallest_bits(2_546, 49, Demand::default()),
    });
    std::fs::write(folder.join("information.json"), found.to_string())?;
    Ok(())
}
