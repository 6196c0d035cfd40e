//! Records to write, and a process that writes them and can be killed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use thermine_capture::{Capture, RunMeta, Store};
use thermine_stratum::factory::JobFactory;
use thermine_units::clock::Nanos;
use thermine_units::provenance::Provenance;
use thermine_units::record::{
    Durable, JobRecord, Proof, Record, Recorder, ShareRecord, StepRecord, Verdict,
};
use thermine_units::seed;
use thermine_units::unit::{Board, Identity, Telemetry};

/// Set for the copy of this program that is to write: the capture.
pub(crate) const WRITER: &str = "THERMINE_TEST_WRITER";

/// Set beside it: how many shares it writes; without, it writes until it is killed.
pub(crate) const SHARES: &str = "THERMINE_TEST_SHARES";

/// Shares that a writer has under way at once.
const UNDER_WAY: u64 = 20;

/// As hardware's: what is acknowledged must survive a power cut.
pub(crate) fn meta(seed: u64) -> RunMeta {
    RunMeta {
        seed,
        config: format!("seed = {seed}"),
        config_hash: format!("{seed:016x}"),
        task: json!({"test": seed}),
        provenance: Provenance::Device,
    }
}

pub(crate) fn job(serial: u64) -> JobRecord {
    JobRecord {
        job_id: format!("{serial:x}"),
        sent: Nanos(serial * 1_000_000),
        step: Some(serial),
        difficulty: 1.0,
        difficulty_scale: 1e-12,
        work: JobFactory::new(seed::stream(serial, "jobs"))
            .next(7, 1, 8)
            .work,
        version_mask: 0,
        extranonce1: vec![0, 0, 0, 1],
        clean: true,
    }
}

pub(crate) fn share(ticket: u64, job: &JobRecord) -> ShareRecord {
    ShareRecord {
        ticket,
        job_id: job.job_id.clone(),
        arrived: job.sent + Duration::from_nanos(400_000 + ticket),
        since_job: Some(Duration::from_nanos(400_000 + ticket)),
        nonce: ticket as u32,
        proof: Some(Proof {
            extranonce2: vec![1, 2, 3, 4],
            ntime: job.work.ntime,
            version_bits: None,
        }),
        verdict: Verdict::Accepted,
        difficulty: None,
    }
}

/// Waits until `ticket` is acknowledged or the store has failed.
pub(crate) async fn durable(recorder: &Recorder, ticket: u64) -> Durable {
    let mut durable = recorder.durable();
    let waited = durable.wait_for(|durable| durable.ticket >= ticket || durable.failure.is_some());
    waited.await.expect("the store answers").clone()
}

/// Writes a run with something of everything in it: what a step and a replay need too.
pub(crate) async fn a_bit_of_everything(path: &Path, seed: u64) -> std::path::PathBuf {
    let store = Store::create(path, &meta(seed)).expect("created");
    for name in ["a", "b"] {
        let recorder = store.stream(name);
        let identity = Identity {
            model: Some("Antminer S9".into()),
            ..Identity::default()
        };
        let mut records = vec![Record::Identity(identity)];
        for serial in 0..30 {
            let job = job(serial);
            let shares = (0..3).map(|i| share(3 * serial + i + 1, &job));
            let mut shares: Vec<_> = shares.collect();
            shares[1].job_id = "un\0known \u{b0}".into();
            shares[1].verdict = Verdict::UnknownJob;
            shares[1].since_job = None;
            shares[2].proof = None;
            shares[2].difficulty = Some(1.5);
            let mut reading = Telemetry {
                taken: Nanos(serial * 1_000_000 + 7),
                hardware_errors: (serial % 2 == 0).then_some(serial),
                boards: vec![Board {
                    slot: 6,
                    chip_temp: Some(thermine_units::quantity::Celsius(61.5 + serial as f64)),
                    ..Board::default()
                }],
                ..Telemetry::default()
            };
            if serial > 10 {
                reading.fans = vec![thermine_units::quantity::Rpm(4_200.0)];
            }
            let step = StepRecord {
                step: serial,
                drive: json!({
                    "word": serial, "difficulty": 1.0, "duty": 1.0, "point": {"frequency": 600.0},
                    "pace": {"shares": 3, "hold": {"secs": 0, "nanos": 0}, "timeout": {"secs": 1, "nanos": 0}}
                }),
                observation: json!({
                    "started": serial * 1_000_000, "ended": serial * 1_000_000 + 500_000, "outcome": "answered",
                    "jobs": 1, "refused": {"stale": 0, "duplicate": 0, "invalid": 1}
                }),
                started: Nanos(serial * 1_000_000),
                ended: Nanos(serial * 1_000_000 + 500_000),
            };
            records.push(Record::Job(job));
            records.extend(shares.into_iter().map(Record::Share));
            records.push(Record::Telemetry(reading));
            records.push(Record::Step(step));
        }
        for record in records {
            recorder.record(record).await.expect("taken");
        }
        assert_eq!(durable(&recorder, 90).await.failure, None);
    }
    tokio::task::spawn_blocking(move || store.finish("finished"))
        .await
        .expect("joined")
        .expect("finished")
}

/// Plays the process that writes: says on a line of its own up to which ticket it was told that all is safe.
#[tokio::main]
pub(crate) async fn write(path: &Path) {
    let wanted = std::env::var(SHARES).ok().and_then(|n| n.parse().ok());
    let store = Store::create(path, &meta(1)).expect("created");
    println!("\nrun {}", store.path().display());
    let recorder = store.stream("a");
    let mut ticket = 0;
    while wanted.is_none_or(|wanted: u64| ticket < wanted) {
        let job = job(ticket / UNDER_WAY);
        let mut sent = recorder.record(Record::Job(job.clone())).await;
        for _ in 0..UNDER_WAY {
            ticket += 1;
            if sent.is_ok() {
                sent = recorder.record(Record::Share(share(ticket, &job))).await;
            }
        }
        let state = durable(&recorder, ticket).await;
        println!("\nsafe {}", state.ticket);
        if let Some(failure) = state.failure {
            println!("\nfailed {failure}");
            return;
        }
    }
    drop(recorder);
    store.finish("finished").expect("finished");
}

/// A writing process and what it says.
pub(crate) struct Writing {
    pub(crate) child: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

/// What a writing process said until it ended.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The capture.
    pub(crate) run: Option<String>,
    /// The highest ticket that it was told is safe.
    pub(crate) safe: u64,
    pub(crate) failure: Option<String>,
}

/// Starts a process that writes to `path`; `shell` is put before it, if it is not empty.
pub(crate) fn writing(path: &Path, shares: Option<u64>, shell: &str) -> Writing {
    let this = std::env::current_exe().expect("this program");
    let mut command = if shell.is_empty() {
        Command::new(this)
    } else {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
            .arg(this);
        command
    };
    command
        .args(["faults::a_process_that_writes", "--exact", "--nocapture"])
        .env(WRITER, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(shares) = shares {
        command.env(SHARES, shares.to_string());
    }
    let mut child = command.spawn().expect("started");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    Writing {
        child,
        lines: Box::new(output.lines().map_while(Result::ok)),
    }
}

impl Writing {
    /// The next line that begins with `word`, without it.
    pub(crate) fn line(&mut self, word: &str) -> Option<String> {
        self.lines
            .find_map(|line| Some(line.strip_prefix(word)?.trim().to_string()))
    }

    /// Reads what it says to the end, and waits for it.
    pub(crate) fn until_it_ends(&mut self) -> Said {
        let mut said = Said::default();
        for line in &mut self.lines {
            match line.split_once(' ') {
                Some(("run", run)) => said.run = Some(run.to_string()),
                // Killed amid a line, it has said nothing by it.
                Some(("safe", ticket)) => {
                    said.safe = ticket.parse().unwrap_or(said.safe).max(said.safe);
                }
                Some(("failed", failure)) => said.failure = Some(failure.to_string()),
                _ => {}
            }
        }
        self.child.wait().expect("reaped");
        said
    }
}

/// All tickets in the capture at `path`, each once and without a gap.
pub(crate) fn tickets(path: &Path) -> u64 {
    let capture = Capture::open(path).expect("opens");
    let mut tickets = BTreeSet::new();
    let mut shares = 0;
    capture
        .for_each_share(|stored| {
            shares += 1;
            tickets.insert(stored.share.ticket);
            assert!(stored.job.is_some(), "a share without its job");
        })
        .expect("readable");
    assert_eq!(tickets.len() as u64, shares, "a share twice");
    let last = tickets.last().copied().unwrap_or(0);
    assert_eq!(last, shares, "a hole");
    last
}
