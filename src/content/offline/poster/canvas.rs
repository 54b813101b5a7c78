//! What a poster is drawn on: filled shapes of straight lines, curves and quarter circles, and the PNG of it all.

use tiny_skia::{Color, FillRule, Paint, Path, PathBuilder, Pixmap, Transform};

use super::PosterError;
use super::palette::Rgb;

/// How far from its ends, as a share of the way to the corner, the control points of a quarter circle lie
/// (Goldapp 1991): no point of the curve is off by more than 0.02 % of the radius.
const QUARTER: f32 = 0.551_915;

/// A picture in the making.
pub(super) struct Canvas {
    pixels: Pixmap,
}

/// An outline in the making, in pixels from the upper left corner.
#[derive(Default)]
pub(super) struct Outline {
    path: PathBuilder,
}

impl Canvas {
    /// A picture of one colour.
    ///
    /// # Errors
    /// [`PosterError::Size`] for a picture without pixels.
    pub(super) fn new(width: u16, height: u16, ground: Rgb) -> Result<Self, PosterError> {
        let mut pixels = Pixmap::new(width.into(), height.into()).ok_or(PosterError::Size)?;
        pixels.fill(color(ground));
        Ok(Self { pixels })
    }

    /// Fills an outline. One without an area leaves nothing.
    pub(super) fn fill(&mut self, outline: Outline, colour: Rgb) {
        let Some(path) = outline.path.finish() else { return };
        let mut paint = Paint { anti_alias: true, ..Paint::default() };
        paint.set_color(color(colour));
        self.pixels.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }

    /// The picture as PNG. Its colours are flat and opaque: with each row predicted by the one above it, packing takes
    /// a third of the time of tiny-skia's own encoder.
    ///
    /// # Errors
    /// Those of the encoder.
    pub(super) fn into_png(self) -> Result<Vec<u8>, png::EncodingError> {
        let rgb: Vec<u8> = self.pixels.pixels().iter().flat_map(|p| [p.red(), p.green(), p.blue()]).collect();
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.pixels.width(), self.pixels.height());
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_filter(png::Filter::Up);
        encoder.write_header()?.write_image_data(&rgb)?;
        Ok(bytes)
    }
}

impl Outline {
    /// An outline that starts at a point.
    pub(super) fn from(x: f32, y: f32) -> Self {
        let mut outline = Self::default();
        outline.path.move_to(x, y);
        outline
    }

    pub(super) fn circle(x: f32, y: f32, radius: f32) -> Self {
        let mut outline = Self::default();
        outline.path.push_circle(x, y, radius);
        outline
    }

    /// Goes straight to a point. Every outline closes itself with such a line.
    pub(super) fn line(mut self, x: f32, y: f32) -> Self {
        self.path.line_to(x, y);
        self
    }

    /// Goes to `end` on a cubic curve.
    pub(super) fn curve(mut self, first: (f32, f32), second: (f32, f32), end: (f32, f32)) -> Self {
        self.path.cubic_to(first.0, first.1, second.0, second.1, end.0, end.1);
        self
    }

    /// Goes to `end` on a quarter circle, whose two tangents meet in `corner`.
    pub(super) fn quarter(self, corner: (f32, f32), end: (f32, f32)) -> Self {
        let start = self.path.last_point().map_or((0.0, 0.0), |point| (point.x, point.y));
        let towards =
            |from: (f32, f32)| (from.0 + QUARTER * (corner.0 - from.0), from.1 + QUARTER * (corner.1 - from.1));
        self.curve(towards(start), towards(end), end)
    }

    /// Adds the contours of a path.
    pub(super) fn push(&mut self, path: &Path) {
        self.path.push_path(path);
    }

    /// Left, top, right and bottom of what is drawn; `None` for an outline without a point.
    #[cfg(test)]
    pub(super) fn bounds(&self) -> Option<[f32; 4]> {
        let bounds = self.path.clone().finish()?.bounds();
        Some([bounds.left(), bounds.top(), bounds.right(), bounds.bottom()])
    }
}

fn color([red, green, blue]: Rgb) -> Color {
    Color::from_rgba8(red, green, blue, 255)
}
