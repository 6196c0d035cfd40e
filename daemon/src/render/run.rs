//! The report of a training run as text.

use std::fmt::Write;

use comfy_table::Table;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::controls::{EchoTest, EchoVerdict};
use thermine_reservoir::evaluate::Score;
use thermine_reservoir::split::Split;
use thermine_reservoir::verdict::Control;

use super::table::{difference, interval, table};
use super::targets;
use thermine_lab::experiment::report_scores::{Account, Arm, Echo, RunReport, current_input};
use thermine_lab::experiment::report_sensitivity::{Outcome, Sensitivity};

/// The report as text.
pub(crate) fn text(report: &RunReport) -> String {
    let kept = report.registration.as_ref();
    let mut text = kept.map_or_else(String::new, super::registration::kept);
    let Split {
        washout,
        train,
        test,
    } = report.split;
    let _ = writeln!(
        text,
        "\n{} on {}: {} by {}, in {}\n{washout} washout + {train} training + {test} test steps, seed {}, configuration {}, version {}\n",
        report.task,
        report.head.unit,
        provenance(report),
        report.head.substrate,
        report.head.time,
        report.head.seed,
        report.head.config_hash,
        report.head.version
    );
    let Some(first) = report.arms.first() else {
        return text;
    };
    text.push_str(&summary(report));
    if let Some(product) = &report.product {
        text.push_str(&beside(product));
    }
    if let Some(sensitivity) = &report.sensitivity {
        text.push_str(&assumptions(sensitivity, report.product.is_none()));
    }
    let _ = writeln!(text, "{}\n", rows(report, first));
    let _ = writeln!(
        text,
        "With the encoded drive, the {}'s states change the NRMSE of the encoded drive by {}, and \
         that of the encoded drive and {} by {} (negative: better).",
        first.name,
        gap(&first.verdict.beyond_encoding),
        first.verdict.bank,
        gap(&first.verdict.beyond_bank),
    );
    for arm in &report.arms {
        text.push_str(&lines(arm));
        text.push_str(&targets::text(report, arm));
    }
    if report.is_narma10 {
        text.push_str(&beside_the_paper(first));
    }
    let _ = writeln!(
        text,
        "Driven in {:.0} s of wall time.",
        report.head.wall_seconds
    );
    if report.rejected_draws > 0 {
        let _ = writeln!(
            text,
            "{} diverging draws of the input were thrown away before this one.",
            report.rejected_draws
        );
    }
    text
}

/// The rows beside their best control, each in a few words.
fn summary(report: &RunReport) -> String {
    let mut rows = table(
        &["row", "NRMSE [95 %]", "best control", "so the unit"],
        &[1, 2],
    );
    let product = report.product.iter().flat_map(|product| &product.arms);
    for arm in product.chain(&report.arms) {
        let verdict = &arm.verdict;
        let best = verdict.best_linear().map_or_else(String::new, |best| {
            format!("{:.3} {}", best.score.nrmse.value, best.control)
        });
        rows.add_row([
            arm.name.clone(),
            estimate(&verdict.device.nrmse),
            best,
            verdict.word().to_string(),
        ]);
    }
    if report.is_narma10 {
        let paper = ["the paper", "0.8661", "", "equals the input alone"];
        rows.add_row(paper.map(String::from));
    }
    format!("{rows}\n\n")
}

/// How far the scores rest on what nobody measured: a sentence a row, and the table where it was asked for.
fn assumptions(sensitivity: &Sensitivity, in_full: bool) -> String {
    let mut text = String::new();
    let mut ends = table(&["row", "assumption", "low end", "high end"], &[]);
    for row in &sensitivity.rows {
        let (low, high) = row.range();
        let decides = row
            .decides()
            .map_or_else(String::new, |end| format!("; {} decides", end.assumption));
        let _ = writeln!(
            text,
            "{} rests on assumptions: {low:.2} to {high:.2} over their ranges{decides}.",
            row.row
        );
        for end in &row.ends {
            ends.add_row([
                row.row.clone(),
                end.assumption.clone(),
                at(&end.low, &end.at_low),
                at(&end.high, &end.at_high),
            ]);
        }
    }
    let (n, m, seed) = (
        sensitivity.train_steps,
        sensitivity.test_steps,
        sensitivity.seed,
    );
    let _ = writeln!(
        text,
        "(Twins, {n} training + {m} test steps, seed {seed}, one assumption at a time{})\n",
        if in_full {
            ""
        } else {
            "; --sensitivity: all of it"
        }
    );
    if in_full {
        let _ = writeln!(text, "{ends}\n");
    }
    text
}

/// What became of a row at one end of an assumption.
fn at(end: &str, outcome: &Outcome) -> String {
    match outcome.score {
        Some(score) => format!("{end}: {score:.3} {}", outcome.says),
        None => format!("{end}: cannot be driven so"),
    }
}

/// The product's run, of which the paper knows nothing.
fn beside(product: &RunReport) -> String {
    let Some(arm) = product.arms.first() else {
        return String::new();
    };
    let Split {
        washout,
        train,
        test,
    } = product.split;
    format!(
        "product: a run of its own, {washout} + {train} + {test} steps ({}); all of it: --encoding product.\n{}  \
         The unit multiplies two inputs; their lag of nine steps is the host's memory, and a line of code multiplies \
         too.\n\n",
        arm.encoding,
        lines(arm)
    )
}

fn rows(report: &RunReport, first: &Arm) -> Table {
    let minus = format!("{} − row [95 %]", first.name);
    let mut headings = vec![
        "row",
        "NRMSE [95 %]",
        &minus,
        "features",
        "test steps",
        "seed",
        "provenance",
    ];
    let published = report.arms.iter().any(|arm| arm.published_nrmse.is_some());
    headings.extend(published.then_some("paper"));
    headings.extend(first.decisions.as_ref().map(|_| "wrong"));
    let mut rows = table(&headings, &[1, 2, 3, 4, 5, 7, 8]);
    let mut row = |what: String,
                   score: &Score,
                   difference: String,
                   provenance: &str,
                   paper: Option<f64>,
                   wrong: Option<f64>| {
        let mut cells = vec![
            what,
            estimate(&score.nrmse),
            difference,
            score.features.to_string(),
            score.test_steps.to_string(),
            report.head.seed.to_string(),
            provenance.to_string(),
        ];
        if published {
            cells.push(paper.map_or_else(String::new, |p| format!("{p:.4}")));
        }
        if first.decisions.is_some() {
            cells.push(wrong.map_or_else(String::new, |w| format!("{:.1} %", 100.0 * w)));
        }
        rows.add_row(cells);
    };
    for arm in &report.arms {
        row(
            title(arm),
            &arm.verdict.device,
            String::new(),
            &arm.provenance.to_string(),
            arm.published_nrmse,
            arm.decisions.as_ref().map(|decisions| decisions.device),
        );
    }
    let provenance = first.provenance.to_string();
    for control in &first.verdict.controls {
        let name = control.control.to_string();
        let mut decisions = first.decisions.iter().flat_map(|d| &d.controls);
        let kind = match control.control {
            Control::Products(_) => "ideal",
            _ => "control",
        };
        row(
            format!("{kind}: {name}"),
            &control.score,
            gap(&control.difference),
            if control.control.is_null() {
                &provenance
            } else {
                "computed"
            },
            None,
            decisions
                .find(|(of, _)| *of == name)
                .map(|(_, wrong)| *wrong),
        );
    }
    for (name, score, device) in joined(first) {
        let from = if device { &provenance } else { "computed" };
        row(name, score, String::new(), from, None, None);
    }
    rows
}

/// The device and the hardest bank beside other columns: name, score, and whether the device is among them.
fn joined(first: &Arm) -> [(String, &Score, bool); 3] {
    let (verdict, direct) = (&first.verdict, &first.verdict.direct);
    let other = if first.taps() > 0 {
        (format!("{} without the taps", first.name), &direct.without)
    } else {
        let name = format!("{} + the last {} inputs", first.name, direct.inputs);
        (name, &direct.with)
    };
    let both = format!("encoded drive + {}", first.name);
    [
        (other.0, other.1, true),
        (both, &verdict.encoded_and_device, true),
        (first.bank(), &verdict.encoded_and_bank, false),
    ]
}

/// What the paper's figure is, beside this run's.
fn beside_the_paper(first: &Arm) -> String {
    let current = current_input(&first.verdict);
    let mut text = format!(
        "The paper's 0.8661 is what a readout of the current input alone reaches: here {current:.3}, with no \
         device at all.\n"
    );
    let features = first.verdict.device.features;
    if features < 10 {
        let _ = writeln!(
            text,
            "A delay line of {features} ends before u[t−9], which the task multiplies: to beat it shows memory, \
             not computation; one of 10 sees it."
        );
    }
    text
}

fn provenance(report: &RunReport) -> String {
    report
        .arms
        .first()
        .map_or_else(String::new, |arm| arm.provenance.to_string())
}

/// Its name, with the taps that the host gives it.
fn title(arm: &Arm) -> String {
    match arm.taps() {
        0 => arm.name.clone(),
        taps => format!("{} + {taps} declared taps", arm.name),
    }
}

/// The arm in words.
fn lines(arm: &Arm) -> String {
    let mut text = format!(
        "{} ({}; {}): {}.\n  {}\n",
        title(arm),
        arm.provenance,
        arm.encoding,
        arm.sentence,
        account_line(&arm.account)
    );
    let _ = writeln!(
        text,
        "  linear memory of the readout's features: {:.1} steps",
        arm.verdict.memory
    );
    if let Some(echo) = &arm.echo {
        let _ = writeln!(text, "  {}", echo_line(echo));
    }
    for other in &arm.others {
        let score = other.nrmse.as_ref().map(estimate);
        let wrong = other
            .wrong
            .map(|w| format!("{:.1} % wrong decisions", 100.0 * w));
        let scores: Vec<String> = score.into_iter().chain(wrong).collect();
        let _ = writeln!(
            text,
            "  {} readout: {}, {} of {} features used, parameter {}",
            other.kind.name(),
            scores.join(", "),
            other.used,
            arm.verdict.device.features,
            other.parameter
        );
    }
    if let Some(hot) = &arm.too_hot {
        let _ = writeln!(text, "  {hot}");
    }
    for note in &arm.notes {
        let _ = writeln!(text, "  {note}");
    }
    text
}

fn echo_line(echo: &Echo) -> String {
    let EchoTest {
        first,
        last,
        forgotten_after,
        verdict,
        ..
    } = &echo.test;
    let what = match (verdict, forgotten_after) {
        (EchoVerdict::Forgets, Some(steps)) => {
            format!("it has forgotten how it began after {steps} steps")
        }
        (EchoVerdict::Undecided, _) => {
            "the two begin too near each other to tell whether it forgets".to_string()
        }
        _ => "it does NOT forget how it began within these steps".to_string(),
    };
    format!(
        "echo-state test from {} steps at either end of the input: {what} (distance {first:.2} at first, \
         {last:.2} in the last quarter of {} steps, in standard deviations)",
        echo.conditioning,
        echo.test.distance.len()
    )
}

fn account_line(account: &Account) -> String {
    let waits = account.since_job_ms.map_or_else(String::new, |s| {
        format!(
            ", first answer after {:.1} ms (CV {:.2}, n = {})",
            s.mean, s.cv, s.n
        )
    });
    let asked = if account.device_seconds > 1.01 * account.asked_seconds {
        format!(" ({:.0} s asked)", account.asked_seconds)
    } else {
        String::new()
    };
    let gaps = match account.interrupted {
        0 => String::new(),
        steps => format!(
            "; connection lost in {steps} steps, {:.1} s in all: {} rows left out of training and scores",
            account.gap_seconds, account.left_out
        ),
    };
    format!(
        "{:.0} s of the unit's time{asked}, {} jobs{waits}; no samples: {} stale, {} duplicate, {} invalid; \
         {} steps timed out{gaps}; readings {:.1} s old on average",
        account.device_seconds,
        account.jobs,
        account.refused.stale,
        account.refused.duplicate,
        account.refused.invalid,
        account.timed_out,
        account.mean_reading_age_seconds,
    )
}

fn estimate(e: &Estimate) -> String {
    interval(e.value, (e.low, e.high))
}

fn gap(e: &Estimate) -> String {
    difference(e.value, (e.low, e.high))
}
