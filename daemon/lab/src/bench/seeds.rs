//! The same work for many seeds, on all processors.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use crate::observer::Progress;

/// `work` for `seeds`, on as many threads as there are processors, in order.
pub(super) async fn over_seeds<T: Send + 'static>(
    name: &str,
    seeds: std::ops::RangeInclusive<u64>,
    progress: &Progress,
    work: impl Fn(u64) -> Result<T> + Send + Sync + 'static,
) -> Result<Vec<T>> {
    let part = progress.bar(name, usize::try_from(seeds.end() + 1 - seeds.start())?);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (work, mut running) = (Arc::new(work), JoinSet::new());
    let mut next = seeds;
    let mut done = Vec::new();
    loop {
        while running.len() < threads
            && let Some(seed) = next.next()
        {
            let work = work.clone();
            running.spawn_blocking(move || (seed, work(seed)));
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        let (seed, result) = ended?;
        done.push((seed, result.with_context(|| format!("seed {seed}"))?));
        part.step();
    }
    done.sort_by_key(|(seed, _)| *seed);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;
    use crate::session::context::Context;

    #[tokio::test]
    async fn seeds_come_back_in_order_and_a_failure_is_named() {
        let progress = Progress::hidden(&Context::new("test"));
        let squares = over_seeds("squares", 1..=9, &progress, |seed| Ok(seed * seed)).await;
        let squares = squares.expect("no failure");
        assert_eq!(squares, [1, 4, 9, 16, 25, 36, 49, 64, 81]);
        let fails = |seed| if seed == 3 { bail!("no") } else { Ok(seed) };
        let failed = over_seeds("failure", 1..=5, &progress, fails).await;
        assert_eq!(
            format!("{:#}", failed.expect_err("one fails")),
            "seed 3: no"
        );
    }
}
