//! Progress of several parts at once: bars on a terminal, a line every ten seconds elsewhere.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use thermine_units::printable::printable_lines;

use crate::signals::say;
use thermine_lab::observer::{Notices, Observer, Part, Progress};
use thermine_lab::session::Context;

/// Time between two lines where there is no terminal.
const QUIET: Duration = Duration::from_secs(10);

/// The progress of what `context` does, shown on standard error.
pub(crate) fn shown(context: &Context) -> Progress {
    Progress::new(context, Arc::new(Bars(MultiProgress::new())))
}

/// Bars on standard error, and lines above them.
#[derive(Debug)]
struct Bars(MultiProgress);

#[derive(Debug)]
struct Bar {
    bar: ProgressBar,
    /// When the last line was written, where there is no terminal.
    said: Option<Mutex<Instant>>,
}

impl Notices for Bars {
    fn notice(&self, line: &str) {
        if self.0.println(printable_lines(line)).is_err() || !std::io::stderr().is_terminal() {
            say(line);
        }
    }
}

impl Observer for Bars {
    fn begin(&self, name: &str, steps: u64) -> Box<dyn Part> {
        let bar = self.0.add(ProgressBar::new(steps));
        if let Ok(style) =
            ProgressStyle::with_template("{msg:10} {bar:40} {pos}/{len} steps, {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_message(name.to_string());
        Box::new(Bar {
            bar,
            said: (!std::io::stderr().is_terminal()).then(|| Mutex::new(Instant::now())),
        })
    }
}

impl Part for Bar {
    fn step(&self) {
        self.bar.inc(1);
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
