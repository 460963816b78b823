//! Every metric of calls in one value: folded together, merged together, kept together.

use records::Columns;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Context, Definition, Fold, Period, Policies, Rows};

macro_rules! figures {
    ($($(#[$doc:meta])+ $name:ident: $fold:ty,)+) => {
        /// What every metric of calls took.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub struct Figures {
            /// Rows of any kind.
            pub rows: u64,
            /// Versions of policy that judged them.
            pub policies: Policies,
            $($(#[$doc])+ pub $name: $fold,)+
        }

        /// What every metric of calls says.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct Answers {
            $($(#[$doc])+ pub $name: <$fold as Fold>::Answer,)+
        }

        impl Figures {
            /// All columns that are read.
            pub const NEEDS: Columns = Rows::NEEDS$(.with(<$fold as Fold>::NEEDS))+;

            /// What each metric says, in words.
            pub const DEFINITIONS: &'static [Definition] = &[$(<$fold as Fold>::DEFINITION),+];

            /// Takes rows.
            pub fn take(&mut self, rows: &Rows<'_>) {
                self.rows += rows.len() as u64;
                self.policies.take(rows);
                $(self.$name.take(rows);)+
            }

            /// Takes over what `other` took.
            pub fn merge(&mut self, other: Self) {
                self.rows += other.rows;
                self.policies.merge(other.policies);
                $(self.$name.merge(other.$name);)+
            }

            /// Forgets what a closed day need not keep.
            pub fn seal(&mut self) {
                $(self.$name.seal();)+
            }

            /// What they say of `period`.
            pub fn answers(&self, context: &Context, period: &Period) -> Answers {
                Answers { $($name: self.$name.answer(context, period),)+ }
            }
        }
    };
}

figures! {
    /// M1.
    attempts: super::Attempts,
    /// M2.
    outcomes: super::Outcomes,
    /// M3.
    unwanted: super::Unwanted,
    /// M4.
    catch: super::Catch,
    /// M5.
    wrong_blocks: super::WrongBlocks,
    /// M6.
    callers: super::Callers,
    /// M8.
    let_through: super::LetThrough,
    /// M9.
    pressure: super::Pressure,
    /// M10.
    concurrency: super::Concurrency,
    /// M11.
    attestations: super::Attestations,
    /// M12.
    impossible_callers: super::ImpossibleCallers,
    /// M13.
    toll_fraud: super::TollFraud,
    /// M14.
    after_hours: super::AfterHours,
    /// M15.
    time_saved: super::TimeSaved,
    /// M16.
    quality: super::Quality,
    /// M20.
    rule_hits: super::RuleHits,
    /// M22.
    expiring: super::Expiring,
}

impl Figures {
    /// Takes over what reaches from the period before into the next: calls that were still up.
    pub fn carry(&mut self, before: Self) {
        self.pressure.merge(before.pressure);
        self.concurrency.merge(before.concurrency);
    }

    /// SHA-256 over ids and versions of all definitions, in hexadecimal: figures of two versions are not merged.
    pub fn version() -> String {
        let mut hash = Sha256::new();
        hash.update([FORMAT]);
        for definition in Self::DEFINITIONS {
            hash.update(definition.id.as_bytes());
            hash.update(definition.version.to_be_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// How figures are laid out in summaries.
const FORMAT: u8 = 1;
