//! Call records of a replay as a store of files.

use std::collections::HashMap;
use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use records::Call;
use records::io::{Error, Intake, Writer};
use reporter::CallLine;
use rules::policy::PolicySet;

use crate::outcome::Failure;
use crate::policies;

/// A store that is being written.
pub(crate) struct Stored {
    writer: Writer,
    intake: Intake,
    zones: HashMap<String, TimeZone>,
    utc: TimeZone,
    line: Vec<u8>,
}

impl Stored {
    /// Begins one in `folder`, which is empty or not there, for customers of `policies`.
    pub(crate) fn create(folder: &Path, policies: &PolicySet) -> Result<Self, Failure> {
        let is_used = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if is_used {
            return Err(Failure::Usage(format!(
                "{} is not empty: calls that are there already would be there twice",
                folder.display()
            )));
        }
        let customers = policies.policies().iter().map(|policy| &policy.text().customer);
        let zones = customers.map(|customer| (customer.name.clone(), customer.time_zone.clone())).collect();
        let writer = Writer::open(folder, policies::now().0).map_err(said)?;
        Ok(Self { writer, intake: Intake::default(), zones, utc: TimeZone::UTC, line: Vec::new() })
    }

    /// Takes the call that `line` tells.
    pub(crate) fn take(&mut self, line: &CallLine<'_>) -> Result<(), Failure> {
        self.line.clear();
        reporter::to_line(&mut self.line, line).map_err(Failure::Output)?;
        let call = Call::from_json(&self.line).map_err(|wrong| Failure::Usage(wrong.to_string()))?;
        let zone = call.customer.as_ref().and_then(|customer| self.zones.get(customer));
        self.intake.take(&call, zone.unwrap_or(&self.utc));
        if self.intake.is_full() { self.write() } else { Ok(()) }
    }

    /// Writes the rest, and makes each day one file.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.write()?;
        self.writer.compact(|_| Date::MAX, policies::now().0, u64::MAX).map_err(said)?;
        Ok(())
    }

    fn write(&mut self) -> Result<(), Failure> {
        self.intake.write(&mut self.writer, policies::now().0, 0).map(drop).map_err(said)
    }
}

fn said(error: Error) -> Failure {
    Failure::Usage(error.to_string())
}
