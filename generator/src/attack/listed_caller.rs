//! Callers who stand on a block list and write their numbers so that a list of strings misses them.

use crate::attack::{Attack, Plot};
use crate::call::{Outcome, Style};
use crate::stage::{SECOND, Stage};
use crate::writing::Writing;

/// The numbers that a block list should hold, E.164 digits.
pub const CALLERS: &[u64] =
    &[12_125_550_166, 13_125_550_177, 14_155_550_188, 15_125_550_155, 447_700_900_999];

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    for &caller in CALLERS {
        let victim = stage.customer.any_number(&mut stage.random);
        let (start, seconds) = (stage.start, stage.span(86_400));
        for at in stage.spread(start, seconds, 9) {
            call(stage, at, caller, victim);
        }
    }
    Plot { variant: "evasive", also: &[Attack::Harassment] }
}

fn call(stage: &mut Stage<'_>, at: i64, caller: u64, victim: u64) {
    let writing = stage.random.pick(Writing::EVASIVE);
    let mut call = stage.inbound(at, caller, writing, victim);
    match stage.random.below(5) {
        0 => hide_behind_second_identity(&mut call, caller),
        1 => call.display = "+18005550111".into(),
        2 => call.style = Style::Compact,
        _ => {}
    }
    call.outcome = if stage.random.chance(60) {
        Outcome::Answered {
            ring: stage.seconds(3, 12),
            talk: stage.seconds(8, 200),
            callee_ends: stage.random.chance(70),
        }
    } else {
        Outcome::Cancelled { ring: 25 * SECOND }
    };
    stage.push(call);
}

/// From names somebody else; the real number is the second value of P-Asserted-Identity (RFC 3325 §9.1 allows
/// one sip and one tel).
fn hide_behind_second_identity(call: &mut crate::call::Call, caller: u64) {
    let host = call.near.ip();
    call.caller.uri = format!("sip:+18005550111@{host};user=phone");
    call.asserted = Some(format!("<sip:+18005550111@{host};user=phone>, <tel:+{caller}>"));
    call.attested = None;
}
