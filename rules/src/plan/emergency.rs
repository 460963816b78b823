//! Emergency numbers of every region.

use crate::number::Number;
use crate::number_set::{NumberSet, Segment};

/// The emergency numbers of an ISO region as local numbers, 112 and 911 among them everywhere: mobile
/// telephones carry both in every country (3GPP TS 22.101 §10.1.1). `None` for an unknown region.
pub(super) fn numbers(region: &str) -> Option<NumberSet> {
    let (_, _, own) = row(region)?;
    let all = own.split(' ').chain(EVERYWHERE).filter_map(|digits| Number::local(digits.as_bytes()));
    let segments: Vec<Segment> =
        all.flat_map(|number| NumberSet::exact(number).segments().to_vec()).collect();
    Some(NumberSet::from_segments(segments))
}

/// The region whose number plan `region` uses: itself but for a few islands and Antarctica.
pub(crate) fn plan_of(region: &str) -> &'static str {
    row(region).map_or("", |(_, plan, _)| plan)
}

/// The regions known here: all of ISO 3166-1, and XK, AC, TA that number plans use.
pub fn regions() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(region, _, _)| *region)
}

fn row(region: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    TABLE.iter().find(|(known, _, _)| known.eq_ignore_ascii_case(region))
}

/// Numbers that are emergency numbers whatever the region.
const EVERYWHERE: [&str; 2] = ["112", "911"];

/// Region, region of its number plan, emergency numbers besides 112 and 911. Facts that the ITU and national
/// numbering authorities publish, as libphonenumber's short-number metadata (Apache-2.0) collects them too; not every
/// row has been checked against the ITU's E.129 filings yet. In doubt a number is in: a blocked emergency call is
/// worse than a call that escapes a rule.
#[rustfmt::skip]
const TABLE: &[(&str, &str, &str)] = &[
    ("AC", "AC", "999"),
    ("AD", "AD", "110 116 118"),
    ("AE", "AE", "991 997 998 999"),
    ("AF", "AF", "100 102 119"),
    ("AG", "AG", "999"),
    ("AI", "AI", ""),
    ("AL", "AL", "127 128 129"),
    ("AM", "AM", "101 102 103"),
    ("AO", "AO", "113 115"),
    ("AQ", "AU", "000"),
    ("AR", "AR", "100 101 103 105 106 107 108"),
    ("AS", "AS", ""),
    ("AT", "AT", "122 133 140 144"),
    ("AU", "AU", "000 106"),
    ("AW", "AW", "100"),
    ("AX", "AX", ""),
    ("AZ", "AZ", "101 102 103"),
    ("BA", "BA", "122 123 124"),
    ("BB", "BB", "211 311 511"),
    ("BD", "BD", "100 101 102 199 999"),
    ("BE", "BE", "100 101"),
    ("BF", "BF", "17 18"),
    ("BG", "BG", "150 160 166"),
    ("BH", "BH", "199 999"),
    ("BI", "BI", "113 117"),
    ("BJ", "BJ", "114 116 117 118"),
    ("BL", "BL", "18"),
    ("BM", "BM", ""),
    ("BN", "BN", "991 993 995"),
    ("BO", "BO", "110 118 119"),
    ("BQ", "BQ", ""),
    ("BR", "BR", "128 190 192 193"),
    ("BS", "BS", "919"),
    ("BT", "BT", "110 113"),
    ("BV", "NO", "110 113"),
    ("BW", "BW", "997 998 999"),
    ("BY", "BY", "101 102 103 104"),
    ("BZ", "BZ", "90 990"),
    ("CA", "CA", ""),
    ("CC", "CC", "000"),
    ("CD", "CD", "113 114 118 177 188"),
    ("CF", "CF", "117 118 1220"),
    ("CG", "CG", "117 118"),
    ("CH", "CH", "117 118 144 1414"),
    ("CI", "CI", "110 111 170 180"),
    ("CK", "CK", "996 998 999"),
    ("CL", "CL", "130 131 132 133 134 137"),
    ("CM", "CM", "13 17 113 117"),
    ("CN", "CN", "110 119 120 122"),
    ("CO", "CO", "119 123 125 132 156"),
    ("CR", "CR", ""),
    ("CU", "CU", "104 105 106"),
    ("CV", "CV", "130 131 132"),
    ("CW", "CW", ""),
    ("CX", "CX", "000"),
    ("CY", "CY", "199"),
    ("CZ", "CZ", "150 151 152 153 154 155 156 157 158 159"),
    ("DE", "DE", "110"),
    ("DJ", "DJ", "17 18"),
    ("DK", "DK", "114"),
    ("DM", "DM", "333 999"),
    ("DO", "DO", ""),
    ("DZ", "DZ", "14 17"),
    ("EC", "EC", "101 102"),
    ("EE", "EE", "110"),
    ("EG", "EG", "122 123 126 180"),
    ("EH", "EH", "15 19 177"),
    ("ER", "ER", "113 114 116"),
    ("ES", "ES", "061 062 080 085 088 091 092"),
    ("ET", "ET", "907 912 939 991"),
    ("FI", "FI", ""),
    ("FJ", "FJ", "917"),
    ("FK", "FK", "999"),
    ("FM", "FM", ""),
    ("FO", "FO", "114"),
    ("FR", "FR", "15 17 18 114 115 119 191"),
    ("GA", "GA", "18 1300 1730"),
    ("GB", "GB", "999 18000"),
    ("GD", "GD", ""),
    ("GE", "GE", "011 022 033 111 113 122"),
    ("GF", "GF", "15 17 18"),
    ("GG", "GG", "999"),
    ("GH", "GH", "191 192 193 999"),
    ("GI", "GI", "190 199"),
    ("GL", "GL", ""),
    ("GM", "GM", "16 17 18 116 117 118"),
    ("GN", "GN", "117 118 122"),
    ("GP", "GP", "15 17 18"),
    ("GQ", "GQ", "113 114 115"),
    ("GR", "GR", "100 108 166 199"),
    ("GS", "FK", "999"),
    ("GT", "GT", "110 120 123"),
    ("GU", "GU", ""),
    ("GW", "GW", "113 117 118"),
    ("GY", "GY", "912 913"),
    ("HK", "HK", "992 999"),
    ("HM", "AU", "000 106"),
    ("HN", "HN", "199"),
    ("HR", "HR", "93 94 192 193 194"),
    ("HT", "HT", "114 118"),
    ("HU", "HU", "104 105 107"),
    ("ID", "ID", "110 113 115 118 119 129"),
    ("IE", "IE", "999"),
    ("IL", "IL", "100 101 102"),
    ("IM", "IM", "999"),
    ("IN", "IN", "100 101 102 103 108 1091"),
    ("IO", "IO", "999"),
    ("IQ", "IQ", "100 104 115 122"),
    ("IR", "IR", "110 115 125"),
    ("IS", "IS", ""),
    ("IT", "IT", "113 115 118"),
    ("JE", "JE", "999"),
    ("JM", "JM", "110 119"),
    ("JO", "JO", "191 192 197"),
    ("JP", "JP", "110 118 119"),
    ("KE", "KE", "114 999"),
    ("KG", "KG", "101 102 103"),
    ("KH", "KH", "117 118 119 666"),
    ("KI", "KI", "192 193 194 195 992 993 994"),
    ("KM", "KM", "17 18"),
    ("KN", "KN", "333 999"),
    ("KP", "KP", "119 819"),
    ("KR", "KR", "113 117 119 122 125"),
    ("KW", "KW", ""),
    ("KY", "KY", ""),
    ("KZ", "KZ", "101 102 103 104"),
    ("LA", "LA", "190 191 195"),
    ("LB", "LB", "140 175 999"),
    ("LC", "LC", "999"),
    ("LI", "LI", "117 118 144"),
    ("LK", "LK", "110 111 116 118 119 1990"),
    ("LR", "LR", "355"),
    ("LS", "LS", "115 117"),
    ("LT", "LT", "01 02 03 011 022 033 101 102 103"),
    ("LU", "LU", "113"),
    ("LV", "LV", "01 02 03 110 113"),
    ("LY", "LY", "190 191 193"),
    ("MA", "MA", "15 19 177"),
    ("MC", "MC", "15 17 18"),
    ("MD", "MD", "901 902 903"),
    ("ME", "ME", "122 123 124"),
    ("MF", "MF", "15 17 18"),
    ("MG", "MG", "17 18 117 118"),
    ("MH", "MH", ""),
    ("MK", "MK", "192 193 194"),
    ("ML", "ML", "15 17 18"),
    ("MM", "MM", "199"),
    ("MN", "MN", "100 101 102 103 105"),
    ("MO", "MO", "110 119 999"),
    ("MP", "MP", ""),
    ("MQ", "MQ", "15 17 18"),
    ("MR", "MR", "17 18"),
    ("MS", "MS", "999"),
    ("MT", "MT", ""),
    ("MU", "MU", "114 115 995 999"),
    ("MV", "MV", "102 118 119"),
    ("MW", "MW", "199 997 998 999"),
    ("MX", "MX", "060 065 066 068 080"),
    ("MY", "MY", "994 999"),
    ("MZ", "MZ", "117 119 197 198"),
    ("NA", "NA", "10111"),
    ("NC", "NC", "15 16 17 18"),
    ("NE", "NE", "15 17 18 118"),
    ("NF", "NF", "000 955 977"),
    ("NG", "NG", "199 767"),
    ("NI", "NI", "115 118 120 128"),
    ("NL", "NL", ""),
    ("NO", "NO", "110 113 120"),
    ("NP", "NP", "100 101 102 103"),
    ("NR", "NR", "110 111"),
    ("NU", "NU", "999"),
    ("NZ", "NZ", "111"),
    ("OM", "OM", "1444 9999"),
    ("PA", "PA", ""),
    ("PE", "PE", "105 106 110 116 117"),
    ("PF", "PF", "15 17 18"),
    ("PG", "PG", "000 110 111"),
    ("PH", "PH", "117"),
    ("PK", "PK", "15 16 115 1122 1123"),
    ("PL", "PL", "986 997 998 999"),
    ("PM", "PM", "15 17 18"),
    ("PN", "NZ", "111"),
    ("PR", "PR", ""),
    ("PS", "PS", "100 101 102"),
    ("PT", "PT", "115 117"),
    ("PW", "PW", ""),
    ("PY", "PY", "128"),
    ("QA", "QA", "999"),
    ("RE", "RE", "15 17 18"),
    ("RO", "RO", ""),
    ("RS", "RS", "92 93 94"),
    ("RU", "RU", "01 02 03 04 101 102 103 104"),
    ("RW", "RW", "111"),
    ("SA", "SA", "937 996 997 998 999"),
    ("SB", "SB", "999"),
    ("SC", "SC", "999"),
    ("SD", "SD", "999"),
    ("SE", "SE", "90000"),
    ("SG", "SG", "993 995 999"),
    ("SH", "SH", "999"),
    ("SI", "SI", "113"),
    ("SJ", "SJ", "110 113"),
    ("SK", "SK", "150 155 158"),
    ("SL", "SL", "019 999"),
    ("SM", "SM", "113 115 118"),
    ("SN", "SN", "17 18"),
    ("SO", "SO", "555 888 999"),
    ("SR", "SR", "115"),
    ("SS", "SS", "999"),
    ("ST", "ST", ""),
    ("SV", "SV", "913"),
    ("SX", "SX", "919"),
    ("SY", "SY", "110 113"),
    ("SZ", "SZ", "999"),
    ("TA", "TA", "999"),
    ("TC", "TC", "999"),
    ("TD", "TD", "17 18"),
    ("TF", "RE", "15 17 18"),
    ("TG", "TG", "117 118 171 172 177"),
    ("TH", "TH", "191 199 1155 1669"),
    ("TJ", "TJ", "101 102 103"),
    ("TK", "TK", ""),
    ("TL", "TL", "115"),
    ("TM", "TM", "01 02 03"),
    ("TN", "TN", "190 197 198"),
    ("TO", "TO", "922 933 999"),
    ("TR", "TR", "110 155 156 177"),
    ("TT", "TT", "990 999"),
    ("TV", "TV", ""),
    ("TW", "TW", "110 118 119"),
    ("TZ", "TZ", "110 111 114 115 999"),
    ("UA", "UA", "101 102 103 104"),
    ("UG", "UG", "999"),
    ("UM", "US", ""),
    ("US", "US", ""),
    ("UY", "UY", "128"),
    ("UZ", "UZ", "01 02 03 001 002 003 050"),
    ("VA", "VA", "113 115 118"),
    ("VC", "VC", "999"),
    ("VE", "VE", "171"),
    ("VG", "VG", "999"),
    ("VI", "VI", ""),
    ("VN", "VN", "113 114 115"),
    ("VU", "VU", ""),
    ("WF", "WF", "15 17 18"),
    ("WS", "WS", "994 995 996 999"),
    ("XK", "XK", "192 193 194"),
    ("YE", "YE", "191 194 195 199"),
    ("YT", "YT", "15"),
    ("ZA", "ZA", "10111 10177"),
    ("ZM", "ZM", "991 993 999"),
    ("ZW", "ZW", "993 994 995 999"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn has(region: &str, digits: &str) -> bool {
        numbers(region).unwrap().contains(Number::local(digits.as_bytes()).unwrap())
    }

    #[test]
    fn every_region_knows_its_emergency_numbers() {
        assert_eq!(regions().count(), 249 + 3);
        for region in regions() {
            assert!(has(region, "112") && has(region, "911"), "{region}");
            assert!(numbers(region).unwrap().count() <= 20, "{region}");
        }
        for (region, digits) in [
            ("GB", "999"),
            ("AU", "000"),
            ("DE", "110"),
            ("FR", "15"),
            ("JP", "119"),
            ("AQ", "000"),
            ("us", "911"),
        ] {
            assert!(has(region, digits), "{region} {digits}");
        }
        assert!(!has("US", "999") && !has("GB", "110"));
        assert!(numbers("ZZ").is_none() && numbers("").is_none());
    }

    #[test]
    fn no_region_stands_twice() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
