//! Colours by tone.

use super::super::super::Tone;

/// Red, green and blue.
pub(super) type Rgb = [u8; 3];

/// The colours of one poster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Palette {
    /// Behind the slogan.
    pub(super) ground: Rgb,
    /// The slogan.
    pub(super) ink: Rgb,
    /// Of shapes; the first is the strongest.
    pub(super) accents: [Rgb; 4],
}

const fn palette(ground: u32, ink: u32, accents: [u32; 4]) -> Palette {
    let [first, second, third, fourth] = accents;
    Palette { ground: rgb(ground), ink: rgb(ink), accents: [rgb(first), rgb(second), rgb(third), rgb(fourth)] }
}

/// The colour of a number `0xrrggbb`.
const fn rgb(number: u32) -> Rgb {
    let [_, red, green, blue] = number.to_be_bytes();
    [red, green, blue]
}

impl Palette {
    /// The tone's palette; its light and its deep one by turns.
    pub(super) fn of(tone: Tone, turn: usize) -> Self {
        let [first, second] = match tone {
            Tone::Professional => [
                palette(0x10233f, 0xf6f1e7, [0xe3a548, 0x3f74b5, 0x8fb8d8, 0x274b7a]),
                palette(0xf3efe6, 0x10233f, [0xc98a2b, 0x2f5f9e, 0x7d9cbd, 0xcdd9e5]),
            ],
            Tone::Fun => [
                palette(0xffc83d, 0x2a1550, [0xff5a4f, 0x6c3ce0, 0xfff4d6, 0x16b8a6]),
                palette(0x5b2bd1, 0xfff6e0, [0xffc83d, 0xff6b5e, 0x22cbb7, 0x8257ea]),
            ],
            Tone::Empathetic => [
                palette(0xf7ebdf, 0x4a2b3a, [0xcf7a62, 0x9fb49a, 0xe8b9a4, 0x7a5568]),
                palette(0x5a3647, 0xfbeee3, [0xe5a389, 0xa9bda3, 0xf3d3c0, 0x7d5266]),
            ],
            Tone::Casual => [
                palette(0xe6f0ea, 0x123f3c, [0xf08a4b, 0x2f8f83, 0xf5cf6b, 0x9ccabb]),
                palette(0x11524f, 0xfdf4e3, [0xf6b256, 0xef7f4d, 0x9fd3c4, 0x227a73]),
            ],
            Tone::Playful => [
                palette(0xff9ec4, 0x3a0f4f, [0xff3d7f, 0x5a36d6, 0xffe066, 0xffd3e4]),
                palette(0x2b1166, 0xffeaf5, [0xff6fb1, 0xffd94a, 0x3ad0c6, 0x5936b8]),
            ],
        };
        // Compositions go round in threes: a whole round later each of them comes in the other colours.
        if turn.is_multiple_of(2) { first } else { second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2).
    fn luminance(color: Rgb) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(color[at]) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)
    }

    #[test]
    fn every_slogan_stands_out_from_its_ground() {
        for (tone, turn) in Tone::ALL.iter().flat_map(|tone| [0, 1].map(|turn| (*tone, turn))) {
            let Palette { ground, ink, .. } = Palette::of(tone, turn);
            let (a, b) = (luminance(ground), luminance(ink));
            let ratio = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(ratio >= 7.0, "{tone} {ground:?} {ink:?}: {ratio:.1}");
        }
    }
}
