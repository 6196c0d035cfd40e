//! `thermine capture info`: what a capture holds.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use crate::render::table::table;
use thermine_capture::Capture;

/// All runs of the capture at `file`, each with its streams, counts, span and provenance.
pub(super) fn info(file: &Path) -> Result<String> {
    let capture = Capture::open(file)?;
    capture.freeze()?;
    let runs = capture.runs()?;
    let all_streams = capture.streams()?;
    let spans = capture.spans()?;
    let mut text = format!("{}: ", file.display());
    if runs.len() != 1 {
        let _ = writeln!(text, "{} runs", runs.len());
    }
    for run in &runs {
        let state = match run.state.as_str() {
            "running" => "not finished: still running, or killed",
            state => state,
        };
        if runs.len() != 1 {
            let _ = write!(text, "\nrun {}: ", run.id);
        }
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
        if let Some((first, last)) = spans.get(&run.id) {
            let _ = writeln!(
                text,
                "records from {:.3} s to {:.3} s of its clock: {:.3} s",
                first.seconds(),
                last.seconds(),
                last.since(*first).as_secs_f64()
            );
        }
        let mut streams = table(
            &["stream", "unit", "jobs", "shares", "readings", "steps"],
            &[2, 3, 4, 5],
        );
        let mut sums = [0; 4];
        let of_run: Vec<_> = all_streams.iter().filter(|s| s.run == run.id).collect();
        for stream in &of_run {
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
            streams.add_row(row);
        }
        if of_run.len() > 1 {
            let mut row = vec!["in all".to_string(), String::new()];
            row.extend(sums.map(|sum: u64| sum.to_string()));
            streams.add_row(row);
        }
        let _ = writeln!(text, "{streams}");
    }
    Ok(text)
}
