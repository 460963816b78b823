//! Honest events that look like attacks to whoever only counts, one file each.

mod alarm_panels;
mod announced_survey;
mod busy_reception;
mod conference_invitation;
mod courier;
mod fax_retries;
mod holiday;
mod misdials;
mod monitoring;
mod night_shift;
mod outage;
mod ported_number;
mod power_cut;
mod radio_contest;
mod redial;
mod reminders;
mod stale_password;

use crate::stage::Stage;

/// An honest event that fools naive limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confounder {
    /// Hundreds ring one number within minutes, find it busy and redial.
    RadioContest,
    /// One person calls a busy desk until it answers.
    Redial,
    /// A fax machine tries again every minute.
    FaxRetries,
    /// A dialler reminds hundreds of people of their appointments.
    Reminders,
    /// Customers ring the hotline because something is out of order.
    Outage,
    /// A night shift calls abroad.
    NightShift,
    /// One caller rings the same desks all day.
    Courier,
    /// Calls that are hung up at once, meant for somebody else.
    Misdials,
    /// A partner calls many numbers in sequence, as was announced.
    AnnouncedSurvey,
    /// Many long calls through the one number of the reception.
    BusyReception,
    /// A conference bridge calls its people, or is called by them, in the same minute.
    ConferenceInvitation,
    /// A telephone registers with an old password every minute.
    StalePassword,
    /// A monitoring system asks every few seconds whether the border is there.
    Monitoring,
    /// A number just ported is not found for a while.
    PortedNumber,
    /// People call family far away.
    Holiday,
    /// Alarm panels report every night with a short call.
    AlarmPanels,
    /// All telephones come back at once and register.
    PowerCut,
}

impl Confounder {
    /// Every event there is.
    pub const ALL: &'static [Self] = &[
        Self::RadioContest,
        Self::Redial,
        Self::FaxRetries,
        Self::Reminders,
        Self::Outage,
        Self::NightShift,
        Self::Courier,
        Self::Misdials,
        Self::AnnouncedSurvey,
        Self::BusyReception,
        Self::ConferenceInvitation,
        Self::StalePassword,
        Self::Monitoring,
        Self::PortedNumber,
        Self::Holiday,
        Self::AlarmPanels,
        Self::PowerCut,
    ];

    /// Its word: `radio-contest`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::RadioContest => "radio-contest",
            Self::Redial => "redial-after-busy",
            Self::FaxRetries => "fax-retries",
            Self::Reminders => "outbound-reminders",
            Self::Outage => "outage-call-in",
            Self::NightShift => "night-shift-abroad",
            Self::Courier => "courier",
            Self::Misdials => "misdials",
            Self::AnnouncedSurvey => "announced-survey",
            Self::BusyReception => "busy-reception",
            Self::ConferenceInvitation => "conference-invitation",
            Self::StalePassword => "stale-password",
            Self::Monitoring => "monitoring",
            Self::PortedNumber => "number-ported",
            Self::Holiday => "holiday-traffic",
            Self::AlarmPanels => "alarm-panels",
            Self::PowerCut => "power-cut",
        }
    }

    pub(crate) fn plan(self, stage: &mut Stage<'_>) {
        match self {
            Self::RadioContest => radio_contest::plan(stage),
            Self::Redial => redial::plan(stage),
            Self::FaxRetries => fax_retries::plan(stage),
            Self::Reminders => reminders::plan(stage),
            Self::Outage => outage::plan(stage),
            Self::NightShift => night_shift::plan(stage),
            Self::Courier => courier::plan(stage),
            Self::Misdials => misdials::plan(stage),
            Self::AnnouncedSurvey => announced_survey::plan(stage),
            Self::BusyReception => busy_reception::plan(stage),
            Self::ConferenceInvitation => conference_invitation::plan(stage),
            Self::StalePassword => stale_password::plan(stage),
            Self::Monitoring => monitoring::plan(stage),
            Self::PortedNumber => ported_number::plan(stage),
            Self::Holiday => holiday::plan(stage),
            Self::AlarmPanels => alarm_panels::plan(stage),
            Self::PowerCut => power_cut::plan(stage),
        }
    }
}
