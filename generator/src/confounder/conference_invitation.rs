//! A conference: its bridge calls everybody, or everybody calls the bridge, in the same minute.

use crate::numbers;
use crate::stage::Stage;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let bridge = stage.customer.conference();
    let (outwards, length) = (stage.random.chance(50), stage.random.scale(1_200, 5_400));
    let begin = stage.moment(8..17, length);
    let people = stage.random.scale(12, 90) as usize;
    let late = stage.random.between(30, 400);
    for at in stage.spread(begin, late, people) {
        let abroad = stage.random.chance(25);
        let person = if abroad {
            numbers::foreign(stage.customer, &mut stage.random)
        } else {
            numbers::national(stage.customer, &mut stage.random)
        };
        let mut call = if outwards {
            stage.outbound(at, bridge, person)
        } else {
            let writing = Writing::usual(&mut stage.random);
            stage.inbound(at, person, writing, bridge)
        };
        call.outcome = stage.answered([1, 8], [length * 3 / 4, length]);
        call.habits.refresh_seconds = 900;
        stage.push(call);
    }
}
