//! Progress of several things at once: bars on a terminal, now and then a line elsewhere.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use thermine_drivers::clock::Clock;
use thermine_drivers::printable::printable_lines;
use tokio_util::sync::CancellationToken;

use super::stdout::complain;
use crate::rig::Rig;

/// Time between two lines where there is no terminal.
const QUIET: Duration = Duration::from_secs(10);

/// A place for bars; clones are the same place.
#[derive(Debug, Default, Clone)]
pub struct Progress {
    bars: MultiProgress,
    is_hidden: bool,
    is_unattended: bool,
    steps: Arc<Steps>,
    stop: CancellationToken,
    lender: Option<Arc<Rig>>,
}

/// Steps of all bars.
#[derive(Debug, Default)]
struct Steps {
    done: AtomicU64,
    all: AtomicU64,
}

/// The progress of one thing.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    steps: Arc<Steps>,
    said: Option<Mutex<Instant>>,
}

impl Progress {
    /// A place that shows nothing; lines go to the log.
    pub fn hidden() -> Progress {
        Progress {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            is_hidden: true,
            ..Progress::default()
        }
    }

    /// A place that shows nothing, of what only [`stop`](Progress::stop) ends: whoever interrupts the program has another
    /// way to end it.
    pub fn unattended() -> Progress {
        Progress {
            is_unattended: true,
            ..Progress::hidden()
        }
    }

    /// The same for what happens on a unit that `lender` lends: it is reached behind the Stratum servers that are there.
    pub fn on(self, lender: Arc<Rig>) -> Progress {
        Progress {
            lender: Some(lender),
            ..self
        }
    }

    /// A rig for a unit that lives by wall time: beside the lender's, or one of its own.
    ///
    /// # Errors
    /// As [`Rig::new`].
    pub fn real_rig(&self) -> Result<Rig> {
        match &self.lender {
            Some(lender) => Ok(lender.beside()),
            None => Rig::new(Clock::real()),
        }
    }

    /// Steps done of all bars so far, and all of them.
    pub fn steps(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.steps.done), read(&self.steps.all))
    }

    /// Asks what is going on to end.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether it was asked to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until the user interrupts the program, or [`stop`](Progress::stop) is called.
    pub async fn interrupted(&self) {
        if self.is_unattended {
            return self.stop.cancelled().await;
        }
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// A line above the bars.
    pub fn say(&self, line: &str) {
        if self.is_hidden {
            tracing::warn!("{line}");
            return;
        }
        if self.bars.println(printable_lines(line)).is_err() || !std::io::stderr().is_terminal() {
            complain(line);
        }
    }

    /// A bar of `length` steps.
    pub fn bar(&self, name: &str, length: usize) -> Bar {
        let bar = self.bars.add(ProgressBar::new(length as u64));
        if let Ok(style) =
            ProgressStyle::with_template("{msg:10} {bar:40} {pos}/{len} steps, {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_message(name.to_string());
        self.steps.all.fetch_add(length as u64, Ordering::Relaxed);
        Bar {
            bar,
            steps: self.steps.clone(),
            said: (!self.is_hidden && !std::io::stderr().is_terminal())
                .then(|| Mutex::new(Instant::now())),
        }
    }
}

impl Bar {
    /// One step more.
    pub fn step(&self) {
        self.bar.inc(1);
        self.steps.done.fetch_add(1, Ordering::Relaxed);
        let Some(said) = &self.said else { return };
        if let Ok(mut said) = said.try_lock()
            && said.elapsed() >= QUIET
        {
            *said = Instant::now();
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let left = self.bar.eta().as_secs();
            let name = self.bar.message();
            complain(format_args!("{name}: {done} of {all} steps, {left} s left"));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.abandon();
    }
}
