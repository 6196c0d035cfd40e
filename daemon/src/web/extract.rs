//! Extractors for the parts of a request, whose errors are a [`Problem`].

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::{Json, http::StatusCode};
use serde::de::DeserializeOwned;

use super::error::Problem;

/// A part of the path.
pub(super) struct InPath<T>(pub(super) T);
pub(super) struct InQuery<T>(pub(super) T);
/// A JSON body. A page of another site cannot send one without being asked for by this one, since its media type is
/// not one of a form's.
pub(super) struct InBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(part)) => Ok(InPath(part)),
            Err(error) => Err(Problem::new(
                error.status(),
                error.body_text(),
                format!("path {}", parts.uri.path()),
                "see /api/v1/openapi.json for the form of each path",
            )),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for InQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(InQuery(query)),
            Err(error) => Err(Problem::new(
                error.status(),
                error.body_text(),
                format!("query of {}", parts.uri.path()),
                "see /api/v1/openapi.json for the parameters",
            )),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for InBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let path = request.uri().path().to_owned();
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(InBody(body)),
            Err(error) => {
                let fix = match error.status() {
                    StatusCode::UNSUPPORTED_MEDIA_TYPE => "send Content-Type: application/json",
                    StatusCode::PAYLOAD_TOO_LARGE => "send a body of at most 16 KiB",
                    _ => "see /api/v1/openapi.json for the form of the body",
                };
                Err(Problem::new(
                    error.status(),
                    error.body_text(),
                    format!("body of {path}"),
                    fix,
                ))
            }
        }
    }
}
