//! How the country that a customer is in writes and dials numbers.

/// The country whose number plan a customer dials by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// +1, abroad behind 011.
    UnitedStates,
    /// +49, national numbers behind 0, abroad behind 00.
    Germany,
    /// +44, national numbers behind 0, abroad behind 00.
    UnitedKingdom,
}

impl Region {
    /// ISO 3166: `US`, `DE`, `GB`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnitedStates => "US",
            Self::Germany => "DE",
            Self::UnitedKingdom => "GB",
        }
    }

    /// Its country calling code.
    pub const fn country(self) -> &'static str {
        match self {
            Self::UnitedStates => "1",
            Self::Germany => "49",
            Self::UnitedKingdom => "44",
        }
    }

    /// What is dialled before a number abroad.
    pub const fn exit(self) -> &'static str {
        match self {
            Self::UnitedStates => "011",
            Self::Germany | Self::UnitedKingdom => "00",
        }
    }

    /// What is dialled before a national number.
    pub const fn trunk(self) -> &'static str {
        match self {
            Self::UnitedStates => "",
            Self::Germany | Self::UnitedKingdom => "0",
        }
    }

    /// The number of the police and the ambulance.
    pub const fn emergency(self) -> &'static str {
        match self {
            Self::UnitedStates => "911",
            Self::Germany => "112",
            Self::UnitedKingdom => "999",
        }
    }

    /// Of a number of this country, its area code and what follows; `None` for a number abroad.
    pub(crate) fn split(self, digits: &str) -> Option<(&str, &str)> {
        let national = digits.strip_prefix(self.country())?;
        let area = match self {
            Self::UnitedStates => 3,
            Self::Germany if ["30", "40", "69", "89"].iter().any(|city| national.starts_with(city)) => 2,
            Self::UnitedKingdom if national.starts_with('2') => 2,
            Self::UnitedKingdom if national.starts_with('7') => 4,
            Self::Germany | Self::UnitedKingdom => 3,
        };
        national.split_at_checked(area).filter(|(_, rest)| !rest.is_empty())
    }
}
