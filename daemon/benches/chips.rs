//! A million shares: how long it takes to tell chips and cores apart, test them and draw their map, from memory and
//! from a capture. `cargo bench -p thermine --bench chips`.

#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::path::Path;
use std::time::{Duration, Instant};

use rand::RngExt;
use rusqlite::Connection;
use thermine::render::chips::map::{self, Grid};
use thermine::render::chips::verdict;
use thermine_capture::answers::Answer;
use thermine_capture::{RunMeta, Store};
use thermine_lab::chips::counts::Tally;
use thermine_lab::chips::measured::{Group, Measured};
use thermine_lab::chips::of_capture;
use thermine_lab::chips::request::ChipsRequest;
use thermine_lab::chips::table::Table;
use thermine_lab::config::Config;
use thermine_units::clock::Nanos;
use thermine_units::model::Model;
use thermine_units::model::s9;
use thermine_units::nonce::Origin;
use thermine_units::provenance::Provenance;
use thermine_units::record::Verdict;
use thermine_units::seed;

/// Shares.
const SHARES: u64 = 1_000_000;

/// Seed of the nonces.
const SEED: u64 = 1;

/// What both together may take, from the capture.
const WANTED: Duration = Duration::from_secs(1);

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Shares of an S9 whose chip 5 is 10 % weak, 12 a second.
fn answers() -> Vec<Answer> {
    let mut rng = seed::stream(SEED, "bench");
    let mut answers = Vec::new();
    while (answers.len() as u64) < SHARES {
        let chip = rng.random_range(0..63u8);
        if chip == 5 && rng.random::<f64>() < 0.1 {
            continue;
        }
        let nonce = s9::LAYOUT.encode(Origin {
            chip,
            core: s9::LAYOUT.core(rng.random_range(0..114)),
            counter: rng.random_range(0..s9::LAYOUT.counters()),
        });
        answers.push(Answer {
            nonce,
            arrived: Nanos((answers.len() as u64 + 1) * 83_000_000),
            since_job: Some(Duration::from_millis(80)),
            verdict: Verdict::Accepted,
        });
    }
    answers
}

/// A capture of them, each answering a job of its own, as a relay records.
fn capture(path: &Path, answers: &[Answer]) -> Outcome<()> {
    let (config, config_hash) = Config::simulated(Model::AntminerS9)?.fingerprint()?;
    let meta = RunMeta {
        seed: SEED,
        config,
        config_hash,
        task: serde_json::json!({ "bench": SHARES }),
        provenance: Provenance::Simulated,
    };
    let store = Store::create(path, &meta)?;
    let recorder = store.stream("relay");
    drop(recorder);
    store.finish("finished")?;
    let mut connection = Connection::open(path)?;
    let all = connection.transaction()?;
    all.execute(
        "INSERT OR IGNORE INTO stream (run, id, name) VALUES (1, 0, 'relay')",
        [],
    )?;
    {
        let mut job = all.prepare(
            "INSERT INTO job VALUES (1, ?1, 0, ?2, ?3, NULL, 256.0, 1.0, 0, x'', NULL, x'', x'', x'', 0, 0, 0, x'', 1)",
        )?;
        let mut share = all.prepare(
            "INSERT INTO share VALUES (1, ?1, 0, ?1, ?1, ?2, ?3, 80000000, ?4, x'00000000', 0, NULL, 'accepted', 300.0)",
        )?;
        for (i, answer) in answers.iter().enumerate() {
            let (i, arrived) = (i as i64 + 1, answer.arrived.0 as i64);
            let id = format!("{i:x}");
            job.execute(rusqlite::params![i, id, arrived - 80_000_000])?;
            share.execute(rusqlite::params![i, id, arrived, answer.nonce])?;
        }
    }
    all.commit()?;
    Ok(())
}

/// Both maps of what was measured, as text and as SVG.
fn maps(of: &Measured) -> usize {
    let draw = |group: &Group, grid: Grid| {
        map::text(group, grid, true).len() + map::svg(group, grid, "bench").len()
    };
    let layout = &of.layout;
    let chips = of
        .chips
        .as_ref()
        .map(|chips| draw(chips, Grid::of_board(layout.chips, layout.rows)));
    let cores = of
        .cores
        .as_ref()
        .map(|cores| draw(cores, Grid::of_cores(layout.cores)));
    chips.unwrap_or(0) + cores.unwrap_or(0)
}

fn main() -> Outcome<()> {
    let answers = answers();
    let table = Table::load(None)?;
    let layout = table.layout(Model::AntminerS9, None, None)?;

    let began = Instant::now();
    let mut tally = Tally::new(layout);
    answers.iter().for_each(|answer| tally.add(answer));
    let decoded = began.elapsed();
    println!(
        "computed, seed {SEED}: {SHARES} shares in memory decoded and counted in {:.0} ms",
        decoded.as_secs_f64() * 1e3
    );

    let dir = tempfile::tempdir()?;
    let path = dir.path().join("capture.sqlite");
    capture(&path, &answers)?;
    let began = Instant::now();
    let measured = of_capture(&path, &ChipsRequest::default(), &table, None)?;
    let whole = began.elapsed();
    let drawn = maps(&measured);
    let took = began.elapsed();
    println!(
        "computed, seed {SEED}: the same streamed from a capture, decoded, tested, with clocks and switches in {:.0} ms, \
         maps ({drawn} bytes) included {:.0} ms; {} asked for",
        whole.as_secs_f64() * 1e3,
        took.as_secs_f64() * 1e3,
        if took < WANTED {
            "less than the 1 s"
        } else {
            "MORE than the 1 s"
        }
    );
    println!("{}", verdict(&measured));
    Ok(())
}
