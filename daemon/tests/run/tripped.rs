//! A unit that mines through the proxy and trips gets no work from anywhere, and the rest of the rack mines on.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use serde_json::{Value, json};

use crate::patience::LIMIT;
use crate::port::port;
use crate::support::{Daemon, thermine, unit};
use crate::unit::{EASY, Manner, Unit};

/// Writes a rack of these proxied units, with a pool that makes a new block four times a second.
fn rack(dir: &Path, proxied: &[&str], proxy: SocketAddr) {
    let files: Vec<String> = proxied
        .iter()
        .map(|name| format!("\"{name}.toml\""))
        .collect();
    let rack = format!("proxied = [{}]\nproxy = \"proxy.toml\"\n", files.join(", "));
    let text = format!(
        "[proxy]\nlisten = \"{proxy}\"\njournal = \"proxy.sqlite\"\n\n\
         [[pool]]\nurl = \"stratum+tcp://{}\"\nuser = \"test\"\n\n\
         [simulated_pool]\ndifficulty = {EASY:e}\nblock_seconds = 0.25\n\n\
         [units]\nshare_seconds = 0.25\ndifficulty_first = {EASY:e}\ndifficulty_least = {EASY:e}\n",
        port()
    );
    std::fs::write(dir.join("rack.toml"), rack).expect("written");
    std::fs::write(dir.join("proxy.toml"), text).expect("written");
}

fn health(all: &Value, name: &str) -> Value {
    unit(all, name).map_or(Value::Null, |unit| unit["health"].clone())
}

/// Authorises as `worker` and waits for a job; whether one comes before `enough` says so.
fn gets_a_job(proxy: SocketAddr, worker: &str, mut enough: impl FnMut() -> bool) -> bool {
    let stream = TcpStream::connect(proxy).expect("it listens");
    let step = std::time::Duration::from_millis(50);
    stream.set_read_timeout(Some(step)).expect("set");
    let mut writer = stream.try_clone().expect("a second handle");
    let hello = format!(
        "{}\n{}\n",
        json!({"id": 1, "method": "mining.subscribe", "params": []}),
        json!({"id": 2, "method": "mining.authorize", "params": [worker, "x"]})
    );
    writer.write_all(hello.as_bytes()).expect("sent");
    let (mut reader, mut line) = (BufReader::new(stream), String::new());
    while !enough() {
        match reader.read_line(&mut line) {
            Ok(0) => return false,
            Ok(_) => {
                let said: Value = serde_json::from_str(&line).expect("JSON");
                if said["method"] == "mining.notify" {
                    return true;
                }
                line.clear();
            }
            // The rest of the line is still to come.
            Err(_) => {}
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tripped_unit_gets_no_job_while_another_at_its_address_mines_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let proxy = port();
    let hot = Unit::mining_at(dir.path(), "hot", Manner::Well, proxy).await;
    let cool = Unit::mining_at(dir.path(), "cool", Manner::Well, proxy).await;
    rack(dir.path(), &["hot", "cool"], proxy);
    let path = dir.path().to_path_buf();
    let test = tokio::task::spawn_blocking(move || {
        let mut daemon = Daemon::start(&path, &["-c", "rack.toml"]);
        daemon.until("both mine", |_| hot.accepted() > 2 && cool.accepted() > 2);
        hot.state.send_modify(|state| {
            for board in &mut state.boards {
                board.chip_temp = 120;
            }
        });
        daemon.until("it trips", |all| health(all, "hot") == "tripped");
        let (connections, jobs) = (hot.connections(), hot.jobs());
        // A job in the queue is no way to work either: it waits.
        let added = thermine(&path)
            .args(["queue", "-c", "rack.toml", "add", "--unit", "hot"])
            .args([
                "train",
                "narma10",
                "--washout",
                "5",
                "--train",
                "100",
                "--test",
                "100",
            ])
            .output()
            .expect("started");
        let error = String::from_utf8_lossy(&added.stderr);
        assert!(added.status.success(), "{error}");
        let mined = cool.accepted();
        let all = daemon.until("the other mines on", |_| cool.accepted() > mined + 20);
        assert!(!gets_a_job(proxy, "hot", || cool.accepted() > mined + 30));
        assert_eq!(hot.jobs(), jobs, "it was given work");
        assert!(hot.connections() >= connections, "it may connect");
        assert_eq!(all["jobs"][0]["progress"], "waiting", "{all:#}");
        assert_eq!(health(&daemon.snapshot(), "hot"), "tripped");
        assert!(gets_a_job(proxy, "cool", || false));
        daemon.signal("TERM");
        assert_eq!(daemon.ends().code(), Some(0));
        assert_eq!(hot.jobs(), jobs, "it was given work at the end");
    });
    tokio::time::timeout(LIMIT * 3, test)
        .await
        .expect("in time")
        .expect("the test");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_was_never_read_gets_no_job_by_any_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let proxy = port();
    let silent = Unit::mining_at(dir.path(), "silent", Manner::Well, proxy).await;
    // Its interface is at a port where nobody listens.
    let file = dir.path().join("silent.toml");
    let text = std::fs::read_to_string(&file).expect("there");
    let (before, _) = text.split_once("[api]\naddress = \"").expect("an address");
    let (_, after) = text.split_once("\"\npoll_seconds").expect("an address");
    let text = format!(
        "{before}[api]\naddress = \"{}\"\npoll_seconds{after}",
        port_here()
    );
    std::fs::write(&file, text).expect("written");
    rack(dir.path(), &["silent"], proxy);
    let path = dir.path().to_path_buf();
    let test = tokio::task::spawn_blocking(move || {
        let mut daemon = Daemon::start(&path, &["-c", "rack.toml"]);
        daemon.until("it connects", |_| silent.connections() > 0);
        // Blocks come all the while: the pool has given work to others that nobody watches, if there were any.
        let mut looks = 0;
        assert!(!gets_a_job(proxy, "alias", || {
            looks += 1;
            looks > 40
        }));
        assert_eq!(silent.jobs(), 0);
        daemon.signal("TERM");
        assert_eq!(daemon.ends().code(), Some(0));
    });
    tokio::time::timeout(LIMIT * 3, test)
        .await
        .expect("in time")
        .expect("the test");
}

/// A port on the address of the units where nobody listens.
fn port_here() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound")
}
