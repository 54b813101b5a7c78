//! The known name that a misspelt one was meant for. Imports nothing of ours; everything may import it.

use strsim::osa_distance;

/// What of a name is compared, in characters.
const MAX_CHARS: usize = 60;

/// The known name nearest to `name`, if at most one letter in `letters_per_mistake` of it differs. Neither case nor
/// what separates words counts.
pub fn nearest<'k>(
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
    letters_per_mistake: usize,
) -> Option<&'k str> {
    let written = letters(name);
    let candidates = known.into_iter().filter_map(|known| {
        let meant = letters(known);
        let distance = osa_distance(&written, &meant);
        (distance <= meant.chars().count() / letters_per_mistake).then_some((distance, known))
    });
    candidates.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

fn letters(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric()).take(MAX_CHARS);
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
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
}
