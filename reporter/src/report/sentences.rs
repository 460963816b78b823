//! A period in words. Each sentence follows from figures by a rule, and cites their formula.

use super::Facts;
use super::parts::share;
use crate::document::{Block, Metric, Text, Value};
use crate::metrics::{Answers, Share};

/// The summary of the first page: one sentence each, what matters most first.
pub(super) fn summary(facts: &Facts<'_>) -> Vec<Block> {
    let sentences = [blocked, unwanted, wrong, through, pressure, own_number, fraud, after_hours, busy];
    let said: Vec<Text> = sentences.into_iter().filter_map(|sentence| sentence(facts)).collect();
    if said.is_empty() {
        return vec![Block::Paragraph("No call was seen.".into())];
    }
    vec![Block::Bullets(said)]
}

fn blocked(facts: &Facts<'_>) -> Option<Text> {
    let rate = &facts.answers.outcomes;
    (rate.attempts > 0).then(|| {
        let text = Text::new()
            .plain("Of ")
            .figure(Value::Count(rate.attempts), Metric(1), None)
            .plain(" calls ")
            .figure(Value::Count(rate.outcomes.blocked), Metric(2), None)
            .plain(" were blocked");
        against(text, facts, |of| of.outcomes.rate)
    })
}

fn unwanted(facts: &Facts<'_>) -> Option<Text> {
    let answer = &facts.answers.unwanted;
    (answer.share.part > facts.answers.outcomes.outcomes.blocked).then(|| {
        Text::new()
            .figure(
                Value::Count(answer.share.part - facts.answers.outcomes.outcomes.blocked),
                Metric(3),
                None,
            )
            .plain(" more were found to be unwanted afterwards.")
    })
}

fn wrong(facts: &Facts<'_>) -> Option<Text> {
    let answer = facts.answers.wrong_blocks.lower_bound;
    if answer.whole == 0 {
        return None;
    }
    Some(if answer.part == 0 {
        Text::new()
            .figure(Value::Count(0), Metric(5), None)
            .plain(" of the blocked calls were found to be wrong.")
    } else {
        Text::new()
            .figure(share(answer), Metric(5), None)
            .plain(" of the blocked calls should have gone through.")
    })
}

fn through(facts: &Facts<'_>) -> Option<Text> {
    let answer = &facts.answers.let_through;
    (answer.total > 0).then(|| {
        Text::new()
            .figure(Value::Count(answer.total), Metric(8), None)
            .plain(" calls of attacks got through before they were blocked.")
    })
}

fn pressure(facts: &Facts<'_>) -> Option<Text> {
    let answer = &facts.answers.pressure;
    let highest = answer.highest.filter(|highest| *highest > PRESSURE)?;
    let mut text = Text::new()
        .plain("Unwanted calls held up to ")
        .figure(Value::Percent(highest), Metric(9), None)
        .plain(" of a trunk's channels");
    if let Some(trunk) = &answer.trunk {
        text = text.plain(" (").code(trunk.as_str()).plain(")");
    }
    if let Some(at) = answer.at {
        text = text.plain(" at ").value(Value::Time(at));
    }
    Some(text.plain("."))
}

fn own_number(facts: &Facts<'_>) -> Option<Text> {
    let answer = facts.answers.impossible_callers.own_number;
    (answer.part > 0).then(|| {
        Text::new()
            .figure(Value::Count(answer.part), Metric(12), None)
            .plain(" calls came from outside under a number of your own.")
    })
}

fn fraud(facts: &Facts<'_>) -> Option<Text> {
    let answer = &facts.answers.toll_fraud;
    (answer.exposed > 0.0 || answer.avoided > 0.0).then(|| {
        Text::new()
            .plain("Calls to risk prefixes cost ")
            .figure(super::parts::money(facts, answer.exposed), Metric(13), None)
            .plain("; blocked ones would have cost about ")
            .figure(super::parts::money(facts, answer.avoided), Metric(13), None)
            .plain(".")
    })
}

fn after_hours(facts: &Facts<'_>) -> Option<Text> {
    let answer = &facts.answers.after_hours;
    (answer.attempts > 0).then(|| {
        Text::new()
            .figure(Value::Count(answer.attempts), Metric(14), None)
            .plain(" calls went abroad after hours.")
    })
}

fn busy(facts: &Facts<'_>) -> Option<Text> {
    let peak = &facts.answers.concurrency.all;
    let headroom = peak.headroom.filter(|headroom| *headroom < HEADROOM)?;
    Some(
        Text::new()
            .plain("At the busiest moment ")
            .figure(Value::Percent(headroom.max(0.0)), Metric(10), None)
            .plain(" of your channels were free."),
    )
}

/// Ends a sentence with how a share compares with the period before: only a change that chance does not explain is said.
fn against(text: Text, facts: &Facts<'_>, of: fn(&Answers) -> Share) -> Text {
    let now = of(facts.answers);
    let Some(before) = facts.before.map(of).filter(|before| before.whole > 0) else { return text.plain(".") };
    let (Some(now), Some(then)) = (now.wilson(), before.wilson()) else { return text.plain(".") };
    let word = if now.low > then.high {
        "more"
    } else if now.high < then.low {
        "less"
    } else {
        return text.plain(", about as often as before.");
    };
    text.plain(format!(", {word} often than before (")).figure(share(before), Metric(2), None).plain(").")
}

/// Of a trunk's channels (M9).
const PRESSURE: f64 = 0.2;
/// Of all channels: less is worth a word.
const HEADROOM: f64 = 0.2;
