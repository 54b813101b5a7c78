//! Phrases with slots: taken apart once, when they are loaded, and filled for each text.

use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};

use crate::customer::capitalised;

/// Every slot. `deal` is an offer that is the objective itself. `topic` is a subject that "our" may not stand before,
/// or an objective that was not understood. `offer` is the marketers' own for the segment. `place`, `tier` and `joined`
/// hold what may be said of the reader; `near`, `level` and `since` hold what is only more frequent, which is never
/// said of anybody. `act` is what the text asks for, which the text itself chooses.
const SLOTS: [&str; 14] = [
    "offering",
    "subject",
    "destination",
    "deal",
    "topic",
    "offer",
    "interests",
    "place",
    "tier",
    "joined",
    "near",
    "level",
    "since",
    "act",
];

/// Room that a phrase is filled in, which then need not grow: few are longer.
const USUAL_BYTES: usize = 128;

/// A bit for each slot.
type SlotSet = u16;

/// What the slots of a phrase are filled with.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    values: [String; SLOTS.len()],
    filled: SlotSet,
}

/// Phrases of which a text takes one.
#[derive(Debug)]
pub(super) struct Phrases(Vec<Phrase>);

/// One phrase. `{Name}` in it is the value of the slot `name` with a capital first letter.
#[derive(Debug)]
struct Phrase {
    pieces: Vec<Piece>,
    needs: SlotSet,
    names_subject: bool,
}

#[derive(Debug)]
enum Piece {
    Text(Box<str>),
    Slot { number: usize, is_capitalised: bool },
}

impl Slots {
    /// The value of a slot; empty where there is none.
    pub(super) fn get(&self, slot: &str) -> &str {
        number_of(slot).map_or("", |number| self.value(number))
    }

    pub(super) fn set(&mut self, slot: &'static str, value: Option<String>) {
        let Some((number, slot)) = number_of(slot).and_then(|number| Some((number, self.values.get_mut(number)?)))
        else {
            return;
        };
        *slot = value.unwrap_or_default();
        if slot.is_empty() {
            self.filled &= !bit(number);
        } else {
            self.filled |= bit(number);
        }
    }

    /// The same with what the text asks for.
    pub(super) fn with_act(&self, act: &str) -> Self {
        let mut slots = self.clone();
        slots.set("act", Some(act.to_owned()));
        slots
    }

    fn value(&self, number: usize) -> &str {
        self.values.get(number).map_or("", String::as_str)
    }
}

impl Phrases {
    /// Takes phrases apart.
    ///
    /// # Errors
    /// Says which phrase names a slot that there is not, or leaves one open.
    pub(super) fn read<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        let read = |text: &'t str| Phrase::read(text).ok_or_else(|| format!("a slot is wrong in {text:?}"));
        texts.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The phrase that `choose` takes, by its position among so many, filled. Phrases with an empty slot are passed
    /// over, and so are those that do not name the subject where others do.
    pub(super) fn pick(&self, slots: &Slots, choose: impl FnOnce(usize) -> Option<usize>) -> Option<String> {
        let is_filled = |phrase: &&Phrase| phrase.needs & !slots.filled == 0;
        let names_subject = self.0.iter().filter(is_filled).any(|phrase| phrase.names_subject);
        let usable = || self.0.iter().filter(is_filled).filter(|phrase| phrase.names_subject || !names_subject);
        usable().nth(choose(usable().count())?).map(|phrase| phrase.filled(slots))
    }
}

impl Object for Phrases {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

impl Phrase {
    fn read(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let (mut rest, mut needs) = (text, 0);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            let lower = name.to_lowercase();
            let number = number_of(&lower)?;
            pieces.extend((!before.is_empty()).then(|| Piece::Text(before.into())));
            pieces.push(Piece::Slot { number, is_capitalised: name != lower });
            needs |= bit(number);
            rest = after;
        }
        pieces.extend((!rest.is_empty()).then(|| Piece::Text(rest.into())));
        Some(Self { pieces, needs, names_subject: text.contains("{subject}") })
    }

    fn filled(&self, slots: &Slots) -> String {
        let mut filled = String::with_capacity(USUAL_BYTES);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Slot { number, is_capitalised: true } => filled.push_str(&capitalised(slots.value(*number))),
                Piece::Slot { number, is_capitalised: false } => filled.push_str(slots.value(*number)),
            }
        }
        filled
    }
}

fn number_of(slot: &str) -> Option<usize> {
    SLOTS.iter().position(|name| *name == slot)
}

fn bit(number: usize) -> SlotSet {
    1 << number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(filled: &[(&'static str, &str)]) -> Slots {
        let mut slots = Slots::default();
        filled.iter().for_each(|(slot, value)| slots.set(slot, Some((*value).to_owned())));
        slots
    }

    fn picked(phrases: &[&str], slots: &Slots) -> Vec<String> {
        let phrases = Phrases::read(phrases.iter().copied()).unwrap();
        let one = |at| phrases.pick(slots, |n| Some(at).filter(|at| *at < n));
        (0..).map_while(one).collect()
    }

    #[test]
    fn a_phrase_is_usable_once_each_of_its_slots_is_filled() {
        let phrases = ["Plain.", "{Tier} members in {place}.", "From {place}."];
        assert_eq!(picked(&phrases, &Slots::default()), ["Plain."]);
        assert_eq!(picked(&phrases, &slots(&[("place", "Bedok"), ("tier", "")])), ["Plain.", "From Bedok."]);
        let all = slots(&[("place", "Bedok"), ("tier", "gold")]);
        assert_eq!(picked(&phrases, &all), ["Plain.", "Gold members in Bedok.", "From Bedok."]);
    }

    #[test]
    fn a_phrase_that_names_the_subject_wins() {
        let phrases = ["Have a look.", "Have a look at our {subject}."];
        assert_eq!(picked(&phrases, &slots(&[("subject", "tea")])), ["Have a look at our tea."]);
        assert_eq!(picked(&phrases, &Slots::default()), ["Have a look."]);
    }

    #[test]
    fn a_phrase_with_a_slot_that_there_is_not_is_refused_when_it_is_loaded() {
        for faulty in ["To {town}.", "To {place.", "{}"] {
            assert!(Phrases::read([faulty]).unwrap_err().contains(faulty), "{faulty}");
        }
    }
}
