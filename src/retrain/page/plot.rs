//! The map of the customers as an SVG, which stands in the page as it is.
//!
//! No text of any customer is in it: segments are named by their numbers. Colours that depend on light or dark are left
//! to the page's style sheet, which knows lines and texts by their elements.

use std::collections::BTreeMap;
use std::ops::Range;

use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color, EmptyElement, FontStyle, IntoDrawingArea, IntoFont, Polygon, RGBColor,
    SVGBackend, TRANSPARENT, Text, TriangleMarker,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette::{Mark, Shape};
use crate::pipeline::{Overview, OverviewPoint, SegmentId};

/// Wide enough that radii in whole pixels are fine steps; the page shows it at its own width.
const WIDTH: u32 = 2400;
const HEIGHTS: (u32, u32) = (1200, 1800);
const MARGIN: u32 = 60;
/// Share of the picture that all marks together would cover if none lay on another.
const COVERED: f64 = 0.08;
const RADII: (f64, f64) = (5.0, 90.0);
const LABEL_SIZE: u32 = 76;

type PlotError = Box<dyn std::error::Error + Send + Sync>;

/// Draws the profiles: area by customers, colour and shape by segment, each segment's number at its middle.
pub(super) fn map(overview: &Overview) -> Result<String, PlotError> {
    let (x, y, height) = frame(overview);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        let mut chart = ChartBuilder::on(&root).margin(MARGIN / 2).build_cartesian_2d(x, y)?;
        let rule = RGBColor(128, 128, 128).mix(0.25).stroke_width(2);
        chart
            .configure_mesh()
            .disable_axes()
            .x_labels(9)
            .y_labels(6)
            .bold_line_style(rule)
            .light_line_style(TRANSPARENT)
            .draw()?;
        let unit = unit_radius(&overview.points, height);
        // Small marks over large ones, and segments over what is outside.
        let mut points: Vec<&OverviewPoint> = overview.points.iter().collect();
        points.sort_by_key(|point| (point.segment.is_some(), std::cmp::Reverse(point.customers)));
        for point in points {
            let radius = (unit * f64::from(point.customers).sqrt()).clamp(RADII.0, RADII.1);
            let (place, mark) = ((point.x, point.y), Mark::of(point.segment));
            let (red, green, blue) = mark.colour;
            let style = RGBColor(red, green, blue).mix(0.7).filled();
            // Equal areas: a triangle and a diamond are drawn by what they fit into.
            match mark.shape {
                Shape::Circle => chart.draw_series([Circle::new(place, pixels(radius), style)])?,
                Shape::Triangle => chart.draw_series([TriangleMarker::new(place, pixels(radius * 1.55), style)])?,
                Shape::Diamond => {
                    let arm = pixels(radius * 1.25);
                    let corners = vec![(arm, 0), (0, arm), (-arm, 0), (0, -arm)];
                    chart.draw_series([EmptyElement::at(place) + Polygon::new(corners, style)])?
                }
            };
        }
        let centre = Pos::new(HPos::Center, VPos::Center);
        let style = ("sans-serif", LABEL_SIZE).into_font().style(FontStyle::Bold).color(&BLACK).pos(centre);
        for (id, place) in middles(&overview.points) {
            chart.draw_series([Text::new(id.to_string(), place, style.clone())])?;
        }
        root.present()?;
    }
    Ok(svg)
}

/// The stretches of both axes, in one unit, and the picture's height.
fn frame(overview: &Overview) -> (Range<f64>, Range<f64>, u32) {
    let stretch = |of: fn(&OverviewPoint) -> f64| {
        let (from, to) = overview
            .points
            .iter()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), at| (from.min(at), to.max(at)));
        // Customers in one place need some room as well.
        if from <= to { ((from + to) / 2.0, f64::max(to - from, 1e-3) / 2.0) } else { (0.0, 1.0) }
    };
    let ((x, half_width), (y, half_height)) = (stretch(|point| point.x), stretch(|point| point.y));
    let wanted = f64::from(WIDTH) * half_height / half_width;
    let height = wanted.clamp(f64::from(HEIGHTS.0), f64::from(HEIGHTS.1)) as u32;
    let inner = (f64::from(WIDTH - 2 * MARGIN), f64::from(height - 2 * MARGIN));
    let per_pixel = f64::max(half_width / inner.0, half_height / inner.1) * 1.08;
    let (half_width, half_height) = (per_pixel * inner.0, per_pixel * inner.1);
    (x - half_width..x + half_width, y - half_height..y + half_height, height)
}

/// The radius of one customer, in pixels.
fn unit_radius(points: &[OverviewPoint], height: u32) -> f64 {
    let customers: f64 = points.iter().map(|point| f64::from(point.customers)).sum();
    let area = f64::from(WIDTH) * f64::from(height) * COVERED;
    (area / (std::f64::consts::PI * customers.max(1.0))).sqrt()
}

fn pixels(radius: f64) -> i32 {
    radius.round() as i32
}

/// For each segment the profile that is nearest to its mean: always on a customer, also where a segment is bent.
fn middles(points: &[OverviewPoint]) -> BTreeMap<SegmentId, (f64, f64)> {
    let mut sums: BTreeMap<SegmentId, (f64, f64, f64)> = BTreeMap::new();
    for (point, id) in points.iter().filter_map(|point| Some((point, point.segment?))) {
        let (n, sum) = (f64::from(point.customers), sums.entry(id).or_default());
        *sum = (sum.0 + n * point.x, sum.1 + n * point.y, sum.2 + n);
    }
    let nearest = |(&id, &(x, y, n)): (&SegmentId, &(f64, f64, f64))| {
        let distance = |point: &&OverviewPoint| (point.x - x / n).powi(2) + (point.y - y / n).powi(2);
        let own = points.iter().filter(|point| point.segment == Some(id));
        let middle = own.min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        Some((id, (middle.x, middle.y)))
    };
    sums.iter().filter_map(nearest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(x: f64, y: f64, segment: Option<u32>, customers: u32) -> OverviewPoint {
        OverviewPoint { x, y, segment: segment.map(SegmentId::new), customers }
    }

    fn drawn(points: Vec<OverviewPoint>) -> String {
        map(&Overview { n_profiles: points.len(), points, variance_share: 1.0, gap_share: 1.0 }).unwrap()
    }

    #[test]
    fn every_profile_is_drawn_with_the_mark_of_its_segment() {
        let svg = drawn(vec![
            point(0.0, 0.0, Some(0), 100),
            point(1.0, 0.0, Some(6), 1),
            point(1.0, 1.0, Some(13), 1),
            point(0.0, 1.0, None, 4),
        ]);
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert_eq!((svg.matches("<circle").count(), svg.matches("<polygon").count()), (2, 2));
        for (colour, times) in [("#0072B2", 2), ("#E69F00", 1), ("#8A8F98", 1)] {
            assert_eq!(svg.matches(colour).count(), times, "{colour} in {svg}");
        }
        let labels: Vec<&str> =
            svg.split("<text").skip(1).map(|t| t.split(['>', '<']).nth(1).unwrap().trim()).collect();
        assert_eq!(labels, ["0", "6", "13"]);
    }

    #[test]
    fn a_mark_s_area_follows_its_customers() {
        let svg =
            drawn((0..40).map(|i| point(f64::from(i), f64::from(i % 7), Some(0), 1 + 3 * u32::from(i == 0))).collect());
        let radius = |circle: &str| circle.split("r=\"").nth(1)?.split('"').next()?.parse::<f64>().ok();
        let radii: Vec<f64> = svg.split("<circle").skip(1).filter_map(radius).collect();
        assert!((radii[0] / radii[39] - 2.0).abs() < 0.05, "{radii:?}");
    }

    #[test]
    fn customers_in_one_place_and_no_customers_have_a_map_too() {
        assert!(drawn(Vec::new()).contains("</svg>"));
        let svg = drawn(vec![point(2.0, 3.0, Some(1), 9); 3]);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(!svg.contains("NaN"));
    }
}
