//! Every way into the console: its address, what it takes, and what answers. One that is not here does not exist.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::{MethodRouter, get, post};
use cases::account::Right;

use crate::access::{Access, guard};
use crate::{
    Service, approval, assets, case, decide, events, health, metrics, office, openapi, people, queue, report,
    session,
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
    use Access::{Anyone, Both, Desk, Entry, Open};
    use Right::{Administer, Audit, Note, See, Work};
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
        // The office: reports, audit, administration, rotas, intake.
        look("/reports", Desk(See), get(office::reports::page)),
        change("/reports/order", Desk(See), post(office::reports::order)),
        look("/reports/file", Desk(See), get(office::reports::fetch)),
        look("/reports/schedules", Desk(See), get(office::schedules::page)),
        change("/reports/schedules", Desk(Work), post(office::schedules::add)),
        look("/reports/schedule/{id}", Desk(See), get(office::schedules::one)),
        change("/reports/schedule/{id}/authorise", Desk(Work), post(office::schedules::authorise)),
        change("/reports/schedule/{id}/run", Desk(Work), post(office::schedules::run)),
        change("/reports/schedule/{id}/remove", Desk(Work), post(office::schedules::remove)),
        look("/audit", Desk(Audit), get(office::audit::page)),
        change("/audit/verify", Desk(Audit), post(office::audit::verify)),
        change("/audit/export", Desk(Audit), post(office::audit::export)),
        look("/customers", Desk(Audit), get(office::customers::page)),
        change("/customers/confirm", Desk(Administer), post(office::contacts::confirm)),
        look("/customer/{customer}", Desk(Audit), get(office::customers::one)),
        change("/customer/{customer}/person", Desk(Administer), post(office::contacts::person)),
        change("/customer/{customer}/leave", Desk(Administer), post(office::contacts::leave)),
        change("/customer/{customer}/domains", Desk(Administer), post(office::contacts::domains)),
        change("/customer/{customer}/certify", Desk(Administer), post(office::contacts::certify)),
        look("/channels", Desk(Audit), get(office::channels::page)),
        change("/channels/test", Desk(Administer), post(office::channels::test)),
        look("/channels/texts", Desk(Audit), get(office::channels::texts)),
        look("/hours", Desk(See), get(office::hours::page)),
        look("/rota", Desk(See), get(office::rota::page)),
        look("/intake", Desk(See), get(office::intake::page)),
        look("/intake/{key}", Desk(See), get(office::intake::one)),
        look("/intake/{key}/raw", Desk(See), get(office::intake::raw)),
        look("/person/{login}", Desk(Administer), get(office::persons::page)),
        change("/person/{login}/role", Desk(Administer), post(office::persons::role)),
        change("/person/{login}/link", Desk(Administer), post(office::persons::link)),
        change("/person/{login}/logout", Desk(Administer), post(office::persons::log_out)),
        change("/person/{login}/factor", Desk(Administer), post(office::persons::reset_factor)),
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
