//! The image prompt and its slogan.

use super::facts::Facts;
use super::phrases::{Phrases, capitalised, stable_hash};

/// The slogans that a brief's posters take in turn, the one that stands in its image prompt first.
pub(super) fn slogans(phrases: &Phrases, facts: &Facts, first: &str) -> Vec<String> {
    let lines = phrases.lines(&format!("{}.slogan", facts.trade));
    let others = lines.iter().filter(|line| **line != first);
    std::iter::once(&first).chain(others).map(|line| (*line).to_owned()).collect()
}

/// An image prompt and the slogan, of at most 7 words, that is the only text in the picture.
pub(super) fn picture(phrases: &Phrases, facts: &Facts) -> (String, String) {
    let pick = |section: &str| -> &'static str {
        let lines = phrases.lines(section);
        let start = usize::try_from(stable_hash(facts.seed, section) % 1_000).unwrap_or_default();
        start.checked_rem(lines.len()).and_then(|index| lines.get(index)).copied().unwrap_or_default()
    };
    let by = |slot: &str, name: &str| pick(&format!("{slot}.{}", name.to_lowercase()));
    let slogan = pick(&format!("{}.slogan", facts.trade));
    let mut sentences = vec![
        pick(&format!("{}.scene", facts.trade)).to_owned(),
        capitalised(by("focus", facts.stage.name())),
        format!("Mood: {}", by("mood", facts.tone.name())),
        format!("Composition: {}, {}", by("format", facts.platform.name()), by("reach", facts.engagement.name())),
    ];
    if facts.goal.has_a_visible_subject()
        && let Some(subject) = facts.slots.fill("At the heart of the picture: {subject}")
    {
        sentences.insert(1, subject);
    }
    sentences.extend(facts.slots.fill("Small touches that hint at {interests}"));
    sentences.extend(facts.slots.fill("The setting could be a corner of {first_place}"));
    sentences.push(format!("The only text in the picture is the slogan \"{}\"", slogan.trim_end_matches('.')));
    let prompt = format!("{}. No logos, no watermarks, no other lettering.", sentences.join(". "));
    (prompt, slogan.to_owned())
}
