//! Points of a map put together, so that a mark never stands for a few customers.

use super::SegmentId;
use super::overview::OverviewPoint;

/// Marks of at least so many customers each, and the customers that no mark could be made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Marks {
    /// Segment by segment, those outside every one last.
    pub marks: Vec<Mark>,
    /// Customers of segments that are too small for a mark.
    pub left_out: u64,
}

/// Profiles of one segment that are near each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// Their mean position, each weighted by its customers.
    pub x: f64,
    /// The same along the other direction.
    pub y: f64,
    /// Their segment; `None` outside every one.
    pub segment: Option<SegmentId>,
    /// Their customers.
    pub customers: u64,
    /// Their mean strength, each weighted by its customers.
    pub strength: f64,
}

/// A point and how strongly it belongs to its segment.
type Weighed<'p> = (&'p OverviewPoint, f64);

impl Marks {
    /// Halves each segment's points, along the direction in which they are spread most, as long as both halves have
    /// `least` customers; what is left whole is a mark.
    pub fn of(points: &[OverviewPoint], strengths: &[f64], least: u64) -> Self {
        let mut weighed: Vec<Weighed<'_>> = points.iter().zip(strengths.iter().copied()).collect();
        weighed.sort_by_key(|(point, _)| (point.segment.is_none(), point.segment));
        let mut marks = Self { marks: Vec::new(), left_out: 0 };
        for of_segment in weighed.chunk_by_mut(|(a, _), (b, _)| a.segment == b.segment) {
            match customers(of_segment) {
                few if few < least => marks.left_out += few,
                _ => marks.divide(of_segment, least),
            }
        }
        marks
    }

    /// Makes one or more marks of points that have `least` customers or more.
    fn divide(&mut self, points: &mut [Weighed<'_>], least: u64) {
        let spread = |along: fn(&OverviewPoint) -> f64, points: &[Weighed<'_>]| {
            let (low, high) = points
                .iter()
                .fold((f64::MAX, f64::MIN), |(low, high), (point, _)| (low.min(along(point)), high.max(along(point))));
            high - low
        };
        let x: fn(&OverviewPoint) -> f64 = |point| point.x;
        let y: fn(&OverviewPoint) -> f64 = |point| point.y;
        let [first, second] = if spread(x, points) >= spread(y, points) { [x, y] } else { [y, x] };
        points.sort_by(|(a, _), (b, _)| first(a).total_cmp(&first(b)).then_with(|| second(a).total_cmp(&second(b))));
        match halves(points, least) {
            Some(middle) => {
                let (left, right) = points.split_at_mut(middle);
                self.divide(left, least);
                self.divide(right, least);
            }
            None => self.marks.extend(Mark::of(points)),
        }
    }
}

/// Where to cut so that the halves are as equal as can be and have `least` customers each.
fn halves(points: &[Weighed<'_>], least: u64) -> Option<usize> {
    let all = customers(points);
    let mut before = 0_u64;
    let mut best: Option<(u64, usize)> = None;
    for (at, (point, _)) in points.iter().enumerate() {
        let unevenness = (2 * before).abs_diff(all);
        let is_possible = before >= least && all - before >= least;
        if is_possible && best.is_none_or(|(least_uneven, _)| unevenness < least_uneven) {
            best = Some((unevenness, at));
        }
        before += u64::from(point.customers);
    }
    best.map(|(_, at)| at)
}

fn customers(points: &[Weighed<'_>]) -> u64 {
    points.iter().map(|(point, _)| u64::from(point.customers)).sum()
}

impl Mark {
    fn of(points: &[Weighed<'_>]) -> Option<Self> {
        let (first, _) = points.first()?;
        let customers = customers(points);
        let mean = |of: &dyn Fn(&Weighed<'_>) -> f64| {
            points.iter().map(|weighed| of(weighed) * f64::from(weighed.0.customers)).sum::<f64>()
                / customers.max(1) as f64
        };
        Some(Self {
            x: mean(&|(point, _)| point.x),
            y: mean(&|(point, _)| point.y),
            segment: first.segment,
            customers,
            strength: mean(&|(_, strength)| *strength),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(n: u32, segment: Option<u32>) -> Vec<OverviewPoint> {
        let point = |i: u32| OverviewPoint {
            x: f64::from(i * 7919 % 101),
            y: f64::from(i * 104_729 % 97),
            segment: segment.map(SegmentId::new),
            customers: 1 + u32::from(i.is_multiple_of(9)) * 11,
        };
        (0..n).map(point).collect()
    }

    #[test]
    fn no_mark_stands_for_fewer_customers_and_none_gets_lost() {
        let points = [points(300, Some(3)), points(200, None), points(8, Some(1))].concat();
        let strengths = vec![0.5; points.len()];
        let Marks { marks, left_out } = Marks::of(&points, &strengths, 10);
        assert!(marks.iter().all(|mark| mark.customers >= 10 && (mark.strength - 0.5).abs() < 1e-12), "{marks:?}");
        let all: u64 = points.iter().map(|point| u64::from(point.customers)).sum();
        assert_eq!(marks.iter().map(|mark| mark.customers).sum::<u64>() + left_out, all);
        // 7 of one customer, one of 12.
        assert_eq!(left_out, 0);
        assert!(marks.len() > 40, "{}", marks.len());
        let few = Marks::of(&points[..7][1..], &strengths[..6], 10);
        assert_eq!((few.marks.len(), few.left_out), (0, 6));
    }

    #[test]
    fn marks_are_the_same_in_any_order_of_the_points() {
        let mut points = points(120, Some(0));
        let strengths = vec![1.0; points.len()];
        let marks = Marks::of(&points, &strengths, 10);
        points.reverse();
        let reversed = Marks::of(&points, &strengths, 10);
        assert_eq!(marks.marks.len(), reversed.marks.len());
        assert!(
            marks
                .marks
                .iter()
                .zip(&reversed.marks)
                .all(|(a, b)| (a.x - b.x).abs() < 1e-9 && a.customers == b.customers)
        );
    }
}
