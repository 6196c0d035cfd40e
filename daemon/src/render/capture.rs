//! What a capture holds and what was recorded, as text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use thermine_units::clock::Nanos;

use super::table::table;
use thermine_capture::reader::{Run, Stream};
use thermine_lab::record::Report;

/// What was recorded, in one sentence.
pub(crate) fn recorded(of: &Report) -> String {
    let refused = of.refused;
    let gaps = match of.interrupted {
        0 => String::new(),
        n => format!(
            "; connection lost {n} times, {:.1} s in all",
            of.gap.as_secs_f64()
        ),
    };
    format!(
        "{} answers of {}: {} accepted, {} stale, {} duplicate, {} invalid{gaps}; {}, seed {}",
        of.accepted + u64::from(refused.stale + refused.duplicate + refused.invalid),
        of.unit,
        of.accepted,
        refused.stale,
        refused.duplicate,
        refused.invalid,
        of.provenance,
        of.seed,
    )
}

/// All `runs` of the capture `file`, each with its streams, counts, span and provenance.
///
/// # Errors
/// If a run began at no time that a calendar has.
pub(crate) fn info(
    file: &Path,
    runs: &[Run],
    streams: &[Stream],
    spans: &BTreeMap<i64, (Nanos, Nanos)>,
) -> Result<String> {
    let mut text = format!("{}: ", file.display());
    if runs.len() != 1 {
        let _ = writeln!(text, "{} runs", runs.len());
    }
    for run in runs {
        if runs.len() != 1 {
            let _ = write!(text, "\nrun {}: ", run.id);
        }
        head(&mut text, run)?;
        if let Some((first, last)) = spans.get(&run.id) {
            let _ = writeln!(
                text,
                "records from {:.3} s to {:.3} s of its clock: {:.3} s",
                first.seconds(),
                last.seconds(),
                last.since(*first).as_secs_f64()
            );
        }
        let of_run: Vec<&Stream> = streams.iter().filter(|s| s.run == run.id).collect();
        let _ = writeln!(text, "{}", counts(&of_run));
    }
    Ok(text)
}

fn head(text: &mut String, run: &Run) -> Result<()> {
    let state = match run.state.as_str() {
        "running" => "not finished: still running, or killed",
        state => state,
    };
    let created = jiff::Timestamp::from_second(run.created_unix_s)?;
    let _ = writeln!(text, "{}, {state}", run.provenance);
    let _ = writeln!(
        text,
        "begun {created} by version {}, seed {}, configuration {}",
        run.version, run.seed, run.config_hash
    );
    if let Some(origin) = &run.origin {
        let _ = writeln!(text, "merged from {origin}");
    }
    let _ = writeln!(text, "task {}", run.task);
    Ok(())
}

/// The table of streams.
fn counts(streams: &[&Stream]) -> String {
    let mut rows = table(
        &["stream", "unit", "jobs", "shares", "readings", "steps"],
        &[2, 3, 4, 5],
    );
    let mut sums = [0; 4];
    for stream in streams {
        let identity = stream.identity.as_ref();
        let model = identity.and_then(|identity| identity.model.clone());
        let counts = [stream.jobs, stream.shares, stream.readings, stream.steps];
        let mut row = vec![
            stream.name.clone(),
            model.unwrap_or_else(|| "not reported".into()),
        ];
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
            row.push(count.to_string());
        }
        rows.add_row(row);
    }
    if streams.len() > 1 {
        let mut row = vec!["in all".to_string(), String::new()];
        row.extend(sums.map(|sum: u64| sum.to_string()));
        rows.add_row(row);
    }
    rows.to_string()
}
