//! Saved views: words of a query under a name, by a key.

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;

use super::address;

/// A view as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct View {
    name: String,
    q: String,
    #[serde(default)]
    group: String,
}

/// A view on a page.
pub(crate) struct ViewShown {
    pub(crate) name: String,
    pub(crate) href: String,
    /// The key that opens it.
    pub(crate) key: Option<u8>,
    pub(crate) is_here: bool,
    /// Whether somebody has saved it, and may forget it.
    pub(crate) is_saved: bool,
}

/// Those that everybody has, then those of `viewer`.
pub(super) async fn all(service: &Service, viewer: &Viewer, q: &str) -> Result<Vec<ViewShown>, Failure> {
    let own: Vec<View> = service.book()?.store().await?.desk().views(&viewer.who).await?;
    let usual =
        USUAL.map(|(name, q)| (View { name: name.to_owned(), q: q.to_owned(), group: String::new() }, false));
    let every = usual.into_iter().chain(own.into_iter().map(|view| (view, true)));
    Ok((1_u8..)
        .zip(every)
        .map(|(place, (view, is_saved))| ViewShown {
            href: address(&view.q, &view.group),
            key: (place <= 9).then_some(place),
            is_here: view.q == q,
            name: view.name,
            is_saved,
        })
        .collect())
}

#[derive(Deserialize)]
pub(crate) struct Kept {
    name: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    group: String,
}

pub(crate) async fn keep(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Kept>,
) -> Result<Response, Failure> {
    let name = cases::intake::one_line(form.name.trim(), NAME_CHARACTERS);
    if name.is_empty() {
        return Err(Failure::Wrong("A view needs a name.".to_owned()));
    }
    let desk = service.book()?.store().await?.desk();
    let own: Vec<View> = desk.views(&viewer.who).await?;
    let is_new = own.iter().all(|view| view.name != name);
    if is_new && own.len() >= VIEWS_MAX || USUAL.iter().any(|(usual, _)| *usual == name) {
        return Err(Failure::Refused(format!(
            "{VIEWS_MAX} views can be kept, and none is called as one that everybody has."
        )));
    }
    let place = own.iter().position(|view| view.name == name).unwrap_or(own.len());
    let q: String = form.q.chars().take(QUERY_CHARACTERS).collect();
    let view = View { name: name.clone(), q, group: form.group };
    desk.put_view(&viewer.who, &name, u32::try_from(place).unwrap_or_default(), &view).await?;
    Ok(told_at(&address(&view.q, &view.group), &format!("The view {name} is saved.")))
}

#[derive(Deserialize)]
pub(crate) struct Named {
    name: String,
}

pub(crate) async fn remove(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Named>,
) -> Result<Response, Failure> {
    service.book()?.store().await?.desk().remove_view(&viewer.who, &form.name).await?;
    Ok(told_at("/queue", &format!("The view {} is forgotten.", form.name)))
}

const USUAL: [(&str, &str); 5] = [
    ("Mine", "owner:me"),
    ("All", ""),
    ("Breached", "breached"),
    ("Requests", "-kind:alert"),
    ("Unassigned", "owner:nobody"),
];
/// Nine keys, and some more.
const VIEWS_MAX: usize = 20;
const NAME_CHARACTERS: usize = 40;
const QUERY_CHARACTERS: usize = 500;
