//! How an experiment tells its user what it does: notices, and the progress of its parts.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::session::context::Context;

/// Takes the notices of a session: what the user has to know while the unit is driven.
pub trait Notices: Sync {
    /// Takes a line that the user should read now.
    fn notice(&self, line: &str);

    /// Takes a line on a setting of the unit that differs from the one asked for; it belongs into a report too.
    fn remark(&self, line: &str) {
        self.notice(line);
    }
}

/// Takes notices and follows progress.
pub trait Observer: Notices + Debug + Send {
    /// A part of the work begins that takes `steps` steps.
    fn begin(&self, name: &str, steps: u64) -> Box<dyn Part>;
}

/// A part of the work; dropped when the part ends.
pub trait Part: Debug + Send + Sync {
    /// One step is done.
    fn step(&self);
}

/// An observer that writes notices to the log and shows no progress.
#[derive(Debug)]
pub struct Log;

impl Notices for Log {
    fn notice(&self, line: &str) {
        tracing::warn!("{line}");
    }
}

impl Observer for Log {
    fn begin(&self, _name: &str, _steps: u64) -> Box<dyn Part> {
        Box::new(Unseen)
    }
}

#[derive(Debug)]
struct Unseen;

impl Part for Unseen {
    fn step(&self) {}
}

/// An observer of one of several units.
#[derive(Debug)]
struct OfUnit {
    unit: String,
    observer: Arc<dyn Observer>,
}

impl Notices for OfUnit {
    fn notice(&self, line: &str) {
        self.observer.notice(line);
    }

    fn remark(&self, line: &str) {
        self.observer.remark(line);
    }
}

impl Observer for OfUnit {
    fn begin(&self, name: &str, steps: u64) -> Box<dyn Part> {
        self.observer.begin(&format!("{} {name}", self.unit), steps)
    }
}

/// The progress of one request: its context, its observer, and the steps of all its parts. Clones share them.
#[derive(Debug, Clone)]
pub struct Progress {
    observer: Arc<dyn Observer>,
    steps: Arc<Steps>,
    context: Context,
}

#[derive(Debug, Default)]
struct Steps {
    done: AtomicU64,
    all: AtomicU64,
}

/// The progress of one part.
#[derive(Debug)]
pub(crate) struct Bar {
    part: Box<dyn Part>,
    steps: Arc<Steps>,
}

impl Progress {
    /// The progress of a request that runs in `context`, told to `observer`.
    pub fn new(context: &Context, observer: Arc<dyn Observer>) -> Progress {
        Progress {
            observer,
            steps: Arc::default(),
            context: context.clone(),
        }
    }

    /// Progress that only the log and [`steps`](Self::steps) tell of.
    pub fn hidden(context: &Context) -> Progress {
        Progress::new(context, Arc::new(Log))
    }

    /// The same progress in another context.
    pub fn within(self, context: impl FnOnce(Context) -> Context) -> Progress {
        Progress {
            context: context(self.context),
            ..self
        }
    }

    /// The same progress with `unit` before the name of every part.
    pub(crate) fn of_unit(self, unit: &str) -> Progress {
        Progress {
            observer: Arc::new(OfUnit {
                unit: unit.to_string(),
                observer: self.observer,
            }),
            ..self
        }
    }

    /// The context that the request runs in.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Steps done of all parts so far, and all steps of the parts that have begun.
    pub fn steps(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.steps.done), read(&self.steps.all))
    }

    /// Asks the request to stop.
    pub fn stop(&self) {
        self.context.stop();
    }

    /// Whether the request was asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.context.is_stopped()
    }

    /// Gives the observer a notice.
    pub(crate) fn say(&self, line: &str) {
        self.observer.notice(line);
    }

    /// Begins a part of `steps` steps.
    pub(crate) fn bar(&self, name: &str, steps: usize) -> Bar {
        self.steps.all.fetch_add(steps as u64, Ordering::Relaxed);
        Bar {
            part: self.observer.begin(name, steps as u64),
            steps: self.steps.clone(),
        }
    }
}

impl Notices for Progress {
    fn notice(&self, line: &str) {
        self.say(line);
    }
}

impl Bar {
    /// Counts one step.
    pub(crate) fn step(&self) {
        self.part.step();
        self.steps.done.fetch_add(1, Ordering::Relaxed);
    }
}
