//! Headless Chromium, controlled over the Chrome DevTools Protocol.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::patience::{LIMIT, until};
use crate::tools::missing;

/// The browser that runs, for as long as a test has a page in it or waits for its turn.
static RUNNING: Mutex<Weak<Chromium>> = Mutex::new(Weak::new());

/// Held by the one test that uses the browser: pages in parallel would slow each other down.
static TURN: Mutex<()> = Mutex::new(());

/// The browser that is installed, by the names that Debian and others give it; `THERMINE_CHROMIUM` names another.
fn installed() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("THERMINE_CHROMIUM") {
        return Some(path.into());
    }
    let names = [
        "chromium",
        "chromium-headless-shell",
        "chromium-browser",
        "google-chrome",
    ];
    std::env::split_paths(&std::env::var_os("PATH")?)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|path| path.is_file())
}

/// A running browser, ended with the last page in it.
struct Chromium {
    child: Child,
    /// Where it listens.
    url: String,
    _profile: tempfile::TempDir,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Chromium {
    fn start(program: &Path) -> Chromium {
        let profile = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(program)
            .args([
                "--headless=new",
                "--remote-debugging-port=0",
                // The page is our own, and containers have no user namespaces.
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                "--force-color-profile=srgb",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Chromium starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its stderr")).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                line.strip_prefix("DevTools listening on ")
                    .map(str::to_owned)
            })
            .expect("Chromium says where it listens");
        // Chromium would stop at a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Chromium {
            child,
            url,
            _profile: profile,
        }
    }
}

/// The running browser, started if there is none; `None`, with the reason printed, if none is installed.
fn shared() -> Option<Arc<Chromium>> {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(chromium) = running.upgrade() {
        return Some(chromium);
    }
    let Some(program) = installed() else {
        missing("Chromium", "apt-get install chromium");
        return None;
    };
    let chromium = Arc::new(Chromium::start(&program));
    *running = Arc::downgrade(&chromium);
    Some(chromium)
}

/// A page in the browser that all tests share, with cookies and storage of its own. One test has it at a time.
pub(crate) struct Page {
    socket: WebSocket<TcpStream>,
    /// The cookies and the storage, which end with the page.
    context: Value,
    session: Option<String>,
    last: u64,
    /// What the browser has said by itself.
    pub(crate) events: VecDeque<Value>,
    // In this order: the turn ends before the browser does.
    _turn: MutexGuard<'static, ()>,
    _chromium: Arc<Chromium>,
}

impl Drop for Page {
    fn drop(&mut self) {
        // Without a session, and without waiting for a reply: the test may be failing.
        let dispose = json!({ "id": self.last + 1, "method": "Target.disposeBrowserContext",
            "params": { "browserContextId": self.context } });
        let _ = self.socket.send(Message::text(dispose.to_string()));
    }
}

impl Page {
    /// A new page; `None`, with the reason printed, without a browser.
    pub(crate) fn open() -> Option<Page> {
        let chromium = shared()?;
        // A test that failed left its own page only.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let host = chromium.url.trim_start_matches("ws://").split('/').next();
        let stream = TcpStream::connect(host.expect("a host")).expect("connected");
        stream.set_read_timeout(Some(LIMIT)).expect("set");
        let (socket, _) = client(&chromium.url, stream).expect("a web socket");
        let mut page = Page {
            socket,
            context: Value::Null,
            session: None,
            last: 0,
            events: VecDeque::new(),
            _turn: turn,
            _chromium: chromium,
        };
        let context = page.call("Target.createBrowserContext", json!({}));
        page.context = context["browserContextId"].clone();
        let target = page.call(
            "Target.createTarget",
            json!({ "url": "about:blank", "browserContextId": page.context }),
        );
        let session = page.call(
            "Target.attachToTarget",
            json!({ "targetId": target["targetId"], "flatten": true }),
        );
        page.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        Some(page)
    }

    fn read(&mut self) -> Value {
        loop {
            match self.socket.read().expect("Chromium speaks") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                _ => continue,
            }
        }
    }

    /// Calls a method and waits for its answer.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        let called = self.try_call(method, params);
        called.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The same, or what Chromium says is wrong.
    fn try_call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.socket
            .send(Message::text(message.to_string()))
            .expect("sent");
        loop {
            let mut said = self.read();
            if said["id"] == json!(self.last) {
                return match said["error"].take() {
                    Value::Null => Ok(said["result"].take()),
                    error => Err(error),
                };
            }
            // The stream's own data come several times a second, and are looked at by nobody.
            if said["method"] != "Network.dataReceived"
                && said["method"] != "Network.eventSourceMessageReceived"
            {
                self.events.push_back(said);
            }
        }
    }

    /// What an expression comes to; a promise is waited for.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let evaluated = self.try_eval(expression);
        evaluated.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// The same, or what Chromium says is wrong with the page.
    fn try_eval(&mut self, expression: &str) -> Result<Value, Value> {
        let mut answer = self.try_call(
            "Runtime.evaluate",
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true }),
        )?;
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {}",
            answer["exceptionDetails"]
        );
        Ok(answer["result"]["value"].take())
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&mut self, expression: &str) {
        let asked = format!("Boolean({expression})");
        // While a page gives way to the next, neither can be asked.
        until(expression, || self.try_eval(&asked) == Ok(json!(true)));
    }

    /// Waits until so many frames of the stream have been drawn.
    pub(crate) fn drawn(&mut self, frames: u64) {
        until("frames are drawn", || {
            let seen = self.eval("import('/page/state.js').then(({ state }) => state.frames)");
            seen.as_u64() >= Some(frames)
        });
    }

    /// Waits until what has changed is laid out and painted.
    pub(crate) fn painted(&mut self) {
        self.eval(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))",
        );
    }

    /// Goes to an address.
    pub(crate) fn go(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
    }

    /// The size of the window, in CSS pixels; a phone's has three device pixels each.
    pub(crate) fn window(&mut self, width: u32, height: u32, phone: bool) {
        let scale = if phone { 2 } else { 1 };
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone }),
        );
    }

    /// What the page is told its user prefers.
    pub(crate) fn prefer(&mut self, feature: &str, value: &str) {
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": feature, "value": value }] }),
        );
    }

    /// Presses a key.
    pub(crate) fn key(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "End" => 35,
            "Home" => 36,
            "ArrowUp" => 38,
            "ArrowDown" => 40,
            _ => panic!("unknown key {key}"),
        };
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let mut event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Keeps a picture of the page, or of all of it when `whole`.
    pub(crate) fn picture(&mut self, file: &Path, whole: bool) {
        let shot = self.call(
            "Page.captureScreenshot",
            json!({ "format": "png", "captureBeyondViewport": whole }),
        );
        let data = shot["data"].as_str().expect("a picture");
        std::fs::write(file, base64(data)).expect("written");
    }
}

/// Decodes base 64 (RFC 4648).
fn base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for letter in text.bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        held = (held << 6) | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    bytes
}
