//! Posters: a slogan set large beside a geometric composition, as PNG.
//!
//! Colours follow the tone, the format follows the platform, composition and detail follow the seed and the variant;
//! the same order gives the same bytes. Fonts are subsets (Latin) of Outfit and Fraunces, built in with their licences
//! beside them in `assets/fonts/`; no font of the system is looked at. Pure and busy with the processor: callers take
//! it off the async threads. For the offline writer alone.

mod composition;
mod dice;
mod lettering;
mod palette;

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, Options, Tree, fontdb};

use super::super::{Platform, Tone, WriterConfigError};
use composition::Composition;
use dice::Dice;
use lettering::Typeface;
use palette::Palette;

const FONTS: [&[u8]; 2] = [
    include_bytes!("../../../../assets/fonts/Outfit-ExtraBold.ttf"),
    include_bytes!("../../../../assets/fonts/Fraunces-SemiBold.ttf"),
];

/// Draws posters; its fonts are parsed once.
#[derive(Debug)]
pub(super) struct Painter {
    options: Options<'static>,
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
    #[error("the poster's drawing is faulty")]
    Drawing(#[source] usvg::Error),
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
    /// Parses the fonts.
    pub(super) fn new() -> Result<Self, WriterConfigError> {
        let mut fonts = fontdb::Database::new();
        for font in FONTS {
            if fonts.load_font_source(fontdb::Source::Binary(Arc::new(font))).is_empty() {
                return Err(WriterConfigError::Font);
            }
        }
        Ok(Self { options: Options { fontdb: Arc::new(fonts), ..Options::default() } })
    }

    /// The poster as PNG.
    pub(super) fn paint(&self, order: &Order) -> Result<Vec<u8>, PosterError> {
        let tree = Tree::from_str(&self.svg(order)?, &self.options).map_err(PosterError::Drawing)?;
        let Format { width, height } = Format::of(order.platform);
        let mut pixels = Pixmap::new(width.into(), height.into()).ok_or(PosterError::Size)?;
        resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
        encode(&pixels).map_err(PosterError::Png)
    }

    fn svg(&self, order: &Order) -> Result<String, PosterError> {
        let Format { width, height } = Format::of(order.platform);
        let turn = order.variant + usize::try_from(order.seed % 8).unwrap_or_default();
        let palette = Palette::of(order.tone, turn);
        let dice = Dice::new(order.seed, order.variant);
        let art = Composition { format: Format::of(order.platform), palette, dice }.draw(turn);
        let typeface = Typeface::of(order.tone);
        let lettering = typeface.set(&order.slogan, art.lettering, palette, &self.options)?;
        Ok(format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"><rect width="100%" height="100%" fill="{}"/>{}{lettering}</svg>"#,
            palette.ground, art.svg,
        ))
    }
}

/// Flat colours without transparency: with each row told by the one above it, packing takes a third of the time of
/// tiny-skia's own encoder.
fn encode(pixels: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let rgb: Vec<u8> = pixels.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_filter(png::Filter::Up);
    encoder.write_header()?.write_image_data(&rgb)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
