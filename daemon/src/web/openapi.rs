//! The description of the API, made of the handlers and the types themselves.

use axum::Json;
use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{api, assets, login, metrics, stream};

#[derive(OpenApi)]
#[openapi(
    info(title = "thermine", description = "The present state of a running `thermine run`, its queue of experiments, its metrics. \
        Times of the wall are in milliseconds since 1970; what is not known is null, never zero; every unit says whether \
        its numbers are a device's, an unverified device's, simulated or replayed."),
    paths(
        assets::page, assets::file, login::form, login::enter, login::leave,
        api::snapshot, api::unit, stream::stream, api::jobs, api::submit, api::cancel, serve,
        metrics::serve, api::health,
    ),
    security(("token" = []), ()),
    modifiers(&Token),
)]
struct Api;

/// The token as a security scheme.
struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut Description) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The word in the daemon's token file. Needed where the daemon has one.",
            ))
            .build();
        description
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(bearer));
    }
}

/// The description.
pub(super) fn description() -> Description {
    Api::openapi()
}

/// This description.
#[utoipa::path(get, operation_id = "description", path = "/api/v1/openapi.json", responses((status = 200, description = "OpenAPI 3.1.", content_type = "application/json")))]
pub(crate) async fn serve() -> Json<Description> {
    Json(description())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::router::routes;
    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let served: BTreeSet<String> = routes()
            .iter()
            .map(|(path, _)| (*path).to_owned())
            .collect();
        let described: BTreeSet<String> = description().paths.paths.into_keys().collect();
        assert_eq!(served, described);
    }
}
