//! Ranges that cost money: satellites, and destinations of international revenue share fraud.

use super::territory::{behind, union};
use crate::number_set::NumberSet;

/// A range by its leading digits, and why it is here.
pub(super) type Range = (&'static str, &'static str);

/// All numbers behind `ranges`.
pub(super) fn set(ranges: &[Range]) -> NumberSet {
    let sets: Vec<NumberSet> = ranges.iter().map(|(prefix, _)| behind(prefix)).collect();
    union(sets.iter())
}

/// After the ITU's lists, from general knowledge, not checked row by row: "Assigned country codes" (Annex to Operational Bulletin, E.164.D) and "Shared
/// country code 881 / 882 identification codes".
pub(super) const SATELLITE: &[Range] = &[
    ("870", "Inmarsat SNAC"),
    ("871", "Inmarsat Atlantic Ocean East, out of use since 2008, still billed by some"),
    ("872", "Inmarsat Pacific Ocean, out of use since 2008, still billed by some"),
    ("873", "Inmarsat Indian Ocean, out of use since 2008, still billed by some"),
    ("874", "Inmarsat Atlantic Ocean West, out of use since 2008, still billed by some"),
    ("881", "global mobile satellite systems: Iridium 8816 and 8817, Globalstar 8818 and 8819"),
    ("88213", "EMSAT"),
    ("88216", "Thuraya"),
    ("88220", "ACeS, Garuda"),
    ("88232", "cells on ships"),
    ("88242", "cells on ships"),
    ("88298", "cells on aircraft"),
];

/// After what public reports name, from general knowledge, not checked row by row: the CFCA Fraud Loss Surveys' top destinations of revenue share fraud, Europol's and
/// GSMA's notes on it, the FCC's and FTC's warnings of one-ring scams, and BEREC's list of misused ranges. A country
/// is here for what its ranges cost and how easily they are rented, not for its people; a customer that calls
/// one of them writes an `unless`.
pub(super) const HIGH_RISK: &[Range] = &[
    ("1242", "Bahamas: one-ring scams behind +1 (FCC)"),
    ("1246", "Barbados: one-ring scams behind +1 (FCC)"),
    ("1264", "Anguilla: one-ring scams behind +1 (FCC)"),
    ("1268", "Antigua and Barbuda: one-ring scams behind +1 (FCC)"),
    ("1284", "British Virgin Islands: one-ring scams behind +1 (FCC)"),
    ("1345", "Cayman Islands: one-ring scams behind +1 (FCC)"),
    ("1441", "Bermuda: one-ring scams behind +1 (FCC)"),
    ("1473", "Grenada: one-ring scams behind +1 (FCC)"),
    ("1649", "Turks and Caicos: one-ring scams behind +1 (FCC)"),
    ("1658", "Jamaica: one-ring and lottery scams behind +1 (FCC, FTC)"),
    ("1664", "Montserrat: one-ring scams behind +1 (FCC)"),
    ("1721", "Sint Maarten: one-ring scams behind +1 (FCC)"),
    ("1758", "Saint Lucia: one-ring scams behind +1 (FCC)"),
    ("1767", "Dominica: one-ring scams behind +1 (FCC)"),
    ("1784", "Saint Vincent: one-ring scams behind +1 (FCC)"),
    ("1809", "Dominican Republic: the first one-ring scam (FCC)"),
    ("1829", "Dominican Republic: one-ring scams (FCC)"),
    ("1849", "Dominican Republic: one-ring scams (FCC)"),
    ("1868", "Trinidad and Tobago: one-ring scams behind +1 (FCC)"),
    ("1869", "Saint Kitts and Nevis: one-ring scams behind +1 (FCC)"),
    ("1876", "Jamaica: one-ring and lottery scams behind +1 (FCC, FTC)"),
    ("213", "Algeria: high termination price, CFCA"),
    ("216", "Tunisia: high termination price, CFCA"),
    ("220", "Gambia: rented ranges, CFCA top ten"),
    ("221", "Senegal: high termination price, CFCA"),
    ("222", "Mauritania: one-ring scams (FCC)"),
    ("224", "Guinea: rented ranges, CFCA"),
    ("226", "Burkina Faso: high termination price"),
    ("227", "Niger: high termination price"),
    ("228", "Togo: high termination price"),
    ("231", "Liberia: rented ranges"),
    ("232", "Sierra Leone: one-ring scams (FCC), CFCA"),
    ("235", "Chad: high termination price"),
    ("236", "Central African Republic: rented ranges"),
    ("239", "São Tomé and Príncipe: rented ranges, CFCA"),
    ("241", "Gabon: high termination price"),
    ("243", "DR Congo: rented ranges, CFCA"),
    ("245", "Guinea-Bissau: rented ranges"),
    ("246", "Diego Garcia: very high price for very few lines"),
    ("247", "Ascension: very high price for very few lines"),
    ("252", "Somalia: rented ranges, CFCA top ten"),
    ("253", "Djibouti: high termination price"),
    ("257", "Burundi: rented ranges"),
    ("261", "Madagascar: high termination price"),
    ("263", "Zimbabwe: rented ranges, CFCA top ten"),
    ("269", "Comoros: rented ranges"),
    ("290", "Saint Helena: very high price for very few lines"),
    ("291", "Eritrea: high termination price"),
    ("355", "Albania: rented ranges, CFCA"),
    ("370", "Lithuania: rented premium ranges, CFCA top ten"),
    ("371", "Latvia: rented premium ranges, CFCA top ten"),
    ("372", "Estonia: rented premium ranges, CFCA top ten"),
    ("373", "Moldova: rented ranges"),
    ("375", "Belarus: one-ring scams, high price"),
    ("381", "Serbia: rented ranges, wangiri reports in the EU"),
    ("383", "Kosovo: rented ranges"),
    ("387", "Bosnia and Herzegovina: rented ranges, CFCA top ten"),
    ("389", "North Macedonia: rented ranges"),
    ("4470", "United Kingdom personal numbers: long charged as premium"),
    ("500", "Falkland Islands: very high price for very few lines"),
    ("509", "Haiti: high termination price"),
    ("53", "Cuba: highest termination price, CFCA number one for years"),
    ("592", "Guyana: chat lines on rented ranges"),
    ("670", "East Timor: rented ranges, CFCA"),
    ("672", "Norfolk Island and Antarctica: very few lines"),
    ("674", "Nauru: very few lines, rented ranges"),
    ("675", "Papua New Guinea: one-ring scams, CFCA"),
    ("676", "Tonga: rented ranges, one-ring scams"),
    ("677", "Solomon Islands: rented ranges, CFCA"),
    ("678", "Vanuatu: chat lines on rented ranges"),
    ("679", "Fiji: rented ranges"),
    ("681", "Wallis and Futuna: very few lines"),
    ("682", "Cook Islands: very few lines, rented ranges"),
    ("683", "Niue: very few lines, chat lines"),
    ("685", "Samoa: rented ranges, one-ring scams"),
    ("686", "Kiribati: very few lines"),
    ("687", "New Caledonia: high termination price"),
    ("688", "Tuvalu: very few lines, chat lines"),
    ("690", "Tokelau: very few lines"),
    ("691", "Micronesia: very few lines"),
    ("692", "Marshall Islands: very few lines"),
    ("7840", "Abkhazia: ranges outside the Russian plan's supervision"),
    ("7940", "Abkhazia: ranges outside the Russian plan's supervision"),
    ("850", "North Korea: no ordinary traffic"),
    ("870", "Inmarsat: highest prices of all"),
    ("881", "satellite telephones: highest prices of all, range holders pay out shares"),
    ("882", "international networks: range holders pay out shares, CFCA"),
    ("883", "international networks: range holders pay out shares, CFCA"),
    ("960", "Maldives: rented ranges, CFCA"),
    ("979", "international premium rate by definition"),
    ("992", "Tajikistan: high termination price"),
    ("994", "Azerbaijan: rented ranges, CFCA"),
];
