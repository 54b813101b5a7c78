//! The slogan: measured, broken into balanced lines, set as large as its place allows and never cut off.

use super::canvas::Outline;
use super::typeface::Typeface;

/// How many words are tried in every way of breaking; a slogan has at most 7.
const MAX_WORDS: usize = 10;
/// How much of the size a capital letter and a descender take, with some air.
const CAP: f32 = 0.72;
const DESCENT: f32 = 0.24;
/// From one baseline to the next, in sizes.
const LEADING: f32 = 1.08;

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

/// Words in lines, at a size in pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    pub(super) lines: Vec<String>,
    pub(super) size: f32,
}

/// The best way to break a slogan: large letters, even lines, and no clause that runs over a line's end. `None` for a
/// slogan without a word.
pub(super) fn fit(slogan: &str, place: Place, typeface: &Typeface) -> Option<Setting> {
    // Noncharacters are no text either (Unicode 17.0, section 23.7).
    let is_text = |c: &char| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}');
    let slogan: String = slogan.chars().filter(is_text).collect();
    let words: Vec<&str> = slogan.split_whitespace().collect();
    if words.is_empty() {
        return None;
    }
    let n_breaks = (words.len() - 1).min(MAX_WORDS - 1);
    let widths: Vec<f32> = words.iter().map(|word| typeface.width(word)).collect();
    let blank = typeface.width(" ");
    let mut best: Option<(f32, Setting)> = None;
    for breaks in 0..1_u32 << n_breaks {
        let (lines, line_widths) = broken(&words, &widths, blank, breaks);
        let widest = line_widths.iter().copied().fold(f32::EPSILON, f32::max);
        let narrowest = line_widths.iter().copied().fold(widest, f32::min);
        let height = CAP + DESCENT + (lines.len() as f32 - 1.0) * LEADING;
        let size = (place.width / widest).min(place.height / height).min(place.max_size);
        let n_torn = lines.iter().filter(|line| line.trim_end_matches(is_stop).contains(is_stop)).count();
        let score = size * (1.0 - 0.25 * (widest - narrowest) / widest) * 0.75_f32.powi(n_torn.min(9) as i32);
        if best.as_ref().is_none_or(|(best_score, _)| score > *best_score) {
            best = Some((score, Setting { lines, size }));
        }
    }
    best.map(|(_, setting)| setting)
}

impl Setting {
    /// The letters, in the middle of the place's height.
    pub(super) fn outline(&self, place: Place, typeface: &Typeface) -> Outline {
        let block = self.size * (CAP + DESCENT + (self.lines.len() as f32 - 1.0) * LEADING);
        let top = place.y + (place.height - block).max(0.0) / 2.0;
        let mut outline = Outline::default();
        for (line, number) in self.lines.iter().zip(0_u8..) {
            let baseline = top + self.size * (CAP + f32::from(number) * LEADING);
            typeface.write(line, (place.x, baseline), self.size, &mut outline);
        }
        outline
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
