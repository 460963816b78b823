//! What stops calls of a customer now, until when, and how to ask for it to end or to last.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{BlockInForce, Entry, InForce, Place, page, shell};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::Shell;
use crate::text::{Moment, url_part};

#[derive(Template)]
#[template(path = "portal_blocks.html")]
struct Page<'a> {
    shell: Shell<'a>,
    in_force: InForce,
    blocks: Vec<(Moment, BlockInForce)>,
    may_ask: bool,
    zone: &'a TimeZone,
}

impl Page<'_> {
    /// A form that asks to let the calls of an entry through again, filled in.
    fn ask_to_lift(entry: &Entry) -> String {
        form("unblock", &entry.number, "")
    }

    /// A form that asks for an entry to last, filled in.
    fn ask_to_renew(&self, list: &str, entry: &Entry) -> String {
        let until = entry.expires.as_deref().map_or_else(String::new, |day| self.last_day(day));
        let text = format!("To renew: {} is on the list {list} until {until}.", entry.number);
        form("block", &entry.number, &text)
    }

    /// A form that asks to lift what a threshold has set, filled in. What it is set against holds numbers of the customer as well:
    /// only the caller's is one to let through.
    fn ask_to_lift_block(block: &BlockInForce) -> String {
        let text = format!("To lift what the threshold {} has set against {}.", block.rule, block.key);
        let caller = block.key.split(", ").find_map(|part| part.strip_prefix("caller "));
        match caller.filter(|caller| caller.starts_with('+')) {
            Some(caller) => form("unblock", caller, &text),
            None => form("question", "", &text),
        }
    }

    /// The last day of an entry in the customer's zone; as it is, where it is no day.
    fn last_day(&self, text: &str) -> String {
        let Ok(day) = text.parse::<Date>() else { return text.to_owned() };
        let named = day.to_zoned(self.zone.clone()).map(|day| day.strftime("%-d %b %Y %Z").to_string());
        named.unwrap_or_else(|_| text.to_owned())
    }
}

fn form(kind: &str, number: &str, text: &str) -> String {
    format!("/portal/ask?kind={kind}&numbers={}&text={}", url_part(number), url_part(text))
}

pub(crate) async fn list(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let mut in_force = ask(&service.questions.portal.in_force, place.customer.to_owned()).await?;
    let mut blocks = std::mem::take(&mut in_force.blocks);
    blocks.truncate(SHOWN);
    Ok(page(&Page {
        shell: shell(&service, &viewer, "Blocks"),
        blocks: blocks.into_iter().map(|block| (place.moment(block.until), block)).collect(),
        in_force,
        may_ask: viewer.may_ask(),
        zone: place.zone,
    }))
}

const SHOWN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_lift_a_threshold_s_block_asks_about_the_caller_and_no_number_of_the_customer() {
        let block = |key: &str| BlockInForce {
            key: key.to_owned(),
            rule: "flood".to_owned(),
            ..BlockInForce::default()
        };
        let both = Page::ask_to_lift_block(&block("called +12105550116, caller +16315550181"));
        assert!(both.starts_with("/portal/ask?kind=unblock&numbers=%2B16315550181&text=To%20lift"), "{both}");
        let own = Page::ask_to_lift_block(&block("called +12105550116"));
        assert!(own.starts_with("/portal/ask?kind=question&numbers=&text="), "{own}");
    }
}
