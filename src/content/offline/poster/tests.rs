//! What must hold for every poster.

use std::collections::HashSet;

use proptest::prelude::*;
use resvg::usvg::{Group, Node, Text};

use super::lettering::Place;
use super::*;

const PLATFORMS: [Platform; 3] = [Platform::Instagram, Platform::TikTok, Platform::Website];

fn order(slogan: &str, tone: Tone, platform: Platform, variant: usize) -> Order {
    Order { slogan: slogan.to_owned(), tone, platform, seed: 7, variant }
}

fn texts<'a>(group: &'a Group, found: &mut Vec<&'a Text>) {
    for node in group.children() {
        match node {
            Node::Group(group) => texts(group, found),
            Node::Text(text) => found.push(text),
            _ => {}
        }
    }
}

/// The words that are set, and whether all of them are inside the picture.
fn lettering(painter: &Painter, order: &Order) -> (Vec<String>, bool) {
    let tree = Tree::from_str(&painter.svg(order).unwrap(), &painter.options).unwrap();
    let Format { width, height } = Format::of(order.platform);
    let mut found = Vec::new();
    texts(tree.root(), &mut found);
    let is_inside = found.iter().all(|text| {
        let place = text.abs_bounding_box();
        place.left() >= 0.0
            && place.top() >= 0.0
            && place.right() <= f32::from(width)
            && place.bottom() <= f32::from(height)
    });
    let words = found.iter().flat_map(|text| text.chunks().iter().map(|chunk| chunk.text().to_owned()));
    let words: Vec<String> = words.collect::<Vec<_>>().join(" ").split_whitespace().map(str::to_owned).collect();
    (words, is_inside)
}

#[test]
fn the_same_order_gives_the_same_bytes_and_another_variant_gives_others() {
    let painter = Painter::new().unwrap();
    let paint = |variant| painter.paint(&order("Pack light.", Tone::Fun, Platform::Instagram, variant)).unwrap();
    let posters: HashSet<Vec<u8>> = (0..10).map(paint).collect();
    assert_eq!(posters.len(), 10);
    assert!(posters.contains(&paint(3)));
}

#[test]
fn the_tone_changes_the_picture_and_the_platform_its_format() {
    let painter = Painter::new().unwrap();
    let paint = |tone, platform| painter.paint(&order("Pack light.", tone, platform, 0)).unwrap();
    let by_tone: HashSet<Vec<u8>> = Tone::ALL.iter().map(|tone| paint(*tone, Platform::Email)).collect();
    assert_eq!(by_tone.len(), Tone::ALL.len());
    for (platform, size) in PLATFORMS.into_iter().zip([(1080, 1080), (1080, 1920), (1920, 1080)]) {
        let png = Pixmap::decode_png(&paint(Tone::Casual, platform)).unwrap();
        assert_eq!((png.width(), png.height()), size);
    }
}

#[test]
fn no_shape_reaches_into_the_slogan_s_place() {
    let painter = Painter::new().unwrap();
    for (platform, turn) in PLATFORMS.into_iter().flat_map(|platform| (0..4).map(move |turn| (platform, turn))) {
        for seed in 0..6 {
            let format = Format::of(platform);
            let palette = Palette::of(Tone::Fun, turn);
            let composition = Composition { format, palette, dice: Dice::new(seed, 0) };
            let Place { x, y, width, height, .. } = composition.draw(turn).lettering;
            let order = Order { seed: seed * 8 + turn as u64, ..order("", Tone::Fun, platform, 0) };
            let png = Pixmap::decode_png(&painter.paint(&order).unwrap()).unwrap();
            let ground = png.pixel(x as u32, y as u32).unwrap();
            let pixels =
                (y as u32..(y + height) as u32).flat_map(|y| (x as u32..(x + width) as u32).map(move |x| (x, y)));
            let reached = pixels.into_iter().find(|&(x, y)| png.pixel(x, y) != Some(ground));
            assert_eq!(reached, None, "{platform} {turn} {seed}");
        }
    }
}

#[test]
fn a_slogan_is_text_whatever_it_holds() {
    let painter = Painter::new().unwrap();
    let hostile = "</text><image href=\"file:///etc/passwd\"/> & 'x' \u{1b}\u{ffff}";
    let (words, is_inside) = lettering(&painter, &order(hostile, Tone::Casual, Platform::Email, 0));
    assert_eq!(words.join(" "), "</text><image href=\"file:///etc/passwd\"/> & 'x'");
    assert!(is_inside);
}

#[test]
fn a_slogan_that_the_fonts_cannot_write_still_gives_a_picture() {
    let painter = Painter::new().unwrap();
    for slogan in ["", "   ", "日本語", "👗 👗"] {
        assert!(painter.paint(&order(slogan, Tone::Fun, Platform::TikTok, 1)).is_ok(), "{slogan}");
    }
}

#[test]
fn lines_end_where_clauses_do() {
    let painter = Painter::new().unwrap();
    let svg = painter.svg(&order("Your style, your story.", Tone::Empathetic, Platform::TikTok, 0)).unwrap();
    assert!(svg.contains(">Your style,</text>") && svg.contains(">your story.</text>"), "{svg}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_slogan_is_cut_off_however_long(
        words in proptest::collection::vec("[A-Za-zÀ-ž'&.,!?-]{1,24}|W{60}", 1..12), variant in 0_usize..8, place in 0_usize..3,
        tone in 0_usize..5,
    ) {
        let painter = Painter::new().unwrap();
        let order = order(&words.join(" "), Tone::ALL[tone], PLATFORMS[place], variant);
        let (set, is_inside) = lettering(&painter, &order);
        prop_assert_eq!(set, words);
        prop_assert!(is_inside);
    }
}
