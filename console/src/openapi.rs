//! `GET /v1/openapi.json`: what can be asked, for machines that write clients.

use axum::Json;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, Response, ResponseBuilder};
use utoipa::openapi::{OpenApi as Description, path::Operation};
use utoipa::{Modify, OpenApi};

use crate::api::told::Problem;
use crate::api::{
    accounts, acts, alerts, audit, blocks, bulk, calls, cases, changes, customers, invitations, keys, lists,
    policies, proposals, registrations, reports, schedules, silences, standing,
};
use crate::{decide, events};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ringwall",
        description = "A voice firewall and voice IPS: asks about calls are answered by the policies in force, and what people work \
            on is reached by programs. docs/api.md tells how.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")
    ),
    paths(
        decide::answer, events::stream, cases::list, cases::open, cases::one, cases::history, cases::alerts, bulk::change,
        acts::step, acts::note, acts::message, acts::findings, acts::close, acts::link, acts::merge, acts::split,
        acts::attach, acts::detach, acts::undo, acts::group, acts::ungroup,
        proposals::propose, proposals::ask_authorisers, proposals::by_standing, proposals::withdraw, changes::one,
        alerts::list, alerts::one, customers::list, registrations::one, registrations::drafts, registrations::draft,
        registrations::add, registrations::confirm, registrations::withdraw, standing::list, standing::one,
        schedules::list, schedules::one, schedules::add, schedules::change, schedules::remove, schedules::authorise,
        schedules::runs, schedules::one_run, schedules::run, schedules::file,
        reports::kinds, reports::list, reports::one, reports::order, reports::file,
        calls::list, calls::one, calls::judge, calls::thresholds,
        blocks::list, blocks::one, blocks::lift, blocks::extend,
        lists::list, lists::one, lists::entries, lists::add, lists::remove,
        policies::list, policies::one, policies::versions, policies::version, policies::check, policies::install,
        policies::roll_back, silences::list, silences::one, silences::add, silences::end, audit::list, audit::verify,
        accounts::list, accounts::one, accounts::close, invitations::list, invitations::one, invitations::add,
        invitations::remove, keys::list, keys::one, keys::add, keys::remove
    ),
    components(schemas(Problem)),
    modifiers(&Common)
)]
struct Api;

pub(crate) async fn page() -> Json<Description> {
    Json(description())
}

pub(crate) fn description() -> Description {
    Api::openapi()
}

/// What holds wherever a key is asked for: how it is sent, and what may go wrong.
struct Common;

impl Modify for Common {
    fn modify(&self, described: &mut Description) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        if let Some(components) = &mut described.components {
            components.security_schemes.insert("key".to_owned(), scheme.into());
        }
        for (path, item) in &mut described.paths.paths {
            // Machines of the network ask about calls without a key.
            if path == "/v1/decide" {
                continue;
            }
            let ways = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
            for operation in ways.into_iter().flatten() {
                operation.security = Some(vec![SecurityRequirement::new("key", std::iter::empty::<&str>())]);
                let conditions: &[(&str, &str)] =
                    if takes(operation, "If-Match") { &CONDITIONAL } else { &[] };
                let bodies: &[(&str, &str)] = if operation.request_body.is_some() { &BODIES } else { &[] };
                for (status, words) in FAILURES.iter().chain(conditions).chain(bodies) {
                    let responses = &mut operation.responses.responses;
                    responses.entry((*status).to_owned()).or_insert_with(|| problem(words).into());
                }
            }
        }
    }
}

fn takes(operation: &Operation, name: &str) -> bool {
    let text = serde_json::to_string(&operation.parameters).unwrap_or_default();
    text.contains(&format!("\"{name}\""))
}

fn problem(words: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(words).content("application/problem+json", content).build()
}

const FAILURES: [(&str, &str); 7] = [
    ("400", "It was not understood."),
    ("401", "No key, or one that is not known or has run out."),
    ("403", "They may not."),
    ("404", "There is none, or it belongs to somebody else."),
    ("409", "It cannot be done as things stand; the detail says why."),
    ("429", "Too many at once; Retry-After says after how many seconds again."),
    ("503", "Not now: there is no database, or it does not answer."),
];
const CONDITIONAL: [(&str, &str); 2] = [
    ("412", "Somebody else was faster: it is not as it was when it was read."),
    ("428", "If-Match is missing."),
];
const BODIES: [(&str, &str); 3] = [
    ("413", "The body is too long."),
    ("415", "The body is no JSON."),
    ("422", "The Idempotency-Key was used for another request."),
];
