//! Rows picked out of a batch, put behind another, or put in order.

use std::ops::Range;

use crate::batch::Batch;
use crate::words::Words;

/// Does the same with every column: the first list holds plain values, the second words, the third texts.
macro_rules! each_column {
    ($plain:ident, $words:ident, $texts:ident) => {
        $plain!(
            start,
            direction,
            caller,
            caller_kind,
            called,
            called_kind,
            verdict,
            would,
            action_status,
            status,
            rang_after,
            answered_after,
            ended_after,
            hung_up,
            attestation
        );
        $words!(
            kind,
            caller_text,
            called_text,
            source,
            rule,
            flags,
            call_type,
            policy,
            display_name,
            user_agent,
            reason
        );
        $texts!(call_id, more);
    };
}

impl Batch {
    /// Leaves only rows whose place in `wanted` is true.
    pub fn keep(&mut self, wanted: &[bool]) {
        macro_rules! plain {
            ($($name:ident),*) => {$(keep(&mut self.$name, wanted);)*};
        }
        macro_rules! words {
            ($($name:ident),*) => {$(keep(self.$name.codes_mut(), wanted);)*};
        }
        macro_rules! texts {
            ($($name:ident),*) => {$(keep(self.$name.places_mut(), wanted);)*};
        }
        each_column!(plain, words, texts);
        self.set_len(wanted.iter().filter(|wanted| **wanted).count());
    }

    /// Leaves only `rows`, in that order.
    pub(crate) fn pick(&mut self, rows: &[usize]) {
        macro_rules! plain {
            ($($name:ident),*) => {$(arrange(&mut self.$name, rows);)*};
        }
        macro_rules! words {
            ($($name:ident),*) => {$(arrange(self.$name.codes_mut(), rows);)*};
        }
        macro_rules! texts {
            ($($name:ident),*) => {$(arrange(self.$name.places_mut(), rows);)*};
        }
        each_column!(plain, words, texts);
        self.set_len(rows.len());
    }

    /// Puts `rows` of `other`, which has the same columns, behind its own.
    pub fn append(&mut self, other: &Self, rows: Range<usize>) {
        let rows = rows.start.min(other.len())..rows.end.min(other.len());
        macro_rules! plain {
            ($($name:ident),*) => {
                $(self.$name.extend_from_slice(other.$name.get(rows.clone()).unwrap_or_default());)*
            };
        }
        macro_rules! words {
            ($($name:ident),*) => {$(self.$name.append(&other.$name, rows.clone());)*};
        }
        macro_rules! texts {
            ($($name:ident),*) => {$(self.$name.append(&other.$name, rows.clone());)*};
        }
        each_column!(plain, words, texts);
        self.grow(rows.len());
    }

    /// Leaves only the first `rows`.
    pub fn truncate(&mut self, rows: usize) {
        macro_rules! plain {
            ($($name:ident),*) => {$(self.$name.truncate(rows);)*};
        }
        macro_rules! words {
            ($($name:ident),*) => {$(self.$name.codes_mut().truncate(rows);)*};
        }
        macro_rules! texts {
            ($($name:ident),*) => {$(self.$name.places_mut().truncate(rows);)*};
        }
        each_column!(plain, words, texts);
        self.set_len(rows.min(self.len()));
    }

    /// Puts rows in order of their start; rows of one moment stay as they stand.
    pub fn sort(&mut self) {
        if self.start.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|row| self.start.get(*row).copied());
        self.pick(&order);
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let mut bytes = 0;
        macro_rules! plain {
            ($($name:ident),*) => {$(bytes += size_of_val(self.$name.as_slice());)*};
        }
        macro_rules! words {
            ($($name:ident),*) => {$(bytes += self.$name.bytes();)*};
        }
        macro_rules! texts {
            ($($name:ident),*) => {$(bytes += self.$name.bytes();)*};
        }
        each_column!(plain, words, texts);
        bytes
    }
}

impl Words {
    /// Takes their texts from `rows`, and forgets those that no row has any more.
    pub(crate) fn blank(&mut self, rows: &std::collections::HashSet<usize>) {
        let mut left = Self::default();
        for row in 0..self.len() {
            left.push(self.get(row).filter(|_| !rows.contains(&row)));
        }
        *self = left;
    }

    fn append(&mut self, other: &Self, rows: Range<usize>) {
        let codes = other.codes().get(rows).unwrap_or_default();
        // Which of its texts are here, under which code. Only those that rows have come over.
        let mut known: Vec<Option<u32>> = vec![None; other.words().len()];
        for code in codes {
            let Some(place) = (*code as usize).checked_sub(1) else {
                self.push_code(0);
                continue;
            };
            let word = other.words().get(place).map_or("", String::as_str);
            let here = match known.get(place).copied().flatten() {
                Some(here) => here,
                None => self.code_for(word),
            };
            if let Some(known) = known.get_mut(place) {
                *known = Some(here);
            }
            self.push_code(here);
        }
    }
}

fn keep<T>(column: &mut Vec<T>, wanted: &[bool]) {
    let mut wanted = wanted.iter();
    column.retain(|_| wanted.next().copied().unwrap_or(false));
}

fn arrange<T: Clone>(column: &mut Vec<T>, order: &[usize]) {
    if !column.is_empty() {
        *column = order.iter().filter_map(|row| column.get(*row).cloned()).collect();
    }
}
