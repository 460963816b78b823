//! Every way into the console: its address, what it takes, and what answers. One that is not here does not exist.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post, put};
use cases::account::Right;

use crate::access::{Access, guard, is_of_programs, lost};
use crate::api::told::Problem;
use crate::{
    Service, alerts, answers, api, appeal, approval, assets, campaigns, case, decide, events, guide, health,
    keys, known, metrics, office, openapi, people, portal, presence, queue, report, session, silences,
    status,
};

/// A way in.
pub(crate) struct Route {
    /// `GET`, `POST` and so on, as it is written in the sweep of all routes.
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
    use Access::{Anyone, Both, Contact, Desk, Entry, Open, Staff};
    use Right::{Administer, Ask, Audit, Authorise, Note, See, Work};
    let look = |path, access, answers| Route { method: "GET", path, access, answers };
    let change = |path, access, answers| Route { method: "POST", path, access, answers };
    let replace = |path, access, answers| Route { method: "PUT", path, access, answers };
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
        change("/answers", Open, post(answers::take)),
        change("/v1/decide", Open, post(decide::answer)),
        look("/v1/openapi.json", Open, get(openapi::page)),
        // Logging in.
        look("/login", Entry, get(session::login_page)),
        change("/login", Entry, post(session::login)),
        look("/login/code", Entry, get(session::code_page)),
        change("/login/code", Entry, post(session::code)),
        look("/welcome/{secret}", Entry, get(session::welcome_page)),
        change("/welcome/{secret}", Entry, post(session::welcome)),
        #[cfg(feature = "oidc")]
        look("/login/openid", Entry, get(crate::openid::start)),
        #[cfg(feature = "oidc")]
        look(crate::openid::BACK, Entry, get(crate::openid::back)),
        change("/logout", Anyone, post(session::logout)),
        look("/", Anyone, get(session::start)),
        look("/cases/{number}", Anyone, get(case::lead)),
        look("/account", Anyone, get(session::account_page)),
        change("/account/taste", Anyone, post(session::change_taste)),
        change("/account/factor/new", Anyone, post(session::offer_factor)),
        change("/account/factor", Anyone, post(session::enrol)),
        // The desk.
        look("/queue", Desk(See), get(queue::page)),
        look("/case/{number}", Desk(See), get(case::page)),
        look("/case/{number}/present", Desk(See), get(presence::others)),
        change("/case/{number}/step", Desk(Work), post(case::step)),
        change("/case/{number}/note", Desk(Note), post(case::note)),
        change("/case/{number}/message", Desk(Work), post(case::message)),
        change("/case/{number}/close", Desk(Work), post(case::close)),
        look("/guide", Desk(See), get(guide::page)),
        // The desk: many cases at once, and what is done with one.
        look("/queue/rows", Desk(See), get(queue::rows)),
        change("/queue/bulk", Desk(Work), post(queue::bulk)),
        change("/queue/view", Desk(See), post(queue::keep)),
        change("/queue/view/remove", Desk(See), post(queue::remove)),
        change("/undo", Desk(Work), post(queue::undo)),
        look("/case/{number}/mail/{index}", Desk(See), get(case::raw)),
        change("/case/{number}/assign", Desk(Work), post(case::assign)),
        change("/case/{number}/severity", Desk(Work), post(case::rate)),
        change("/case/{number}/find", Desk(Work), post(case::find)),
        change("/case/{number}/link", Desk(Work), post(case::link)),
        change("/case/{number}/merge", Desk(Work), post(case::merge)),
        change("/case/{number}/split", Desk(Work), post(case::split)),
        change("/case/{number}/attach", Desk(Work), post(case::attach)),
        change("/case/{number}/detach", Desk(Work), post(case::detach)),
        change("/case/{number}/undo", Desk(Work), post(case::take_back)),
        change("/case/{number}/group", Desk(Work), post(case::group)),
        change("/case/{number}/adopt", Desk(Work), post(case::adopt)),
        change("/case/{number}/propose", Desk(Work), post(case::propose)),
        change("/case/{number}/ask", Desk(Work), post(case::ask)),
        change("/case/{number}/standing", Desk(Work), post(case::standing)),
        change("/case/{number}/told", Desk(Work), post(case::told)),
        change("/case/{number}/resend", Desk(Work), post(case::resend)),
        look("/alerts", Desk(See), get(alerts::page)),
        change("/alerts/group", Desk(Work), post(alerts::group)),
        look("/silences", Desk(See), get(silences::page)),
        change("/silences", Desk(Work), post(silences::add)),
        change("/silences/end", Desk(Work), post(silences::end)),
        look("/campaigns", Desk(See), get(campaigns::page)),
        look("/people", Desk(Administer), get(people::page)),
        change("/people/invite", Desk(Administer), post(people::invite)),
        change("/people/close", Desk(Administer), post(people::close)),
        // What the service knows beyond cases.
        look("/calls", Desk(See), get(known::calls::page)),
        look("/calls/{customer}/named", Desk(See), get(known::call::named)),
        look("/calls/{customer}/{id}", Desk(See), get(known::call::page)),
        change("/calls/{customer}/{id}/block", Desk(Work), post(known::call::block)),
        change("/calls/{customer}/{id}/unblock", Desk(Work), post(known::call::unblock)),
        look("/blocks", Desk(See), get(known::blocks::page)),
        change("/blocks", Desk(Work), post(known::blocks::change)),
        look("/lists", Desk(See), get(known::lists::page)),
        change("/lists/feed", Desk(Work), post(known::lists::accept)),
        look("/lists/{customer}/{list}", Desk(See), get(known::lists::entries)),
        change("/lists/{customer}/{list}/add", Desk(Work), post(known::lists::add)),
        change("/lists/{customer}/{list}/remove", Desk(Work), post(known::lists::remove)),
        look("/policies", Desk(See), get(known::policies::page)),
        look("/policies/{customer}", Desk(See), get(known::policies::one)),
        look("/policies/{customer}/hits", Desk(See), get(known::policies::hits)),
        change("/policies/{customer}/rollback", Desk(Work), post(known::policies::roll_back)),
        look("/policies/{customer}/edit", Desk(Work), get(known::studio::page)),
        change("/policies/{customer}/check", Desk(Work), post(known::studio::check)),
        change("/policies/{customer}/try", Desk(Work), post(known::studio::attempt)),
        change("/policies/{customer}/install", Desk(Work), post(known::studio::install)),
        look("/thresholds", Desk(See), get(known::thresholds::page)),
        look("/thresholds/{customer}", Desk(See), get(known::thresholds::one)),
        look("/board", Desk(See), get(known::board::page)),
        look("/board/figures", Desk(See), get(known::board::part)),
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
        change("/rota/handover", Desk(Note), post(office::rota::hand_over)),
        change("/rota/awake", Desk(Note), post(office::rota::awake)),
        change("/rota/asleep", Desk(Note), post(office::rota::asleep)),
        look("/intake", Desk(See), get(office::intake::page)),
        look("/intake/{key}", Desk(See), get(office::intake::one)),
        look("/intake/{key}/raw", Desk(See), get(office::intake::raw)),
        look("/person/{login}", Desk(Administer), get(office::persons::page)),
        change("/person/{login}/role", Desk(Administer), post(office::persons::role)),
        change("/person/{login}/link", Desk(Administer), post(office::persons::link)),
        change("/person/{login}/logout", Desk(Administer), post(office::persons::log_out)),
        change("/person/{login}/factor", Desk(Administer), post(office::persons::reset_factor)),
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
        look("/portal/told", Contact(See), get(portal::told::show)),
        change("/portal/told", Contact(See), post(portal::told::choose)),
        change("/portal/told/test", Contact(See), post(portal::told::test)),
        look("/portal/unadopted", Contact(See), get(portal::unadopted::list)),
        change("/portal/unadopted/{number}", Contact(Ask), post(portal::unadopted::answer)),
        look("/portal/keys", Contact(See), get(keys::page)),
        change("/portal/keys/add", Contact(Authorise), post(keys::add)),
        change("/portal/keys/remove", Contact(Authorise), post(keys::remove)),
        look("/portal/audit", Contact(See), get(portal::audit::list)),
        // Blocked callers, and how the service is.
        look("/appeal", Open, get(appeal::start)),
        look("/appeal/{token}", Open, get(appeal::look)),
        change("/appeal/{token}", Entry, post(appeal::send)),
        look("/status", Open, get(status::show)),
        look("/status.json", Open, get(status::summary)),
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
        change("/v1/cases/{number}/attach", Staff(Work), post(api::acts::attach)),
        change("/v1/cases/{number}/detach", Staff(Work), post(api::acts::detach)),
        change("/v1/cases/{number}/undo", Staff(Work), post(api::acts::undo)),
        change("/v1/cases/{number}/group", Staff(Work), post(api::acts::group)),
        change("/v1/cases/{number}/ungroup", Staff(Work), post(api::acts::ungroup)),
        change("/v1/cases/{number}/proposal", Staff(Work), post(api::proposals::propose)),
        change("/v1/cases/{number}/proposal/ask", Staff(Work), post(api::proposals::ask_authorisers)),
        change("/v1/cases/{number}/proposal/standing", Staff(Work), post(api::proposals::by_standing)),
        change("/v1/cases/{number}/proposal/withdraw", Staff(Work), post(api::proposals::withdraw)),
        look("/v1/alerts", Both(See), get(api::alerts::list)),
        look("/v1/alerts/{id}", Both(See), get(api::alerts::one)),
        look("/v1/customers", Both(See), get(api::customers::list)),
        look("/v1/customers/{customer}/calls", Staff(See), get(api::calls::list)),
        look("/v1/customers/{customer}/calls/{id}", Staff(See), get(api::calls::one)),
        look("/v1/customers/{customer}/calls/{id}/judgement", Staff(See), get(api::calls::judge)),
        look("/v1/thresholds", Staff(See), get(api::calls::thresholds)),
        look("/v1/customers/{customer}/registration", Both(See), get(api::registrations::one)),
        look("/v1/customers/{customer}/registration/drafts", Desk(Audit), get(api::registrations::drafts)),
        change("/v1/customers/{customer}/registration/drafts", Desk(Administer), post(api::registrations::add)),
        look("/v1/customers/{customer}/registration/drafts/{hash}", Desk(Audit), get(api::registrations::draft)),
        drop("/v1/customers/{customer}/registration/drafts/{hash}", Desk(Administer), delete(api::registrations::withdraw)),
        change("/v1/customers/{customer}/registration/drafts/{hash}/confirm", Desk(Administer), post(api::registrations::confirm)),
        look("/v1/customers/{customer}/standing", Both(See), get(api::standing::list)),
        look("/v1/customers/{customer}/standing/{name}", Both(See), get(api::standing::one)),
        look("/v1/changes/{hash}", Both(See), get(api::changes::one)),
        look("/v1/schedules", Both(See), get(api::schedules::list)),
        change("/v1/schedules", Staff(Work), post(api::schedules::add)),
        look("/v1/schedules/{id}", Both(See), get(api::schedules::one)),
        replace("/v1/schedules/{id}", Staff(Work), put(api::schedules::change)),
        drop("/v1/schedules/{id}", Staff(Work), delete(api::schedules::remove)),
        change("/v1/schedules/{id}/authorise", Staff(Work), post(api::schedules::authorise)),
        look("/v1/schedules/{id}/runs", Both(See), get(api::schedules::runs)),
        change("/v1/schedules/{id}/runs", Staff(Work), post(api::schedules::run)),
        look("/v1/schedules/{id}/runs/{due}", Both(See), get(api::schedules::one_run)),
        look("/v1/schedules/{id}/runs/{due}/files/{name}", Both(See), get(api::schedules::file)),
        look("/v1/report-kinds", Staff(See), get(api::reports::kinds)),
        look("/v1/reports", Staff(See), get(api::reports::list)),
        // Auditors order reports as well: who else may is asked there, as by the page.
        change("/v1/reports", Staff(See), post(api::reports::order)),
        look("/v1/reports/{id}", Staff(See), get(api::reports::one)),
        look("/v1/reports/{id}/files/{name}", Staff(See), get(api::reports::file)),
        look("/v1/blocks", Both(See), get(api::blocks::list)),
        look("/v1/blocks/{id}", Both(See), get(api::blocks::one)),
        change("/v1/blocks/{id}/lift", Staff(Work), post(api::blocks::lift)),
        change("/v1/blocks/{id}/extend", Staff(Work), post(api::blocks::extend)),
        look("/v1/lists", Both(See), get(api::lists::list)),
        look("/v1/lists/{customer}/{list}", Both(See), get(api::lists::one)),
        look("/v1/lists/{customer}/{list}/entries", Both(See), get(api::lists::entries)),
        change("/v1/lists/{customer}/{list}/entries", Staff(Work), post(api::lists::add)),
        change("/v1/lists/{customer}/{list}/entries/remove", Staff(Work), post(api::lists::remove)),
        look("/v1/policies", Staff(See), get(api::policies::list)),
        look("/v1/policies/{customer}", Staff(See), get(api::policies::one)),
        replace("/v1/policies/{customer}", Staff(Work), put(api::policies::install)),
        look("/v1/policies/{customer}/versions", Staff(See), get(api::policies::versions)),
        look("/v1/policies/{customer}/versions/{number}", Staff(See), get(api::policies::version)),
        change("/v1/policies/{customer}/check", Staff(Work), post(api::policies::check)),
        change("/v1/policies/{customer}/rollback", Staff(Work), post(api::policies::roll_back)),
        look("/v1/silences", Staff(See), get(api::silences::list)),
        change("/v1/silences", Staff(Work), post(api::silences::add)),
        look("/v1/silences/{id}", Staff(See), get(api::silences::one)),
        change("/v1/silences/{id}/end", Staff(Work), post(api::silences::end)),
        look("/v1/audit", Desk(Audit), get(api::audit::list)),
        look("/v1/audit/verified", Desk(Audit), get(api::audit::verify)),
        look("/v1/accounts", Desk(Administer), get(api::accounts::list)),
        look("/v1/accounts/{login}", Desk(Administer), get(api::accounts::one)),
        change("/v1/accounts/{login}/close", Desk(Administer), post(api::accounts::close)),
        look("/v1/invitations", Desk(Administer), get(api::invitations::list)),
        change("/v1/invitations", Desk(Administer), post(api::invitations::add)),
        look("/v1/invitations/{login}", Desk(Administer), get(api::invitations::one)),
        drop("/v1/invitations/{login}", Desk(Administer), delete(api::invitations::remove)),
        look("/v1/keys", Desk(Administer), get(api::keys::list)),
        change("/v1/keys", Desk(Administer), post(api::keys::add)),
        look("/v1/keys/{id}", Desk(Administer), get(api::keys::one)),
        drop("/v1/keys/{id}", Desk(Administer), delete(api::keys::remove)),
    ]
}

/// Whether people look at what is there, so that a browser can go back to it.
pub(crate) fn is_page(path: &str) -> bool {
    static PAGES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let pages = all().into_iter().filter(|route| route.method == "GET" && !is_of_programs(route.path));
        pages.map(|route| route.path).collect()
    });
    let is_part =
        |(part, wanted): (&str, &str)| part == wanted || wanted.starts_with('{') && !part.is_empty();
    PAGES.iter().any(|page| {
        path.split('/').count() == page.split('/').count()
            && path.split('/').zip(page.split('/')).all(is_part)
    })
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
    router.fallback(lost).layer(from_fn(explain))
}

/// Programs are told in their own form what no handler said: that there is no such way, or that it takes another method.
async fn explain(request: Request, next: Next) -> Response {
    let is_program = is_of_programs(request.uri().path());
    let response = next.run(request).await;
    if is_program { Problem::unsaid(response) } else { response }
}
