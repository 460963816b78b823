//! Pages by which a customer's authoriser says yes or no. They work without scripts, and looking at one never decides anything:
//! programs that look at the links in mails may follow them.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cases::change::{Choice, Line};
use tokio::time::timeout;

use crate::Service;
use crate::choice::{self, field, is_short};
use crate::plain;

/// What somebody does who has followed a link with this secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The secret in the link.
    pub secret: String,
    /// What is done.
    pub step: Step,
}

/// What somebody does on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Looks.
    Look,
    /// Shows the code of their app.
    LogIn {
        /// As it was typed.
        code: String,
    },
    /// Says yes or no.
    Decide {
        /// What the page that was shown had in it.
        session: String,
        /// The hash of what was shown.
        change: String,
        /// What is said.
        decision: Said,
    },
    /// Says that an approval in their customer's name was none.
    Disown,
}

/// What somebody says of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It shall be made.
    Yes,
    /// Some lines of it shall be.
    Some(Choice),
    /// It shall not, for this reason.
    No(String),
}

/// What is shown then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The link leads nowhere, or not any more.
    Nothing,
    /// The code of the app is asked for.
    AskCode {
        /// Whom.
        name: String,
        /// About which case of which customer.
        about: String,
        /// Why the last one was not taken.
        wrong: Option<String>,
    },
    /// What is to be decided.
    Change(Box<Proposal>),
    /// An approval that can be disowned.
    AskDisown {
        /// Who approved what and when, and what taking it back does: a paragraph a line.
        text: String,
    },
    /// It is done.
    Done {
        /// In a word or two.
        title: String,
        /// And what follows.
        text: String,
    },
    /// It is not done.
    Refused(String),
}

/// A change that somebody is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// What has to come back with the decision.
    pub session: String,
    /// The hash of the change.
    pub change: String,
    /// Such as RW-104233-3.
    pub case: String,
    /// Whose policy.
    pub customer: String,
    /// What changes.
    pub lines: Vec<Line>,
    /// What it would have done, and how much may go wrong.
    pub effects: Vec<String>,
    /// Until when it can be decided.
    pub until: String,
    /// Whether a yes to some of its lines is possible.
    pub is_divisible: bool,
}

pub(crate) async fn look(state: State<Arc<Service>>, Path(secret): Path<String>) -> Response {
    visit(state, secret, Step::Look).await
}

pub(crate) async fn answer(
    state: State<Arc<Service>>,
    Path(secret): Path<String>,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    match form.ok().and_then(|Form(fields)| sent(&fields)) {
        Some(step) => visit(state, secret, step).await,
        None => page(&Shown::Refused("The form was not filled in. Nothing was decided.".to_owned())),
    }
}

/// What either form of the page says: the code, or the decision.
fn sent(fields: &[(String, String)]) -> Option<Step> {
    let text = |name| field(fields, name).to_owned();
    let decision = match field(fields, "decision") {
        "yes" => Said::Yes,
        "some" => Said::Some(choice::read(fields)?),
        "no" => Said::No(text("reason")),
        "" if fields.iter().any(|(name, _)| name == "code") => {
            return Some(Step::LogIn { code: text("code") });
        }
        _ => return None,
    };
    Some(Step::Decide { session: text("session"), change: text("change"), decision })
}

pub(crate) async fn disown(state: State<Arc<Service>>, Path(secret): Path<String>) -> Response {
    visit(state, secret, Step::Disown).await
}

pub(crate) async fn style() -> Response {
    let mut response = STYLE.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    response
}

async fn visit(State(service): State<Arc<Service>>, secret: String, step: Step) -> Response {
    // Longer than any secret of ours is none.
    if secret.len() > SECRET_CHARACTERS_MAX {
        return page(&Shown::Nothing);
    }
    let told = timeout(PATIENCE, (service.approvals)(Visit { secret, step })).await;
    match told {
        Ok(Ok(Shown::Change(proposal))) => {
            let plain = plain::lines(&service, &proposal.customer, &proposal.lines).await;
            page_of(&service.name, &Shown::Change(proposal), &plain)
        }
        Ok(Ok(shown)) => page_of(&service.name, &shown, &[]),
        _ => {
            page(&Shown::Refused("The desk does not answer now. Nothing was decided; try again.".to_owned()))
        }
    }
}

/// A page that says that a link leads nowhere, and why.
pub(crate) fn nowhere(why: &str) -> Response {
    whole(StatusCode::NOT_FOUND, "This link leads nowhere", &(paragraph(why) + LOG_IN))
}

fn page(shown: &Shown) -> Response {
    page_of("", shown, &[])
}

/// `service` is what it calls itself, and `plain` are the lines of a change in plain words.
fn page_of(service: &str, shown: &Shown, plain: &[String]) -> Response {
    let (status, title, body) = match shown {
        Shown::Nothing => (
            StatusCode::NOT_FOUND,
            "This link leads nowhere",
            paragraph("It was used, it is too old, or a character is missing. Ask the desk for another one.")
                + LOG_IN,
        ),
        Shown::AskCode { name, about, wrong } => {
            (StatusCode::OK, "Who are you?", ask_code(name, (service, about), wrong.as_deref()))
        }
        Shown::Change(proposal) => (StatusCode::OK, "Approve this change?", change(proposal, plain)),
        Shown::AskDisown { text } => (
            StatusCode::OK,
            "Was that not you?",
            text.split('\n').map(paragraph).collect::<String>()
                + "<form method=\"post\"><button class=\"no\">It was not in our name: take it back</button></form>\n\
                   <p>If it was you, close this page: nothing changes.</p>\n",
        ),
        Shown::Done { title, text } => (StatusCode::OK, title.as_str(), paragraph(text)),
        Shown::Refused(why) => (StatusCode::CONFLICT, "That was not done", paragraph(why)),
    };
    whole(status, title, &body)
}

fn whole(status: StatusCode, title: &str, body: &str) -> Response {
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{title}</title>\n<link rel=\"stylesheet\" href=\"/approve.css\">\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\
         </main>\n</body>\n</html>\n",
        title = escaped(title)
    );
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The way on for whoever has an account.
const LOG_IN: &str = "<p>If you have an account, <a href=\"/login\">log in</a>: what waits for you stands there as well.</p>\n";

fn ask_code(name: &str, (service, about): (&str, &str), wrong: Option<&str>) -> String {
    let mut body = paragraph(&format!(
        "{service} asks {name} to decide about a change: {about}. Type the code that your authenticator app shows now."
    ));
    if let Some(wrong) = wrong {
        let _ = writeln!(body, "<p class=\"wrong\" role=\"alert\">{}</p>", escaped(wrong));
    }
    body + "<form method=\"post\">\n<label for=\"code\">Code</label>\n\
            <input id=\"code\" name=\"code\" inputmode=\"numeric\" autocomplete=\"one-time-code\" maxlength=\"12\" required autofocus>\n\
            <button>Go on</button>\n</form>\n\
            <p class=\"small\">No password is asked for here. Whoever has no such app, or expected no such mail, asks the desk.</p>\n"
}

fn change(proposal: &Proposal, plain: &[String]) -> String {
    let Proposal { session, change, case, customer, lines, effects, until, is_divisible } = proposal;
    let mut body = paragraph(&format!("Case {case} of {customer}. You can decide until {until}."));
    body += "<h2>What changes</h2>\n<ul>\n";
    for line in plain {
        let _ = writeln!(body, "<li>{}</li>", escaped(line).replace('\n', "<br>"));
    }
    body += "</ul>\n<h2>Effect on recent calls</h2>\n";
    for effect in effects {
        body += &paragraph(effect);
    }
    let hidden = format!(
        "<input type=\"hidden\" name=\"session\" value=\"{}\">\n<input type=\"hidden\" name=\"change\" value=\"{}\">\n",
        escaped(session),
        escaped(change)
    );
    let is_offered = *is_divisible && is_short(lines.len());
    let some = if is_offered { some(plain, &hidden) } else { String::new() };
    let _ = write!(
        body,
        "<form method=\"post\">\n{hidden}<button name=\"decision\" value=\"yes\" class=\"yes\">Yes, make this change</button>\n\
         </form>\n{some}<form method=\"post\">\n{hidden}<label for=\"reason\">Reason for refusing</label>\n\
         <textarea id=\"reason\" name=\"reason\" rows=\"3\" minlength=\"8\" maxlength=\"500\" required></textarea>\n\
         <button name=\"decision\" value=\"no\" class=\"no\">Refuse</button>\n</form>\n\
         <details>\n<summary>Exact change</summary>\n",
    );
    let exact: Vec<_> = lines.iter().map(ToString::to_string).collect();
    if exact != plain {
        let exact = exact.iter().map(|line| format!("<li>{}</li>\n", escaped(line).replace('\n', "<br>")));
        let _ = writeln!(body, "<ul>\n{}</ul>", exact.collect::<String>());
    }
    let hash = escaped(change);
    let _ = writeln!(
        body,
        "<p class=\"small\">You decide about exactly this change: <code>{hash}</code></p>\n</details>"
    );
    body
}

/// The form of a yes to some of `lines`.
fn some(lines: &[String], hidden: &str) -> String {
    let mut form =
        "<details>\n<summary>Yes to some of it</summary>\n<form method=\"post\">\n".to_owned() + hidden;
    form += "<fieldset>\n<legend>Make these</legend>\n";
    for (place, line) in lines.iter().enumerate() {
        let line = escaped(line).replace('\n', "<br>");
        let _ = writeln!(
            form,
            "<label class=\"line\"><input type=\"checkbox\" name=\"line\" value=\"{place}\" checked> {line}</label>"
        );
    }
    form + "</fieldset>\n<fieldset>\n<legend>The others</legend>\n\
            <label class=\"line\"><input type=\"radio\" name=\"rest\" value=\"refused\" checked> are refused</label>\n\
            <label class=\"line\"><input type=\"radio\" name=\"rest\" value=\"returned\"> go back to the desk</label>\n\
            </fieldset>\n<label for=\"why\">Why the others are not wanted</label>\n\
            <textarea id=\"why\" name=\"reason\" rows=\"3\" minlength=\"8\" maxlength=\"500\" required></textarea>\n\
            <button name=\"decision\" value=\"some\" class=\"yes\">Yes, make these only</button>\n</form>\n</details>\n"
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escaped(text).replace('\n', "<br>"))
}

/// What stands in a text or an attribute is that text, and nothing else.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.split('\n').map(reporter::printable).collect::<Vec<_>>().join("\n").chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
    }
    safe
}

/// Nothing is loaded from elsewhere, nobody puts the page into a frame, and the secret in its address goes nowhere.
const HEADERS: [(header::HeaderName, &str); 7] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONTENT_LANGUAGE, "en"),
];
const STYLE: &str = include_str!("approval.css");
const SECRET_CHARACTERS_MAX: usize = 100;
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_wrote_is_text_and_nothing_else() {
        let said = "put +1 on x: </li><script>alert(1)</script>\u{202e}{{7*7}}".to_owned();
        let proposal = Proposal {
            session: "s\"><b>".to_owned(),
            lines: vec![Line::Text { diff: said.clone() }],
            effects: vec!["a\nb & 'c'".to_owned()],
            is_divisible: true,
            ..Proposal::default()
        };
        let body = change(&proposal, std::slice::from_ref(&said));
        let told = change(&proposal, &["<b>plain</b>".to_owned()]);
        assert!(
            !told.contains("<script") && !told.contains("<b>") && told.contains("<li>put +1 on x"),
            "{told}"
        );
        assert!(!body.contains("<script") && !body.contains("<b>") && !body.contains('\u{202e}'), "{body}");
        for expected in [
            "&lt;/li&gt;&lt;script&gt;",
            "value=\"s&quot;&gt;&lt;b&gt;\"",
            "a<br>b &amp; &#39;c&#39;",
            "{{7*7}}",
            "value=\"0\" checked> put +1",
        ] {
            assert!(body.contains(expected), "no {expected:?} in {body}");
        }
        // Some of one line is all of it or nothing, and a long list is not for a page.
        let whole = change(&Proposal { is_divisible: false, ..proposal.clone() }, &[said]);
        let many = vec![Line::Text { diff: "put".to_owned() }; 51];
        let long = change(&Proposal { lines: many, ..proposal }, &vec!["put".to_owned(); 51]);
        assert!(!whole.contains("name=\"line\"") && !long.contains("name=\"line\""));
    }

    #[test]
    fn whoever_follows_a_link_reads_who_asks_and_about_what() {
        let body = ask_code("Ann", ("Desk & Co", "case RW-100465-3 of Acme"), Some("wrong"));
        for expected in
            ["Desk &amp; Co asks Ann", "case RW-100465-3 of Acme", "asks the desk", "role=\"alert\">wrong"]
        {
            assert!(body.contains(expected), "no {expected:?} in {body}");
        }
    }

    #[test]
    fn z4_a_form_says_yes_no_or_which_lines() {
        let said = |text: &str| {
            let fields: Vec<_> = text.split('&').filter_map(|field| field.split_once('=')).collect();
            let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            sent(&fields.collect::<Vec<_>>())
        };
        let Some(Step::Decide { session, decision: Said::Some(choice), .. }) =
            said("session=s&change=c&line=1&rest=refused&reason=that+is+ours&decision=some")
        else {
            panic!("not read")
        };
        assert_eq!((session.as_str(), choice.wanted), ("s", [1].into()));
        assert!(matches!(
            said("session=s&change=c&decision=yes"),
            Some(Step::Decide { decision: Said::Yes, .. })
        ));
        assert_eq!(said("code=123456"), Some(Step::LogIn { code: "123456".to_owned() }));
        for wrong in [
            "",
            "session=s&change=c",
            "session=s&change=c&decision=some",
            "session=s&decision=perhaps&code=1",
        ] {
            assert_eq!(said(wrong), None, "{wrong}");
        }
    }
}
