//! A unit's measurements as text.

use std::fmt::Write;

use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::Outlier;

use super::counts::{grouped, rounded};
use super::map::{self, Grid};
use super::verdict::verdict;
use crate::render::table::table;
use thermine_lab::chips::measured::{Group, Measured};

/// Most places of one kind that are listed in the text; all are in the report folder.
const MOST_LISTED: usize = 30;

/// The measurements as text, with maps in colour if `colour`.
pub(crate) fn text(of: &Measured, colour: bool) -> String {
    let mut text = head(of);
    let _ = writeln!(text, "\n{}\n", quantities(of));
    if let Some(chips) = &of.chips {
        let boards = match of.layout.boards {
            1 => String::new(),
            boards => format!(", each the sum of {boards} boards, which nonces do not tell apart"),
        };
        let _ = writeln!(
            text,
            "chips of a board along the chain, {} positions{boards}",
            of.layout.chips
        );
        let grid = Grid::of_board(of.layout.chips, of.layout.rows);
        let _ = writeln!(text, "{}", map::text(chips, grid, colour));
        listed(&mut text, chips);
    }
    if let Some(cores) = &of.cores {
        let _ = writeln!(
            text,
            "cores, {} of each chip, all chips together",
            of.layout.cores
        );
        let grid = Grid::of_cores(of.layout.cores);
        let _ = writeln!(text, "{}", map::text(cores, grid, colour));
        listed(&mut text, cores);
    }
    needed(&mut text, of);
    let _ = writeln!(text, "{}\n", verdict(of));
    text
}

fn head(of: &Measured) -> String {
    let source = &of.source;
    let mut text = format!(
        "{}: {}, stream `{}` — {}, {}; n = {} shares in {:.1} s, seed {}, configuration {}\n",
        source.name,
        source.capture,
        source.stream,
        source.provenance,
        source.model,
        grouped(of.shares),
        of.seconds,
        source.seed,
        source.config_hash
    );
    let layout = &of.layout;
    let _ = writeln!(
        text,
        "layout {}: {} board(s) × {} chip(s) × {} core(s) told apart; source: {}",
        layout.name, layout.boards, layout.chips, layout.cores, layout.source
    );
    let answers = of.verdicts.iter();
    let answers: Vec<String> = answers
        .map(|(verdict, count, _)| format!("{} {}", grouped(*count), verdict.replace('_', " ")))
        .collect();
    let _ = writeln!(text, "answers: {}", answers.join(", "));
    for note in &source.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

/// Everything that is one number.
fn quantities(of: &Measured) -> String {
    let mut rows = table(&["quantity", "value [95 %]", "unit"], &[1]);
    for row in estimates(of).into_iter().chain(plain(of)) {
        rows.add_row(row);
    }
    rows.to_string()
}

/// Numbers with their intervals.
fn estimates(of: &Measured) -> Vec<[String; 3]> {
    let clock = &of.clock;
    let mut rows = Vec::new();
    let mut row = |name: &str, estimate: &Option<Estimate>, scale: (f64, usize), unit: &str| {
        let value = shown(estimate.as_ref(), scale);
        rows.push([name.to_string(), value, unit.to_string()]);
    };
    let why = |name: &str, missing: &Option<String>| match missing {
        Some(why) => format!("{name} ({why})"),
        None => name.to_string(),
    };
    let rate = match clock.is_steady {
        true => "shares, steady rate",
        false => "shares, switches of jobs included",
    };
    row(rate, &clock.share_rate, (1.0, 3), "1/s");
    let by_work = why("clock by accepted work", &clock.by_work_missing);
    row(&by_work, &clock.by_work, (1.0, 1), "MHz");
    let by_counter = why("clock by the counter", &clock.by_counter_missing);
    row(&by_counter, &clock.by_counter, (1.0, 1), "MHz");
    let name = "hashes not right, by the two clocks";
    row(name, &clock.not_right, (100.0, 2), "%");
    let name = "part of the counter's range used";
    row(name, &of.coverage, (1.0, 4), "");
    if let Some(switches) = &of.switches {
        let loss = Some(switches.loss_per_switch);
        row("hashing lost to a switch of jobs", &loss, (1e3, 1), "ms");
    }
    let percent = (100.0, 3);
    row("duplicates", &of.duplicates.1, percent, "% of answers");
    row("invalid", &of.invalid.1, percent, "% of answers");
    let is_told = of.layout.chips + of.layout.cores > 0;
    let strange = of.strange.1.filter(|_| is_told);
    let name = "nonces of no known chip or core";
    row(name, &strange, percent, "% of shares");
    let name = "hardware errors, by the unit's count";
    row(name, &of.hardware_errors, (1.0, 3), "1/s");
    rows
}

/// Numbers without an interval.
fn plain(of: &Measured) -> Vec<[String; 3]> {
    let mut rows = Vec::new();
    let mut row = |name: String, value: Option<String>, unit: &str| {
        rows.extend(value.map(|value| [name, value, unit.to_string()]));
    };
    if let Some(switches) = &of.switches {
        let age = |age: Option<f64>| age.map(|age| format!("{:.1}", 1e3 * age));
        let soonest = "first answer to a job, soonest".into();
        row(soonest, age(switches.first_new), "ms");
        let percentile = "first answer to a job, 1 in 100 by".into();
        row(percentile, age(switches.first_new_percentile), "ms");
    }
    for group in [&of.chips, &of.cores].into_iter().flatten() {
        let even = group
            .even
            .map(|even| format!("{:.1} of {}, {:.3}", even.chi2, even.places - 1, even.p));
        row(format!("{}s even: χ², p", group.what), even, "");
        let places = &group.places.places;
        let some = places.iter().filter(|place| place.count > 0).count();
        let found = format!("{some} of {}", places.len());
        row(
            format!("{}s that found something", group.what),
            Some(found),
            "",
        );
    }
    let uniform = of.counter_uniform.map(|p| format!("{p:.3}"));
    row("counter uniform: p (KS)".into(), uniform, "");
    rows
}

/// An estimate times `by`, with so many digits.
fn shown(estimate: Option<&Estimate>, (by, digits): (f64, usize)) -> String {
    estimate.map_or_else(
        || "not told".into(),
        |e| {
            format!(
                "{:.digits$} [{:.digits$}, {:.digits$}]",
                by * e.value,
                by * e.low,
                by * e.high
            )
        },
    )
}

/// The places that differ, with their numbers.
fn listed(text: &mut String, group: &Group) {
    let mut rows = table(
        &[
            group.what,
            "is",
            "shares",
            "shares/s [95 %]",
            "GH/s [95 %]",
            "of the others [95 %]",
            "p, adjusted (BH)",
        ],
        &[0, 2, 3, 4, 5, 6],
    );
    let total = group.places.outliers().count();
    for (number, place) in group.places.outliers().take(MOST_LISTED) {
        let kind = match place.outlier {
            Some(Outlier::Dead) => "dead",
            Some(Outlier::Weak) => "weak",
            _ => "hot",
        };
        let giga = group.hash_rates.as_ref().and_then(|rates| rates[number]);
        rows.add_row([
            number.to_string(),
            kind.into(),
            place.count.to_string(),
            shown(group.rates[number].as_ref(), (1.0, 4)),
            shown(giga.as_ref(), (1.0, 2)),
            shown(place.ratio.as_ref(), (1.0, 3)),
            if place.adjusted < 1e-4 {
                "< 0.0001".into()
            } else {
                format!("{:.4}", place.adjusted)
            },
        ]);
    }
    if total > 0 {
        let _ = writeln!(text, "{rows}");
        if total > MOST_LISTED {
            let _ = writeln!(
                text,
                "and {} more, in the report folder",
                total - MOST_LISTED
            );
        }
        text.push('\n');
    }
}

/// How many shares it takes to see a weak one.
fn needed(text: &mut String, of: &Measured) {
    let groups: Vec<&Group> = [&of.chips, &of.cores].into_iter().flatten().collect();
    if groups.is_empty() {
        return;
    }
    let boards = of.layout.boards;
    let mut headings = vec!["weak by".to_string()];
    for group in &groups {
        let where_ = if boards > 1 { " in all boards" } else { "" };
        headings.push(format!("{}{where_}", group.what));
        if boards > 1 {
            headings.push(format!("{} in one of {boards} boards", group.what));
        }
    }
    let numeric: Vec<usize> = (1..headings.len()).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut rows = table(&headings, &numeric);
    let shares = |needed: Option<u64>| match needed {
        None => "too many".into(),
        Some(n) if n <= of.shares => format!("{}, had", rounded(n)),
        Some(n) => rounded(n),
    };
    for (i, first) in groups[0].needed.iter().enumerate() {
        let mut row = vec![match first.weakness {
            1.0 => "dead".to_string(),
            weakness => format!("{:.0} %", 100.0 * weakness),
        }];
        for group in &groups {
            row.push(shares(group.needed[i].shares));
            if boards > 1 {
                row.push(shares(group.needed[i].in_one_board));
            }
        }
        rows.add_row(row);
    }
    let _ = writeln!(
        text,
        "shares needed to see one that is weak, at a level of {:.0} % (BH over all) and {:.0} % power; {} at hand\n{rows}",
        100.0 * of.demand.level,
        100.0 * of.demand.power,
        grouped(of.shares)
    );
    for group in groups {
        let shown = group.shown.map_or_else(
            || "not even a dead one".into(),
            |weakness| format!("one {:.0} % weak or more", 100.0 * weakness),
        );
        let _ = writeln!(text, "of the {}s, these shares show {shown}", group.what);
    }
    if let Some(cells) = &of.cells {
        let one_board = cells.needed_in_one_board.map_or_else(String::new, |n| {
            format!(", {} if it is so in one board only", rounded(n))
        });
        let needed = cells.needed.map_or_else(|| "too many".into(), rounded);
        let _ = writeln!(
            text,
            "of {} single cores, one that is dead takes {needed}{one_board}; {} found to be short of shares",
            grouped(cells.cells as u64),
            cells.few.len()
        );
    }
    text.push('\n');
}
