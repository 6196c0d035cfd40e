//! What asks the program to stop: Ctrl-C, SIGTERM, and the SIGHUP of a terminal that is closed. One thread waits for all
//! of them, whatever command runs.
//!
//! The first one stops the command's [`Context`]: the command ends by itself, and units are left safe. A command that has
//! nothing to end is ended at once. A second Ctrl-C ends the program at once in any case, and names the units that have not
//! confirmed that they are safe. Only Ctrl-C does so: a terminal that closes can send SIGHUP twice, and `timeout` sends
//! SIGTERM to a process and then to its group.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::render::stdout::complain;
use thermine_lab::session::Context;

/// Wall time within which a second Ctrl-C is the echo of the first, as from a wrapper that passes it on.
const ECHO: Duration = Duration::from_millis(200);

/// Exit codes are 128 and the signal's number; that of Ctrl-C.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;
const HUNG_UP: u8 = 129;

/// The signals that have come.
#[derive(Debug)]
pub struct Signals(Arc<AtomicU8>);

impl Signals {
    /// Waits for signals from now on, and stops `context` by them. With `hang_up`, SIGHUP is one of them, unless the
    /// program was started with it ignored, as by `nohup`.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn watch(context: &Context, hang_up: bool) -> Result<Signals> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut received = {
            let _inside = runtime.enter();
            Received {
                interrupted: listen(SignalKind::interrupt())?,
                terminated: listen(SignalKind::terminate())?,
                hung_up: match hang_up && !is_hangup_ignored() {
                    true => Some(listen(SignalKind::hangup())?),
                    false => None,
                },
            }
        };
        let code = Arc::new(AtomicU8::new(INTERRUPTED));
        let (first, context) = (code.clone(), context.clone());
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || runtime.block_on(received.serve(&context, &first)))
            .context("cannot start the thread that waits for signals")?;
        Ok(Signals(code))
    }

    /// The exit code of a program that was asked to stop.
    pub fn exit_code(&self) -> u8 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Received {
    interrupted: Signal,
    terminated: Signal,
    hung_up: Option<Signal>,
}

impl Received {
    async fn serve(&mut self, context: &Context, first: &AtomicU8) {
        let code = self.next().await;
        first.store(code, Ordering::SeqCst);
        context.stop();
        if !context.is_heeded() {
            leave(context, code);
        }
        let came = tokio::time::Instant::now();
        loop {
            let again = self.next().await;
            if again == INTERRUPTED && came.elapsed() >= ECHO {
                leave(context, INTERRUPTED);
            }
        }
    }

    /// The exit code of the next signal.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupted.recv() => INTERRUPTED,
            _ = self.terminated.recv() => TERMINATED,
            () = hung_up(&mut self.hung_up) => HUNG_UP,
        }
    }
}

async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

fn listen(kind: SignalKind) -> Result<Signal> {
    signal(kind).with_context(|| format!("cannot wait for signal {}", kind.as_raw_value()))
}

/// Ends the program at once.
fn leave(context: &Context, code: u8) -> ! {
    let not_safe = context.not_safe();
    if not_safe.is_empty() {
        say("interrupted");
    }
    for unit in &not_safe {
        say(&format!(
            "interrupted before {unit} confirmed its safe operating point: it may still run hot, check it now"
        ));
    }
    std::process::exit(i32::from(code));
}

/// Says a line on standard error, which may be a terminal that is gone.
pub fn say(line: &str) {
    complain(line);
}

/// Whether the program was started with SIGHUP ignored.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1, which is SIGHUP.
    mask.is_some_and(|mask| mask & 1 == 1)
}
