//! What a client is told when its request cannot be met: what, where, what to do.

use axum::Json;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// An error in the form in which it is served.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// HTTP status code.
    pub(super) status: u16,
    /// What is wrong, in words.
    pub(super) what: String,
    /// In which part of the request.
    #[serde(rename = "where")]
    pub(super) place: String,
    /// What to do about it.
    pub(super) fix: String,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        what: impl Into<String>,
        place: impl Into<String>,
        fix: impl Into<String>,
    ) -> Problem {
        Problem {
            status: status.as_u16(),
            what: what.into(),
            place: place.into(),
            fix: fix.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self)).into_response()
    }
}

pub(super) async fn nothing_here(uri: Uri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "there is nothing at this path",
        uri.path(),
        "see /api/v1/openapi.json for what there is",
    )
}

/// A path that does not answer to this method.
pub(super) async fn not_that_method(method: Method, uri: Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} does not apply here"),
        uri.path(),
        "see /api/v1/openapi.json for the methods of each path",
    )
}
