//! Colours by tone.

use super::super::super::Tone;

/// The colours of one poster, as `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Palette {
    /// Behind the slogan.
    pub(super) ground: &'static str,
    /// The slogan.
    pub(super) ink: &'static str,
    /// Of shapes; the first is the strongest.
    pub(super) accents: [&'static str; 4],
}

const fn palette(ground: &'static str, ink: &'static str, accents: [&'static str; 4]) -> Palette {
    Palette { ground, ink, accents }
}

const PROFESSIONAL: [Palette; 2] = [
    palette("#10233f", "#f6f1e7", ["#e3a548", "#3f74b5", "#8fb8d8", "#274b7a"]),
    palette("#f3efe6", "#10233f", ["#c98a2b", "#2f5f9e", "#7d9cbd", "#cdd9e5"]),
];
const FUN: [Palette; 2] = [
    palette("#ffc83d", "#2a1550", ["#ff5a4f", "#6c3ce0", "#fff4d6", "#16b8a6"]),
    palette("#5b2bd1", "#fff6e0", ["#ffc83d", "#ff6b5e", "#22cbb7", "#8257ea"]),
];
const EMPATHETIC: [Palette; 2] = [
    palette("#f7ebdf", "#4a2b3a", ["#cf7a62", "#9fb49a", "#e8b9a4", "#7a5568"]),
    palette("#5a3647", "#fbeee3", ["#e5a389", "#a9bda3", "#f3d3c0", "#7d5266"]),
];
const CASUAL: [Palette; 2] = [
    palette("#e6f0ea", "#123f3c", ["#f08a4b", "#2f8f83", "#f5cf6b", "#9ccabb"]),
    palette("#11524f", "#fdf4e3", ["#f6b256", "#ef7f4d", "#9fd3c4", "#227a73"]),
];
const PLAYFUL: [Palette; 2] = [
    palette("#ff9ec4", "#3a0f4f", ["#ff3d7f", "#5a36d6", "#ffe066", "#ffd3e4"]),
    palette("#2b1166", "#ffeaf5", ["#ff6fb1", "#ffd94a", "#3ad0c6", "#5936b8"]),
];

impl Palette {
    /// The tone's palette; its light and its deep one by turns.
    pub(super) fn of(tone: Tone, turn: usize) -> Self {
        let [first, second] = match tone {
            Tone::Professional => PROFESSIONAL,
            Tone::Fun => FUN,
            Tone::Empathetic => EMPATHETIC,
            Tone::Casual => CASUAL,
            Tone::Playful => PLAYFUL,
        };
        // Compositions go round in fours: a whole round later each of them comes in the other colours.
        if (turn + turn / 4).is_multiple_of(2) { first } else { second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2).
    fn luminance(color: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn every_slogan_stands_out_from_its_ground() {
        for (tone, turn) in Tone::ALL.iter().flat_map(|tone| [0, 1].map(|turn| (*tone, turn))) {
            let Palette { ground, ink, .. } = Palette::of(tone, turn);
            let (a, b) = (luminance(ground), luminance(ink));
            let ratio = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(ratio >= 7.0, "{tone} {ground} {ink}: {ratio:.1}");
        }
    }

    #[test]
    fn no_palette_holds_a_colour_twice() {
        for (tone, turn) in Tone::ALL.iter().flat_map(|tone| [0, 1].map(|turn| (*tone, turn))) {
            let Palette { ground, ink, accents } = Palette::of(tone, turn);
            let colours: std::collections::HashSet<_> = accents.into_iter().chain([ground, ink]).collect();
            assert_eq!(colours.len(), 6, "{tone} {turn}");
        }
    }

    #[test]
    fn tones_look_different_and_each_has_two_looks() {
        let grounds: std::collections::HashSet<_> =
            Tone::ALL.iter().flat_map(|tone| [0, 1].map(|turn| Palette::of(*tone, turn).ground)).collect();
        assert_eq!(grounds.len(), 10);
    }
}
