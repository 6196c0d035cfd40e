//! The web page, its API and its stream as a user meets them, fed from a rack of made-up units. The page itself is
//! tested in headless Chromium, and pictures of it are kept in `target/page`.

#[path = "page/api.rs"]
mod api;
#[path = "page/browser.rs"]
mod browser;
#[path = "page/cdp.rs"]
mod cdp;
#[path = "page/door.rs"]
mod door;
#[expect(dead_code, reason = "tests of other parts wait for more")]
#[path = "../../drivers/tests/shared/patience.rs"]
mod patience;
#[path = "page/rack.rs"]
mod rack;
#[path = "page/serve.rs"]
mod serve;
#[path = "page/stream.rs"]
mod stream;
#[path = "page/terminal.rs"]
mod terminal;
#[path = "shared/tools.rs"]
mod tools;

use std::path::PathBuf;

use tokio::runtime::Runtime;

/// A token.
const WORD: &str = "a word of sixteen bytes and more";

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Where pictures and what the server describes are kept.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../page");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}
