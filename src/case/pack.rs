//! All that is kept of a case as one signed file.

use std::path::PathBuf;

use cases::CaseNumber;
use cases::pack::{About, Audience, sha256};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Account, Place, said};
use crate::outcome::Failure;
use crate::{desk_key, evidence, files};

#[derive(Args)]
pub(super) struct Pack {
    number: CaseNumber,
    /// The file to write: it must not be there yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Whom it is for. Notes of the desk are not in a pack for the customer.
    #[arg(long = "for", value_enum, default_value_t = For::Desk)]
    audience: For,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    account: Account,
}

#[derive(Clone, Copy, ValueEnum)]
enum For {
    /// Everything.
    Desk,
    /// What the customer may see.
    Customer,
}

impl Pack {
    pub(super) async fn answer(&self) -> Result<String, Failure> {
        if self.to.exists() {
            return Err(Failure::Usage(format!("{} is there already", self.to.display())));
        }
        let cases = self.place.cases()?;
        let (store, service) = self.place.open().await?;
        let whole = store.desk().evidence(self.number).await.map_err(said)?;
        let (audience, evidence) = match self.audience {
            For::Desk => (Audience::Desk, whole),
            For::Customer => {
                let own = store.customer(&whole.case.customer).evidence(self.number).await.map_err(said)?;
                let gone = || Failure::Usage(format!("there is no case {}", self.number));
                (Audience::Customer, own.ok_or_else(gone)?)
            }
        };
        let pack = evidence::fill(&evidence, audience, &service, cases.data())?;
        let left_out = pack.left_out().to_vec();
        let done = self.account.done(&service);
        let (number, made_at) = (self.number.to_string(), evidence::moment(done.now));
        let about = About {
            case: &number,
            customer: &evidence.case.customer,
            audience,
            made_at: &made_at,
            made_by: done.who,
            version: env!("CARGO_PKG_VERSION"),
        };
        let key = cases.key();
        let bytes = pack.seal(about, &desk_key::open_at(&key)?).map_err(Failure::Usage)?;
        let hash = sha256(&bytes);
        // First it is written down, then given away: who reads the audit misses no pack that anybody has.
        let detail = json!({ "pack": hash, "bytes": bytes.len(), "for": audience }).to_string();
        store.desk().note_export(&evidence.case, &detail, done).await.map_err(said)?;
        files::put_new(&self.to, &bytes, 0o600).map_err(Failure::file(&self.to))?;
        let mut text = format!(
            "{}: {} bytes, SHA-256 {hash}\nsigned; `ringwall verify` checks it with {}\n",
            self.to.display(),
            bytes.len(),
            desk_key::public(&key).display()
        );
        left_out.iter().for_each(|sentence| text += &format!("{sentence}\n"));
        Ok(text)
    }
}
