//! The program as a child, and what it is asked over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::patience::{LIMIT, found};

/// A daemon that is killed when the test ends, however it does.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program in `dir`, with a port of its own for its web page.
pub(crate) fn thermine(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thermine"));
    command
        .current_dir(dir)
        .env("THERMINE_DAEMON__LISTEN", "127.0.0.1:0");
    command
}

impl Daemon {
    /// Starts it in `dir`, and waits until it says where it listens.
    pub(crate) fn start(dir: &Path, args: &[&str]) -> Daemon {
        let mut daemon = Daemon::spawn(dir, args);
        daemon.listens();
        daemon
    }

    /// Waits until it says where it listens.
    pub(crate) fn listens(&mut self) {
        let line = self.says("live at http://", 0).1;
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        self.address = address
            .and_then(|text| text.parse().ok())
            .expect("an address");
    }

    /// Starts it in `dir`, and waits for nothing: it cannot be asked anything over HTTP.
    pub(crate) fn spawn(dir: &Path, args: &[&str]) -> Daemon {
        let mut command = thermine(dir);
        command.arg("run").args(args);
        Daemon::of(command)
    }

    /// Another command that goes on until it is ended.
    pub(crate) fn of(mut command: Command) -> Daemon {
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = child.expect("started");
        let out = BufReader::new(child.stdout.take().expect("its output"));
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = said.clone();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                lines.lock().expect("lines").push(line);
            }
        });
        Daemon {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            said,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asserts that it runs.
    pub(crate) fn runs(&mut self) {
        let ended = self.child.try_wait().expect("a child");
        let said = self.said.lock().expect("lines");
        assert!(ended.is_none(), "it has ended: {ended:?} {said:?}");
    }

    /// Waits for a line with `text`, after the first `from`. Returns how many there are then, and the line.
    pub(crate) fn says(&mut self, text: &str, from: usize) -> (usize, String) {
        found(&format!("it says {text}"), || {
            let lines = self.said.lock().expect("lines").clone();
            let line = lines
                .iter()
                .enumerate()
                .skip(from)
                .find(|(_, line)| line.contains(text));
            if line.is_none() {
                self.runs();
            }
            line.map(|(at, line)| (at + 1, line.clone()))
                .ok_or_else(|| lines.clone())
        })
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(sent.expect("kill").success());
    }

    pub(crate) fn ends(&mut self) -> ExitStatus {
        found("it ends", || {
            self.child.try_wait().expect("a child").ok_or("it runs")
        })
    }

    /// What it answers to a request: status and body.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("set");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .expect("written");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status.expect("a status"), body.to_string())
    }

    pub(crate) fn snapshot(&self) -> Value {
        let (status, body) = self.ask("GET", "/api/v1/snapshot", "");
        assert_eq!(status, 200, "{body}");
        let json = body
            .find('{')
            .and_then(|from| body.rfind('}').map(|to| &body[from..=to]));
        serde_json::from_str(json.expect("JSON")).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    pub(crate) fn unit(&self, name: &str) -> Option<Value> {
        unit(&self.snapshot(), name)
    }

    /// Waits until the snapshot is as `is`, and returns it.
    pub(crate) fn until(&self, what: &str, mut is: impl FnMut(&Value) -> bool) -> Value {
        found(what, || {
            let snapshot = self.snapshot();
            if is(&snapshot) {
                Ok(snapshot)
            } else {
                Err(snapshot)
            }
        })
    }
}

/// The unit of that name.
pub(crate) fn unit(snapshot: &Value, name: &str) -> Option<Value> {
    let units = snapshot["units"].as_array().expect("units");
    units.iter().find(|unit| unit["name"] == name).cloned()
}
