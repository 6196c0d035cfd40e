//! A unit's tables and maps in the report folder.

use std::path::Path;

use anyhow::Result;
use thermine_reservoir::bootstrap::Estimate;

use super::map::{self, Grid};
use crate::render::folder;
use thermine_capture::tabular;
use thermine_lab::chips::measured::{Group, Measured};

/// Writes `chips.csv`, `chips.svg`, `cores.csv` and `cores.svg`, as far as nonces tell chips and cores apart.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn write(of: &Measured, folder: &Path) -> Result<()> {
    let title = |what: &str| {
        format!(
            "{}: {what} beside the others, % (n = {}, {})",
            of.source.name, of.shares, of.source.provenance
        )
    };
    let layout = &of.layout;
    if let Some(chips) = &of.chips {
        let grid = Grid::of_board(layout.chips, layout.rows);
        let svg = map::svg(chips, grid, &title("shares of each chip"));
        folder::write(folder, "chips.svg", svg)?;
        folder::write(folder, "chips.csv", csv(chips)?)?;
    }
    if let Some(cores) = &of.cores {
        let grid = Grid::of_cores(layout.cores);
        let svg = map::svg(cores, grid, &title("shares of each core"));
        folder::write(folder, "cores.svg", svg)?;
        folder::write(folder, "cores.csv", csv(cores)?)?;
    }
    Ok(())
}

/// A row for each place; unknown cells are empty.
fn csv(group: &Group) -> Result<String> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record([
        group.what,
        "shares",
        "shares_per_s",
        "shares_per_s_low",
        "shares_per_s_high",
        "gh_per_s",
        "gh_per_s_low",
        "gh_per_s_high",
        "ratio_to_others",
        "ratio_low",
        "ratio_high",
        "p",
        "p_adjusted",
        "finding",
    ])?;
    for (number, place) in group.places.places.iter().enumerate() {
        let giga = group.hash_rates.as_ref().and_then(|rates| rates[number]);
        let mut row = vec![number.to_string(), place.count.to_string()];
        for estimate in [group.rates[number], giga, place.ratio] {
            row.extend(columns(estimate));
        }
        row.push(tabular::float(place.p));
        row.push(tabular::float(place.adjusted));
        let finding = place.outlier.map(serde_json::to_value).transpose()?;
        let finding = finding.as_ref().and_then(|finding| finding.as_str());
        row.push(finding.unwrap_or_default().to_string());
        csv.write_record(&row)?;
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}

fn columns(estimate: Option<Estimate>) -> [String; 3] {
    estimate.map_or_else(Default::default, |e| {
        [e.value, e.low, e.high].map(tabular::float)
    })
}
