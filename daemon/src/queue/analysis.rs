//! The analysis of a queued job, in a process of its own: what a capture holds can then take neither the daemon's memory
//! nor its time.
//!
//! The daemon starts its own program with the hidden command `analyse`, writes the task as one line of JSON, and reads
//! the answer as JSON. The process limits its own memory before it reads anything else. It ends when its standard input
//! does, so it never outlives the daemon; it has none of the daemon's environment, and with it no password.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::found::{Found, verdict};
use crate::render::{stdout, train as render};
use thermine_capture::error_chain::chain;
use thermine_capture::verify;
use thermine_lab::config::daemon::Daemon;
use thermine_lab::observer::Progress;
use thermine_lab::request::{Setup, Train};
use thermine_lab::session;
use thermine_lab::train;

/// Largest answer, in bytes.
const LARGEST: u64 = 16 << 20;

/// Longest task, in bytes.
const LONGEST: u64 = 1 << 20;

/// Time between two looks at the process.
const LOOK: Duration = Duration::from_millis(50);

/// How the process ends when the daemon has.
const ORPHANED: i32 = 3;

/// What is to be analysed. Paths are resolved already.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Task {
    /// Every share of `capture` is hashed again.
    Verify { capture: PathBuf },
    /// The experiment of `capture` is judged again.
    Replay {
        train: Box<Train>,
        capture: PathBuf,
        data: Option<PathBuf>,
        out: PathBuf,
    },
}

/// What the process may take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Limits {
    /// Memory in bytes.
    memory: u64,
    /// Time.
    time: Duration,
}

impl Limits {
    /// Those of the daemon's configuration.
    pub(super) fn of(daemon: &Daemon) -> Limits {
        Limits {
            memory: daemon.analysis_mib << 20,
            time: Duration::from_secs_f64(daemon.analysis_seconds),
        }
    }
}

/// What the process is told.
#[derive(Debug, Serialize, Deserialize)]
struct Order<T> {
    limits: Limits,
    task: T,
}

/// What the process answers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Answer {
    /// What it has to say.
    pub(super) said: String,
    /// What it has found.
    pub(super) found: Found,
    /// Why it has failed, if it has.
    pub(super) error: Option<String>,
}

/// A process that is killed when nobody waits for it any more.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Has `task` analysed, and returns the answer. Ends the process when `progress` is stopped, and when it takes too long.
///
/// # Errors
/// If the process cannot be started, is ended, or gives no answer.
pub(super) fn run(task: &Task, limits: &Limits, progress: &Progress) -> Result<Answer> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let began = Instant::now();
    let child = std::process::Command::new(program)
        .arg("analyse")
        .env_clear()
        // Ctrl-C is for the daemon, which then ends its jobs itself.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start a process for the analysis")?;
    let mut child = Killed(child);
    let mut input = child.0.stdin.take().context("the process has no input")?;
    let output = child.0.stdout.take().context("the process has no output")?;
    let mut order = serde_json::to_vec(&Order {
        limits: *limits,
        task,
    })?;
    order.push(b'\n');
    // A process that has ended is noticed below.
    let _ = input.write_all(&order);
    let reader = std::thread::Builder::new()
        .name("analysis".into())
        .spawn(move || {
            let mut text = Vec::new();
            let read = output.take(LARGEST).read_to_end(&mut text);
            read.map(|_| text)
        })
        .context("cannot start a thread for the answer of the analysis")?;
    let status = loop {
        if progress.is_stopped() {
            bail!("the analysis was cancelled");
        }
        if began.elapsed() >= limits.time {
            bail!(
                "the analysis took longer than {} s and was ended: raise daemon.analysis_seconds, or analyse less",
                limits.time.as_secs_f64()
            );
        }
        if let Some(status) = child.0.try_wait().context("the analysis is lost")? {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    drop(input);
    let text = reader.join().ok().and_then(Result::ok).unwrap_or_default();
    if !status.success() {
        bail!("{}", died(status, limits));
    }
    serde_json::from_slice(&text).context("the analysis has given no answer that can be read")
}

fn died(status: ExitStatus, limits: &Limits) -> String {
    format!(
        "the analysis ended without an answer ({status}): it may have needed more memory than {} MiB; raise \
         daemon.analysis_mib, or analyse less",
        limits.memory >> 20
    )
}

/// The process's side: reads a task from standard input, carries it out within its limits and prints the answer.
pub(crate) async fn serve() -> Result<()> {
    let mut input = BufReader::new(std::io::stdin());
    let mut line = String::new();
    input
        .by_ref()
        .take(LONGEST)
        .read_line(&mut line)
        .context("cannot read the task")?;
    let order: Order<Task> = serde_json::from_str(&line).context(
        "this command is for the daemon: use `thermine queue add`, `thermine capture verify` or `thermine train`",
    )?;
    let bytes = Some(order.limits.memory);
    setrlimit(
        Resource::As,
        Rlimit {
            current: bytes,
            maximum: bytes,
        },
    )
    .context("cannot limit the memory of the analysis")?;
    std::thread::Builder::new()
        .name("daemon".into())
        .spawn(move || {
            // The daemon writes nothing more: this ends when the daemon does.
            let _ = std::io::copy(&mut input, &mut std::io::sink());
            std::process::exit(ORPHANED);
        })
        .context("cannot watch for the daemon's end")?;
    let answer = analyse(order.task).await.unwrap_or_else(|error| Answer {
        error: Some(chain(&error)),
        ..Answer::default()
    });
    stdout::line(serde_json::to_string(&answer)?)
}

async fn analyse(task: Task) -> Result<Answer> {
    match task {
        Task::Verify { capture } => {
            let report = verify::verify(&capture)?;
            let error = (report.contradictions > 0).then(|| {
                format!(
                    "{} shares of {} contradict their record: the capture is damaged",
                    report.contradictions,
                    capture.display()
                )
            });
            Ok(Answer {
                said: crate::render::verify::text(&report),
                error,
                ..Answer::default()
            })
        }
        Task::Replay {
            train,
            capture,
            data,
            out,
        } => {
            let setup = Setup {
                data,
                capture: Some(capture),
                out: Some(out),
                ..Setup::default()
            };
            let progress = Progress::hidden(&session::Context::new("analyse"));
            let report = train::run(&train, setup, &progress, &mut render::plots).await?;
            Ok(Answer {
                said: render::training(&report),
                found: Found {
                    verdict: verdict(report.first.as_ref()),
                    filter: None,
                },
                error: None,
            })
        }
    }
}
