//! Geometric compositions, each of which leaves a place for the slogan that no shape reaches into.

use std::fmt::Write as _;

use super::Format;
use super::dice::Dice;
use super::lettering::Place;
use super::palette::Palette;

/// The outer margin, in pixels.
const MARGIN: f32 = 84.0;

/// One composition in the making.
#[derive(Debug, Clone)]
pub(super) struct Composition {
    pub(super) format: Format,
    pub(super) palette: Palette,
    pub(super) dice: Dice,
}

/// A composition, and the place that it leaves.
#[derive(Debug, Clone)]
pub(super) struct Art {
    pub(super) svg: String,
    pub(super) lettering: Place,
}

impl Composition {
    /// Draws one of the compositions; another one each turn.
    pub(super) fn draw(self, turn: usize) -> Art {
        match turn % 4 {
            0 => self.tiles(),
            1 => self.rings(),
            2 => self.horizon(),
            _ => self.arches(),
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

    fn accent(&self, index: usize) -> &'static str {
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

    /// A mosaic of squares with quarter circles, dots and leaves in them.
    fn tiles(mut self) -> Art {
        let (width, height) = self.size();
        let (columns, rows, x0, place) = if self.is_landscape() {
            (4, 4, width - 1080.0, Self::place(0.0, 0.0, width - 1080.0, height))
        } else if self.is_portrait() {
            (4, 4, 0.0, Self::place(0.0, 1080.0, width, height - 1080.0))
        } else {
            (4, 2, 0.0, Self::place(0.0, 540.0, width, 540.0))
        };
        let mut svg = String::new();
        let mut above = vec![usize::MAX; columns];
        for row in 0..rows {
            let mut left = usize::MAX;
            for (column, above) in above.iter_mut().enumerate() {
                let mut back = self.dice.below(5);
                while back == left || back == *above {
                    back = (back + 1) % 5;
                }
                let mut front = self.dice.below(5);
                if front == back {
                    front = (front + 1 + self.dice.below(4)) % 5;
                }
                (left, *above) = (back, back);
                let corner = (x0 + 270.0 * column as f32, 270.0 * row as f32);
                self.tile(&mut svg, corner, (back, front));
            }
        }
        Art { svg, lettering: place }
    }

    fn tile_colour(&self, index: usize) -> &'static str {
        if index == 4 { self.palette.ink } else { self.accent(index) }
    }

    fn tile(&mut self, svg: &mut String, (x, y): (f32, f32), (back, front): (usize, usize)) {
        let (back, front) = (self.tile_colour(back), self.tile_colour(front));
        let turned = 90 * self.dice.below(4);
        let shape = match self.dice.below(7) {
            0 | 1 => quarter(270),
            2 => "<path d='M0 0A135 135 0 0 0 270 0Z'/><path d='M0 135A135 135 0 0 0 270 135Z'/>".to_owned(),
            3 => "<circle cx='135' cy='135' r='88'/>".to_owned(),
            4 => "<path d='M0 0A270 270 0 0 1 270 270A270 270 0 0 1 0 0Z'/>".to_owned(),
            5 => format!("{}<g fill='{back}'>{}</g>{}", quarter(250), quarter(165), quarter(80)),
            _ => "<path d='M0 0H135A135 135 0 0 1 135 270H0Z'/>".to_owned(),
        };
        let _ = write!(
            svg,
            "<g transform='translate({x} {y})'><rect width='270' height='270' fill='{back}'/>\
             <g fill='{front}' transform='rotate({turned} 135 135)'>{shape}</g></g>",
        );
    }

    /// Rings around the upper right corner, as water draws them, and a drop.
    fn rings(mut self) -> Art {
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
        let mut svg = String::new();
        for (share, colour) in [1.0, 0.82, 0.74, 0.56, 0.4, 0.3].iter().zip(colours) {
            let radius = outer * share;
            // A quarter, not a circle that hangs over two edges: that takes several times as long to draw.
            let _ = write!(
                svg,
                "<path d='M{} 0A{radius} {radius} 0 0 0 {width} {radius}V0Z' fill='{colour}'/>",
                width - radius,
            );
        }
        let _ = write!(svg, "<circle cx='{}' cy='{dot_y}' r='{dot}' fill='{}'/>", MARGIN + dot, self.accent(start + 1));
        Art { svg, lettering: place }
    }

    /// A disc above rolling bands.
    fn horizon(mut self) -> Art {
        let (width, height) = self.size();
        let (sky, place) = if self.is_landscape() {
            (height * 0.62, Self::place(0.0, 0.0, width * 0.7, height * 0.6))
        } else if self.is_portrait() {
            (height * 0.55, Self::place(0.0, 0.0, width, height * 0.40))
        } else {
            (height * 0.62, Self::place(0.0, 0.0, width, height * 0.48))
        };
        let mut svg = String::new();
        let radius = if self.is_portrait() { 300.0 } else { 230.0 };
        let cx = if self.is_landscape() { width * 0.84 } else { width * self.dice.between(0.55, 0.72) };
        let _ = write!(svg, "<circle cx='{cx}' cy='{}' r='{radius}' fill='{}'/>", sky + 40.0, self.accent(0));
        let bands = [self.accent(2), self.accent(1), self.accent(3)];
        for (index, colour) in bands.into_iter().enumerate() {
            let y = sky + (height - sky) * (0.18 + 0.27 * index as f32);
            let swing = height * self.dice.between(0.05, 0.09) * if index % 2 == 0 { 1.0 } else { -1.0 };
            let _ = write!(
                svg,
                "<path d='M0 {y}C{} {} {} {} {width} {y}V{height}H0Z' fill='{colour}'/>",
                width * 0.3,
                y - swing * 2.0,
                width * 0.65,
                y + swing * 2.0,
            );
        }
        Art { svg, lettering: place }
    }

    /// Arches within one another, on the ground line.
    fn arches(mut self) -> Art {
        let (width, height) = self.size();
        let (cx, outer, top, place) = if self.is_landscape() {
            (width - 560.0, 440.0, 200.0, Self::place(0.0, 0.0, width - 1000.0, height))
        } else if self.is_portrait() {
            (width * 0.5, 440.0, 900.0, Self::place(0.0, 0.0, width, 860.0))
        } else {
            (width * 0.62, 330.0, 520.0, Self::place(0.0, 0.0, width, 500.0))
        };
        let start = self.dice.below(4);
        let mut svg = String::new();
        for index in 0..4 {
            let radius = outer * (1.0 - 0.24 * index as f32);
            let peak = top + outer * 0.24 * index as f32;
            let _ = write!(
                svg,
                "<path d='M{} {height}V{}A{radius} {radius} 0 0 1 {} {}V{height}Z' fill='{}'/>",
                cx - radius,
                peak + radius,
                cx + radius,
                peak + radius,
                self.accent(start + index),
            );
        }
        Art { svg, lettering: place }
    }
}

/// A quarter of a disc around the upper left corner of a tile.
fn quarter(radius: u16) -> String {
    format!("<path d='M0 0H{radius}A{radius} {radius} 0 0 1 0 {radius}Z'/>")
}
