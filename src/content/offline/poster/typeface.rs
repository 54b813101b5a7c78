//! The font: how wide words are in it, and the outlines of its letters.

use tiny_skia::{PathBuilder, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::super::super::WriterConfigError;
use super::canvas::Outline;

const OUTFIT: &[u8] = include_bytes!("../../../../assets/fonts/Outfit-ExtraBold.ttf");
/// Added to each blank, in sizes.
const SPACING: f32 = 0.06;

/// The font of all posters.
#[derive(Debug)]
pub(super) struct Typeface(Face<'static>);

impl Typeface {
    /// Parses the font.
    ///
    /// # Errors
    /// [`WriterConfigError::Font`] for a font that is damaged; never for a build whose tests pass.
    pub(super) fn new() -> Result<Self, WriterConfigError> {
        Face::parse(OUTFIT, 0).map(Self).map_err(|_| WriterConfigError::Font)
    }

    /// How wide a text is, in sizes. A character that the font lacks takes no room.
    pub(super) fn width(&self, text: &str) -> f32 {
        self.glyphs(text).last().map_or(0.0, |(_, start, advance)| start + advance)
    }

    /// Adds a text's letters to an outline, from `start` on along its baseline; `size` in pixels.
    pub(super) fn write(&self, text: &str, start: (f32, f32), size: f32, outline: &mut Outline) {
        let scale = size / self.units_per_size();
        for (glyph, offset, _) in self.glyphs(text) {
            let mut pen = Pen(PathBuilder::new());
            if self.0.outline_glyph(glyph, &mut pen).is_none() {
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
        text.chars().filter_map(move |c| {
            let glyph = self.0.glyph_index(c)?;
            let blank = if c == ' ' { SPACING } else { 0.0 };
            let width = f32::from(self.0.glyph_hor_advance(glyph).unwrap_or_default()) / self.units_per_size();
            let (start, advance) = (at, width + blank);
            at += advance;
            Some((glyph, start, advance))
        })
    }

    fn units_per_size(&self) -> f32 {
        f32::from(self.0.units_per_em())
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
