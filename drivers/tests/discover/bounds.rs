//! Nobody is asked who was not meant, and never too many at once or for too long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use thermine_drivers::discover::{Probed, Settings, Target, resolve, scan};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::patience::LIMIT;
use crate::support::{Act, PATIENCE, data, local, loopback, page, prober, serve, settings};

async fn all(settings: Settings, targets: Vec<Target>) -> Vec<Probed> {
    let mut scan = scan(prober(settings), targets);
    let search = async {
        let mut seen = Vec::new();
        while let Some(probed) = scan.next().await {
            seen.push(probed);
        }
        seen
    };
    tokio::time::timeout(PATIENCE, search)
        .await
        .expect("bounded")
}

/// Units on the same port of 127.0.0.1 to 127.0.0.`last`, and how often each was called.
async fn street(last: u8) -> (u16, Vec<Arc<AtomicUsize>>) {
    let status = data("goldshell-2.2.5-status.json");
    let (port, listeners) = listeners(last).await;
    let act = Act::Send(page("200 OK", "x", &status));
    let counts = listeners.into_iter().map(|l| serve(l, act.clone()));
    (port, counts.collect())
}

fn calls(counts: &[Arc<AtomicUsize>]) -> Vec<usize> {
    counts
        .iter()
        .map(|count| count.load(Ordering::Relaxed))
        .collect()
}

#[tokio::test]
async fn no_address_is_called_that_was_not_asked_for() {
    let (port, counts) = street(8).await;
    let on_port = Settings {
        cgminer_port: port,
        http_port: port,
        ..settings()
    };
    let asked = |list: &[&str]| {
        list.iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };

    // The hosts of 127.0.0.4/30 are .5 and .6: neither .4 nor .7.
    let targets = resolve(&asked(&["127.0.0.4/30", "127.0.0.2"]))
        .await
        .expect("targets");
    let seen = all(on_port, targets).await;
    let mut found: Vec<String> = seen
        .iter()
        .map(|probed| probed.target.to_string())
        .collect();
    found.sort();
    assert_eq!(found, ["127.0.0.2", "127.0.0.5", "127.0.0.6"]);
    assert!(
        seen.iter()
            .all(|probed| probed.found.as_ref().is_some_and(|found| found.is_miner()))
    );
    let called: Vec<bool> = calls(&counts).iter().map(|calls| *calls > 0).collect();
    assert_eq!(
        called,
        [false, true, false, false, true, true, false, false]
    );

    // With a port of its own, only that one is called.
    let (other, addr) = loopback().await;
    let other = serve(other, Act::Send(Vec::new()));
    let before = calls(&counts);
    let targets = resolve(&asked(&[&addr.to_string()]))
        .await
        .expect("targets");
    all(on_port, targets).await;
    assert!(other.load(Ordering::Relaxed) > 0);
    assert_eq!(calls(&counts), before);
}

#[tokio::test]
async fn each_port_is_called_three_times_at_most() {
    let (port, counts) = street(1).await;
    let targets = vec![Target {
        ip: local(1),
        port: Some(port),
    }];
    all(settings(), targets).await;
    // `version`, and the two pages; the first page of this one suffices.
    assert_eq!(calls(&counts), [2]);
}

/// Listeners on the same port of 127.0.0.1 to 127.0.0.`last`.
async fn listeners(last: u8) -> (u16, Vec<TcpListener>) {
    'port: loop {
        let (first, addr) = loopback().await;
        let mut listeners = vec![first];
        for house in 2..=last {
            match TcpListener::bind(SocketAddr::new(local(house), addr.port())).await {
                Ok(listener) => listeners.push(listener),
                // Somebody else has it at that address: another port then.
                Err(_) => continue 'port,
            }
        }
        return (addr.port(), listeners);
    }
}

/// Connections that are held at present, and the most so far.
#[derive(Debug, Default)]
struct Held {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// A server that holds every connection of `listener` for so long.
fn hold(listener: TcpListener, held: Arc<Held>, span: Duration) {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let held = held.clone();
            let now = held.now.fetch_add(1, Ordering::Relaxed) + 1;
            held.most.fetch_max(now, Ordering::Relaxed);
            tokio::spawn(async move {
                tokio::time::sleep(span).await;
                held.now.fetch_sub(1, Ordering::Relaxed);
                drop(stream);
            });
        }
    });
}

#[tokio::test]
async fn no_more_are_asked_at_once_than_is_allowed() {
    let (port, listeners) = listeners(40).await;
    let held = Arc::new(Held::default());
    for listener in listeners {
        hold(listener, held.clone(), Duration::from_millis(20));
    }
    let targets = (1..=40).map(|last| Target {
        ip: local(last),
        port: Some(port),
    });
    let limited = Settings {
        parallel: 5,
        ..settings()
    };
    let seen = all(limited, targets.collect()).await;
    assert_eq!(seen.len(), 40);
    assert!(seen.iter().all(|probed| probed.found.is_some()));
    // Two connections an address.
    let most = held.most.load(Ordering::Relaxed);
    assert!((2..=10).contains(&most), "{most}");
}

#[tokio::test]
async fn the_search_ends_with_its_time_and_says_what_is_left() {
    let (listener, addr) = loopback().await;
    hold(listener, Arc::default(), 10 * LIMIT);
    let target = Target {
        ip: addr.ip(),
        port: Some(addr.port()),
    };
    let brief = Settings {
        timeout: LIMIT,
        parallel: 2,
        total: Duration::from_millis(200),
        ..settings()
    };
    let mut scan = scan(prober(brief), vec![target; 5]);
    // The server keeps each connection longer than this.
    let next = timeout(LIMIT, scan.next()).await.expect("no hang");
    assert_eq!(next, None);
    assert_eq!(scan.left(), 5);
    assert_eq!(scan.next().await, None, "for good");
}

#[tokio::test]
async fn waiting_may_be_broken_off_at_any_point() {
    let (port, counts) = street(6).await;
    let targets = (1..=6).map(|last| Target {
        ip: local(last),
        port: Some(port),
    });
    let mut scan = scan(prober(settings()), targets.collect());
    let mut seen = Vec::new();
    let search = async {
        loop {
            match timeout(Duration::from_micros(100), scan.next()).await {
                Ok(Some(probed)) => seen.push(probed.target.to_string()),
                Ok(None) => break,
                Err(_) => {}
            }
        }
    };
    timeout(LIMIT, search).await.expect("no hang");
    seen.sort();
    assert_eq!(seen.len(), 6);
    seen.dedup();
    assert_eq!(seen.len(), 6, "each once");
    assert_eq!(calls(&counts), [2; 6], "nothing is asked twice");
}
