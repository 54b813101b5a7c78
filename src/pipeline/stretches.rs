//! The stretches that the numbers of a column are counted in: between the training's deciles, with a stretch of its own
//! for each number that a tenth of the customers have.
//!
//! Deciles alone do not tell a flat fee of 12 from one of 1: if most customers have 12, all lower numbers would be in
//! its stretch. A decile is a single customer's number, so it is rounded before it bounds anything: to the largest of
//! 1, 2 and 5 times a power of ten that is at most a quarter of the way to the next decile below or above. A number
//! that a tenth and at least [`MIN_CUSTOMERS`] have is kept as it is.

use crate::customer::{CustomerTable, MIN_CUSTOMERS, Value};

/// Parts that the customers are cut into.
const PARTS: u64 = 10;

/// The stretch between `bounds` that `number` lies in.
pub(super) fn place(bounds: &[f64], number: f64) -> usize {
    bounds.partition_point(|bound| *bound < number)
}

/// A stretch in words.
pub(super) fn name(bounds: &[f64], stretch: usize) -> String {
    let from = stretch.checked_sub(1).and_then(|below| bounds.get(below));
    let to = bounds.get(stretch);
    // A bound just below a number of its own stretch stands for that number, excluded.
    let above = |to: f64| bounds.get(stretch + 1).filter(|above| above.next_down() == to);
    match (from, to) {
        (Some(from), Some(to)) if to.next_down() == *from => format!("exactly {to}"),
        (Some(from), Some(to)) => match above(*to) {
            Some(number) => format!("above {from}, below {number}"),
            None => format!("above {from} to {to}"),
        },
        (Some(from), None) => format!("above {from}"),
        (None, Some(to)) => match above(*to) {
            Some(number) => format!("below {number}"),
            None => format!("up to {to}"),
        },
        (None, None) => "any number".to_owned(),
    }
}

/// The numbers of a column in ascending order, each with the customers that have it or a lower one.
pub(super) struct Numbers(Vec<(f64, u64)>);

impl Numbers {
    /// The numbers in a column of `table`.
    pub fn new(table: &CustomerTable, column: usize) -> Self {
        let Some(column) = table.columns().get(column) else { return Self(Vec::new()) };
        let mut customers = vec![0_u64; column.values.len()];
        for (&code, weight) in column.codes.iter().zip(table.weights()) {
            if let Some(customers) = customers.get_mut(code as usize) {
                *customers += u64::from(weight);
            }
        }
        let number = |(value, customers): (&Value, u64)| match value {
            Value::Number(number) if customers > 0 => Some((*number, customers)),
            _ => None,
        };
        let mut numbers: Vec<(f64, u64)> = column.values.iter().zip(customers).filter_map(number).collect();
        numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut so_far = 0;
        for (_, customers) in &mut numbers {
            so_far += *customers;
            *customers = so_far;
        }
        Self(numbers)
    }

    /// Ascending bounds between stretches, and for each stretch its customers, one more than bounds.
    pub fn counted(&self) -> (Vec<f64>, Vec<u64>) {
        let bounds = self.bounds();
        let ends: Vec<u64> = bounds.iter().map(|bound| self.up_to(*bound)).chain([self.all()]).collect();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let customers = starts.zip(&ends).map(|(start, &end)| end - start).collect();
        (bounds, customers)
    }

    /// From which number to which one ten customers or more reach, in two digits of what lies between, outwards:
    /// nobody's own number.
    pub fn reach(&self) -> Option<(f64, f64)> {
        let from_above = (self.all() + 1).checked_sub(MIN_CUSTOMERS).filter(|&rank| rank > 0)?;
        let (low, high) = (self.at(MIN_CUSTOMERS)?, self.at(from_above)?);
        let (low, high) = (low.min(high), high.max(low));
        let spread = high - low;
        if spread <= 0.0 || !spread.is_finite() {
            return Some((low, high));
        }
        let unit = 10_f64.powi(spread.log10().floor() as i32 - 1);
        Some(((low / unit).floor() * unit, (high / unit).ceil() * unit))
    }

    /// The number of the customer of this rank, from 1.
    fn at(&self, rank: u64) -> Option<f64> {
        self.0.get(self.0.partition_point(|&(_, up_to)| up_to < rank)).map(|&(number, _)| number)
    }

    /// Customers with a number.
    fn all(&self) -> u64 {
        self.0.last().map_or(0, |&(_, up_to)| up_to)
    }

    /// Customers with `bound` or a lower number.
    fn up_to(&self, bound: f64) -> u64 {
        let above = self.0.partition_point(|(number, _)| *number <= bound);
        above.checked_sub(1).and_then(|last| self.0.get(last)).map_or(0, |&(_, up_to)| up_to)
    }

    /// Ascending, none twice.
    fn bounds(&self) -> Vec<f64> {
        // The number of the last of the customers that make up so many tenths.
        let decile = |part: u64| self.at((part * self.all() / PARTS).max(1));
        let mut deciles: Vec<f64> = (1..=PARTS).filter_map(decile).collect();
        deciles.dedup();
        let least = MIN_CUSTOMERS.max(self.all().div_ceil(PARTS));
        let mut bounds = Vec::new();
        for (place, &number) in deciles.iter().enumerate() {
            if self.up_to(number) - self.up_to(number.next_down()) >= least {
                bounds.extend([number.next_down(), number]);
                continue;
            }
            let neighbours = [place.checked_sub(1).and_then(|below| deciles.get(below)), deciles.get(place + 1)];
            let gaps = neighbours.into_iter().flatten().map(|neighbour| (number - neighbour).abs());
            let bound = rounded(number, gaps.fold(f64::INFINITY, f64::min));
            // Above the largest number there is nobody to count.
            if self.0.last().is_some_and(|&(last, _)| bound < last) {
                bounds.push(bound);
            }
        }
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        bounds
    }
}

/// `number` as a multiple of the largest of 1, 2 and 5 times a power of ten that is at most a quarter of `gap`.
fn rounded(number: f64, gap: f64) -> f64 {
    let quarter = gap / 4.0;
    if quarter < f64::MIN_POSITIVE || !quarter.is_finite() {
        return number;
    }
    let exponent = quarter.log10().floor() as i32;
    let digit = match quarter / 10_f64.powi(exponent) {
        digit if digit >= 5.0 => 5.0,
        digit if digit >= 2.0 => 2.0,
        _ => 1.0,
    };
    // Dividing by whole powers leaves `0.3` where multiplying by a tenth would make `0.30000000000000004`.
    let power = 10_f64.powi(exponent.abs());
    let rounded = match exponent {
        0.. => (number / (digit * power)).round() * (digit * power),
        _ => (number * power / digit).round() * digit / power,
    };
    if rounded.is_finite() { rounded } else { number }
}
