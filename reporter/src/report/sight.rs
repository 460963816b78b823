//! A report for who may not see whole numbers.

use cases::schedule::Sight;
use serde_json::Value;

use crate::document::Document;
use crate::privacy;

impl Document {
    /// The same with each number as `sight` shows it, wherever it stands: in tables, sentences, links. Counts, times and the stamp
    /// stay, and it is sealed anew.
    #[must_use]
    pub fn seen_with(self, sight: Sight) -> Self {
        if sight == Sight::Whole {
            return self;
        }
        let Ok(mut value) = serde_json::to_value(&self) else { return self.emptied() };
        if let Value::Object(fields) = &mut value {
            let shown = fields.iter_mut().filter(|(name, _)| !UNTOUCHED.contains(&name.as_str()));
            shown.for_each(|(_, field)| mask(field, sight));
        }
        // Rather nothing than a number that must not be seen.
        serde_json::from_value::<Self>(value).map_or_else(|_| self.emptied(), Self::seal)
    }

    fn emptied(self) -> Self {
        Self { sections: Vec::new(), subtitle: None, ..self }.seal()
    }
}

fn mask(value: &mut Value, sight: Sight) {
    match value {
        Value::String(text) => *text = privacy::text(text, sight).into_owned(),
        Value::Array(all) => all.iter_mut().for_each(|value| mask(value, sight)),
        Value::Object(all) => all.values_mut().for_each(|value| mask(value, sight)),
        _ => {}
    }
}

/// Nothing in them is a person's.
const UNTOUCHED: [&str; 4] = ["schema", "customer", "period", "stamp"];
