//! The two fonts: how wide words are in them, and the outlines of their letters.

use tiny_skia::{PathBuilder, Transform};
use ttf_parser::gpos::{PairAdjustment, PositioningSubtable};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::super::super::{Tone, WriterConfigError};
use super::canvas::Outline;

const OUTFIT: &[u8] = include_bytes!("../../../../assets/fonts/Outfit-ExtraBold.ttf");
const FRAUNCES: &[u8] = include_bytes!("../../../../assets/fonts/Fraunces-SemiBold.ttf");

/// A font, and how it is set.
#[derive(Debug)]
pub(super) struct Typeface {
    face: Face<'static>,
    /// Added to each letter, in sizes.
    tracking: f32,
    /// Added to each blank, in sizes.
    spacing: f32,
}

/// The fonts of all tones.
#[derive(Debug)]
pub(super) struct Typefaces {
    outfit: Typeface,
    fraunces: Typeface,
}

impl Typefaces {
    /// Parses the fonts.
    ///
    /// # Errors
    /// [`WriterConfigError::Font`] for a font that is damaged; never for a build whose tests pass.
    pub(super) fn new() -> Result<Self, WriterConfigError> {
        let parse = |font, tracking, spacing| match Face::parse(font, 0) {
            Ok(face) => Ok(Typeface { face, tracking, spacing }),
            Err(_) => Err(WriterConfigError::Font),
        };
        // Outfit is not set tighter: the bars of `tt` would meet, and read as an H.
        Ok(Self { outfit: parse(OUTFIT, 0.0, 0.06)?, fraunces: parse(FRAUNCES, -0.01, 0.0)? })
    }

    /// Letters with serifs for the two quiet tones.
    pub(super) fn of(&self, tone: Tone) -> &Typeface {
        match tone {
            Tone::Professional | Tone::Empathetic => &self.fraunces,
            Tone::Fun | Tone::Casual | Tone::Playful => &self.outfit,
        }
    }
}

impl Typeface {
    /// How wide a text is, in sizes. A character that the font lacks takes no room.
    pub(super) fn width(&self, text: &str) -> f32 {
        self.glyphs(text).last().map_or(0.0, |(_, start, advance)| start + advance)
    }

    /// Adds a text's letters to an outline, from `start` on along its baseline; `size` in pixels.
    pub(super) fn write(&self, text: &str, start: (f32, f32), size: f32, outline: &mut Outline) {
        let scale = size / self.units_per_size();
        for (glyph, offset, _) in self.glyphs(text) {
            let mut pen = Pen(PathBuilder::new());
            if self.face.outline_glyph(glyph, &mut pen).is_none() {
                continue;
            }
            // Fonts count upwards from the baseline, pictures downwards from the top.
            let place = Transform::from_row(scale, 0.0, 0.0, -scale, start.0 + offset * size, start.1);
            if let Some(path) = pen.0.finish().and_then(|path| path.transform(place)) {
                outline.push(&path);
            }
        }
    }

    /// The glyphs of a text, each with where it starts and how far the next one is, in sizes.
    fn glyphs(&self, text: &str) -> impl Iterator<Item = (GlyphId, f32, f32)> {
        let mut at = 0.0;
        let mut before: Option<GlyphId> = None;
        text.chars().filter_map(move |c| {
            let glyph = self.face.glyph_index(c)?;
            let units = self.units_per_size();
            at += before.map_or(0.0, |before| f32::from(self.kerning(before, glyph)) / units);
            let blank = if c == ' ' { self.spacing } else { 0.0 };
            let advance = f32::from(self.face.glyph_hor_advance(glyph).unwrap_or_default()) / units;
            let (start, advance) = (at, advance + self.tracking + blank);
            at += advance;
            before = Some(glyph);
            Some((glyph, start, advance))
        })
    }

    fn units_per_size(&self) -> f32 {
        f32::from(self.face.units_per_em())
    }

    /// How much closer two glyphs stand than their widths say, in font units: the first pair adjustment of the GPOS
    /// table that knows both (OpenType 1.9, "GPOS", lookup type 2).
    fn kerning(&self, left: GlyphId, right: GlyphId) -> i16 {
        let adjust = |pair: PairAdjustment<'_>| match pair {
            PairAdjustment::Format1 { coverage, sets } => Some(sets.get(coverage.get(left)?)?.get(right)?.0.x_advance),
            PairAdjustment::Format2 { coverage, classes, matrix } => {
                coverage.get(left)?;
                Some(matrix.get((classes.0.get(left), classes.1.get(right)))?.0.x_advance)
            }
        };
        let lookups = self.face.tables().gpos.into_iter().flat_map(|gpos| gpos.lookups);
        let mut pairs = lookups.flat_map(|lookup| lookup.subtables.into_iter::<PositioningSubtable<'_>>());
        pairs
            .find_map(|subtable| if let PositioningSubtable::Pair(pair) = subtable { adjust(pair) } else { None })
            .unwrap_or_default()
    }
}

/// Takes down a glyph's outline.
struct Pen(PathBuilder);

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.0.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.0.close();
    }
}
