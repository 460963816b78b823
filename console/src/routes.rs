//! Every way into the console: its address, what it takes, and what answers. One that is not here does not exist.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::{MethodRouter, get, post};
use cases::account::Right;

use crate::access::{Access, guard};
use crate::{
    Service, appeal, approval, assets, case, decide, events, health, metrics, openapi, people, portal, queue,
    report, session, status,
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
    use Access::{Anyone, Both, Contact, Desk, Entry, Open};
    use Right::{Administer, Ask, Authorise, Note, See, Work};
    let look = |path, access, answers| Route { method: "GET", path, access, answers };
    let change = |path, access, answers| Route { method: "POST", path, access, answers };
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
        // The portal of customers.
        look("/portal", Contact(See), get(portal::home::home)),
        look("/portal/requests", Contact(See), get(portal::requests::list)),
        look("/portal/request/{number}", Contact(See), get(portal::requests::one)),
        change("/portal/request/{number}/answer", Contact(Ask), post(portal::requests::answer)),
        look("/portal/ask", Contact(Ask), get(portal::ask::form)),
        change("/portal/ask", Contact(Ask), post(portal::ask::send)),
        change("/portal/ask/check", Contact(See), post(portal::ask::live)),
        look("/portal/authorise", Contact(See), get(portal::authorise::list)),
        look("/portal/authorise/{number}", Contact(See), get(portal::authorise::one)),
        change("/portal/authorise/{number}", Contact(Authorise), post(portal::authorise::decide)),
        look("/portal/blocks", Contact(See), get(portal::blocks::list)),
        look("/portal/reports", Contact(See), get(portal::reports::list)),
        look("/portal/reports/{schedule}/{due}/{name}", Contact(See), get(portal::reports::file)),
        look("/portal/contacts", Contact(See), get(portal::people::list)),
        change("/portal/contacts", Contact(Authorise), post(portal::people::draft)),
        change("/portal/contacts/confirm", Contact(Authorise), post(portal::people::confirm)),
        look("/portal/audit", Contact(See), get(portal::audit::list)),
        // Blocked callers, and how the service is.
        look("/appeal", Open, get(appeal::start)),
        look("/appeal/{token}", Open, get(appeal::look)),
        change("/appeal/{token}", Entry, post(appeal::send)),
        look("/status", Open, get(status::show)),
        look("/status.json", Open, get(status::summary)),
        // What programs and pages follow.
        look("/v1/events", Both(See), get(events::stream)),
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
