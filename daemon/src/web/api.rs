//! The API: the present state, one unit of it, the queue, and whether all is well.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::error::Problem;
use super::extract::{InBody, InPath};
use super::shared::{Command, Shared};
use crate::live::snapshot::{Health, Job, Snapshot, TimedSnapshot, Unit};
use thermine_capture::error_chain::chain;
use thermine_lab::request::{ReadCommand, Request};

/// Everything that is known now.
#[utoipa::path(get, path = "/api/v1/snapshot", responses((status = 200, description = "The present state.", body = TimedSnapshot)))]
pub(super) async fn snapshot(State(web): State<Arc<Shared>>) -> Json<TimedSnapshot> {
    Json(TimedSnapshot {
        at_ms: web.now_ms(),
        known: web.live.snapshot(),
    })
}

/// One unit.
#[utoipa::path(get, path = "/api/v1/units/{name}", params(("name" = String, Path, description = "The unit's name in the configuration.")), responses(
    (status = 200, description = "The unit.", body = Unit),
    (status = 404, description = "No unit of that name.", body = Problem)))]
pub(super) async fn unit(
    State(web): State<Arc<Shared>>,
    InPath(name): InPath<String>,
) -> Result<Json<Unit>, Problem> {
    find(&web, &name).map(Json)
}

fn find(web: &Shared, name: &str) -> Result<Unit, Problem> {
    let found = web
        .live
        .with(|all| all.units.iter().find(|unit| unit.name == name).cloned());
    found.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            format!("no unit is called {name:?}"),
            "name of the unit",
            "see /api/v1/snapshot for the units there are",
        )
    })
}

/// The queue of experiments, first the one that is next.
#[utoipa::path(get, path = "/api/v1/jobs", responses((status = 200, description = "The queue.", body = Vec<Job>)))]
pub(super) async fn jobs(State(web): State<Arc<Shared>>) -> Json<Vec<Job>> {
    Json(web.live.with(|all| all.jobs.clone()))
}

/// An experiment to be put into the queue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Submission {
    /// What is asked for, such as `{"train": {"task": "narma10", "seed": 2}}`.
    job: Option<Request>,
    /// The same in words, such as `train narma10 --steps 500`, instead of `job`.
    command: Option<String>,
    /// The unit it is for; a job that only reads a capture needs none.
    #[serde(default)]
    unit: String,
    /// When it is due, wall time in milliseconds since 1970; absent for at once.
    due_ms: Option<u64>,
}

impl Submission {
    /// What is asked for, in whichever of the two ways.
    fn request(&mut self, read_command: ReadCommand) -> Result<Request, Problem> {
        let wrong = |what: String, fix: &str| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, what, "job", fix)
        };
        match (self.job.take(), self.command.take()) {
            (Some(job), None) => Ok(job),
            (None, Some(command)) => read_command(&command).map_err(|error| {
                wrong(
                    chain(&error),
                    "write the command as on the command line, without the program's name",
                )
            }),
            _ => Err(wrong(
                "a submission holds either a job or a command".into(),
                "send {\"job\": {\"train\": {\"task\": \"narma10\"}}, \"unit\": \"NAME\"}",
            )),
        }
    }
}

/// An experiment that has been put into the queue.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Submitted {
    /// Number of the experiment, never used again.
    id: u64,
}

/// Puts an experiment into the queue.
#[utoipa::path(post, path = "/api/v1/jobs", request_body = Submission, responses(
    (status = 201, description = "It is in the queue.", body = Submitted),
    (status = 400, description = "The body is not JSON.", body = Problem),
    (status = 404, description = "No unit of that name.", body = Problem),
    (status = 413, description = "The body is too large.", body = Problem),
    (status = 415, description = "The body is not said to be JSON.", body = Problem),
    (status = 422, description = "The job is not sound; all that is wrong with it is said.", body = Problem),
    (status = 503, description = "The queue does not answer.", body = Problem)))]
pub(super) async fn submit(
    State(web): State<Arc<Shared>>,
    InBody(mut asked): InBody<Submission>,
) -> Result<
    (
        StatusCode,
        [(header::HeaderName, String); 1],
        Json<Submitted>,
    ),
    Problem,
> {
    let request = asked.request(web.read_command)?;
    if !request.is_analysis() {
        find(&web, &asked.unit)?;
    }
    let (reply, answer) = oneshot::channel();
    let id = ask(
        &web,
        Command::Submit {
            request: Box::new(request),
            unit: asked.unit,
            due_ms: asked.due_ms,
            reply,
        },
        answer,
    )
    .await?
    .map_err(|why| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            why,
            "job",
            "see /api/v1/openapi.json for the fields of each job",
        )
    })?;
    let place = [(header::LOCATION, format!("/api/v1/jobs/{id}"))];
    Ok((StatusCode::CREATED, place, Json(Submitted { id })))
}

/// Takes an experiment out of the queue, or stops it.
#[utoipa::path(delete, path = "/api/v1/jobs/{id}", params(("id" = u64, Path, description = "The experiment's number.")), responses(
    (status = 204, description = "It is cancelled."),
    (status = 400, description = "That is no number.", body = Problem),
    (status = 404, description = "There is none of that number to be cancelled.", body = Problem),
    (status = 503, description = "The queue does not answer.", body = Problem)))]
pub(super) async fn cancel(
    State(web): State<Arc<Shared>>,
    InPath(id): InPath<u64>,
) -> Result<StatusCode, Problem> {
    let (reply, answer) = oneshot::channel();
    match ask(&web, Command::Cancel { id, reply }, answer).await? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(why) => Err(Problem::new(
            StatusCode::NOT_FOUND,
            why,
            "number of the experiment",
            "see /api/v1/jobs for the queue",
        )),
    }
}

async fn ask<T>(
    web: &Shared,
    command: Command,
    answer: oneshot::Receiver<T>,
) -> Result<T, Problem> {
    let silent = || {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the queue of experiments does not answer",
            "daemon",
            "see its log; try again when it runs",
        )
    };
    // Without waiting for a place: a queue that is behind by as many commands is not well.
    web.commands.try_send(command).map_err(|_| silent())?;
    answer.await.map_err(|_| silent())
}

/// Whether all is well.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Well {
    /// `ok`; `degraded` when something needs looking at; `failed` when no unit works.
    status: &'static str,
    /// What needs looking at: which unit, how it is, and why. A client without the token is not told why.
    reasons: Vec<String>,
}

/// Whether all is well. It has failed (503) when there are units and every one of them is stale, lost or tripped, so that
/// nothing the daemon is there for happens. A daemon some of whose units are not well is degraded and answers 200, and
/// so does one whose units are still starting, or that has none: restarting it would mend nothing. Needs no token, and
/// tells without it which units are not well, but not why: that may hold addresses.
#[utoipa::path(get, path = "/healthz", responses(
    (status = 200, description = "`ok` or `degraded`.", body = Well),
    (status = 503, description = "`failed`: no unit works.", body = Well)))]
pub(super) async fn health(State(web): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let knows_token = web.auth.as_ref().is_none_or(|auth| auth.allows(&headers));
    let (failed, reasons) = web.live.with(|all| judge(all, knows_token));
    let (code, status) = match (failed, reasons.is_empty()) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
        (false, true) => (StatusCode::OK, "ok"),
        (false, false) => (StatusCode::OK, "degraded"),
    };
    (code, Json(Well { status, reasons })).into_response()
}

/// Whether no unit works, and what needs looking at, with the causes if `with_causes`.
fn judge(all: &Snapshot, with_causes: bool) -> (bool, Vec<String>) {
    let mut reasons = Vec::new();
    let mut working = 0;
    for unit in &all.units {
        let is = match unit.health {
            Health::Starting | Health::Well => {
                working += 1;
                continue;
            }
            Health::Stale => "stale: its readings are too old",
            Health::Lost => "lost: it does not answer or work",
            Health::Tripped => "tripped: its interlock withholds work",
        };
        let why = unit
            .why
            .as_deref()
            .filter(|_| with_causes)
            .map(|why| format!(": {why}"))
            .unwrap_or_default();
        reasons.push(format!("{}: {is}{why}", unit.name));
    }
    let failed = !all.units.is_empty() && working == 0;
    if all.proxy.as_ref().is_some_and(|proxy| proxy.pool.is_none()) {
        reasons.push("proxy: no pool answers".to_owned());
    }
    (failed, reasons)
}
