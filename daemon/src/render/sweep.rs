//! A sweep as text, as a table of its cells and as heat maps.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use thermine_reservoir::bootstrap::Estimate;

use super::folder::{write, write_json};
use super::heatmap::HeatMap;
use super::table::{interval, table};
use thermine_capture::tabular;
use thermine_capture::tabular::cell as text_cell;
use thermine_lab::observer::Progress;
use thermine_lab::session::Interrupted;
use thermine_lab::sweep::feasibility::{Feasibility, PUBLISHED_SHARES};
use thermine_lab::sweep::plan::Plan;
use thermine_lab::sweep::report::{LEVEL, Report, Row};
use thermine_lab::sweep::{Cell, Sweeping};

/// Cells that are listed.
const LISTED: usize = 12;

/// CVs that the paper prints (arXiv 2601.12032), and what stands beside them here.
const PUBLISHED: [(&str, &str); 4] = [
    (
        "0.586",
        "below 1 by more than a dead time explains: regular, if it holds",
    ),
    ("0.71", "the same"),
    (
        "0.98",
        "a Poisson process: 1 − λ d, within its error of 1/√n",
    ),
    (
        "0.092",
        "no CV of Δt: 1/√N, the CV of a count, is 0.0915 for the N of 325 MHz, difficulty 4096 and 300 s",
    ),
];

/// The shares that the windows can hold, in words.
pub(crate) fn feasibility(of: &Feasibility) -> String {
    let Feasibility { least, most, .. } = of;
    let mut text = format!(
        "{} cells. A window of {} s holds {least:.1} to {most:.0} shares if every hash is right; {} cells cannot hold \
         the {} asked.\n",
        of.cells, of.window_seconds, of.too_few, of.wanted,
    );
    let _ = if of.as_published == 0 {
        let needed = |shares: f64| PUBLISHED_SHARES / shares * of.window_seconds;
        writeln!(
            text,
            "The published 10,000+ shares per cell are reached by none: the fastest cell would take {:.0} s, the \
             slowest {:.0} h.",
            needed(*most),
            needed(*least) / 3600.0
        )
    } else {
        writeln!(
            text,
            "The published 10,000+ shares per cell are reached by {} of {} cells.",
            of.as_published, of.cells
        )
    };
    text
}

/// The report as text.
pub(crate) fn text(of: &Report) -> String {
    let mut text = format!(
        "\n{} of {} cells on {}: {}, seed {}, configuration {}, version {}\n\n",
        of.rows.len(),
        of.cells,
        of.unit,
        of.provenance,
        of.seed,
        of.config_hash,
        of.version
    );
    farthest(&mut text, of);
    shortfalls(&mut text, of);
    tests(&mut text, of);
    let _ = writeln!(text, "Published CVs (arXiv 2601.12032):");
    for (value, note) in PUBLISHED {
        let _ = writeln!(text, "  {value}: {note}");
    }
    text
}

/// The cells that are farthest from the null.
fn farthest(text: &mut String, of: &Report) {
    let far = |row: &Row| z(row).unwrap_or(0.0).abs();
    let mut shown: Vec<&Row> = of.rows.iter().filter(|row| z(row).is_some()).collect();
    shown.sort_by(|a, b| far(b).total_cmp(&far(a)));
    let mut rows = table(
        &[
            "V",
            "MHz",
            "difficulty",
            "n",
            "CV of Δt [95 %]",
            "null CV",
            "z",
            "p, Holm",
            "p, BH",
            "dispersion",
            "entropy, bit",
            "memory",
            "kernel − general. rank",
            "NRMSE",
        ],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
    );
    for row in shown.iter().take(LISTED) {
        rows.add_row(columns(row));
    }
    let _ = writeln!(
        text,
        "The {} cells with the largest |z| of {} tested ones (30 waits or more):\n{rows}\n",
        shown.len().min(LISTED),
        of.tested
    );
}

/// What was not measured, and the cells with few shares.
fn shortfalls(text: &mut String, of: &Report) {
    let mut why: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in of.rows.iter().filter_map(|row| row.cell.not_run.as_deref()) {
        *why.entry(reason).or_default() += 1;
    }
    let mut why: Vec<_> = why.into_iter().collect();
    why.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (reason, count) in why.iter().take(5) {
        let cells = if *count == 1 {
            "cell was"
        } else {
            "cells were"
        };
        let _ = writeln!(text, "{count} {cells} not measured whole: {reason}");
    }
    let shares = of.rows.iter().filter_map(|row| row.cell.shares.as_ref());
    let few = shares.filter(|shares| (shares.n as u64) < of.asked_shares);
    let _ = writeln!(
        text,
        "{} cells gave fewer than the {} shares asked in {} s.",
        few.count(),
        of.asked_shares,
        of.window_seconds
    );
}

/// The tests over all cells.
fn tests(text: &mut String, of: &Report) {
    let by_chance = LEVEL * of.tested as f64;
    let _ = writeln!(
        text,
        "CV against a Poisson process with the dead time of a job switch: {} of {} cells are rejected at 5 % after \
         Holm, {} after Benjamini and Hochberg; without either some {by_chance:.0} would be by chance.",
        of.rejected_holm, of.tested, of.rejected_benjamini_hochberg
    );
    let _ = if of.rejected_holm > 0 {
        writeln!(
            text,
            "Edge of chaos: in {} cells the share times are no Poisson process with a dead time (Holm). What else they \
             are this test does not say.",
            of.rejected_holm
        )
    } else {
        writeln!(
            text,
            "In no cell do the share times depart from that null: there is nothing critical to report."
        )
    };
}

/// Writes JSON, CSV and heat maps into `folder`.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn files(of: &Report, folder: &Path) -> Result<()> {
    write_json(folder, "report.json", of)?;
    write(folder, "cells.csv", csv(of)?)?;
    for map in &MAPS {
        maps(of, folder, map)?;
    }
    Ok(())
}

/// A column of the table of cells.
type Column = (&'static str, fn(&Row) -> Option<f64>);

/// The numbers of a cell.
const COLUMNS: [Column; 26] = [
    ("voltage_v", |row| row.cell.point.voltage),
    ("frequency_mhz", |row| Some(row.cell.point.frequency)),
    ("difficulty", |row| Some(row.cell.point.difficulty)),
    ("shares", |row| Some(row.cell.shares.as_ref()?.n as f64)),
    ("rate_per_s", |row| Some(row.cell.shares.as_ref()?.rate)),
    ("cv", |row| Some(cv(row)?.value)),
    ("cv_low", |row| Some(cv(row)?.low)),
    ("cv_high", |row| Some(cv(row)?.high)),
    ("null_cv", |row| {
        Some(row.cell.shares.as_ref()?.test?.expected_cv)
    }),
    ("z", z),
    ("p", |row| Some(row.cell.shares.as_ref()?.test?.p)),
    ("p_holm", |row| row.holm),
    ("p_bh", |row| row.benjamini_hochberg),
    ("dispersion", |row| {
        Some(row.cell.shares.as_ref()?.dispersion?.index)
    }),
    ("dispersion_p", |row| {
        Some(row.cell.shares.as_ref()?.dispersion?.p)
    }),
    ("entropy_bit", |row| {
        Some(row.cell.shares.as_ref()?.entropy?.miller_madow)
    }),
    ("memory", |row| Some(row.cell.reservoir.as_ref()?.memory)),
    ("driven_rank", |row| {
        Some(row.cell.reservoir.as_ref()?.driven_rank as f64)
    }),
    ("kernel_rank", |row| {
        Some(row.cell.reservoir.as_ref()?.kernel_rank as f64)
    }),
    ("generalisation_rank", |row| {
        Some(row.cell.reservoir.as_ref()?.generalisation_rank as f64)
    }),
    ("reservoir_difficulty", |row| {
        Some(row.cell.reservoir.as_ref()?.difficulty)
    }),
    ("narma10_nrmse", |row| Some(row.cell.narma?.value)),
    ("narma10_low", |row| Some(row.cell.narma?.low)),
    ("narma10_high", |row| Some(row.cell.narma?.high)),
    ("hottest_board_c", |row| row.cell.hottest[0]),
    ("hottest_chip_c", |row| row.cell.hottest[1]),
];

/// Columns whose numbers are counts.
const COUNTS: [&str; 4] = [
    "shares",
    "driven_rank",
    "kernel_rank",
    "generalisation_rank",
];

fn csv(of: &Report) -> Result<String> {
    let number = |name: &str, value: f64| match COUNTS.contains(&name) {
        true => format!("{value}"),
        false => tabular::float(value),
    };
    let mut csv = csv::Writer::from_writer(Vec::new());
    let names = COLUMNS.iter().map(|(name, _)| *name);
    csv.write_record(names.chain(["not_run"]))?;
    for row in &of.rows {
        let numbers = COLUMNS
            .iter()
            .map(|(name, value)| value(row).map_or_else(String::new, |value| number(name, value)));
        let mut record: Vec<String> = numbers.collect();
        record.push(
            row.cell
                .not_run
                .as_deref()
                .map(text_cell)
                .unwrap_or_default(),
        );
        csv.write_record(&record)?;
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}

/// A quantity over the operating points.
struct Map {
    file: &'static str,
    title: &'static str,
    /// Whether the scale is symmetric about 0.
    is_signed: bool,
    value: fn(&Row) -> Option<f64>,
}

const MAPS: [Map; 5] = [
    Map {
        file: "z",
        title: "z of CV against the dead-time Poisson null",
        is_signed: true,
        value: z,
    },
    Map {
        file: "cv",
        title: "CV of Δt",
        is_signed: false,
        value: |row| Some(cv(row)?.value),
    },
    Map {
        file: "memory",
        title: "linear memory capacity",
        is_signed: false,
        value: |row| Some(row.cell.reservoir.as_ref()?.memory),
    },
    Map {
        file: "rank",
        title: "kernel rank − generalisation rank",
        is_signed: true,
        value: |row| {
            let reservoir = row.cell.reservoir.as_ref()?;
            Some(reservoir.kernel_rank as f64 - reservoir.generalisation_rank as f64)
        },
    },
    Map {
        file: "narma10",
        title: "NRMSE of NARMA-10",
        is_signed: false,
        value: |row| Some(row.cell.narma?.value),
    },
];

/// One map a difficulty: voltage over clock.
fn maps(of: &Report, folder: &Path, map: &Map) -> Result<()> {
    let at: BTreeMap<usize, &Row> = of.rows.iter().map(|row| (row.index, row)).collect();
    let all = of.rows.iter().filter_map(map.value);
    let all: Vec<f64> = all.filter(|value| value.is_finite()).collect();
    if all.is_empty() {
        return Ok(());
    }
    let low = all.iter().copied().fold(f64::INFINITY, f64::min);
    let high = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let most = low.abs().max(high.abs());
    let range = if map.is_signed {
        (-most, most)
    } else {
        (low, high)
    };
    let grid = &of.grid;
    let voltages = if grid.voltages.is_empty() {
        vec![0.0]
    } else {
        grid.voltages.clone()
    };
    let area = voltages.len() * grid.frequencies.len();
    for (layer, difficulty) in grid.difficulties.iter().enumerate() {
        let values: Vec<Option<f64>> = (layer * area..(layer + 1) * area)
            .map(|index| at.get(&index).and_then(|row| (map.value)(row)))
            .collect();
        let title = format!(
            "{}, difficulty {difficulty} — {} ({})",
            map.title, of.unit, of.provenance
        );
        let drawn = HeatMap {
            title: &title,
            x: ("clock, MHz", &grid.frequencies),
            y: ("voltage, V", &voltages),
            values: &values,
            range,
        };
        let name = format!("{}-d{difficulty}.svg", map.file);
        write(folder, &name, drawn.render())?;
    }
    Ok(())
}

fn z(row: &Row) -> Option<f64> {
    Some(row.cell.shares.as_ref()?.test?.z)
}

fn cv(row: &Row) -> Option<Estimate> {
    row.cell.shares.as_ref()?.cv
}

fn columns(row: &Row) -> Vec<String> {
    let cell: &Cell = &row.cell;
    let none = || "—".to_string();
    let digits = |value: Option<f64>, digits: usize| {
        value.map_or_else(none, |value| format!("{value:.digits$}"))
    };
    let interval = |e: Estimate| interval(e.value, (e.low, e.high));
    let shares = cell.shares.as_ref();
    let test = shares.and_then(|shares| shares.test);
    let reservoir = cell.reservoir.as_ref();
    vec![
        digits(cell.point.voltage, 2),
        format!("{}", cell.point.frequency),
        format!("{}", cell.point.difficulty),
        shares.map_or_else(none, |shares| shares.n.to_string()),
        cv(row).map_or_else(none, interval),
        digits(test.map(|test| test.expected_cv), 3),
        digits(test.map(|test| test.z), 2),
        digits(row.holm, 4),
        digits(row.benjamini_hochberg, 4),
        digits(shares.and_then(|s| s.dispersion).map(|d| d.index), 2),
        digits(shares.and_then(|s| s.entropy).map(|e| e.miller_madow), 2),
        digits(reservoir.map(|r| r.memory), 2),
        reservoir.map_or_else(none, |r| {
            format!("{} − {}", r.kernel_rank, r.generalisation_rank)
        }),
        cell.narma.map_or_else(none, interval),
    ]
}

/// Carries out `plan` in the folder `out`, or only `says` its feasibility, and gives `say` the results as they come.
pub(crate) async fn carry_out(
    plan: Plan,
    (says, out): (bool, Option<&Path>),
    progress: &Progress,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    say(&feasibility(&plan.feasibility()))?;
    if says {
        return Ok(());
    }
    let usual = || PathBuf::from("runs").join(format!("sweep-{}", plan.config_hash));
    let folder = out.map_or_else(usual, Path::to_path_buf);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut sweeping = Sweeping::open(plan, &folder)?;
    let (done, cells) = sweeping.cells();
    if done > 0 {
        say(&format!("{done} of {cells} cells are finished already\n"))?;
    }
    let report = sweeping.run(progress).await?;
    files(&report, &folder)?;
    say(&format!("{}{}\n", text(&report), folder.display()))?;
    if report.left() > 0 {
        let how = format!(
            "interrupted with {} cells to go; continue with the same command and --out {}",
            report.left(),
            folder.display()
        );
        return Err(anyhow::Error::new(Interrupted).context(how));
    }
    Ok(())
}
