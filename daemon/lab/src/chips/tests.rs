//! The layouts against shares of real units.

use std::path::{Path, PathBuf};

use thermine_units::model::Model;

use super::measured::Measured;
use super::of_capture;
use super::request::ChipsRequest;
use super::table::Table;
use crate::tpf::evidence::imported;

/// A file of real shares; `None`, with the reason printed, where it is missing.
#[expect(clippy::print_stdout, reason = "a test says why it skips")]
fn real(name: &str) -> Option<PathBuf> {
    let csv = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../../shared/data/{name}"));
    if csv.exists() {
        return Some(csv);
    }
    let what = format!("skipped: there are no real shares at {}", csv.display());
    assert!(
        std::env::var_os("THERMINE_TESTS_NEED_ALL").is_none(),
        "{what}"
    );
    println!("{what}");
    None
}

/// Measures `csv` as of `model`, with nonces read by `layout`.
async fn measured(csv: &Path, model: Model, layout: Option<&str>) -> Measured {
    let dir = tempfile::tempdir().expect("a folder");
    let make = || Ok(dir.path().to_path_buf());
    let (capture, _) = imported(csv, 256.0, make).await.expect("imported");
    let request = ChipsRequest {
        layout: layout.map(Into::into),
        ..ChipsRequest::default()
    };
    let request = ChipsRequest {
        model: Some(model),
        ..request
    };
    let table = Table::load(None).expect("the table");
    of_capture(&capture, &request, &table, None).expect("measured")
}

#[tokio::test]
async fn real_lv06_shares_refute_112_core_codes_and_no_map_is_made() {
    let Some(csv) = real("lucky-miner-lv06-shares.csv") else {
        return;
    };
    let found = measured(&csv, Model::LuckyMinerLv06, None).await;
    assert_eq!(
        (found.shares, found.verdicts[0].1),
        (16, 16),
        "all are valid"
    );
    let fit = found.fit.expect("tested");
    assert!(!fit.fits() && fit.p < 1e-6, "{fit:?}");
    assert!(found.chips.is_none() && found.cores.is_none() && found.cells.is_none());
    let others: Vec<&str> = fit.others.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(others, ["bm1366-28x4"], "{fit:?}");
}

#[tokio::test]
async fn real_lv06_shares_do_not_refute_28_codes_times_4() {
    let Some(csv) = real("lucky-miner-lv06-shares.csv") else {
        return;
    };
    let found = measured(&csv, Model::LuckyMinerLv06, Some("bm1366-28x4")).await;
    assert!(found.fit.expect("tested").fits());
    assert_eq!(found.strange.0, 0);
    assert_eq!(found.layout.cores, 112);
}

#[tokio::test]
async fn real_s9_shares_fit_the_bm1387_and_no_layout_of_the_bm1366() {
    let Some(csv) = real("antminer-s9-shares.csv") else {
        return;
    };
    let found = measured(&csv, Model::AntminerS9, None).await;
    assert!(
        found.fit.as_ref().is_some_and(|fit| fit.fits()),
        "{:?}",
        found.fit
    );
    assert!(found.chips.is_some());
    let found = measured(&csv, Model::AntminerS9, Some("bm1366-28x4")).await;
    assert!(found.fit.is_some_and(|fit| !fit.fits()));
    assert!(found.cores.is_none());
}
