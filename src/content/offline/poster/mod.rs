//! Posters: a slogan set large beside a geometric composition, as PNG.
//!
//! Colours follow the tone, the format follows the platform, composition and detail follow the seed and the variant;
//! the same order gives the same bytes. The font is a subset (Latin) of Outfit, built in with its licence beside it in
//! `assets/fonts/`; no font of the system is looked at. Pure and busy with the processor: callers take it off the async
//! threads.

mod canvas;
mod composition;
mod description;
mod lettering;
mod palette;
mod typeface;

use super::super::{Platform, Tone, WriterConfigError};
use super::dice::Dice;
use canvas::Canvas;
use composition::Composition;
use palette::Palette;
use typeface::Typeface;

/// Draws posters; its font is parsed once.
#[derive(Debug)]
pub(super) struct Painter {
    typeface: Typeface,
}

/// What is to be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) slogan: String,
    pub(super) tone: Tone,
    pub(super) platform: Platform,
    pub(super) seed: u64,
    /// 0 for the first.
    pub(super) variant: usize,
}

/// Why a poster could not be drawn; never for a build whose tests pass.
#[derive(Debug, thiserror::Error)]
pub(super) enum PosterError {
    #[error("the poster's size is faulty")]
    Size,
    #[error("the poster could not be written as PNG")]
    Png(#[source] png::EncodingError),
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Format {
    width: u16,
    height: u16,
}

impl Format {
    fn of(platform: Platform) -> Self {
        match platform {
            Platform::TikTok => Self { width: 1080, height: 1920 },
            Platform::Website => Self { width: 1920, height: 1080 },
            Platform::Instagram | Platform::Facebook | Platform::LinkedIn | Platform::Email => {
                Self { width: 1080, height: 1080 }
            }
        }
    }
}

impl Painter {
    /// Parses the font.
    pub(super) fn new() -> Result<Self, WriterConfigError> {
        Ok(Self { typeface: Typeface::new()? })
    }

    /// The poster as PNG.
    pub(super) fn paint(&self, order: &Order) -> Result<Vec<u8>, PosterError> {
        let format = Format::of(order.platform);
        let turn = order.variant + usize::try_from(order.seed % 8).unwrap_or_default();
        let palette = Palette::of(order.tone, turn);
        let dice = Dice::new(order.seed, order.variant);
        let mut canvas = Canvas::new(format.width, format.height, palette.ground)?;
        let place = Composition { format, palette, dice }.draw(turn, &mut canvas);
        if let Some(setting) = lettering::fit(&order.slogan, place, &self.typeface) {
            canvas.fill(setting.outline(place, &self.typeface), palette.ink);
        }
        canvas.into_png().map_err(PosterError::Png)
    }
}

#[cfg(test)]
mod tests;
