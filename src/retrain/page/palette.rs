//! How a segment is marked, the same in every part of a page and on every page.

use serde::Serialize;

use crate::pipeline::SegmentId;

/// The chromatic colours of Okabe and Ito 2008, "Color Universal Design", but for the yellow, which paper swallows:
/// people of any colour vision tell them apart.
const COLOURS: [(u8, u8, u8); 6] =
    [(0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0), (86, 180, 233)];
/// Of what is outside every segment.
const GREY: (u8, u8, u8) = (138, 143, 152);

/// A colour and a shape: eighteen ids in a row have marks of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub colour: (u8, u8, u8),
    pub shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shape {
    Circle,
    Triangle,
    Diamond,
}

impl Mark {
    /// The mark of a segment, by its id alone; grey circles are outside every one.
    pub fn of(segment: Option<SegmentId>) -> Self {
        let Some(id) = segment.map(|id| id.get() as usize) else {
            return Self { colour: GREY, shape: Shape::Circle };
        };
        let shape = match id / COLOURS.len() % 3 {
            0 => Shape::Circle,
            1 => Shape::Triangle,
            _ => Shape::Diamond,
        };
        Self { colour: COLOURS.get(id % COLOURS.len()).copied().unwrap_or(GREY), shape }
    }

    /// The colour as CSS has it.
    pub fn css(self) -> String {
        let (red, green, blue) = self.colour;
        format!("#{red:02X}{green:02X}{blue:02X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighteen_segments_in_a_row_have_marks_of_their_own() {
        let mut marks: Vec<Mark> = Vec::new();
        for id in (5..23).map(|id| Some(SegmentId::new(id))).chain([None]) {
            let mark = Mark::of(id);
            assert!(!marks.contains(&mark), "{id:?}");
            marks.push(mark);
        }
        assert_eq!(Mark::of(Some(SegmentId::new(0))).css(), "#0072B2");
        assert_eq!(Mark::of(Some(SegmentId::new(18))), Mark::of(Some(SegmentId::new(0))));
    }
}
