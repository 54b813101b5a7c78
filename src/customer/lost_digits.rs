//! Identifiers that a spreadsheet program has changed: long numbers that were rounded or shortened, and dates.
//!
//! Such a program keeps [`KEPT_DIGITS`] digits of a number: 6335041234567021 becomes 6335041234567020. In a CSV file it
//! writes what it shows, such as `7.01235E+11`. Several customers have one identifier then, and nobody is found by the
//! real one. So an identifier that has lost digits is nobody's.
//!
//! One number alone does not tell: one true number in ten ends in 0. So the numbers of a file are judged together,
//! those of each [`Form`] by themselves: where more than half of the long ones end in 0, those have lost digits. True
//! numbers are taken for such once in ten times where a file has a single one, and at most once in thirty where it has
//! several. Numbers that are all issued with a 0 at the end cannot be told from rounded ones. Nor can rounded numbers
//! among more that are whole.

use rustc_hash::FxHashSet;

use super::newest::without_zero_decimals;
use super::tally::{Place, Tally};
use super::{Cell, KEPT_DIGITS};

/// The smallest number with more digits than are kept.
const LONG: f64 = 1e15;
/// The largest power of ten of a number that a float holds to the last digit.
const MAX_EXACT_POWER: usize = 15;

/// How a number is written: what one program keeps of its digits says nothing of another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A workbook's number.
    Number,
    /// Digits in a CSV file.
    Text,
    /// With a power of ten, in any file.
    Power,
}

/// What an identifier says of the digits that it may have lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Loss {
    /// Nothing: it is no long number.
    #[default]
    None,
    /// A program that loses digits would have written it in another way.
    Whole(Form),
    /// It is written as a number that has lost digits.
    Perhaps(Form),
    /// It is a number of which no float holds all digits.
    Rounded,
    /// It is a date or a truth value: what was typed, such as `MAR-15`, is gone.
    Retyped,
}

/// What the identifiers of one file say.
#[derive(Debug, Clone, Default)]
pub(super) struct LostDigits {
    numbers: Written,
    texts: Written,
    powers: Written,
    rounded: Tally,
    retyped: Tally,
}

/// The long numbers of one form.
#[derive(Debug, Clone, Default)]
struct Written {
    n_whole: usize,
    /// Those that may have lost digits, 8 bytes each.
    identities: Vec<u64>,
    rows: Tally,
}

/// The identifiers that are nobody's.
#[derive(Debug, Clone, Default)]
pub(super) struct Lost {
    /// By their hashes. No float holds those of `rounded`, which have none.
    identities: FxHashSet<u64>,
    /// Rows whose identifier is a number of which no float holds all digits.
    pub rounded: Tally,
    /// Rows whose identifier ends in 0 where programs round.
    pub ending_in_zero: Tally,
    /// Rows whose identifier is written with a power of ten.
    pub shortened: Tally,
    /// Rows whose identifier is a date or a truth value.
    pub retyped: Tally,
}

/// A number that is written with one digit before its decimals, and a power of ten, such as `7.01235E+11`.
pub(super) struct Shortened<'t> {
    pub first: &'t str,
    pub decimals: &'t str,
    pub power: usize,
    has_sign: bool,
}

impl Loss {
    /// What an identifier's cell says. A sheet has one in each row, and nearly all are short.
    #[inline]
    pub fn of(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Text(text) => Self::of_text(text.trim_ascii()),
            Cell::Digits(digits) => of_digits(digits, Form::Number),
            Cell::Number(_) if cell.is_rounded() => Self::Rounded,
            Cell::Number(number) if number.abs() < LONG || number.fract() != 0.0 => Self::None,
            Cell::Number(number) => Self::perhaps(number % 10.0 == 0.0, Form::Number),
            Cell::DateTime { .. } | Cell::Bool(_) => Self::Retyped,
            Cell::Empty | Cell::Error => Self::None,
        }
    }

    fn of_text(text: &str) -> Self {
        match text.as_bytes() {
            // `7.01235E+11`, `7E+9`, `7,01E11`: a sign or a letter is the last but one or two.
            [.., b'+' | b'e' | b'E', b'0'..=b'9'] | [.., b'+' | b'e' | b'E', b'0'..=b'9', b'0'..=b'9'] => {
                of_power(text).unwrap_or_default()
            }
            [b'1'..=b'9', .., b'0'..=b'9'] if text.len() > KEPT_DIGITS => {
                of_digits(without_zero_decimals(text), Form::Text)
            }
            _ => Self::None,
        }
    }

    fn perhaps(has_lost: bool, form: Form) -> Self {
        if has_lost { Self::Perhaps(form) } else { Self::Whole(form) }
    }

    /// Whether no float holds all its digits.
    pub fn is_rounded(self) -> bool {
        self == Self::Rounded
    }

    /// Whether it is a long number of this form.
    fn is_of(self, form: Form) -> bool {
        matches!(self, Self::Whole(of) | Self::Perhaps(of) if of == form)
    }
}

/// What a number says that is written digit by digit. Zeros in front are no number's.
fn of_digits(digits: &str, form: Form) -> Loss {
    let is_number = digits.len() > KEPT_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && !digits.starts_with('0') { Loss::perhaps(digits.ends_with('0'), form) } else { Loss::None }
}

/// What a number says that is written with a power of ten: whether the decimals reach down to its last digit. `None`
/// where the text is another one, such as `12E4`.
fn of_power(text: &str) -> Option<Loss> {
    let Shortened { decimals, power, has_sign, .. } = Shortened::of(text)?;
    if !has_sign && decimals.is_empty() {
        return None;
    }
    Some(if power > MAX_EXACT_POWER {
        Loss::Perhaps(Form::Power)
    } else {
        Loss::perhaps(decimals.len() < power, Form::Power)
    })
}

impl<'t> Shortened<'t> {
    /// Reads a text; `None` where it is another one.
    pub fn of(text: &'t str) -> Option<Self> {
        let (number, power) = text.split_once(['e', 'E'])?;
        let has_sign = power.starts_with('+');
        let power: usize = power.strip_prefix('+').unwrap_or(power).parse().ok()?;
        let (first, decimals) = number.split_once(['.', ',']).unwrap_or((number, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = first.len() == 1 && are_digits(first) && are_digits(decimals) && first != "0";
        is_number.then_some(Self { first, decimals, power, has_sign })
    }
}

impl LostDigits {
    /// One more row that was read, and the hash of its identifier. What is a text in a workbook, and not in delimited
    /// text, was never a number.
    pub fn add(&mut self, loss: Loss, identity: u64, place: Place, is_delimited: bool) {
        match loss {
            Loss::None => {}
            loss if !is_delimited && loss.is_of(Form::Text) => {}
            Loss::Whole(form) => self.of(form).n_whole += 1,
            Loss::Perhaps(form) => {
                let written = self.of(form);
                written.identities.push(identity);
                written.rows.add(place);
            }
            Loss::Rounded => self.rounded.add(place),
            Loss::Retyped => self.retyped.add(place),
        }
    }

    fn of(&mut self, form: Form) -> &mut Written {
        match form {
            Form::Number => &mut self.numbers,
            Form::Text => &mut self.texts,
            Form::Power => &mut self.powers,
        }
    }

    /// Which have lost digits, once all rows were read.
    pub fn judge(self) -> Lost {
        let Self { numbers, texts, powers, rounded, retyped } = self;
        let mut lost = Lost { rounded, retyped, ..Lost::default() };
        for (written, is_power) in [(numbers, false), (texts, false), (powers, true)] {
            if written.identities.len() > written.n_whole {
                lost.identities.extend(written.identities);
                let rows = if is_power { &mut lost.shortened } else { &mut lost.ending_in_zero };
                rows.take_in(written.rows);
            }
        }
        lost
    }
}

impl Lost {
    /// Whether an identifier, by its hash, has lost digits.
    pub fn has(&self, identity: u64) -> bool {
        self.identities.contains(&identity)
    }

    /// Whether no identifier that was kept has.
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty()
    }

    /// Rows whose identifier has lost digits.
    pub fn n_rows(&self) -> usize {
        self.rounded.rows + self.ending_in_zero.rows + self.shortened.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_may_have_lost_digits_is_told_by_how_it_is_written() {
        let of = |text| Loss::of(Cell::Text(text));
        for text in ["7.01235E+11", "7,01E+11", "7E+9", " 7.01235e+11 ", "1.5E3", "1.23456789012345E+16"] {
            assert_eq!(of(text), Loss::Perhaps(Form::Power), "{text}");
        }
        for text in ["7.01235067891E11", "1.5E+1", "1.50E+02"] {
            assert_eq!(of(text), Loss::Whole(Form::Power), "{text}");
        }
        assert_eq!(of("6335041234567020"), Loss::Perhaps(Form::Text));
        assert_eq!(of("6335041234567020.0"), Loss::Perhaps(Form::Text));
        assert_eq!(of("6335041234567021"), Loss::Whole(Form::Text));
        for none in [
            "633504123456700",
            "0335041234567020",
            "'6335041234567020",
            "C6335041234567020",
            "C-10",
            "12E4",
            "12345e67",
            "A.1E+05",
            "0.5E+03",
            "1.5E-05",
            "E+5",
            "+5",
            "",
            "é+11",
        ] {
            assert_eq!(of(none), Loss::None, "{none}");
        }
        let number = |number| Loss::of(Cell::Number(number));
        assert_eq!(number(6_335_041_234_567_020.0), Loss::Perhaps(Form::Number));
        assert_eq!(number(6_335_041_234_567_021.0), Loss::Whole(Form::Number));
        assert_eq!(Loss::of(Cell::Digits("12345678901234500")), Loss::Perhaps(Form::Number));
        assert_eq!([number(999_999_999_999_990.0), number(4_711.5)], [Loss::None; 2]);
        assert_eq!(number(1e16), Loss::Rounded);
    }
}
