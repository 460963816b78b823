//! Attacks, one file each.

mod after_hours_outbound;
mod call_type_abuse;
mod concurrent_call_theft;
mod denial_of_service;
mod digest_leak;
mod do_not_originate;
mod extension_enumeration;
mod fraud_test_calls;
mod harassment;
mod listed_caller;
mod low_and_slow_robocall;
mod message_flood;
mod neighbour_spoofing;
mod own_number_spoofing;
mod passport_replay;
mod registration_cracking;
mod revenue_share_fraud;
mod robocall_burst;
mod rotating_callers;
mod route;
mod scanner;
mod sim_box;
mod teardown_spoofing;
mod tool;
mod traffic_pumping;
mod transfer_fraud;
mod voicemail_break_in;
mod wangiri;
mod war_dialling;

pub use listed_caller::CALLERS as LISTED_CALLERS;

use crate::stage::Stage;

/// An attack that can be put into traffic. All but [`Attack::ListedCaller`] bear the name of the detection that
/// ought to find them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attack {
    /// So many calls at one number, or at all, that nobody else gets through.
    TelephonyDenialOfService,
    /// A machine calls number after number of the customer to see who or what answers.
    WarDialling,
    /// Callers who show a number next to the one they call.
    NeighbourSpoofing,
    /// Callers from outside who show a number of the customer.
    OwnNumberSpoofing,
    /// Calls that stop after one ring, to be called back at a price.
    Wangiri,
    /// Broken-in extensions call numbers that pay the fraudster.
    RevenueShareFraud,
    /// Long calls whose only use is the minute's fee of a rural carrier or of a toll-free number.
    TrafficPumping,
    /// Somebody calls one person again and again.
    Harassment,
    /// Recorded messages to many numbers in a short time.
    RobocallBurst,
    /// Recorded messages a few times an hour, for days.
    LowAndSlowRobocall,
    /// A tool looks for servers and open dial plans.
    Scanner,
    /// Passwords are tried on REGISTER.
    RegistrationCracking,
    /// Names of accounts are tried, to learn which there are.
    ExtensionEnumeration,
    /// A broken-in extension calls out when nobody is there.
    AfterHoursOutbound,
    /// One extension holds many long calls at the same time.
    ConcurrentCallTheft,
    /// Calls from abroad come in on cards of the country, or leave on lines of the customer.
    SimBox,
    /// Callers who show a number that never calls.
    DoNotOriginate,
    /// Fax and modem calls on lines meant for voice.
    CallTypeAbuse,
    /// A machine that shows another number with every call.
    RotatingCallers,
    /// Calls sent on to numbers that pay: REFER, 302.
    TransferFraud,
    /// The few short calls by which a fraudster tries a way out.
    FraudTestCalls,
    /// A caller who answers what it is asked with a challenge, to hear a digest.
    DigestLeak,
    /// BYE or CANCEL from somebody who is no party of the call.
    TeardownSpoofing,
    /// One signed identity shown with many calls.
    PassportReplay,
    /// Codes are tried on the voicemail, which then calls abroad.
    VoicemailBreakIn,
    /// Unasked texts by MESSAGE.
    MessageFlood,
    /// Callers who stand on a block list write their numbers in strange ways: for lists, not for detections.
    ListedCaller,
}

/// What an attack was in one campaign.
pub(crate) struct Plot {
    /// Which way it went.
    pub(crate) variant: &'static str,
    /// What other detections would be right about it.
    pub(crate) also: &'static [Attack],
}

impl Attack {
    /// Every attack there is.
    pub const ALL: &'static [Self] = &[
        Self::TelephonyDenialOfService,
        Self::WarDialling,
        Self::NeighbourSpoofing,
        Self::OwnNumberSpoofing,
        Self::Wangiri,
        Self::RevenueShareFraud,
        Self::TrafficPumping,
        Self::Harassment,
        Self::RobocallBurst,
        Self::LowAndSlowRobocall,
        Self::Scanner,
        Self::RegistrationCracking,
        Self::ExtensionEnumeration,
        Self::AfterHoursOutbound,
        Self::ConcurrentCallTheft,
        Self::SimBox,
        Self::DoNotOriginate,
        Self::CallTypeAbuse,
        Self::RotatingCallers,
        Self::TransferFraud,
        Self::FraudTestCalls,
        Self::DigestLeak,
        Self::TeardownSpoofing,
        Self::PassportReplay,
        Self::VoicemailBreakIn,
        Self::MessageFlood,
        Self::ListedCaller,
    ];

    /// Its word, which is the name of the detection: `wangiri`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TelephonyDenialOfService => "telephony-denial-of-service",
            Self::WarDialling => "war-dialling",
            Self::NeighbourSpoofing => "neighbour-spoofing",
            Self::OwnNumberSpoofing => "own-number-spoofing",
            Self::Wangiri => "wangiri",
            Self::RevenueShareFraud => "international-revenue-share-fraud",
            Self::TrafficPumping => "traffic-pumping",
            Self::Harassment => "harassment",
            Self::RobocallBurst => "robocall-burst",
            Self::LowAndSlowRobocall => "low-and-slow-robocall",
            Self::Scanner => "scanner",
            Self::RegistrationCracking => "registration-cracking",
            Self::ExtensionEnumeration => "extension-enumeration",
            Self::AfterHoursOutbound => "after-hours-outbound",
            Self::ConcurrentCallTheft => "concurrent-call-theft",
            Self::SimBox => "sim-box",
            Self::DoNotOriginate => "do-not-originate",
            Self::CallTypeAbuse => "call-type-abuse",
            Self::RotatingCallers => "rotating-callers",
            Self::TransferFraud => "transfer-fraud",
            Self::FraudTestCalls => "fraud-test-calls",
            Self::DigestLeak => "digest-leak",
            Self::TeardownSpoofing => "teardown-spoofing",
            Self::PassportReplay => "passport-replay",
            Self::VoicemailBreakIn => "voicemail-break-in",
            Self::MessageFlood => "message-flood",
            Self::ListedCaller => "listed-caller",
        }
    }

    /// The shipped detection of its name; `None` where a block list is the remedy.
    pub const fn detection(self) -> Option<&'static str> {
        match self {
            Self::ListedCaller => None,
            _ => Some(self.word()),
        }
    }

    pub(crate) fn plan(self, stage: &mut Stage<'_>) -> Plot {
        match self {
            Self::TelephonyDenialOfService => denial_of_service::plan(stage),
            Self::WarDialling => war_dialling::plan(stage),
            Self::NeighbourSpoofing => neighbour_spoofing::plan(stage),
            Self::OwnNumberSpoofing => own_number_spoofing::plan(stage),
            Self::Wangiri => wangiri::plan(stage),
            Self::RevenueShareFraud => revenue_share_fraud::plan(stage),
            Self::TrafficPumping => traffic_pumping::plan(stage),
            Self::Harassment => harassment::plan(stage),
            Self::RobocallBurst => robocall_burst::plan(stage),
            Self::LowAndSlowRobocall => low_and_slow_robocall::plan(stage),
            Self::Scanner => scanner::plan(stage),
            Self::RegistrationCracking => registration_cracking::plan(stage),
            Self::ExtensionEnumeration => extension_enumeration::plan(stage),
            Self::AfterHoursOutbound => after_hours_outbound::plan(stage),
            Self::ConcurrentCallTheft => concurrent_call_theft::plan(stage),
            Self::SimBox => sim_box::plan(stage),
            Self::DoNotOriginate => do_not_originate::plan(stage),
            Self::CallTypeAbuse => call_type_abuse::plan(stage),
            Self::RotatingCallers => rotating_callers::plan(stage),
            Self::TransferFraud => transfer_fraud::plan(stage),
            Self::FraudTestCalls => fraud_test_calls::plan(stage),
            Self::DigestLeak => digest_leak::plan(stage),
            Self::TeardownSpoofing => teardown_spoofing::plan(stage),
            Self::PassportReplay => passport_replay::plan(stage),
            Self::VoicemailBreakIn => voicemail_break_in::plan(stage),
            Self::MessageFlood => message_flood::plan(stage),
            Self::ListedCaller => listed_caller::plan(stage),
        }
    }
}
