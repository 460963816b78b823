//! Many alerts in one transaction: each case that they touch is read and written once.

use std::collections::HashMap;

use super::Error;
use super::desk::{Done, Visible, write};
use super::writing::Writing;
use crate::alert::{Place, STORM_KEY, Storm};
use crate::{Alert, Case};

/// Cases that a batch of alerts touches, each read and written once.
pub(super) struct Batch<'a> {
    cases: HashMap<(String, String), Touched>,
    done: Done<'a>,
}

struct Touched {
    case: Case,
    /// What goes into its history and the audit: an opening, a reopening.
    told: Option<(&'static str, String)>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(done: Done<'a>) -> Self {
        Self { cases: HashMap::new(), done }
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
        let key = (alert.customer.clone(), alert.join_key());
        if let Some(touched) = self.cases.get_mut(&key).filter(|touched| !touched.case.state.is_over()) {
            alert.join(&mut touched.case, service, now);
            return writing.put_alert(alert, text, touched.case.number).await;
        }
        let known = writing.known(&alert.customer, &key.1).await?;
        let place = alert.place(&known, now);
        let (mut case, told) = match (place, known.open, known.closed) {
            (Place::Join, Some(case), _) => (case, None),
            (Place::Reopen, _, Some(mut case)) => {
                alert.reopen(&mut case, service, now);
                let touched = Touched { told: Some(("reopen", alert.id.clone())), case };
                writing.put_alert(alert, text, touched.case.number).await?;
                self.cases.insert(key, touched);
                return Ok(());
            }
            (Place::Count, _, Some(case)) => (case, None),
            (Place::Open { after }, ..) if storm.may_open(&alert.customer, alert.raised(now)) => {
                let number = writing.next_number().await?;
                let case = alert.open(number, after, service, now);
                let told = Some(("open", case.title.clone()));
                writing.put_alert(alert, text, number).await?;
                self.cases.insert(key, Touched { case, told });
                return Ok(());
            }
            _ => return self.take_storm(writing, alert, text).await,
        };
        alert.join(&mut case, service, now);
        writing.put_alert(alert, text, case.number).await?;
        self.cases.insert(key, Touched { case, told });
        Ok(())
    }

    /// More cases at once than anybody reads: this alert goes to one case for all of them, where it is counted and kept.
    async fn take_storm(
        &mut self,
        writing: &mut Writing<'_>,
        alert: &Alert,
        text: &str,
    ) -> Result<(), Error> {
        let Done { now, service, .. } = self.done;
        let key = (alert.customer.clone(), STORM_KEY.to_owned());
        if !self.cases.contains_key(&key) {
            let open = writing.known(&alert.customer, STORM_KEY).await?.open;
            let touched = match open {
                Some(case) => Touched { case, told: None },
                None => {
                    let number = writing.next_number().await?;
                    let mut case = alert.open(number, None, service, now);
                    case.key = Some(STORM_KEY.to_owned());
                    case.title = "storm: more alerts at once than cases can be read".to_owned();
                    // What `open` counted is counted below.
                    (case.alerts, case.spark) = (0, Vec::new());
                    let told = Some(("open", case.title.clone()));
                    Touched { case, told }
                }
            };
            self.cases.insert(key.clone(), touched);
        }
        if let Some(touched) = self.cases.get_mut(&key) {
            alert.join(&mut touched.case, service, now);
            writing.put_alert(alert, text, touched.case.number).await?;
        }
        Ok(())
    }

    /// Writes every case that was touched.
    pub(super) async fn put(self, writing: &mut Writing<'_>) -> Result<(), Error> {
        let mut touched: Vec<_> = self.cases.into_values().collect();
        // One order for all writers, and for whoever reads the audit.
        touched.sort_by_key(|touched| touched.case.number);
        for Touched { mut case, told } in touched {
            match told {
                Some((what, text)) => {
                    write(writing, &mut case, what, &text, Visible::Desk, self.done).await?
                }
                None => writing.put(&mut case).await?,
            }
        }
        Ok(())
    }
}
