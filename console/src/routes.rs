//! Every way into the console: its address, what it takes, and what answers. One that is not here does not exist.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::{MethodRouter, delete, get, post};
use cases::account::Right;

use crate::access::{Access, guard};
use crate::{
    Service, api, approval, assets, case, decide, events, health, keys, metrics, openapi, people, queue,
    report, session,
};

/// A way in.
pub(crate) struct Route {
    /// `GET` or `POST`, as it is written in the sweep of all routes.
    pub(crate) method: &'static str,
    /// As axum writes it: `{name}` stands for anything.
    pub(crate) path: &'static str,
    /// Who may take it.
    pub(crate) access: Access,
    answers: MethodRouter<Arc<Service>>,
}

/// All of them.
#[rustfmt::skip] // A table: a way a line.
pub(crate) fn all() -> Vec<Route> {
    use Access::{Anyone, Both, Desk, Entry, Open, Staff};
    use Right::{Administer, Audit, Note, See, Work};
    let look = |path, access, answers| Route { method: "GET", path, access, answers };
    let change = |path, access, answers| Route { method: "POST", path, access, answers };
    let drop = |path, access, answers| Route { method: "DELETE", path, access, answers };
    vec![
        // Machines and secrets.
        look("/healthz", Open, get(health::alive)),
        look("/readyz", Open, get(health::ready)),
        look("/metrics", Open, get(metrics::page)),
        look("/assets/{version}/{name}", Open, get(assets::file)),
        look("/approve/{secret}", Open, get(approval::look)),
        change("/approve/{secret}", Open, post(approval::answer)),
        look("/disown/{secret}", Open, get(approval::look)),
        change("/disown/{secret}", Open, post(approval::disown)),
        look("/report/{secret}", Open, get(report::fetch)),
        look("/approve.css", Open, get(approval::style)),
        change("/v1/decide", Open, post(decide::answer)),
        look("/v1/openapi.json", Open, get(openapi::page)),
        // Logging in.
        look("/login", Entry, get(session::login_page)),
        change("/login", Entry, post(session::login)),
        look("/login/code", Entry, get(session::code_page)),
        change("/login/code", Entry, post(session::code)),
        look("/welcome/{secret}", Entry, get(session::welcome_page)),
        change("/welcome/{secret}", Entry, post(session::welcome)),
        change("/logout", Anyone, post(session::logout)),
        look("/", Anyone, get(session::start)),
        look("/account", Anyone, get(session::account_page)),
        change("/account/taste", Anyone, post(session::change_taste)),
        change("/account/factor/new", Anyone, post(session::offer_factor)),
        change("/account/factor", Anyone, post(session::enrol)),
        // The desk.
        look("/queue", Desk(See), get(queue::page)),
        look("/case/{number}", Desk(See), get(case::page)),
        change("/case/{number}/step", Desk(Work), post(case::step)),
        change("/case/{number}/note", Desk(Note), post(case::note)),
        change("/case/{number}/message", Desk(Work), post(case::message)),
        change("/case/{number}/close", Desk(Work), post(case::close)),
        look("/people", Desk(Administer), get(people::page)),
        change("/people/invite", Desk(Administer), post(people::invite)),
        change("/people/close", Desk(Administer), post(people::close)),
        look("/keys", Desk(Administer), get(keys::page)),
        change("/keys/add", Desk(Administer), post(keys::add)),
        change("/keys/remove", Desk(Administer), post(keys::remove)),
        // What programs and pages follow.
        look("/v1/events", Both(See), get(events::stream)),
        // Objects, for programs. Each has its path in openapi.rs and its line in api/tests/sweep.rs.
        look("/v1/cases", Both(See), get(api::cases::list)),
        change("/v1/cases", Both(Work), post(api::cases::open)),
        change("/v1/cases/bulk", Staff(Work), post(api::bulk::change)),
        look("/v1/cases/{number}", Both(See), get(api::cases::one)),
        look("/v1/cases/{number}/history", Both(See), get(api::cases::history)),
        look("/v1/cases/{number}/alerts", Both(See), get(api::cases::alerts)),
        change("/v1/cases/{number}/steps", Staff(Work), post(api::acts::step)),
        change("/v1/cases/{number}/notes", Staff(Note), post(api::acts::note)),
        change("/v1/cases/{number}/messages", Both(Work), post(api::acts::message)),
        change("/v1/cases/{number}/findings", Staff(Work), post(api::acts::findings)),
        change("/v1/cases/{number}/close", Staff(Work), post(api::acts::close)),
        change("/v1/cases/{number}/links", Staff(Work), post(api::acts::link)),
        change("/v1/cases/{number}/merge", Staff(Work), post(api::acts::merge)),
        change("/v1/cases/{number}/split", Staff(Work), post(api::acts::split)),
        look("/v1/alerts", Both(See), get(api::alerts::list)),
        look("/v1/alerts/{id}", Both(See), get(api::alerts::one)),
        look("/v1/customers", Both(See), get(api::customers::list)),
        look("/v1/customers/{customer}/registration", Both(See), get(api::customers::registration)),
        look("/v1/changes/{hash}", Both(See), get(api::changes::one)),
        look("/v1/schedules", Both(See), get(api::schedules::list)),
        look("/v1/schedules/{id}", Both(See), get(api::schedules::one)),
        look("/v1/schedules/{id}/runs", Both(See), get(api::schedules::runs)),
        look("/v1/schedules/{id}/runs/{due}/files/{name}", Both(See), get(api::schedules::file)),
        look("/v1/silences", Staff(See), get(api::silences::list)),
        change("/v1/silences", Staff(Work), post(api::silences::add)),
        look("/v1/silences/{id}", Staff(See), get(api::silences::one)),
        change("/v1/silences/{id}/end", Staff(Work), post(api::silences::end)),
        look("/v1/audit", Desk(Audit), get(api::audit::list)),
        look("/v1/audit/verified", Desk(Audit), get(api::audit::verify)),
        look("/v1/accounts", Desk(Administer), get(api::accounts::list)),
        look("/v1/accounts/{login}", Desk(Administer), get(api::accounts::one)),
        change("/v1/accounts/{login}/close", Desk(Administer), post(api::accounts::close)),
        look("/v1/keys", Desk(Administer), get(api::keys::list)),
        change("/v1/keys", Desk(Administer), post(api::keys::add)),
        look("/v1/keys/{id}", Desk(Administer), get(api::keys::one)),
        drop("/v1/keys/{id}", Desk(Administer), delete(api::keys::remove)),
    ]
}

/// The router, with everybody guarded.
pub(crate) fn router(service: &Arc<Service>) -> Router<Arc<Service>> {
    let mut router = Router::new();
    for Route { path, access, answers, .. } in all() {
        let service = Arc::clone(service);
        let guarded =
            from_fn(move |request: Request, next: Next| guard(Arc::clone(&service), access, request, next));
        router = router.route(path, answers.layer(guarded));
    }
    router
}
