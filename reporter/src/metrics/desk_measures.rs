//! Every metric of the desk in one value.

use serde::Serialize;

use super::{Definition, Desk, Measure, Period};

macro_rules! measures {
    ($($(#[$doc:meta])+ $name:ident: $measure:ty,)+) => {
        /// What every metric of the desk says of a period.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct Measures {
            $($(#[$doc])+ pub $name: $measure,)+
        }

        impl Measures {
            /// What each metric says, in words.
            pub const DEFINITIONS: &'static [Definition] = &[$(<$measure as Measure>::DEFINITION),+];

            /// What they say of `period`.
            pub fn of(desk: &Desk<'_>, period: &Period) -> Self {
                Self { $($name: <$measure as Measure>::measure(desk, period),)+ }
            }
        }
    };
}

measures! {
    /// M7.
    containment: super::Containment,
    /// M17.
    fraud_cases: super::FraudCases,
    /// M18.
    funnel: super::Funnel,
    /// M19.
    precision: super::Precision,
    /// M21.
    changes: super::Changes,
    /// M23.
    attainment: super::Attainment,
    /// M24.
    response_times: super::ResponseTimes,
    /// M25.
    backlog: super::Backlog,
    /// M26.
    reopened: super::Reopened,
    /// M27.
    intake: super::Intake,
    /// M28.
    unverified: super::Unverified,
    /// M29.
    phone: super::PhoneMessages,
    /// M30.
    communication: super::Communication,
    /// M31.
    authorisation: super::Authorisation,
    /// M32.
    thresholds: super::Thresholds,
    /// M33.
    contacts: super::Contacts,
}
