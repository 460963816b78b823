//! Many alerts in one transaction: each case that they touch is read and written once.

use std::collections::{BTreeMap, HashMap};

use super::Error;
use super::desk::{Done, Visible, write};
use super::writing::Writing;
use crate::alert::{Place, STORM_KEY, Storm};
use crate::case::title;
use crate::grouping::Grouping;
use crate::{Alert, Case, CaseNumber};

/// Cases that a batch of alerts touches.
pub(super) struct Batch<'a> {
    /// In the order in which they are written: one order for all writers, and for whoever reads the audit.
    cases: BTreeMap<CaseNumber, Touched>,
    /// The latest case of a customer with a key; several keys may lead to one case.
    latest: HashMap<(String, String), CaseNumber>,
    /// What goes together whoever calls, the oldest first.
    groupings: Vec<Grouping>,
    done: Done<'a>,
}

struct Touched {
    case: Case,
    /// Whether there is anything to write.
    is_changed: bool,
    /// What goes into its history and the audit: an opening, a reopening.
    told: Option<(&'static str, String)>,
}

impl<'a> Batch<'a> {
    pub(super) async fn begin(writing: &mut Writing<'_>, done: Done<'a>) -> Result<Self, Error> {
        let groupings = writing.groupings(None).await?;
        Ok(Self { cases: BTreeMap::new(), latest: HashMap::new(), groupings, done })
    }

    /// Puts one alert where it belongs; one that was there only gets its newer text.
    pub(super) async fn take(
        &mut self,
        writing: &mut Writing<'_>,
        alert: &Alert,
        text: &str,
        storm: &mut Storm,
    ) -> Result<(), Error> {
        if writing.renew_alert(&alert.id, text).await? {
            return Ok(());
        }
        let Done { now, service, .. } = self.done;
        let (key, grouping) = Grouping::join(&self.groupings, alert);
        let of_group = grouping.map(Grouping::words);
        let latest = self.load(writing, &alert.customer, &key).await?;
        let touched = latest.and_then(|number| self.cases.get_mut(&number));
        let place = alert.place(touched.as_ref().map(|touched| &touched.case), now);
        let number = match (place, touched) {
            (Place::Join | Place::Count, Some(touched)) => {
                alert.join(&mut touched.case, service, now);
                touched.is_changed = true;
                touched.case.number
            }
            (Place::Reopen, Some(touched)) => {
                alert.reopen(&mut touched.case, service, now);
                touched.is_changed = true;
                touched.told = Some(("reopen", alert.id.clone()));
                touched.case.number
            }
            (Place::Open { after }, _) if storm.may_open(&alert.customer, alert.raised(now)) => {
                let number = writing.next_number().await?;
                let mut case = alert.open(number, after, service, now);
                if let Some(words) = of_group {
                    (case.key, case.title) = (Some(key.clone()), title(&words));
                }
                self.open(case, &alert.customer, key)
            }
            _ => self.take_storm(writing, alert).await?,
        };
        writing.put_alert(alert, text, number).await
    }

    /// More cases at once than anybody reads: this alert goes to one case for all of them, where it is counted.
    async fn take_storm(&mut self, writing: &mut Writing<'_>, alert: &Alert) -> Result<CaseNumber, Error> {
        let Done { now, service, .. } = self.done;
        let latest = self.load(writing, &alert.customer, STORM_KEY).await?;
        let open = latest.and_then(|number| self.cases.get_mut(&number));
        if let Some(touched) = open.filter(|touched| !touched.case.state.is_over()) {
            alert.join(&mut touched.case, service, now);
            touched.case.count_rule(&alert.rule, 1);
            touched.is_changed = true;
            return Ok(touched.case.number);
        }
        let number = writing.next_number().await?;
        let mut case = alert.open(number, None, service, now);
        case.key = Some(STORM_KEY.to_owned());
        case.count_rule(&alert.rule, 1);
        case.title = "storm: more alerts at once than cases can be read".to_owned();
        Ok(self.open(case, &alert.customer, STORM_KEY.to_owned()))
    }

    fn open(&mut self, case: Case, customer: &str, key: String) -> CaseNumber {
        let number = case.number;
        let told = Some(("open", case.title.clone()));
        self.cases.insert(number, Touched { case, is_changed: true, told });
        self.latest.insert((customer.to_owned(), key), number);
        number
    }

    /// Has the latest case with `key` at hand, and says which it is.
    async fn load(
        &mut self,
        writing: &mut Writing<'_>,
        customer: &str,
        key: &str,
    ) -> Result<Option<CaseNumber>, Error> {
        let key = (customer.to_owned(), key.to_owned());
        if let Some(number) = self.latest.get(&key) {
            return Ok(Some(*number));
        }
        let Some(case) = writing.latest(&key.0, &key.1).await? else { return Ok(None) };
        let number = case.number;
        // One that is here already is further than what the database knows.
        self.cases.entry(number).or_insert(Touched { case, is_changed: false, told: None });
        self.latest.insert(key, number);
        Ok(Some(number))
    }

    /// Writes every case that was touched.
    pub(super) async fn put(self, writing: &mut Writing<'_>) -> Result<(), Error> {
        for Touched { mut case, told, .. } in self.cases.into_values().filter(|touched| touched.is_changed) {
            match told {
                Some((what, text)) => {
                    write(writing, &mut case, what, &text, Visible::Desk, self.done).await?;
                }
                None => writing.put(&mut case).await?,
            }
        }
        Ok(())
    }
}
