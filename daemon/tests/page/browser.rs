//! The page in a browser, one behaviour a test. The tests share one headless Chromium, and each has a page of its own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thermine::live::snapshot::Health;
use thermine::live::{Live, Unit};
use thermine_units::secret::Secret;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::cdp::Page;
use crate::rack::{BEGIN, Dice, rack, unit};
use crate::serve::{Served, now_ms, serve, settings, share};
use crate::tools::missing;
use crate::{WORD, folder, runtime};

/// A page that shows a rack of made-up units.
struct Shown {
    page: Page,
    live: Live,
    served: Served,
    origin: String,
    runtime: Runtime,
}

impl Shown {
    /// A window of 1440 by 900 on `n` units, once the first of them are shown; `None` without a browser.
    fn rack(n: usize) -> Option<Shown> {
        let mut page = Page::open()?;
        page.window(1440, 900, false);
        page.prefer("prefers-color-scheme", "light");
        Some(Shown::on(page, n))
    }

    /// The same in a page that is already set up.
    fn on(mut page: Page, n: usize) -> Shown {
        let runtime = runtime();
        let live = rack(n, now_ms());
        let served = runtime.block_on(serve(live.clone(), settings(), "127.0.0.1:0"));
        let origin = format!("http://{}", served.address);
        page.go(&origin);
        page.until("document.querySelectorAll('.unit').length > 0");
        Shown {
            page,
            live,
            served,
            origin,
            runtime,
        }
    }

    /// Changes all `n` units `rate` times a second, and has them find about `shares` shares a second.
    fn feed(&self, n: usize, rate: f64, shares: f64) -> JoinHandle<()> {
        let live = self.live.clone();
        self.runtime.spawn(async move {
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

    /// Leaves the page and ends the server.
    fn close(mut self) {
        self.page.go("about:blank");
        self.served.shutdown.cancel();
        self.runtime.block_on(self.served.task).expect("ended");
    }
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

/// Errors and warnings of the browser, and requests to other servers than `origin`.
fn complaints(page: &Page, origin: &str) -> Vec<String> {
    page.events
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

/// Waits until the page says all `words`.
fn says(page: &mut Page, words: &[&str]) {
    for words in words {
        let words = json!(words);
        page.until(&format!("document.body.innerText.includes({words})"));
    }
}

/// Words of every part of the page.
const PARTS: [&str; 16] = [
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
];

#[test]
fn every_part_of_the_state_is_shown() {
    let Some(mut shown) = Shown::rack(12) else {
        return;
    };
    let feeder = shown.feed(12, 20.0, 30.0);
    says(&mut shown.page, &PARTS);
    shown.page.painted();
    shown.page.picture(&folder().join("light.png"), false);
    shown.page.window(1440, 2450, false);
    shown.page.painted();
    shown.page.picture(&folder().join("light-whole.png"), false);
    feeder.abort();
    shown.close();
}

/// Nothing in the console, nothing from elsewhere, and little to load.
#[test]
#[expect(clippy::print_stderr, reason = "says what was measured")]
fn little_is_loaded_from_its_own_server_only_and_nothing_complains() {
    let Some(mut page) = Page::open() else {
        return;
    };
    page.window(1440, 900, false);
    let began = Instant::now();
    let mut shown = Shown::on(page, 12);
    let first = began.elapsed();
    let feeder = shown.feed(12, 20.0, 30.0);
    says(&mut shown.page, &PARTS);
    let weight: f64 = shown
        .page
        .events
        .iter()
        .filter(|event| event["method"] == "Network.loadingFinished")
        .filter_map(|event| event["params"]["encodedDataLength"].as_f64())
        .sum();
    let said = complaints(&shown.page, &shown.origin);
    assert!(said.is_empty(), "{said:#?}");
    assert!(weight > 10_000.0 && weight < 300_000.0, "{weight} bytes");
    eprintln!(
        "page: {:.0} kB over the wire; first unit shown {} ms after the browser was sent to a server started then (n = 1)",
        weight / 1e3,
        first.as_millis()
    );
    feeder.abort();
    shown.close();
}

#[test]
fn the_theme_follows_the_user_and_its_button_changes_it() {
    const BACKGROUND: &str = "getComputedStyle(document.body).backgroundColor";
    let Some(mut shown) = Shown::rack(12) else {
        return;
    };
    let page = &mut shown.page;
    let light = page.eval(BACKGROUND);
    page.window(1440, 2450, false);
    page.prefer("prefers-color-scheme", "dark");
    page.until(&format!("{BACKGROUND} !== {light}"));
    let dark = page.eval(BACKGROUND);
    page.painted();
    page.picture(&folder().join("dark-whole.png"), false);
    page.eval("document.getElementById('theme').click()");
    page.until(&format!("{BACKGROUND} !== {dark}"));
    shown.close();
}

#[test]
fn a_change_of_health_is_announced() {
    let Some(mut shown) = Shown::rack(12) else {
        return;
    };
    shown.live.change("lv06-02", |unit| {
        unit.health = Health::Lost;
        unit.why = Some("it has hung up".into());
    });
    shown.page.until(
        "document.getElementById('news').textContent.includes('lv06-02 is lost: it has hung up')",
    );
    shown.close();
}

#[test]
fn the_tab_key_reaches_every_control_and_shows_where_it_is() {
    let Some(mut shown) = Shown::rack(12) else {
        return;
    };
    let at = "document.activeElement.id || document.activeElement.className || document.activeElement.tagName";
    let mut walk = Vec::new();
    for _ in 0..8 {
        shown.page.key("Tab");
        let ring = "getComputedStyle(document.activeElement).outlineStyle";
        let (ring, at) = (shown.page.eval(ring), shown.page.eval(at));
        assert_ne!(ring, "none", "focus cannot be seen at {at}");
        walk.push(at.as_str().expect("a name").to_owned());
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
    shown.close();
}

#[test]
fn keys_choose_a_unit() {
    let Some(mut shown) = Shown::rack(12) else {
        return;
    };
    let page = &mut shown.page;
    // The link for those who do not want to walk.
    page.eval("document.querySelector('.skip').focus()");
    page.key("Enter");
    page.key("Tab");
    page.eval("document.getElementById('units').focus()");
    let chosen = "document.querySelector('.unit[aria-selected=true] .label')?.textContent";
    page.until(&format!("{chosen} === 's9-01'"));
    page.key("ArrowDown");
    page.until("document.getElementById('unit-name').textContent === 'lv06-02'");
    page.until(&format!("{chosen} === 'lv06-02'"));
    page.key("End");
    page.until("document.getElementById('unit-name').textContent === 'lb-box-12'");
    let active = "document.getElementById(document.getElementById('units').getAttribute('aria-activedescendant')).textContent";
    assert!(
        page.eval(active)
            .as_str()
            .is_some_and(|text| text.contains("lb-box-12"))
    );
    page.key("Home");
    page.key("ArrowUp");
    page.until(&format!("{chosen} === 's9-01'"));
    shown.close();
}

#[test]
fn keys_submit_an_experiment() {
    let Some(mut shown) = Shown::rack(12) else {
        return;
    };
    let page = &mut shown.page;
    page.eval("document.getElementById('command').focus()");
    for letter in "train narma10".chars() {
        page.call("Input.insertText", json!({ "text": letter.to_string() }));
    }
    page.key("Enter");
    page.until("document.getElementById('submit-said').textContent === 'It is in the queue.'");
    shown.close();
}

/// The rules of axe-core.
#[expect(clippy::print_stderr, reason = "says what was checked")]
fn accessible(scheme: &str) {
    let script = folder().join("node_modules/axe-core/axe.min.js");
    let Ok(axe) = std::fs::read_to_string(&script) else {
        missing("axe-core", "npm install --prefix target/page axe-core@4");
        return;
    };
    let Some(mut page) = Page::open() else {
        return;
    };
    page.window(1440, 900, false);
    page.prefer("prefers-color-scheme", scheme);
    let mut shown = Shown::on(page, 12);
    let page = &mut shown.page;
    page.until("document.getElementById('verdict').children.length > 1");
    page.eval(&format!("{axe}; 0"));
    let found = page.eval(
        "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }).then(r => ({ \
         passes: r.passes.length, violations: r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 4).map(n => n.html.slice(0, 160) + ' ' + n.failureSummary.slice(0, 200)).join(' | ')) }))",
    );
    let violations = &found["violations"];
    eprintln!(
        "axe-core, {scheme}: {} rules passed, {} violated",
        found["passes"],
        violations.as_array().map_or(0, Vec::len)
    );
    assert_eq!(violations, &json!([]), "{scheme}: {violations:#}");
    shown.close();
}

#[test]
fn the_light_page_is_accessible() {
    accessible("light");
}

#[test]
fn the_dark_page_is_accessible() {
    accessible("dark");
}

#[test]
fn on_a_phone_nothing_is_wider_than_the_window() {
    let Some(mut page) = Page::open() else {
        return;
    };
    page.window(360, 740, true);
    page.prefer("prefers-color-scheme", "light");
    let mut shown = Shown::on(page, 12);
    let feeder = shown.feed(12, 10.0, 20.0);
    let page = &mut shown.page;
    page.drawn(20);
    page.painted();
    let wide = page.eval(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, .unseen, .skip') && e.getBoundingClientRect().right > 361) \
         .map(e => e.tagName + '.' + e.className + ' ' + Math.round(e.getBoundingClientRect().right)).slice(0, 10)",
    );
    let width = page.eval("document.documentElement.scrollWidth");
    page.picture(&folder().join("phone.png"), false);
    page.picture(&folder().join("phone-whole.png"), true);
    page.prefer("prefers-color-scheme", "dark");
    page.painted();
    page.picture(&folder().join("phone-dark.png"), false);
    assert_eq!(width, 360, "{wide}");
    assert_eq!(wide, json!([]));
    feeder.abort();
    shown.close();
}

/// How long frames take is printed and not judged: the machine may be busy with other tests. What must not happen is a
/// page that hangs, or one to which no update comes.
#[test]
#[expect(clippy::print_stderr, reason = "says what was measured")]
fn a_hundred_units_that_change_sixty_times_a_second_are_drawn() {
    let Some(mut shown) = Shown::rack(100) else {
        return;
    };
    let feeder = shown.feed(100, 60.0, 200.0);
    let page = &mut shown.page;
    page.drawn(20);
    let measured = page.eval(
        "import('/page/state.js').then(({ state }) => new Promise(done => { \
           const deltas = []; const from = state.frames; const skipped = state.skipped; let last = performance.now(); const began = last; \
           const step = t => { deltas.push(t - last); last = t; if (deltas.length <= 150 || state.frames < from + 30) requestAnimationFrame(step); else { \
             deltas.sort((a, b) => a - b); \
             done({ drawn: deltas.length, late: deltas.filter(d => d > 25).length, worst: deltas[deltas.length - 1], median: deltas[deltas.length >> 1], \
               seconds: (t - began) / 1000, updates: state.frames - from, skipped: state.skipped - skipped, \
               rows: document.querySelectorAll('.unit').length }); } }; requestAnimationFrame(step); }))",
    );
    page.picture(&folder().join("hundred.png"), false);
    eprintln!("100 units at 60 Hz: {measured}");
    let number = |name: &str| measured[name].as_f64().expect("a number");
    assert!(
        number("rows") < 40.0,
        "only what can be seen is in the document"
    );
    assert!(
        number("drawn") > 150.0 && number("updates") >= 30.0,
        "{measured}"
    );
    feeder.abort();
    shown.close();
}

#[test]
fn a_lost_connection_is_told_and_what_was_known_stays_until_it_is_back() {
    let Some(mut shown) = Shown::rack(3) else {
        return;
    };
    let (page, runtime) = (&mut shown.page, &shown.runtime);
    page.until("document.getElementById('link').dataset.state === 'live'");
    let address = shown.served.address.to_string();
    shown.served.shutdown.cancel();
    runtime.block_on(shown.served.task).expect("ended");
    page.until("!document.getElementById('alarm').hidden && document.getElementById('alarm').textContent.includes('No connection to the daemon')");
    page.until(
        "/What is shown is [\\d.]+ s old/.test(document.getElementById('alarm').textContent)",
    );
    assert_eq!(
        page.eval("document.querySelectorAll('.unit').length"),
        3,
        "what was known stays"
    );
    page.picture(&folder().join("lost.png"), false);
    shown.served = runtime.block_on(serve(shown.live.clone(), settings(), &address));
    page.until("document.getElementById('link').dataset.state === 'live' && document.getElementById('alarm').hidden");
    shown.close();
}

/// A page of a server that wants a token.
fn guarded() -> Option<(Page, Runtime)> {
    let mut page = Page::open()?;
    page.window(1440, 900, false);
    let runtime = runtime();
    let mut guarded = settings();
    guarded.token = Some(Secret::new(WORD));
    let served = runtime.block_on(serve(rack(3, now_ms()), guarded, "127.0.0.1:0"));
    page.go(&format!("http://{}", served.address));
    page.until("document.getElementById('token')");
    Some((page, runtime))
}

fn enter(page: &mut Page, token: &str) {
    page.eval("document.getElementById('token').focus()");
    page.call("Input.insertText", json!({ "text": token }));
    page.key("Enter");
}

#[test]
fn a_false_token_is_refused_with_a_reason() {
    let Some((mut page, _runtime)) = guarded() else {
        return;
    };
    page.picture(&folder().join("login.png"), false);
    enter(&mut page, "not the word");
    page.until("document.querySelector('.said')?.textContent.includes('That is not the token')");
    assert_eq!(
        page.eval("document.querySelectorAll('.unit').length"),
        0,
        "nothing is shown"
    );
}

#[test]
fn the_token_opens_the_page_by_a_cookie_that_no_script_sees() {
    let Some((mut page, _runtime)) = guarded() else {
        return;
    };
    enter(&mut page, WORD);
    page.until("document.querySelectorAll('.unit').length === 3");
    assert_eq!(page.eval("document.cookie"), Value::from(""));
}
