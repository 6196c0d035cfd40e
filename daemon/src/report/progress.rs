//! Progress of several things at once: bars on a terminal, now and then a line elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time between two lines where there is no terminal.
const QUIET: Duration = Duration::from_secs(10);

/// A place for bars; clones are the same place.
#[derive(Debug, Default, Clone)]
pub struct Progress {
    bars: MultiProgress,
    is_hidden: bool,
}

/// The progress of one thing.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    said: Option<Mutex<Instant>>,
}

impl Progress {
    /// A place that shows nothing.
    pub fn hidden() -> Progress {
        Progress {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            is_hidden: true,
        }
    }

    /// A line above the bars.
    pub fn say(&self, line: &str) {
        if self.bars.println(line).is_err() || !std::io::stderr().is_terminal() {
            #[expect(clippy::print_stderr, reason = "progress is for whoever watches")]
            {
                eprintln!("{line}");
            }
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
        Bar {
            bar,
            said: (!self.is_hidden && !std::io::stderr().is_terminal())
                .then(|| Mutex::new(Instant::now())),
        }
    }
}

impl Bar {
    /// One step more.
    pub fn step(&self) {
        self.bar.inc(1);
        let Some(said) = &self.said else { return };
        if let Ok(mut said) = said.try_lock()
            && said.elapsed() >= QUIET
        {
            *said = Instant::now();
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let left = self.bar.eta().as_secs();
            #[expect(clippy::print_stderr, reason = "progress is for whoever watches")]
            {
                eprintln!(
                    "{}: {done} of {all} steps, {left} s left",
                    self.bar.message()
                );
            }
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.abandon();
    }
}
