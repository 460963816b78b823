//! `GET /v1/openapi.json`: what can be asked, for machines that write clients.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;

use crate::decide;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ringwall",
        description = "A voice firewall and voice IPS: asks about calls are answered by the policies in force.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")
    ),
    paths(decide::answer)
)]
struct Api;

pub(crate) async fn page() -> Json<Description> {
    Json(Api::openapi())
}
