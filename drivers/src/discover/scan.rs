//! Many addresses, a bounded number at a time.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};
use tokio_stream::Stream;

use super::probe::{Found, Prober};
use super::targets::Target;

/// One address that was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// The address that was asked.
    pub target: Target,
    /// What answers there.
    pub found: Option<Found>,
}

/// A search under way: a stream of addresses in the order in which they are done with.
///
/// Nothing is asked but by polling, and never more addresses at once than the settings say. Dropping it, or
/// the end of its time, breaks off what is under way. Cancel safe.
#[derive(Debug)]
pub struct Scan {
    prober: Prober,
    waiting: std::vec::IntoIter<Target>,
    places: Arc<Semaphore>,
    probes: JoinSet<Probed>,
    /// Asked and not yet done with.
    open: usize,
    end: Pin<Box<Sleep>>,
}

/// Searches `targets`. Needs a Tokio runtime.
pub fn scan(prober: Prober, targets: Vec<Target>) -> Scan {
    let settings = *prober.settings();
    Scan {
        prober,
        waiting: targets.into_iter(),
        places: Arc::new(Semaphore::new(settings.parallel.clamp(1, MOST_PARALLEL))),
        probes: JoinSet::new(),
        open: 0,
        end: Box::pin(sleep(settings.total)),
    }
}

/// Most addresses at once: each takes two sockets, and a process has some 1000 as a rule.
pub const MOST_PARALLEL: usize = 400;

impl Scan {
    /// The next address that is done with; `None` when all are, or the time is over. Cancel safe.
    pub async fn next(&mut self) -> Option<Probed> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Addresses without an outcome so far: after the end, those for which there was no time.
    pub fn left(&self) -> usize {
        self.waiting.len() + self.open
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Probed>> {
        if self.end.as_mut().poll(cx).is_ready() {
            self.probes.abort_all();
            return Poll::Ready(None);
        }
        loop {
            self.fill();
            match self.probes.poll_join_next(cx) {
                Poll::Ready(Some(Ok(probed))) => {
                    self.open -= 1;
                    return Poll::Ready(Some(probed));
                }
                // No probe panics; if one did, its address would have no outcome and the others theirs.
                Poll::Ready(Some(Err(error))) => {
                    tracing::error!(%error, "a probe did not end");
                }
                Poll::Ready(None) if self.waiting.len() == 0 => return Poll::Ready(None),
                // All places were taken when it was looked, and all are free now.
                Poll::Ready(None) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Asks as many addresses as there are places.
    fn fill(&mut self) {
        while self.waiting.len() > 0 {
            let Ok(place) = self.places.clone().try_acquire_owned() else {
                return;
            };
            let Some(target) = self.waiting.next() else {
                return;
            };
            let prober = self.prober.clone();
            self.open += 1;
            self.probes.spawn(async move {
                let found = prober.probe(target).await;
                drop(place);
                Probed { target, found }
            });
        }
    }
}

impl Stream for Scan {
    type Item = Probed;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Probed>> {
        self.get_mut().poll(cx)
    }
}
