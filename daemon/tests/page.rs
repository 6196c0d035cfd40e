//! The web page as a user meets it: in headless Chromium, fed from a rack of made-up units. Pictures are kept in
//! `target/page`. Without Chromium it says so and checks nothing.

#[path = "page/api.rs"]
mod api;
#[path = "page/auth.rs"]
mod auth;
#[path = "page/cdp.rs"]
mod cdp;
#[path = "page/rack.rs"]
mod rack;
#[path = "page/serve.rs"]
mod serve;
#[path = "page/stream.rs"]
mod stream;
#[cfg(feature = "tui")]
#[path = "page/terminal.rs"]
mod terminal;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thermine::live::{Live, Unit};
use thermine_units::secret::Secret;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use cdp::Browser;
use rack::{BEGIN, Dice, rack, unit};
use serve::{Served, now_ms, serve, settings, share};

/// A token.
const WORD: &str = "a word of sixteen bytes and more";

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Where pictures go.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../page");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Changes all `n` units `rate` times a second, and has them find about `shares` shares a second.
fn feed(runtime: &Runtime, live: Live, n: usize, rate: f64, shares: f64) -> JoinHandle<()> {
    runtime.spawn(async move {
        let mut dice = Dice::new(3);
        let names: Vec<String> = (0..n).map(|i| unit(i, 0, BEGIN).name).collect();
        let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
        let mut step = 0_u64;
        loop {
            ticks.tick().await;
            step += 1;
            let now = now_ms();
            for (i, name) in names.iter().enumerate() {
                live.change(name, |held| change(held, step, now, &mut dice));
                if dice.roll() < shares / rate / n as f64 {
                    live.share(share(i, &mut dice, now as f64));
                }
            }
        }
    })
}

/// The numbers of a unit always, the rest of it a few times a second. Little to compute: it is not what is measured.
fn change(held: &mut Unit, step: u64, now_ms: u64, dice: &mut Dice) {
    if let Some(rate) = &mut held.hash_rate_ghs {
        // About the middle of its interval, which stays.
        rate.value = (rate.low + rate.high) / 2.0 * (0.98 + 0.04 * dice.roll());
    }
    held.watts = held.watts.map(|watts| (watts + dice.roll() - 0.5).max(1.0));
    held.shares.accepted += 1;
    held.read_ms = held.read_ms.map(|_| now_ms);
    if step.is_multiple_of(6) {
        for reading in held.temperatures.iter_mut().chain(&mut held.fans) {
            reading.value += dice.roll() - 0.5;
        }
        if let Some(learning) = &mut held.learning {
            learning.step += 1;
            learning.target.rotate_left(1);
            learning.prediction.rotate_left(1);
        }
    }
}

/// What the browser complained of, and what it asked other hosts for.
fn complaints(browser: &mut Browser, origin: &str) -> Vec<String> {
    browser
        .events
        .iter()
        .filter_map(|event| {
            let (method, params) = (event["method"].as_str()?, &event["params"]);
            match method {
                "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled"
                    if params["type"] == "error" || params["type"] == "warning" =>
                {
                    Some(params["args"].to_string())
                }
                "Log.entryAdded"
                    if params["entry"]["level"] == "error"
                        || params["entry"]["level"] == "warning" =>
                {
                    Some(params["entry"].to_string())
                }
                "Network.requestWillBeSent" => {
                    let url = params["request"]["url"].as_str()?;
                    (!url.starts_with(origin) && url != "about:blank")
                        .then(|| format!("asked for {url}"))
                }
                _ => None,
            }
        })
        .collect()
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "says what was measured, or why nothing was"
)]
fn the_page_in_a_browser() {
    let Some(program) = cdp::installed() else {
        eprintln!("skipped: no Chromium on the path; `apt-get install chromium` brings one");
        return;
    };
    let runtime = runtime();
    let mut browser = Browser::start(&program);
    looks(&runtime, &mut browser);
    keyboard(&runtime, &mut browser);
    accessible(&runtime, &mut browser);
    phone(&runtime, &mut browser);
    sixty(&runtime, &mut browser);
    connection(&runtime, &mut browser);
    token(&runtime, &mut browser);
}

fn open(runtime: &Runtime, browser: &mut Browser, n: usize) -> (Live, Served, String) {
    let live = rack(n, now_ms());
    let served = runtime.block_on(serve(live.clone(), settings(), "127.0.0.1:0"));
    let origin = format!("http://{}", served.address);
    browser.events.clear();
    browser.go(&origin);
    browser.until("document.querySelectorAll('.unit').length > 0");
    (live, served, origin)
}

fn close(runtime: &Runtime, browser: &mut Browser, served: Served) {
    browser.go("about:blank");
    served.shutdown.cancel();
    runtime.block_on(served.task).expect("ended");
}

/// Pictures in light and dark; nothing in the console, nothing from elsewhere, and little to load.
#[expect(clippy::print_stderr, reason = "says what was measured")]
fn looks(runtime: &Runtime, browser: &mut Browser) {
    browser.window(1440, 900, false);
    browser.prefer("prefers-color-scheme", "light");
    let began = Instant::now();
    let (live, served, origin) = open(runtime, browser, 12);
    let first = began.elapsed();
    let feeder = feed(runtime, live.clone(), 12, 20.0, 30.0);
    std::thread::sleep(Duration::from_secs(4));
    let text = browser.eval("document.body.innerText");
    let text = text.as_str().expect("text");
    for words in [
        "s9-01",
        "12 units simulated",
        "TH/s",
        "°C",
        "rpm",
        "NRMSE",
        "exponential, mean",
        "control: delay line of 9",
        "Cost of a found share",
        "Idle before",
        "22.10 %",
        "0.07 %",
        "train narma10 --steps 500",
        "shares/s",
        "lost",
        "tripped",
    ] {
        assert!(
            text.contains(words),
            "the page does not say {words:?}: {text}"
        );
    }
    browser.picture(&folder().join("light.png"), false);
    browser.window(1440, 2450, false);
    std::thread::sleep(Duration::from_millis(600));
    browser.picture(&folder().join("light-whole.png"), false);
    browser.prefer("prefers-color-scheme", "dark");
    std::thread::sleep(Duration::from_millis(400));
    let dark = browser.eval("getComputedStyle(document.body).backgroundColor");
    browser.picture(&folder().join("dark-whole.png"), false);
    browser.eval("document.getElementById('theme').click()");
    let light = browser.eval("getComputedStyle(document.body).backgroundColor");
    assert_ne!(dark, light, "the button changes the theme");
    browser.window(1440, 900, false);
    browser.eval("localStorage.clear(); delete document.documentElement.dataset.theme");
    browser.prefer("prefers-color-scheme", "light");
    // The live region tells changes of health.
    live.change("lv06-02", |unit| {
        unit.health = thermine::live::snapshot::Health::Lost;
        unit.why = Some("it has hung up".into());
    });
    browser.until(
        "document.getElementById('news').textContent.includes('lv06-02 is lost: it has hung up')",
    );
    let weight: f64 = browser
        .events
        .iter()
        .filter(|event| event["method"] == "Network.loadingFinished")
        .filter_map(|event| event["params"]["encodedDataLength"].as_f64())
        .sum();
    let said = complaints(browser, &origin);
    assert!(said.is_empty(), "{said:#?}");
    assert!(weight > 10_000.0 && weight < 300_000.0, "{weight} bytes");
    eprintln!(
        "page: {:.0} kB over the wire; first unit shown {} ms after the browser was sent to a server started then (n = 1)",
        weight / 1e3,
        first.as_millis()
    );
    feeder.abort();
    close(runtime, browser, served);
}

/// The page with keys only.
fn keyboard(runtime: &Runtime, browser: &mut Browser) {
    let (_, served, _) = open(runtime, browser, 12);
    let at = "document.activeElement.id || document.activeElement.className || document.activeElement.tagName";
    let mut walk = Vec::new();
    for _ in 0..8 {
        browser.key("Tab");
        let ring = browser.eval("getComputedStyle(document.activeElement).outlineStyle");
        assert_ne!(ring, "none", "focus cannot be seen at {}", browser.eval(at));
        walk.push(browser.eval(at).as_str().expect("a name").to_owned());
    }
    assert_eq!(
        walk,
        [
            "skip",
            "theme",
            "units",
            "scroll",
            "plain small",
            "plain small",
            "command",
            "BUTTON"
        ]
    );
    // The link for those who do not want to walk.
    browser.eval("document.activeElement.blur(); document.body.focus(); window.scrollTo(0, 0)");
    browser.eval("document.querySelector('.skip').focus()");
    browser.key("Enter");
    browser.key("Tab");
    browser.eval("document.getElementById('units').focus()");
    let chosen = "document.querySelector('.unit[aria-selected=true] .label')?.textContent";
    browser.until(&format!("{chosen} === 's9-01'"));
    browser.key("ArrowDown");
    browser.until("document.getElementById('unit-name').textContent === 'lv06-02'");
    browser.until(&format!("{chosen} === 'lv06-02'"));
    browser.key("End");
    browser.until("document.getElementById('unit-name').textContent === 'lb-box-12'");
    let active = "document.getElementById(document.getElementById('units').getAttribute('aria-activedescendant')).textContent";
    assert!(
        browser
            .eval(active)
            .as_str()
            .is_some_and(|text| text.contains("lb-box-12"))
    );
    browser.key("Home");
    browser.key("ArrowUp");
    browser.until(&format!("{chosen} === 's9-01'"));
    // An experiment is submitted by keys.
    browser.eval("document.getElementById('command').focus()");
    for letter in "train narma10".chars() {
        browser.call("Input.insertText", json!({ "text": letter.to_string() }));
    }
    browser.key("Enter");
    browser.until("document.getElementById('submit-said').textContent === 'It is in the queue.'");
    close(runtime, browser, served);
}

/// The rules of axe-core, where it has been installed.
#[expect(
    clippy::print_stderr,
    reason = "says what was checked, or why nothing was"
)]
fn accessible(runtime: &Runtime, browser: &mut Browser) {
    let script = folder().join("node_modules/axe-core/axe.min.js");
    let Ok(axe) = std::fs::read_to_string(&script) else {
        eprintln!(
            "axe-core: skipped, since {} is not there; `npm install --prefix target/page axe-core` brings it",
            script.display()
        );
        return;
    };
    for scheme in ["light", "dark"] {
        browser.prefer("prefers-color-scheme", scheme);
        let (_, served, _) = open(runtime, browser, 12);
        browser.until("document.getElementById('verdict').children.length > 1");
        browser.eval(&format!("{axe}; 0"));
        let found = browser.eval(
            "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }).then(r => ({ \
             passes: r.passes.length, violations: r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 4).map(n => n.html.slice(0, 160) + ' ' + n.failureSummary.slice(0, 200)).join(' | ')) }))",
        );
        eprintln!(
            "axe-core, {scheme}: {} rules passed, {} violated",
            found["passes"],
            found["violations"].as_array().map_or(0, Vec::len)
        );
        assert_eq!(
            found["violations"],
            json!([]),
            "{scheme}: {:#}",
            found["violations"]
        );
        close(runtime, browser, served);
    }
    browser.prefer("prefers-color-scheme", "light");
}

/// On a phone nothing is wider than the window.
fn phone(runtime: &Runtime, browser: &mut Browser) {
    browser.window(360, 740, true);
    let (live, served, _) = open(runtime, browser, 12);
    let feeder = feed(runtime, live, 12, 10.0, 20.0);
    std::thread::sleep(Duration::from_millis(2500));
    let wide = browser.eval(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, .unseen, .skip') && e.getBoundingClientRect().right > 361) \
         .map(e => e.tagName + '.' + e.className + ' ' + Math.round(e.getBoundingClientRect().right)).slice(0, 10)",
    );
    let width = browser.eval("document.documentElement.scrollWidth");
    browser.picture(&folder().join("phone.png"), false);
    browser.picture(&folder().join("phone-whole.png"), true);
    browser.prefer("prefers-color-scheme", "dark");
    std::thread::sleep(Duration::from_millis(300));
    browser.picture(&folder().join("phone-dark.png"), false);
    browser.prefer("prefers-color-scheme", "light");
    assert_eq!(width, 360, "{wide}");
    assert_eq!(wide, json!([]));
    feeder.abort();
    close(runtime, browser, served);
    browser.window(1440, 900, false);
}

/// A hundred units that change sixty times a second.
#[expect(clippy::print_stderr, reason = "says what was measured")]
fn sixty(runtime: &Runtime, browser: &mut Browser) {
    let (live, served, _) = open(runtime, browser, 100);
    let feeder = feed(runtime, live, 100, 60.0, 200.0);
    std::thread::sleep(Duration::from_secs(2));
    let measured = browser.eval(
        "import('/page/state.js').then(({ state }) => new Promise(done => { \
           const deltas = []; const from = state.frames; const skipped = state.skipped; let last = performance.now(); const began = last; \
           const step = t => { deltas.push(t - last); last = t; if (t - began < 5000) requestAnimationFrame(step); else { deltas.sort((a, b) => a - b); \
             done({ drawn: deltas.length, late: deltas.filter(d => d > 25).length, worst: deltas[deltas.length - 1], median: deltas[deltas.length >> 1], \
               updates: state.frames - from, skipped: state.skipped - skipped, rows: document.querySelectorAll('.unit').length }); } }; requestAnimationFrame(step); }))",
    );
    browser.picture(&folder().join("hundred.png"), false);
    eprintln!("100 units at 60 Hz for 5 s: {measured}");
    let number = |name: &str| measured[name].as_f64().expect("a number");
    assert!(
        number("rows") < 40.0,
        "only what can be seen is in the document"
    );
    // The machine may be busy with other tests, and a frame late for that: what must not happen is a page that hangs, or
    // one to which nothing comes.
    assert!(
        number("drawn") > 25.0 && number("median") < 100.0,
        "{measured}"
    );
    assert!(number("updates") >= 5.0, "{measured}");
    feeder.abort();
    close(runtime, browser, served);
}

/// A daemon that goes and comes back.
fn connection(runtime: &Runtime, browser: &mut Browser) {
    let (live, served, _) = open(runtime, browser, 3);
    browser.until("document.getElementById('link').dataset.state === 'live'");
    let address = served.address.to_string();
    served.shutdown.cancel();
    runtime.block_on(served.task).expect("ended");
    browser.until("!document.getElementById('alarm').hidden && document.getElementById('alarm').textContent.includes('No connection to the daemon')");
    browser.until(
        "/What is shown is [\\d.]+ s old/.test(document.getElementById('alarm').textContent)",
    );
    assert_eq!(
        browser.eval("document.querySelectorAll('.unit').length"),
        3,
        "what was known stays"
    );
    browser.picture(&folder().join("lost.png"), false);
    let served = runtime.block_on(serve(live, settings(), &address));
    browser.until("document.getElementById('link').dataset.state === 'live' && document.getElementById('alarm').hidden");
    close(runtime, browser, served);
}

/// A daemon with a token.
fn token(runtime: &Runtime, browser: &mut Browser) {
    let mut guarded = settings();
    guarded.token = Some(Secret::new(WORD));
    let served = runtime.block_on(serve(rack(3, now_ms()), guarded, "127.0.0.1:0"));
    browser.go(&format!("http://{}", served.address));
    browser.until("document.getElementById('token')");
    browser.picture(&folder().join("login.png"), false);
    browser.eval("document.getElementById('token').focus()");
    browser.call("Input.insertText", json!({ "text": "not the word" }));
    browser.key("Enter");
    browser.until("document.querySelector('.said')?.textContent.includes('That is not the token')");
    browser.eval("document.getElementById('token').focus()");
    browser.call("Input.insertText", json!({ "text": WORD }));
    browser.key("Enter");
    browser.until("document.querySelectorAll('.unit').length === 3");
    assert_eq!(
        browser.eval("document.cookie"),
        Value::from(""),
        "no script sees the cookie"
    );
    close(runtime, browser, served);
}
