//! How fast a board's worth of simulated chips takes frames over a pseudo-terminal, in virtual time.
//!
//! At 650 MHz a frame of four midstates lasts 2.9 ms, so 345 frames are one second of device time.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use thermine_drivers::bm13xx::register::ticket_mask;
use thermine_drivers::bm13xx::{Command, Family, HostCodec, Job, Port, Request, Target};
use thermine_sim::chips::{Settings, serve, start};
use thermine_units::clock::{Clock, Waiter};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_serial::SerialPortBuilderExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const FRAMES: u64 = 345;
const PERIOD: Duration = Duration::from_micros(2890);

/// The host's end.
struct Host<T> {
    port: Port<T, HostCodec>,
    seat: Waiter,
    clock: Clock,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Host<T> {
    async fn new(port: T, clock: &Clock) -> Host<T> {
        let mut host = Host {
            port: Port::new(port, HostCodec::new(Family::Bm1387), clock.clone()),
            seat: clock.drive(),
            clock: clock.clone(),
        };
        for (register, value) in [
            (0x0c, 0x0068_0221),
            (0x18, ticket_mask(6)),
            (0x1c, 0x0020_0180),
        ] {
            let to = Target::All;
            let command = Command::Write {
                to,
                register,
                value,
            };
            host.send(&Request::Command(command)).await;
        }
        host.wait(Duration::from_millis(100)).await;
        host
    }

    async fn send(&mut self, request: &Request) {
        self.port.push(request).expect("encoded");
        self.port.flush().await.expect("sent");
    }

    async fn wait(&mut self, span: Duration) {
        let until = self.clock.now() + span;
        loop {
            tokio::select! {
                biased;
                reply = self.port.next() => { reply.expect("a port"); }
                () = self.seat.wait_until(until) => return,
            }
        }
    }

    async fn second(&mut self, jobs: &[Request; 2]) {
        for number in 0..FRAMES {
            self.send(&jobs[number as usize % 2]).await;
            self.wait(PERIOD).await;
        }
    }
}

fn job(id: u8) -> Request {
    Request::Job(Job::Bm1387 {
        id,
        nbits: 0x1d00_ffff,
        ntime: 0x6963_7392,
        tail: [id; 4],
        midstates: vec![[u32::from(id); 8]; 4],
    })
}

fn frames(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let _inside = runtime.enter();
    let jobs = [job(0), job(4)];
    let settings = Settings::new(Family::Bm1387, 63, 1, 2f64.powi(-34));
    let (tracker, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let mut group = c.benchmark_group("frames of four midstates");
    group
        .throughput(Throughput::Elements(FRAMES))
        .sample_size(20);

    let clock = Clock::virtual_time();
    let path = start(settings.clone(), clock.clone(), &tracker, &shutdown).expect("a port");
    let port = tokio_serial::new(path.to_string_lossy(), 115_200);
    let mut port = port.open_native_async().expect("a port");
    // The chips change to this rate with the last command of the bring-up.
    let mut host = runtime.block_on(async {
        let host = Host::new(&mut port, &clock).await;
        drop(host);
        tokio_serial::SerialPort::set_baud_rate(&mut port, 1_562_500).expect("a rate");
        Host::new(port, &clock).await
    });
    group.bench_function("pseudo-terminal", |b| {
        b.iter(|| runtime.block_on(host.second(&jobs)));
    });
    drop(host);

    let clock = Clock::virtual_time();
    let (near, far) = tokio::io::duplex(64 * 1024);
    serve(settings, far, clock.clone(), &tracker, &shutdown).expect("settings");
    let mut host = runtime.block_on(Host::new(near, &clock));
    group.bench_function("pipe in memory", |b| {
        b.iter(|| runtime.block_on(host.second(&jobs)));
    });
    group.finish();
    shutdown.cancel();
}

criterion_group!(benches, frames);
criterion_main!(benches);
