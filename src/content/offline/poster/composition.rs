//! Geometric compositions, each of which leaves a place for the slogan that no shape reaches into.

use super::super::dice::Dice;
use super::Format;
use super::canvas::{Canvas, Outline};
use super::lettering::Place;
use super::palette::{Palette, Rgb};

/// The outer margin, in pixels.
const MARGIN: f32 = 84.0;

/// One composition in the making.
#[derive(Debug, Clone)]
pub(super) struct Composition {
    pub(super) format: Format,
    pub(super) palette: Palette,
    pub(super) dice: Dice,
}

impl Composition {
    /// Draws one of the compositions, another one each turn; hands back the place that it leaves for the slogan.
    pub(super) fn draw(self, turn: usize, canvas: &mut Canvas) -> Place {
        match turn % 3 {
            0 => self.rings(canvas),
            1 => self.horizon(canvas),
            _ => self.arches(canvas),
        }
    }

    fn size(&self) -> (f32, f32) {
        (f32::from(self.format.width), f32::from(self.format.height))
    }

    fn is_landscape(&self) -> bool {
        self.format.width > self.format.height
    }

    fn is_portrait(&self) -> bool {
        self.format.height > self.format.width
    }

    fn accent(&self, index: usize) -> Rgb {
        self.palette.accents.get(index % 4).copied().unwrap_or(self.palette.ink)
    }

    /// A place for the slogan within the margins of a rectangle.
    fn place(x: f32, y: f32, width: f32, height: f32) -> Place {
        Place {
            x: x + MARGIN,
            y: y + MARGIN,
            width: width - 2.0 * MARGIN,
            height: height - 2.0 * MARGIN,
            max_size: 190.0,
        }
    }

    /// Rings around the upper right corner, as water draws them, and a drop.
    fn rings(mut self, canvas: &mut Canvas) -> Place {
        let (width, height) = self.size();
        let dot = self.dice.between(44.0, 66.0);
        let (outer, dot_y, place) = if self.is_landscape() {
            (1000.0, MARGIN + dot, Self::place(0.0, 230.0, 920.0, height - 230.0))
        } else if self.is_portrait() {
            (920.0, 920.0 - dot, Self::place(0.0, 1010.0, width, height - 1010.0))
        } else {
            (640.0, MARGIN + dot, Self::place(0.0, 560.0, width, 520.0))
        };
        let start = self.dice.below(4);
        let colours = [
            self.accent(start),
            self.palette.ground,
            self.accent(start + 1),
            self.accent(start + 2),
            self.palette.ground,
            self.accent(start + 3),
        ];
        for (share, colour) in [1.0, 0.82, 0.74, 0.56, 0.4, 0.3].iter().zip(colours) {
            let radius = outer * share;
            let ring = Outline::from(width, 0.0).line(width - radius, 0.0);
            canvas.fill(ring.quarter((width - radius, radius), (width, radius)), colour);
        }
        canvas.fill(Outline::circle(MARGIN + dot, dot_y, dot), self.accent(start + 1));
        place
    }

    /// A disc above rolling bands.
    fn horizon(mut self, canvas: &mut Canvas) -> Place {
        let (width, height) = self.size();
        let (sky, place) = if self.is_landscape() {
            (height * 0.62, Self::place(0.0, 0.0, width * 0.7, height * 0.6))
        } else if self.is_portrait() {
            (height * 0.55, Self::place(0.0, 0.0, width, height * 0.40))
        } else {
            (height * 0.62, Self::place(0.0, 0.0, width, height * 0.48))
        };
        let radius = if self.is_portrait() { 300.0 } else { 230.0 };
        let cx = if self.is_landscape() { width * 0.84 } else { width * self.dice.between(0.55, 0.72) };
        canvas.fill(Outline::circle(cx, sky + 40.0, radius), self.accent(0));
        let bands = [self.accent(2), self.accent(1), self.accent(3)];
        for (index, colour) in bands.into_iter().enumerate() {
            let y = sky + (height - sky) * (0.18 + 0.27 * index as f32);
            let swing = height * self.dice.between(0.05, 0.09) * if index % 2 == 0 { 1.0 } else { -1.0 };
            let (first, second) = ((width * 0.3, y - swing * 2.0), (width * 0.65, y + swing * 2.0));
            let band = Outline::from(0.0, y).curve(first, second, (width, y));
            canvas.fill(band.line(width, height).line(0.0, height), colour);
        }
        place
    }

    /// Arches within one another, on the ground line.
    fn arches(mut self, canvas: &mut Canvas) -> Place {
        let (width, height) = self.size();
        let (cx, outer, top, place) = if self.is_landscape() {
            (width - 560.0, 440.0, 200.0, Self::place(0.0, 0.0, width - 1000.0, height))
        } else if self.is_portrait() {
            (width * 0.5, 440.0, 900.0, Self::place(0.0, 0.0, width, 860.0))
        } else {
            (width * 0.62, 330.0, 520.0, Self::place(0.0, 0.0, width, 500.0))
        };
        let (start, outer) = (self.dice.below(4), outer * self.dice.between(0.9, 1.0));
        for index in 0..4 {
            let radius = outer * (1.0 - 0.24 * index as f32);
            let peak = top + outer * 0.24 * index as f32;
            let (left, right, shoulder) = (cx - radius, cx + radius, peak + radius);
            let arch = Outline::from(left, height).line(left, shoulder).quarter((left, peak), (cx, peak));
            canvas.fill(arch.quarter((right, peak), (right, shoulder)).line(right, height), self.accent(start + index));
        }
        place
    }
}
