//! What stops calls of a customer now, until when, and how to ask for it to end or to last.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{BlockInForce, InForce, Place, page, shell};
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
}

impl Page<'_> {
    /// A form about `number`, filled in.
    fn ask(kind: &str, number: &str) -> String {
        format!("/portal/ask?kind={kind}&numbers={}", url_part(number))
    }
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
    }))
}

const SHOWN: usize = 200;
