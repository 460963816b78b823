//! The cases of the desk, as pages reach them: the database is opened when somebody first asks, and asked again after it failed.

use cases::io::store::{Done, Store};
use cases::{Calendar, Service};
use rules::Timestamp;
use tokio::sync::OnceCell;

use crate::failure::Failure;

/// Where cases are kept, and what was promised to customers.
pub struct Book {
    place: String,
    service: Service,
    store: OnceCell<Store>,
}

impl Book {
    /// Of the database at `place`, which need not be there yet.
    pub fn new(place: String, service: Service) -> Self {
        Self { place, service, store: OnceCell::new() }
    }

    /// The database.
    pub(crate) async fn store(&self) -> Result<&Store, Failure> {
        let open = || Store::open(&self.place);
        self.store.get_or_try_init(open).await.map_err(|error| Failure::Down(error.to_string()))
    }

    /// Calendars and terms.
    pub(crate) const fn service(&self) -> &Service {
        &self.service
    }

    /// When the desk is open for `customer`, and in which zone its times are told.
    pub(crate) fn calendar(&self, customer: &str) -> &Calendar {
        self.service.calendar_of(customer)
    }

    /// That `who` does something at `now`.
    pub(crate) const fn done<'a>(&'a self, who: &'a str, now: Timestamp) -> Done<'a> {
        Done { who, now, service: &self.service }
    }

    pub(crate) async fn close(&self) {
        if let Some(store) = self.store.get() {
            store.clone().close().await;
        }
    }
}
