//! The slogan: measured, broken into balanced lines, set as large as its place allows and never cut off.

use std::fmt::Write as _;

use resvg::usvg::{Group, Node, Options, Text, Tree};

use super::super::super::Tone;
use super::PosterError;
use super::palette::Palette;

/// The size at which words are measured, in pixels.
const MEASURED_AT: f32 = 100.0;
/// How many words are tried in every way of breaking; a slogan has at most 7.
const MAX_WORDS: usize = 10;
/// How much of the size a capital letter and a descender take, with some air.
const CAP: f32 = 0.72;
const DESCENT: f32 = 0.24;
/// From one baseline to the next, in sizes.
const LEADING: f32 = 1.08;

/// A font, and how it is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Typeface {
    family: &'static str,
    weight: u16,
    /// Added to each letter, in sizes.
    tracking: f32,
    /// Added to each blank, in sizes.
    spacing: f32,
}

/// Where the slogan goes, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
    /// How large letters may become.
    pub(super) max_size: f32,
}

/// Words in lines, at a size.
#[derive(Debug, Clone, PartialEq)]
struct Setting {
    lines: Vec<String>,
    size: f32,
}

impl Typeface {
    /// Letters with serifs for the two quiet tones.
    pub(super) fn of(tone: Tone) -> Self {
        match tone {
            Tone::Professional | Tone::Empathetic => {
                Self { family: "Fraunces", weight: 600, tracking: -0.01, spacing: 0.0 }
            }
            Tone::Fun | Tone::Casual | Tone::Playful => {
                Self { family: "Outfit", weight: 800, tracking: -0.01, spacing: 0.06 }
            }
        }
    }

    /// The slogan as SVG.
    ///
    /// # Errors
    /// When it cannot be measured; never for a build whose tests pass.
    pub(super) fn set(
        self,
        slogan: &str,
        place: Place,
        palette: Palette,
        options: &Options<'_>,
    ) -> Result<String, PosterError> {
        let Some(setting) = self.fit(slogan, place, options)? else { return Ok(String::new()) };
        let size = setting.size;
        let n_lines = setting.lines.len() as f32;
        let block = size * (CAP + DESCENT + (n_lines - 1.0) * LEADING);
        let top = place.y + (place.height - block).max(0.0) / 2.0;
        let mut svg = format!(r#"<g {} fill="{}">"#, self.attributes(size), palette.ink);
        for (line, number) in setting.lines.iter().zip(0_u8..) {
            let baseline = top + size * (CAP + f32::from(number) * LEADING);
            // Writing to a String cannot fail.
            let _ = write!(svg, r#"<text x="{:.1}" y="{baseline:.1}">{}</text>"#, place.x, escaped(line));
        }
        svg.push_str("</g>");
        Ok(svg)
    }

    fn attributes(self, size: f32) -> String {
        let Self { family, weight, tracking, spacing } = self;
        let (tracking, spacing) = (tracking * size, spacing * size);
        format!(
            r#"font-family="{family}" font-weight="{weight}" font-size="{size:.2}" letter-spacing="{tracking:.3}" word-spacing="{spacing:.3}""#
        )
    }

    /// The best way of breaking: large letters, even lines, and no clause that runs over a line's end.
    fn fit(self, slogan: &str, place: Place, options: &Options<'_>) -> Result<Option<Setting>, PosterError> {
        let words: Vec<&str> = slogan.split_whitespace().collect();
        if words.is_empty() {
            return Ok(None);
        }
        let n_breaks = (words.len() - 1).min(MAX_WORDS - 1);
        let (widths, blank) = self.measure(&words, options)?;
        let mut best: Option<(f32, Setting)> = None;
        for breaks in 0..1_u32 << n_breaks {
            let (lines, line_widths) = broken(&words, &widths, blank, breaks);
            let widest = line_widths.iter().copied().fold(f32::EPSILON, f32::max);
            let narrowest = line_widths.iter().copied().fold(widest, f32::min);
            let height = CAP + DESCENT + (lines.len() as f32 - 1.0) * LEADING;
            let size = (place.width / widest * MEASURED_AT).min(place.height / height).min(place.max_size);
            let n_torn = lines.iter().filter(|line| line.trim_end_matches(is_stop).contains(is_stop)).count();
            let score = size * (1.0 - 0.25 * (widest - narrowest) / widest) * 0.75_f32.powi(n_torn.min(9) as i32);
            if best.as_ref().is_none_or(|(best_score, _)| score > *best_score) {
                best = Some((score, Setting { lines, size }));
            }
        }
        Ok(best.map(|(_, setting)| setting))
    }

    /// The width of each word, and of a blank, at [`MEASURED_AT`].
    fn measure(self, words: &[&str], options: &Options<'_>) -> Result<(Vec<f32>, f32), PosterError> {
        let mut svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" {}>"#,
            self.attributes(MEASURED_AT),
        );
        for word in ["n n", "nn"].iter().chain(words) {
            let _ = write!(svg, "<text>{}</text>", escaped(word));
        }
        svg.push_str("</svg>");
        let tree = Tree::from_str(&svg, options).map_err(PosterError::Drawing)?;
        let mut texts = Vec::new();
        collect_texts(tree.root(), &mut texts);
        let width = |text: &Text| text.bounding_box().width();
        // What has no glyph in the fonts leaves no node, and takes no room.
        let width_of = |word: &str| {
            let is_it = |text: &&&Text| text.chunks().iter().map(|chunk| chunk.text()).collect::<String>() == word;
            texts.iter().find(is_it).map_or(0.0, |text| width(text))
        };
        Ok((words.iter().map(|word| width_of(word)).collect(), width_of("n n") - width_of("nn")))
    }
}

fn collect_texts<'a>(group: &'a Group, texts: &mut Vec<&'a Text>) {
    for node in group.children() {
        match node {
            Node::Group(group) => collect_texts(group, texts),
            Node::Text(text) => texts.push(text),
            Node::Path(_) | Node::Image(_) => {}
        }
    }
}

/// Whether a clause ends with it.
fn is_stop(c: char) -> bool {
    matches!(c, '.' | ',' | '!' | '?' | ';' | ':' | '…')
}

/// The words in lines and each line's width, a break after word `n` where bit `n` is set.
fn broken(words: &[&str], widths: &[f32], blank: f32, breaks: u32) -> (Vec<String>, Vec<f32>) {
    let mut lines: Vec<(String, f32)> = Vec::new();
    let mut starts_line = true;
    for ((word, width), number) in words.iter().zip(widths).zip(0_u32..) {
        match lines.last_mut() {
            Some((line, line_width)) if !starts_line => {
                line.push(' ');
                line.push_str(word);
                *line_width += blank + width;
            }
            _ => lines.push(((*word).to_owned(), *width)),
        }
        starts_line = breaks.checked_shr(number).unwrap_or_default() & 1 == 1;
    }
    lines.into_iter().unzip()
}

/// Text as XML holds it; what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}
