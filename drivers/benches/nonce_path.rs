//! A nonce's way: from the bytes of its frame at the port to a share that has been verified.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use criterion::{Criterion, Throughput};
use thermine_drivers::bm13xx::controller::Settings;
use thermine_drivers::bm13xx::wire::ChipCodec;
use thermine_drivers::bm13xx::{Chain, Controller, Family, Link, Nonce, Reply};
use thermine_stratum::factory::JobFactory;
use thermine_units::clock::{Clock, Nanos};
use thermine_units::pow::Difficulty;
use thermine_units::record::Verdict;
use thermine_units::seed;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex, sink, split};
use tokio_util::codec::Encoder;

/// Nonces that one job is asked for: no real chip finds as many.
const NONCES_PER_JOB: u64 = 100;

fn controller(family: Family, port: DuplexStream) -> Controller<DuplexStream> {
    let chain = Chain {
        family,
        addresses: vec![0],
        frequency: family.limits().frequency.0,
        ticket: 1,
        baud_rate: 1_562_500,
        version_mask: 0,
        warnings: Vec::new(),
    };
    let settings = Settings {
        // Every hash is good enough, so that every nonce goes all the way.
        difficulty_scale: 2f64.powi(-40),
        ..Settings::default()
    };
    Controller::new(
        Link::new(port, "bench", family, Clock::real()),
        chain,
        settings,
    )
}

/// Time that `count` nonces take, one after the other, without that of writing their frames.
async fn time(family: Family, count: u64) -> std::io::Result<Duration> {
    let (near, far) = duplex(1 << 16);
    let (mut read, mut write) = split(far);
    tokio::spawn(async move { tokio::io::copy(&mut read, &mut sink()).await });
    let mut controller = controller(family, near);
    let mut jobs = JobFactory::new(seed::stream(1, "jobs"));
    let mut codec = ChipCodec::new(family);
    let mut spent = Duration::ZERO;
    for n in 0..count {
        if n % NONCES_PER_JOB == 0 {
            let job = jobs.next(1, 1, controller.extranonce_len());
            let sent = controller.begin(job, Difficulty::ONE, false, None).await;
            sent.map_err(std::io::Error::other)?;
        }
        let nonce = Nonce {
            nonce: n as u32,
            hint: 0,
            id: 0,
            version_bits: 0,
        };
        let mut frame = BytesMut::new();
        codec.encode(&Reply::Nonce(nonce), &mut frame)?;
        write.write_all(&frame).await?;
        let start = Instant::now();
        let share = controller.next_share(Nanos::MAX).await;
        spent += start.elapsed();
        let share = share.map_err(std::io::Error::other)?;
        let verdict = share.map(|share| share.judgement.verdict);
        if verdict != Some(Verdict::Accepted) {
            return Err(std::io::Error::other(format!("{verdict:?}")));
        }
    }
    Ok(spent)
}

fn nonces(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut group = c.benchmark_group("from a nonce's frame to its share");
    group.throughput(Throughput::Elements(1));
    for family in [Family::Bm1387, Family::Bm1366] {
        group.bench_function(family.to_string(), |b| {
            b.iter_custom(|count| {
                let spent = runtime.block_on(time(family, count));
                spent.expect("every nonce is a share")
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    nonces(&mut criterion);
    criterion.final_summary();
}
