//! What the numbers of one column say of its decimal separator, and what follows for those that could be either.

use super::affix::{has_three_decimals, may_be_one};
use super::{Decimal, Meaning, Written};

/// Currencies of one column that are distinguished.
const MAX_CURRENCIES: usize = 4;

/// What was seen in a column, each distinct text once.
#[derive(Debug, Clone, Default)]
pub(in crate::customer) struct Evidence {
    /// Numbers that can only be read with a point before the decimals, and with a comma.
    point: usize,
    comma: usize,
    /// Numbers such as `1.234` and `1,234`.
    either_by_point: usize,
    either_by_comma: usize,
    /// Numbers such as `€1.234`: no currency of two decimals has three.
    is_money: bool,
    currencies: Vec<String>,
    percentages: usize,
    others: usize,
}

/// How the numbers of a column are read that could be read either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::customer) struct Convention {
    pub decimal: Decimal,
    pub by: DecidedBy,
}

/// What a decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::customer) enum DecidedBy {
    /// Other numbers of the column, all of one kind.
    Values,
    /// Nothing, or numbers that contradict one another.
    Guess { is_mixed: bool },
}

impl Evidence {
    pub fn note(&mut self, written: &Written) {
        match written.meaning {
            Meaning::Sure(_) => {}
            Meaning::Only(Decimal::Point, _) => self.point += 1,
            Meaning::Only(Decimal::Comma, _) => self.comma += 1,
            Meaning::Either { mark: Decimal::Point, .. } => self.either_by_point += 1,
            Meaning::Either { mark: Decimal::Comma, .. } => self.either_by_comma += 1,
        }
        if let Some(currency) = &written.currency {
            self.is_money |= !has_three_decimals(currency);
            if self.currencies.len() < MAX_CURRENCIES && !self.currencies.contains(currency) {
                self.currencies.push(currency.clone());
            }
        }
        if written.is_percent {
            self.percentages += 1;
        } else {
            self.others += 1;
        }
    }

    /// Adds what another sheet of the same file says.
    pub fn add(&mut self, other: &Self) {
        self.point += other.point;
        self.comma += other.comma;
        self.either_by_point += other.either_by_point;
        self.either_by_comma += other.either_by_comma;
        self.is_money |= other.is_money;
        let new = other.currencies.iter().filter(|currency| !self.currencies.contains(currency)).cloned();
        let new: Vec<String> = new.take(MAX_CURRENCIES.saturating_sub(self.currencies.len())).collect();
        self.currencies.extend(new);
        self.percentages += other.percentages;
        self.others += other.others;
    }

    /// What the numbers themselves decide; `None` where nothing does.
    pub fn decided(&self) -> Option<Convention> {
        let decimal = match (self.point, self.comma) {
            (0, 0) => return None,
            (point, comma) if point >= comma => Decimal::Point,
            _ => Decimal::Comma,
        };
        let is_mixed = self.point > 0 && self.comma > 0;
        Some(Convention { decimal, by: if is_mixed { DecidedBy::Guess { is_mixed } } else { DecidedBy::Values } })
    }

    /// What the numbers decide without contradicting one another.
    pub fn agreed(&self) -> Option<Convention> {
        self.decided().filter(|convention| convention.by == DecidedBy::Values)
    }

    /// What is assumed where nothing decides: programs write a point before decimals, and people a comma between
    /// thousands. Only money with three digits behind its point is taken for thousands.
    pub fn assumed(&self) -> Convention {
        let are_thousands = self.is_money && self.either_by_comma == 0;
        let decimal = if are_thousands { Decimal::Comma } else { Decimal::Point };
        Convention { decimal, by: DecidedBy::Guess { is_mixed: false } }
    }

    /// The currencies, where there is more than one, and not one that is written in several ways.
    pub fn several_currencies(&self) -> Option<&[String]> {
        (!may_be_one(&self.currencies)).then_some(self.currencies.as_slice())
    }

    /// Whether some numbers are percentages and others are not.
    pub fn mixes_percentages(&self) -> bool {
        self.percentages > 0 && self.others > 0
    }
}
