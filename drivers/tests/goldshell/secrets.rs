//! That no password, cipher or token is ever shown: not in a log line of any level, not in an error, not in
//! a `Debug`.

use std::io;
use std::sync::{Arc, Mutex};

use thermine_drivers::control::Control as _;
use thermine_drivers::goldshell::{Control, Secret, Source};
use thermine_drivers::poller::Source as _;
use thermine_sim::goldshell::{Faults, Firmware};

use crate::support::{Act, Answer, Unit, client_with, quick, reply, server};

const PASSWORD: &str = "hunter2&Co";
const TOKEN: &str = "sesame.open.door";
/// The words themselves, the password as a query has it, the cipher's first half, the login's query.
const NEVER: [&str; 6] = [
    PASSWORD,
    "hunter2%26Co",
    "hunter2",
    "abcac7f7cedab196",
    TOKEN,
    "password=",
];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("unpoisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that can be shown of units that behave.
async fn shown_of_units() -> String {
    let mut shown = String::new();
    for ciphered_login_only in [false, true] {
        let firmware = Firmware {
            password: Secret::new(PASSWORD),
            token: Secret::new(TOKEN),
            faults: Faults {
                ciphered_login_only,
                spurious_401: std::num::NonZeroU32::new(2),
                ..Faults::default()
            },
            ..Firmware::default()
        };
        shown += &format!("{firmware:?}");
        let unit = Unit::start(firmware).await;
        let client = client_with(unit.http, PASSWORD, quick());
        let mut source = Source::new(client.clone());
        source.read(&unit.clock).await.expect("a reading");
        source.identify().await.expect("an identity");
        let mut control = Control::new(client.clone());
        control.restart().await.expect("restarted");
        shown += &format!("{client:?} {source:?} {control:?} {}", source.place());
    }
    shown
}

/// Everything that can be shown of servers that do not behave, some of which send the secrets back.
async fn shown_of_servers() -> String {
    let mut shown = String::new();
    let token = format!(r#"{{"JWT Token":"{TOKEN}"}}"#);
    let broken = format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{token}");
    let say = |status, body: &str| Answer::Act(reply(status, body));
    for answers in [
        vec![Answer::Echo(200)],
        vec![Answer::Echo(500)],
        vec![Answer::Echo(404)],
        vec![say(401, ""), Answer::Echo(200)],
        vec![say(401, ""), Answer::Echo(503)],
        vec![say(401, ""), Answer::Act(Act::Send(broken.into_bytes()))],
        vec![say(401, ""), say(200, &token[..token.len() - 2])],
        vec![say(401, ""), say(200, &token), Answer::Echo(200)],
        vec![say(401, ""), say(200, &token), Answer::Echo(404)],
        vec![say(401, ""), say(200, "{\"JWT Token\":\"a\\nb\"}")],
        vec![
            say(401, ""),
            Answer::Act(Act::Send(
                b"HTTP/1.1 302 No\r\nLocation: /?password=x\r\n\r\n".to_vec(),
            )),
        ],
        vec![say(401, ""), Answer::Act(Act::Send(Vec::new()))],
    ] {
        let (addr, _) = server(answers).await;
        let client = client_with(addr, PASSWORD, quick());
        let mut source = Source::new(client.clone());
        let clock = thermine_units::clock::Clock::real();
        let read = source.read(&clock).await.expect_err("no unit");
        let set = Control::new(client.clone()).restart().await;
        let raw = client.get("/mcb/pools", &[]).await.map(|_| ());
        shown += &format!("{read} {read:?} {set:?} {raw:?} {client:?}\n");
        if let Err(error) = raw {
            shown += &format!("{error}\n");
        }
    }
    shown
}

#[tokio::test]
async fn no_secret_is_ever_shown() {
    let log = Log::default();
    let writer = log.clone();
    // Of the whole process, with what the libraries say through `log`.
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let shown = shown_of_units().await + &shown_of_servers().await;
    let log = String::from_utf8_lossy(&log.0.lock().expect("unpoisoned")).into_owned();
    assert!(log.contains("asking again"), "nothing was logged");
    assert!(
        log.contains("starting new connection"),
        "the libraries' lines are missing"
    );
    assert!(shown.contains("[redacted]"));
    for word in NEVER {
        for text in [&log, &shown] {
            let line = text.lines().find(|line| line.contains(word));
            assert_eq!(line, None, "shows {word:?}");
        }
    }
}
