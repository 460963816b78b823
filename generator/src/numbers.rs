//! Numbers of people outside, all from ranges that are set aside for fiction or belong to nobody.

use crate::random::Random;

/// Somebody in North America: any area code, 555-01xx.
pub(crate) fn north_american(random: &mut Random) -> u64 {
    let area = if random.chance(45) { random.pick(NEARBY_AREAS) } else { random.pick(AREAS) };
    10_000_000_000 + area * 10_000_000 + 555_0100 + random.below(100)
}

/// Somebody abroad, from the ranges that regulators keep for film and theatre.
pub(crate) fn foreign(random: &mut Random) -> u64 {
    let (first, count) = random.pick(FOREIGN);
    first + random.below(count)
}

/// A number that costs the caller dearly: premium rate, or a country that fraudsters favour.
pub(crate) fn expensive(random: &mut Random) -> u64 {
    let (first, count) = random.pick(EXPENSIVE);
    first + random.below(count)
}

/// A spoofed neighbour of `number`: the same first six national digits, a line nobody holds (555 is no
/// exchange that is given out).
pub(crate) fn neighbour(number: u64, random: &mut Random) -> u64 {
    number / 10_000 * 10_000 + random.between(2_000, 9_999)
}

/// Area codes near San Antonio; 210 itself is the customer's.
const NEARBY_AREAS: &[u64] = &[830, 512, 361, 956, 254, 737, 726, 979, 432, 325];

const AREAS: &[u64] = &[
    201, 202, 203, 205, 206, 207, 208, 209, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231,
    234, 239, 240, 248, 251, 252, 253, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302, 303, 304, 305, 307,
    308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323, 330, 334, 336, 337, 339, 346, 347,
    351, 352, 360, 386, 401, 402, 404, 405, 406, 407, 408, 410, 412, 413, 414, 415, 416, 417, 419, 423, 425,
    434, 435, 440, 443, 469, 478, 479, 480, 484, 501, 502, 503, 504, 505, 507, 508, 509, 510, 513, 515, 516,
    517, 518, 520, 530, 540, 541, 551, 559, 561, 562, 563, 567, 570, 571, 573, 574, 580, 585, 586, 601, 602,
    603, 605, 606, 607, 608, 609, 610, 612, 614, 615, 616, 617, 618, 619, 620, 623, 626, 630, 631, 636, 641,
    646, 650, 651, 660, 661, 662, 678, 682, 701, 702, 703, 704, 706, 707, 708, 712, 713, 714, 715, 716, 717,
    718, 719, 720, 724, 727, 731, 732, 734,
];

/// First number and how many follow: Ofcom's, the Bundesnetzagentur's, Arcep's and the ACMA's drama numbers.
const FOREIGN: &[(u64, u64)] = &[
    (442_079_460_000, 1_000),
    (447_700_900_000, 1_000),
    (493_023_125_000, 1_000),
    (33_199_000_000, 10_000),
    (61_491_570_156, 4),
    (61_255_500_100, 100),
];

/// Ofcom's premium drama numbers, +1 900, and 555-01xx behind the codes of Somalia, the Maldives and Cuba.
const EXPENSIVE: &[(u64, u64)] = &[
    (449_098_790_000, 1_000),
    (19_005_550_100, 100),
    (2_525_550_100, 100),
    (9_605_550_100, 100),
    (5_375_550_100, 100),
];
