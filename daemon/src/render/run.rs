//! The report of a training run as text.

use std::fmt::Write;

use comfy_table::Table;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::controls::{EchoTest, EchoVerdict};
use thermine_reservoir::evaluate::Score;
use thermine_reservoir::split::Split;

use super::table::{difference, interval, table};
use thermine_lab::experiment::report_scores::{Account, Arm, Echo, RunReport, current_input};

/// The report as text.
pub(crate) fn text(report: &RunReport) -> String {
    let mut text = String::new();
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
    let _ = writeln!(text, "{}\n", rows(report, first));
    let _ = writeln!(
        text,
        "With the encoded drive, the {}'s states change the NRMSE of the encoded drive by {}, and \
         that of the encoded drive and {} leaky integrators by {} (negative: better).",
        first.name,
        gap(&first.verdict.beyond_encoding),
        first.features.len(),
        gap(&first.verdict.beyond_bank),
    );
    for arm in &report.arms {
        text.push_str(&lines(arm));
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
    if published {
        headings.push("paper");
    }
    if first.decisions.is_some() {
        headings.push("wrong");
    }
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
        row(
            format!("control: {name}"),
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
    let verdict = &first.verdict;
    let both = format!("encoded drive + {}", first.name);
    let score = &verdict.encoded_and_device;
    row(both, score, String::new(), &provenance, None, None);
    let score = &verdict.encoded_and_bank;
    row(first.bank(), score, String::new(), "computed", None, None);
    rows
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
    for further in &arm.further {
        let verdict = &further.verdict;
        let current = current_input(verdict);
        let _ = writeln!(
            text,
            "  target {}: {}; current input {current:.3}, encoded drive + leaky integrators {:.3}; {verdict}",
            further.target,
            estimate(&verdict.device.nrmse),
            verdict.encoded_and_bank.nrmse.value,
        );
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
    let gaps = match account.interrupted {
        0 => String::new(),
        steps => format!(
            "; connection lost in {steps} steps, {:.1} s in all: {} rows left out of training and scores",
            account.gap_seconds, account.left_out
        ),
    };
    format!(
        "{:.0} s of the unit's time, {} jobs{waits}; no samples: {} stale, {} duplicate, {} invalid; \
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
