//! A share's way: how many are verified in a second, and how long it takes from a share's arrival at
//! the socket until the next job's bytes have left.

#![expect(
    clippy::print_stdout,
    reason = "the latency is printed as it is measured"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use thermine_stratum::factory::JobFactory;
use thermine_stratum::request::Submit;
use thermine_stratum::server::Server;
use thermine_stratum::session::Settings;
use thermine_stratum::verifier::{Verifier, job_id};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::pow::Difficulty;
use thermine_units::pow::sha256d::sha256d;
use thermine_units::seed;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Shares in the latency measurement.
const SHARES: usize = 20_000;

fn verification(c: &mut Criterion) {
    let mut group = c.benchmark_group("one core");
    group.throughput(Throughput::Elements(1));
    let job = JobFactory::new(seed::stream(1, "jobs")).next(7, 1, 8);
    let root = job.work.merkle_root(&[0; 4], &[0; 4]);
    let header = job.work.header(job.work.version, &root, 1, 1);
    group.bench_function("header hashed", |b| b.iter(|| sha256d(black_box(&header))));

    let mut verifier = Verifier::new(vec![0; 4], 4, 1.0);
    // At this difficulty no share is ever valid, so none is remembered and each costs the same.
    let hard = Difficulty::ONE.scaled(1e30);
    verifier.issue(1, job.work, hard, Nanos(0), true);
    let mut share = Submit {
        user: "w".into(),
        job_id: job_id(1),
        extranonce2: vec![0; 4],
        ntime: 1,
        nonce: 0,
        version_bits: None,
    };
    group.bench_function("share judged (coinbase, root and header)", |b| {
        b.iter(|| {
            share.nonce = share.nonce.wrapping_add(1);
            verifier.judge(black_box(&share))
        });
    });
    group.finish();
}

/// Microseconds from each share's arrival to the next job's having left, on loopback, unrecorded.
async fn latencies() -> std::io::Result<Vec<f64>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let clock = Clock::real();
    let settings = Settings {
        difficulty_scale: 1e-12,
        ..Settings::default()
    };
    let server = Server::new(settings, clock.clone());
    let mut expected = server.expect("w");
    tokio::spawn(server.serve(listener, CancellationToken::new()));
    tokio::spawn(async move { miner(TcpStream::connect(address).await?).await });
    let mut session = expected
        .session(Duration::from_secs(5))
        .await
        .map_err(std::io::Error::other)?;
    let mut jobs = JobFactory::new(seed::stream(1, "jobs"));
    let mut micros = Vec::with_capacity(SHARES);
    let mut arrived = None;
    while micros.len() < SHARES {
        let job = jobs.next(1, 1, session.extranonce_len());
        let sent = session.send_job(job, Difficulty::ONE, true, None).await;
        sent.map_err(std::io::Error::other)?;
        if let Some(arrived) = arrived {
            micros.push(clock.now().since(arrived).as_secs_f64() * 1e6);
        }
        let share = session.next_share().await.map_err(std::io::Error::other)?;
        arrived = Some(share.arrived);
    }
    Ok(micros)
}

/// Answers every job with one share.
async fn miner(stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let hello = "{\"id\":0,\"method\":\"mining.subscribe\",\"params\":[]}\n\
                 {\"id\":1,\"method\":\"mining.authorize\",\"params\":[\"w\",\"x\"]}\n";
    writer.write_all(hello.as_bytes()).await?;
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next_line().await? {
        let notice: serde_json::Value = serde_json::from_str(&line)?;
        if notice["method"] == "mining.notify" {
            let job = &notice["params"][0];
            let share = format!(
                "{{\"params\": [\"w\", {job}, \"00000000\", \"00000001\", \"00000001\"], \"id\": 2, \
                 \"method\": \"mining.submit\"}}\n"
            );
            writer.write_all(share.as_bytes()).await?;
        }
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    verification(&mut criterion);
    criterion.final_summary();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut micros = runtime.block_on(latencies())?;
    micros.sort_by(f64::total_cmp);
    let quantile = |q: f64| micros[(q * (micros.len() - 1) as f64) as usize];
    println!(
        "from a share's arrival at the socket to the next job having left, µs: median {:.1}, p99 {:.1}, n = {}",
        quantile(0.5),
        quantile(0.99),
        micros.len()
    );
    Ok(())
}
