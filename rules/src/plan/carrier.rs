//! Codes that select a carrier for one call, where the metadata has none: the number stands behind them.

use super::pattern::ANY_DIGIT;
use super::territory::Prefix;

/// The codes of a region by its ISO code, longest first.
pub(super) fn codes(iso: &str) -> Vec<Prefix> {
    let own = TABLE.iter().filter(|(region, ..)| *region == iso).flat_map(|(_, codes, _)| codes.split(' '));
    let mut codes: Vec<Prefix> = own.map(prefix).collect();
    codes.sort_by_key(|code| std::cmp::Reverse(code.len()));
    codes
}

fn prefix(code: &str) -> Prefix {
    Prefix(code.bytes().map(|byte| if byte == b'x' { ANY_DIGIT } else { 1 << (byte & 0xf) }).collect())
}

/// Region, codes with `x` for any digit, and whose plan has them. Each range whole: a code that nobody has any more
/// costs nothing, as only a number that exists is read behind one.
const TABLE: &[(&str, &str, &str)] = &[
    ("AU", "14xx", "ACMA, Telecommunications Numbering Plan: carrier selection codes"),
    ("DE", "010xx 0100xx", "Bundesnetzagentur, Nummernplan Kennzahlen für Betreiberauswahl"),
    ("GB", "1280 16xx 16xxx 18xx 18xxx", "Ofcom, National Telephone Numbering Plan: indirect access codes"),
    ("IT", "10xx", "AGCOM, Piano di numerazione (delibera 26/08/CIR), article 24: carrier selection"),
    (
        "JP",
        "001 003x 004x 005x 006x 007x 008x 002xx 0091xx 0053xx",
        "Ministry of Internal Affairs and Communications, numbering plan: carrier identification 00XY, 002YZ, 0091N1N2",
    ),
];
