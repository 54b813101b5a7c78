//! The known name that a misspelt one was meant for.

use strsim::osa_distance;

/// How many characters of a name are compared.
const MAX_CHARS: usize = 60;

/// The known name nearest to `name`, if at most one letter in `letters_per_mistake` of it differs. Case, and what
/// separates words, do not count.
pub fn nearest<'k>(
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
    letters_per_mistake: usize,
) -> Option<&'k str> {
    let written = Letters::of(name);
    let candidates = known.into_iter().filter_map(|known| {
        let n_letters = letters(known).count();
        let most = n_letters / letters_per_mistake;
        // Most names are farther away than that by their lengths, or by their letters in any order.
        if written.text.chars().count().abs_diff(n_letters) > most {
            return None;
        }
        let meant = Letters::of(known);
        if written.least_distance(&meant) > most {
            return None;
        }
        let distance = osa_distance(&written.text, &meant.text);
        (distance <= most).then_some((distance, known))
    });
    candidates.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// A name as it is compared, and how often each letter is in it.
struct Letters {
    text: String,
    counts: [u8; 32],
}

impl Letters {
    fn of(name: &str) -> Self {
        let (text, mut counts): (String, _) = (letters(name).collect(), [0_u8; 32]);
        for c in text.chars() {
            if let Some(count) = counts.get_mut(c as usize % 32) {
                *count = count.saturating_add(1);
            }
        }
        Self { text, counts }
    }

    /// At least so many letters have to be changed, put in or left out: one change sets two counts right, and swapping
    /// neighbours none.
    fn least_distance(&self, other: &Self) -> usize {
        let differences = self.counts.iter().zip(&other.counts).map(|(a, b)| usize::from(a.abs_diff(*b)));
        differences.sum::<usize>().div_ceil(2)
    }
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    let letters = name.chars().filter(|c| c.is_alphanumeric()).take(MAX_CHARS);
    letters.flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_nearest_of_the_names_within_reach_is_found() {
        let known = ["num_variants", "tone", "objective", "post"];
        for (name, found) in [
            ("numVariant", Some("num_variants")),
            ("TONE ", Some("tone")),
            ("toen", Some("tone")),
            ("objctve", Some("objective")),
            ("model", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known, 4), found, "{name}");
        }
        assert_eq!(nearest("bojctve", known, 4), None, "three slips in nine letters");
        assert_eq!(nearest("bojctve", known, 3), Some("objective"));
    }

    proptest! {
        #[test]
        fn no_name_within_reach_is_passed_over(
            name in "[a-dA-D_é]{0,9}", known in prop::collection::vec("[a-dA-D_é]{1,9}", 1..6),
        ) {
            let compared = |name: &str| letters(name).collect::<String>();
            let is_near = |known: &&String| {
                let known = compared(known);
                osa_distance(&compared(&name), &known) <= known.chars().count() / 3
            };
            let distance = |known: &String| osa_distance(&compared(&name), &compared(known));
            let expected = known.iter().filter(is_near).min_by_key(|known| distance(known)).map(String::as_str);
            prop_assert_eq!(nearest(&name, known.iter().map(String::as_str), 3), expected);
        }
    }
}
