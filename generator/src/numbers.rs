//! Numbers of people outside, all from ranges that are set aside for fiction or belong to nobody.

use crate::attack::LISTED_CALLERS;
use crate::customer::Customer;
use crate::random::Random;
use crate::region::Region;

/// Somebody in the customer's own country, near more often than far.
pub(crate) fn national(customer: &Customer, random: &mut Random) -> u64 {
    stranger(customer, random, |random| match customer.region {
        Region::UnitedStates => {
            let area = if random.chance(45) { random.pick(NEARBY_AREAS) } else { random.pick(AREAS) };
            north_american(area) + random.below(100)
        }
        Region::UnitedKingdom if random.chance(30) => 447_700_900_000 + random.below(1_000),
        Region::UnitedKingdom => random.pick(BRITISH) + random.below(1_000),
        Region::Germany if random.chance(30) => random.pick(GERMAN_MOBILES) + random.below(100),
        Region::Germany => random.pick(GERMAN) + random.below(1_000),
    })
}

/// A number of the customer's country that perhaps nobody holds: there are many more of them than people.
pub(crate) fn made_up(customer: &Customer, random: &mut Random) -> u64 {
    match customer.region {
        Region::UnitedStates => stranger(customer, random, |random| {
            north_american(random.pick(AREAS)) - 100 + random.between(2_000, 9_999)
        }),
        _ if random.chance(15) => foreign(customer, random),
        _ => national(customer, random),
    }
}

/// The first of 100 numbers that follow each other, in the customer's country and not its own.
pub(crate) fn block(customer: &Customer, random: &mut Random) -> u64 {
    let first = |random: &mut Random| match customer.region {
        Region::UnitedStates if random.chance(40) => {
            north_american(random.pick(AREAS)) - 100 + random.between(20, 98) * 100
        }
        Region::UnitedStates => north_american(random.pick(AREAS)),
        Region::UnitedKingdom if random.chance(50) => 447_700_900_000 + random.below(10) * 100,
        Region::UnitedKingdom => random.pick(BRITISH) + random.below(10) * 100,
        Region::Germany if random.chance(30) => random.pick(GERMAN_MOBILES),
        Region::Germany => random.pick(GERMAN) + random.below(10) * 100,
    };
    (0..100)
        .map(|_| first(random))
        .find(|&first| !customer.owns(first) && !customer.owns(first + 99))
        .unwrap_or(447_700_900_000)
}

/// Somebody abroad, from the ranges that regulators keep for film and theatre.
pub(crate) fn foreign(customer: &Customer, random: &mut Random) -> u64 {
    stranger(customer, random, |random| {
        loop {
            let (first, count) = random.pick(FOREIGN);
            let number = first + random.below(count);
            if customer.region.split(&number.to_string()).is_none() {
                break number;
            }
        }
    })
}

/// An honest person in a country that fraudsters favour too.
pub(crate) fn from_afar(random: &mut Random) -> u64 {
    let (first, count) = random.pick(COSTLY_COUNTRIES);
    first + count / 2 + random.below(count / 2)
}

/// A number that costs the caller dearly: premium rate, satellite, or a country that fraudsters favour.
pub(crate) fn expensive(random: &mut Random) -> u64 {
    let range = expensive_range(random);
    range.0 + random.below(range.1)
}

/// The first of some dear numbers that follow each other, and how many.
pub(crate) fn expensive_range(random: &mut Random) -> (u64, u64) {
    if random.chance(25) {
        random.pick(PREMIUM)
    } else {
        let (first, count) = random.pick(COSTLY_COUNTRIES);
        (first, count / 2)
    }
}

/// Some dear numbers of a country whose name stands on few lists of fraud destinations.
pub(crate) fn overlooked_range(random: &mut Random) -> (u64, u64) {
    (random.pick(OVERLOOKED), 50)
}

/// An access number in the countryside, whose carrier earns by every minute.
pub(crate) fn rural(random: &mut Random) -> u64 {
    north_american(random.pick(RURAL_AREAS)) + random.below(100)
}

/// A number that costs its caller nothing.
pub(crate) fn toll_free(customer: &Customer, random: &mut Random) -> u64 {
    match customer.region {
        Region::UnitedStates => {
            north_american(random.pick(&[800, 833, 844, 855, 866, 877, 888])) + random.between(20, 99)
        }
        Region::UnitedKingdom => 448_081_570_000 + random.between(20, 999),
        // Germany keeps no toll-free number for fiction; Britain's are called from there too.
        Region::Germany => 448_081_570_000 + random.between(20, 999),
    }
}

/// A neighbour of `number`: the same digits but for the last ones. In North America a line nobody holds (555 is
/// no exchange that is given out), elsewhere from the range kept for fiction that `number` is in.
pub(crate) fn neighbour(customer: &Customer, number: u64, random: &mut Random) -> u64 {
    stranger(customer, random, |random| match customer.region {
        Region::UnitedStates => number / 10_000 * 10_000 + random.between(2_000, 9_999),
        _ => number / 1_000 * 1_000 + random.below(1_000),
    })
}

/// Draws until the number is neither the customer's own nor on its block list.
fn stranger(customer: &Customer, random: &mut Random, mut draw: impl FnMut(&mut Random) -> u64) -> u64 {
    (0..1_000)
        .map(|_| draw(random))
        .find(|&number| !customer.owns(number) && !LISTED_CALLERS.contains(&number))
        .unwrap_or(447_700_900_001)
}

/// 555-0100 behind `area`.
const fn north_american(area: u64) -> u64 {
    10_000_000_000 + area * 10_000_000 + 555_0100
}

/// Area codes near San Antonio; 210 itself is the default customer's.
const NEARBY_AREAS: &[u64] = &[830, 512, 361, 956, 254, 737, 726, 979, 432, 325];

/// Where access numbers of conference and chat services stand, because termination is dear there.
const RURAL_AREAS: &[u64] = &[712, 605, 641, 218, 701, 507];

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

/// Ofcom's drama numbers: London, Leeds, Sheffield, Nottingham, Leicester, Bristol, Reading, Birmingham,
/// Edinburgh, Glasgow, Liverpool, Manchester, Tyneside.
const BRITISH: &[u64] = &[
    442_079_460_000,
    441_134_960_000,
    441_144_960_000,
    441_154_960_000,
    441_164_960_000,
    441_174_960_000,
    441_184_960_000,
    441_214_960_000,
    441_314_960_000,
    441_414_960_000,
    441_514_960_000,
    441_614_960_000,
    441_914_980_000,
];

/// The Bundesnetzagentur's drama numbers: Berlin, Hamburg, Frankfurt, Munich.
const GERMAN: &[u64] = &[493_023_125_000, 494_066_969_000, 496_990_009_000, 498_999_998_000];

/// The Bundesnetzagentur's drama numbers of mobile telephones.
const GERMAN_MOBILES: &[u64] = &[491_713_920_000, 4_917_604_069_000];

/// First number and how many follow: Ofcom's, the Bundesnetzagentur's, Arcep's and the ACMA's drama numbers, and
/// 555-01xx of Canada.
const FOREIGN: &[(u64, u64)] = &[
    (442_079_460_000, 1_000),
    (447_700_900_000, 1_000),
    (493_023_125_000, 1_000),
    (498_999_998_000, 1_000),
    (33_199_000_000, 10_000),
    (33_639_980_000, 10_000),
    (61_491_570_156, 4),
    (61_255_500_100, 100),
    (61_370_101_000, 100),
    (12_125_550_100, 100),
    (13_125_550_100, 100),
];

/// Ofcom's premium drama numbers, +1 900, a Latvian premium range, international networks and a satellite one.
const PREMIUM: &[(u64, u64)] = &[
    (449_098_790_000, 1_000),
    (19_005_550_100, 100),
    (37_190_555_010, 10),
    (88_213_555_010, 10),
    (881_655_550_100, 50),
];

/// 555-01xx behind the codes of countries whose ranges are rented out for fraud, and of the Caribbean behind +1.
/// The first half of each is the fraudsters', the rest belongs to honest people.
const COSTLY_COUNTRIES: &[(u64, u64)] = &[
    (2_525_550_100, 100),
    (9_605_550_100, 100),
    (5_375_550_100, 100),
    (21_625_550_100, 100),
    (2_205_550_100, 100),
    (224_625_550_100, 100),
    (231_775_550_100, 100),
    (23_275_550_100, 100),
    (243_815_550_100, 100),
    (245_955_550_100, 100),
    (263_775_550_100, 100),
    (2_695_550_100, 100),
    (355_695_550_100, 100),
    (37_065_550_100, 100),
    (37_125_550_100, 100),
    (3_725_550_100, 100),
    (37_365_550_100, 100),
    (375_295_550_100, 100),
    (381_615_550_100, 100),
    (38_765_550_100, 100),
    (38_975_550_100, 100),
    (5_925_550_100, 100),
    (67_575_550_100, 100),
    (6_785_550_100, 100),
    (994_505_550_100, 100),
    (18_765_550_100, 100),
    (18_095_550_100, 100),
    (12_685_550_100, 100),
    (12_845_550_100, 100),
    (14_735_550_100, 100),
    (16_495_550_100, 100),
    (17_675_550_100, 100),
];

/// 555-0100 behind the codes of countries that much honest traffic goes to.
const OVERLOOKED: &[u64] = &[
    234_805_550_100,
    919_805_550_100,
    923_005_550_100,
    639_175_550_100,
    628_155_550_100,
    380_505_550_100,
    40_725_550_100,
    48_505_550_100,
    525_555_550_100,
    84_905_550_100,
];
