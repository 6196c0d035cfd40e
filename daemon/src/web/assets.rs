//! The page, as the binary holds it.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::error::Problem;

/// A file of the page.
pub(super) struct Asset {
    pub(super) name: &'static str,
    kind: &'static str,
    pub(super) bytes: &'static [u8],
}

macro_rules! asset {
    ($name:literal, $kind:literal) => {
        Asset {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("page/", $name)),
        }
    };
}

/// All of them; the first is the page itself.
pub(super) const ASSETS: &[Asset] = &[
    asset!("index.html", "text/html; charset=utf-8"),
    asset!("page.css", "text/css; charset=utf-8"),
    asset!("icon.svg", "image/svg+xml"),
    asset!("theme.js", "text/javascript; charset=utf-8"),
    asset!("main.js", "text/javascript; charset=utf-8"),
    asset!("state.js", "text/javascript; charset=utf-8"),
    asset!("format.js", "text/javascript; charset=utf-8"),
    asset!("units.js", "text/javascript; charset=utf-8"),
    asset!("detail.js", "text/javascript; charset=utf-8"),
    asset!("plot.js", "text/javascript; charset=utf-8"),
    asset!("rack.js", "text/javascript; charset=utf-8"),
];

/// The page.
#[utoipa::path(get, path = "/", responses(
    (status = 200, description = "The page.", content_type = "text/html"),
    (status = 401, description = "The login form: the server has a token.", content_type = "text/html")))]
pub(super) async fn page() -> Response {
    send(&ASSETS[0])
}

/// What the page is made of.
#[utoipa::path(get, path = "/page/{file}", params(("file" = String, Path, description = "Name of the file.")), responses(
    (status = 200, description = "A style sheet, script or picture of the page.", content_type = "text/css"),
    (status = 404, description = "No such file.", body = Problem)))]
pub(super) async fn file(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => send(asset),
        None => Problem::new(
            StatusCode::NOT_FOUND,
            "the page has no such file",
            "path",
            "load the page again from /",
        )
        .into_response(),
    }
}

fn send(asset: &'static Asset) -> Response {
    (
        [
            (header::CONTENT_TYPE, asset.kind),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        asset.bytes,
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_weighs_less_than_300_kilobytes_and_names_no_other_host() {
        let weight: usize = ASSETS.iter().map(|asset| asset.bytes.len()).sum();
        assert!(weight < 300_000, "{weight} bytes");
        for asset in ASSETS {
            let text =
                String::from_utf8_lossy(asset.bytes).replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("://"), "{}", asset.name);
        }
    }
}
