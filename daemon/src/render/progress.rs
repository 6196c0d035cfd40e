//! Progress of several things at once: bars on a terminal, now and then a line elsewhere.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use thermine_drivers::printable::printable_lines;

use crate::lab::attach::Rig;
use crate::lab::session::{Context, Notices};
use crate::signals::say;

/// Time between two lines where there is no terminal.
const QUIET: Duration = Duration::from_secs(10);

/// A place for bars; clones are the same place.
#[derive(Debug, Clone)]
pub struct Progress {
    bars: MultiProgress,
    is_hidden: bool,
    steps: Arc<Steps>,
    context: Context,
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

impl Default for Progress {
    /// For work that drives no unit, and that nobody asks to stop.
    fn default() -> Progress {
        Progress::new(&Context::new("thermine"))
    }
}

impl Progress {
    /// A place for the bars of what `context` does.
    pub fn new(context: &Context) -> Progress {
        Progress {
            bars: MultiProgress::new(),
            is_hidden: false,
            steps: Arc::default(),
            context: context.clone(),
        }
    }

    /// A place that shows nothing; lines go to the log.
    pub fn hidden(context: &Context) -> Progress {
        Progress {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            is_hidden: true,
            ..Progress::new(context)
        }
    }

    /// The same for what happens on a unit that `lender` lends: it is reached behind the Stratum servers that are there.
    pub fn on(self, lender: Arc<Rig>) -> Progress {
        Progress {
            context: self.context.on(lender),
            ..self
        }
    }

    /// Who does it, and how it is asked to stop.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Steps done of all bars so far, and all of them.
    pub fn steps(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.steps.done), read(&self.steps.all))
    }

    /// Asks what is going on to end.
    pub fn stop(&self) {
        self.context.stop();
    }

    /// Whether it was asked to end.
    pub fn is_stopped(&self) -> bool {
        self.context.is_stopped()
    }

    /// A line above the bars.
    pub fn say(&self, line: &str) {
        if self.is_hidden {
            tracing::warn!("{line}");
            return;
        }
        if self.bars.println(printable_lines(line)).is_err() || !std::io::stderr().is_terminal() {
            say(line);
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

impl Notices for Progress {
    fn notice(&self, line: &str) {
        self.say(line);
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
            let what = self.bar.message();
            say(&format!("{what}: {done} of {all} steps, {left} s left"));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.abandon();
    }
}
