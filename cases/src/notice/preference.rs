//! How contacts of customers want to be told of alarms: what each of them chose for themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outgoing::Channel;

/// What a contact chose. Where they chose nothing it is as the desk arranged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preference {
    /// How alarms come.
    pub by: Way,
    /// Whether they come while the desk is closed as well; `None`: as the desk arranged for the customer.
    pub at_any_hour: Option<bool>,
}

/// How alarms come to a contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// As the desk arranged.
    #[default]
    Arranged,
    /// By mail instead of text messages.
    Mail,
    /// By text message as well. Never instead of mail: what the customer was promised to be told goes by mail however much there is.
    Sms,
}

/// What contacts chose: by customer, then by the name in its registration.
pub type Preferences = BTreeMap<String, BTreeMap<String, Preference>>;

impl Way {
    /// Its word in forms.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Arranged => "arranged",
            Self::Mail => "mail",
            Self::Sms => "sms",
        }
    }

    /// What becomes of `channels` for somebody who has an address for mail, and for text messages; in words where it is another
    /// thing.
    pub(super) fn applied(
        self,
        channels: &[Channel],
        (has_mail, has_sms): (bool, bool),
    ) -> (Vec<Channel>, Option<&'static str>) {
        let mut chosen = channels.to_vec();
        let has = |channel| channels.contains(&channel);
        match self {
            Self::Mail if has_mail && has(Channel::Sms) => {
                chosen.retain(|it| !matches!(it, Channel::Sms | Channel::Mail));
                chosen.push(Channel::Mail);
                (chosen, Some("mail instead of text messages"))
            }
            Self::Sms if has_sms && !has(Channel::Sms) => {
                chosen.push(Channel::Sms);
                (chosen, Some("text messages as well"))
            }
            _ => (chosen, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_chooses_not_to_be_told() {
        use Channel::{Mail, Sms};
        for (way, channels, has, expected) in [
            (Way::Arranged, &[Sms, Mail][..], (true, true), &[Sms, Mail][..]),
            (Way::Mail, &[Sms, Mail], (true, true), &[Mail]),
            (Way::Mail, &[Sms], (true, true), &[Mail]),
            (Way::Mail, &[Sms], (false, true), &[Sms]),
            (Way::Sms, &[Mail], (true, true), &[Mail, Sms]),
            (Way::Sms, &[Mail], (true, false), &[Mail]),
            (Way::Sms, &[Sms], (true, true), &[Sms]),
        ] {
            let (chosen, words) = way.applied(channels, has);
            assert_eq!(chosen, expected, "{way:?} {channels:?}");
            assert_eq!(words.is_some(), chosen != channels, "{way:?} {channels:?}");
        }
    }
}
